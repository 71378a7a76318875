//! The desktop: what differs from one system to the next.

pub mod agents;
pub mod ancestry;
pub mod notify;
pub mod priority;
pub mod signals;
