//! The file layer: the only door to the disk.
//!
//! - [`FileSystem`] is the seam. Everything Twinspire writes goes through it, so a test can replace the disk
//!   by `MemoryFiles`, which loses what was not synced or fails at a chosen operation.
//! - [`OsFiles`] is the operating system, [`Blob`] the content of a file: mapped, or in memory.
//! - [`open_regular`] opens a file that a user names: no FIFO, whose opening waits for ever, and no device.
//! - [`names`] holds the names of all files in a database directory.
//!
//! Files are written once, by appending, and never opened for writing again. A file is replaced by a rename.

mod blob;
mod file_system;
mod io_action;
#[cfg(any(test, fuzzing, feature = "memory-files"))]
mod memory;
mod memory_limit;
pub mod names;
mod network;
mod os;
mod regular;

pub use blob::Blob;
pub use file_system::{FileSystem, LockMode, NewFile, parent};
pub use io_action::IoAction;
#[cfg(any(test, feature = "memory-files"))]
pub use memory::Operation;
#[cfg(any(test, fuzzing, feature = "memory-files"))]
pub use memory::{Failure, Fault, Loss, MemoryFiles};
pub use memory_limit::memory_limit;
pub use os::OsFiles;
pub use regular::open_regular;
