//! Pushing and following over stores in memory and in directories, with every kind of failure.
#![allow(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that fails may panic, and damages files"
)]

mod faults;
mod kill;
mod load;
mod push;
mod replica;
mod store;
mod world;
