//! Results that several commands print.

pub mod evaluation;
pub mod generations;
pub mod hits;
