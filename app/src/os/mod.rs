//! The desktop: what differs from one system to the next.

pub mod agents;
pub mod ancestry;
pub mod notify;
pub mod signals;
pub mod tcp_peer;
pub mod terminals;
