//! Pure core.
pub mod steward;
