//! A file system in memory for tests, which loses power and fails on request.
//!
//! The process sees the live files. A change is *pending* until the sync that makes it durable: appended
//! bytes until their file is synced, names until their directory is synced. A power cut keeps any subset of
//! the pending changes; [`Loss`] chooses which. [`Fault`] makes an operation fail. The text of lock files is
//! not simulated.
#![cfg_attr(not(test), allow(dead_code, reason = "fuzzing uses only a part of it"))]

mod disk;
mod fault;
mod lock;
mod loss;
mod memory_files;
#[cfg(test)]
mod tests;

pub use fault::{Failure, Fault, Operation};
pub use loss::Loss;
pub use memory_files::MemoryFiles;
