//! What goes into a database and comes out: items, towers, vectors, models of recipes.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that fails may panic, and changes files from outside"
)]

#[cfg(feature = "train")]
mod evaluation;
mod export;
mod features;
mod half;
mod items;
mod onnx;
#[cfg(feature = "tokens")]
mod tokens;
#[cfg(feature = "train")]
mod training;
mod vectors;
mod world;
