//! Test data, plain models and measurements that the tests and benchmarks of Twinspire share.
//!
//! - [`files`]: scratch directories, files written whole, the fixtures of the other crates.
//! - [`towers`]: small towers whose vectors are easy to compute by hand.
//! - [`database`]: opening a database without its background thread; reading its answers.
//! - [`shop`]: a generated database of three spaces, and the plain model its recalls are compared with.
//! - [`logs`]: simulated logs of shops and sites of several kinds.
//! - [`vectors`], [`hard_sets`], [`random`]: generated vectors, sets that graph searches find hard, and the draws they
//!   are made of.
//! - [`measure`], [`allocator`]: medians, rounding, peak memory; an allocator that counts.
//!
//! Unit tests of the database crate link a second copy of that crate. They can use whatever here is bytes
//! or JSON, but nothing that takes or returns a `Database` or `Hits`.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a failed helper fails the test or the benchmark that called it; test files are written directly"
)]

pub mod allocator;
pub mod database;
pub mod files;
pub mod hard_sets;
pub mod logs;
pub mod measure;
pub mod random;
pub mod shop;
pub mod threads;
pub mod towers;
pub mod vectors;

pub use database::{item, open_without_background};
pub use files::{bytes_below, directory, tower_fixtures, vector_fixtures, write_file, write_files};
pub use threads::SetOnDrop;
