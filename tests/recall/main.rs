//! What recalls return, through the public API.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails may panic"
)]

mod answers;
mod business;
mod diff;
mod effort;
mod ensembles;
mod filter_fields;
mod filters;
mod fused;
mod fusion;
mod lexical;
mod mine;
mod options;
mod pages;
mod promise;
mod shards;
