//! The foundation of [Twinspire](https://docs.rs/twinspire): vector kernels, bytes, ids and files.
//!
//! This crate is an implementation detail without a stability promise. Depend on `twinspire`, which re-exports
//! what users need: [`Metric`], [`Storage`], [`GenerationNo`], [`Revision`].
//!
//! - [`kernel`]: inner products, distances, matrix products and conversions for every instruction set.
//! - [`wire`]: a bounded byte reader, the checksum, bincode with limits.
//! - [`ids`]: newtypes for the numbers that identify items, generations, writes and files.
//! - [`contain`]: panics of other people's code as errors.
//! - [`telemetry`]: events, spans and metrics, behind features.
//! - [`files`]: the file system behind one trait, mapped files, the names of all files.
//!
//! It is the only released crate with `unsafe`: in `kernel` for vector instructions, in `files` for
//! memory maps.

#[doc(hidden)]
pub mod contain;
#[doc(hidden)]
pub mod files;
#[doc(hidden)]
pub mod ids;
#[doc(hidden)]
pub mod kernel;
#[doc(hidden)]
pub mod telemetry;
#[doc(hidden)]
pub mod wire;

pub use ids::{GenerationNo, Revision};
pub use kernel::{Metric, Storage};
