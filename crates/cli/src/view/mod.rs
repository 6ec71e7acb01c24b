//! Results that several commands print.

pub mod generations;
pub mod hits;
