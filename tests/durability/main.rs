//! What survives: other processes, kills, damage, other versions.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that fails may panic, and changes files from outside"
)]

mod churn;
mod damage;
mod golden;
#[cfg(unix)]
mod kill;
mod lexical;
mod lives;
mod newer;
mod reader;
#[cfg(unix)]
mod readers;
