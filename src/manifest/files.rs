//! The files that a manifest pins.

use bincode::{Decode, Encode};
use twinspire_core::ids::{FileNo, Revision};

/// Pins one file. Another file of the same name is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct FileRef {
    /// The number in its name.
    pub(crate) number: FileNo,
    /// Its length in bytes.
    pub(crate) length: u64,
    /// The random identity in its header.
    pub(crate) identity: u64,
    /// The checksum of its footer, which covers the section table and so every section.
    pub(crate) checksum: u64,
}

/// An items segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct ItemsFile {
    /// The file.
    pub(crate) file: FileRef,
    /// Number of rows, tombstones included.
    pub(crate) rows: u64,
    /// The highest revision of a row.
    pub(crate) newest: Revision,
}

/// A space segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct SpaceFile {
    /// The file.
    pub(crate) file: FileRef,
    /// Number of items with a vector.
    pub(crate) items: u32,
    /// Number of tombstones.
    pub(crate) gone: u32,
}

/// A file of a towers directory, copied into the database.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct TowerFile {
    /// Its name in the directory.
    pub(crate) name: String,
    /// Its length in bytes.
    pub(crate) length: u64,
    /// The checksum of its bytes.
    pub(crate) checksum: u64,
}
