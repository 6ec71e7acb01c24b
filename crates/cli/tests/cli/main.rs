//! The command `twinspire`: what it prints, writes and refuses.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that fails may panic, and creates files outside a database"
)]

mod basics;
mod checkpoints;
mod command;
mod compare;
mod eval;
mod learning_loop;
mod reading;
mod recall;
#[cfg(feature = "remote")]
mod remote;
mod train;
mod train_settings;
mod upkeep;
