//! What wire messages of each provider mean.
