//! What is answered without a person, and how much harm a request could do.

pub mod risk;
