//! The fold itself.

/// A session's timeline as it grows.
#[derive(Clone, Debug, Default)]
pub struct Timeline {}
