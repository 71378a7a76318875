//! The parts of the window. `data` is plain and made when facts change; `ui` draws it and pushes actions.

pub mod banners;
pub mod card;
pub mod changelog;
pub mod details;
pub mod diff_review;
pub mod empty;
pub mod metrics;
pub mod notifications;
pub mod sessions;
pub mod settings;
pub mod terminals;
pub mod timeline;
pub mod top_bar;
pub mod welcome;
