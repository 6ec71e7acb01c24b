//! Bytes to primitives and back: a bounded [`Reader`], the checksum, and bincode with limits.
//!
//! Everything is little-endian. Nothing here allocates by a count that it has read: lengths are compared with
//! the bytes at hand first.

#![warn(clippy::indexing_slicing)]

mod checksum;
mod pack;
mod reader;

pub use checksum::{Checksum, checksum};
pub use pack::{EncodeError, UnpackError, pack, pack_into, unpack, unpack_front};
pub use reader::{Reader, WireError};
