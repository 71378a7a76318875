//! App.

pub mod services;
