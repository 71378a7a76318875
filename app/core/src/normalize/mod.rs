//! What wire messages of each provider mean.

pub mod registry;
