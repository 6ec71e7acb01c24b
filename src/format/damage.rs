//! What can be wrong with stored bytes.

use crate::ensemble::EnsembleError;
use crate::graph::GraphError;
use thiserror::Error;
use twinspire_core::ids::{GenerationNo, ItemNo, Revision};
use twinspire_core::wire::{EncodeError, UnpackError, WireError};

/// What is wrong with the bytes of a stored file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Damage {
    /// The bytes differ from their checksum.
    #[error("checksum does not match")]
    Checksum,
    /// The bytes of a section differ from their checksum.
    #[error("{id}: checksum does not match")]
    SectionChecksum {
        /// The number of the section.
        id: u32,
    },
    /// The file does not exist.
    #[error("the file is missing")]
    MissingFile,
    /// A mandatory section does not exist.
    #[error("section {id} is missing")]
    MissingSection {
        /// The number of the section.
        id: u32,
    },
    /// An array has another length than its header says.
    #[error("{bytes} bytes long; {count} elements of {size} bytes expected")]
    Length {
        /// Its length in bytes.
        bytes: usize,
        /// Elements it should have.
        count: u64,
        /// Bytes of an element.
        size: usize,
    },
    /// The bytes end too early, or go on too long.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// A packed value cannot be read.
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    /// A value cannot be packed.
    #[error(transparent)]
    Pack(#[from] Box<EncodeError>),
    /// The record of an item is not JSON.
    #[error("the record of {id:?} is not JSON: {source}")]
    Record {
        /// The item.
        id: String,
        /// The place in the text.
        source: serde_json::Error,
    },
    /// The record of an item number is not JSON.
    #[error("that of item {item} is not JSON: {source}")]
    ItemRecord {
        /// The item.
        item: ItemNo,
        /// The place in the text.
        source: serde_json::Error,
    },
    /// The arrays of a graph do not fit together.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The files of a generation contradict each other.
    #[error(
        "towers, segments and manifest of generation {generation} differ in dimension, metric or \
         precision"
    )]
    Generation {
        /// The generation.
        generation: GenerationNo,
    },
    /// A space segment names an item that no items segment holds.
    #[error("a space segment names item {item}, which no items segment holds")]
    UnknownItem {
        /// The item.
        item: ItemNo,
    },
    /// An item has no vector in a space that has one of every item.
    #[error("item {item} has no vector in space {space:?}")]
    NoVector {
        /// The item.
        item: ItemNo,
        /// The space.
        space: String,
    },
    /// An ensemble of the manifest is invalid.
    #[error("ensemble {name:?}: {source}")]
    Ensemble {
        /// Its name.
        name: String,
        /// What is wrong with its recipe.
        source: Box<EnsembleError>,
    },
    /// Frames of the journal are damaged or missing.
    #[error("damaged or missing")]
    MissingFrames,
    /// A frame of the journal is damaged.
    #[error("damaged at byte {at}")]
    TornFrame {
        /// Where the damage begins.
        at: usize,
    },
    /// The journal ends before the newest revision of its index.
    #[error("its end is missing: the index has seen more, up to revision {newest}")]
    MissingEnd {
        /// The newest revision of the index.
        newest: Revision,
    },
    /// Values that contradict each other. The text says which; what to do is the same for all of them.
    #[error("{0}")]
    Contradiction(String),
}

impl From<String> for Damage {
    fn from(what: String) -> Self {
        Self::Contradiction(what)
    }
}

impl From<&str> for Damage {
    fn from(what: &str) -> Self {
        Self::Contradiction(what.to_owned())
    }
}

impl From<EncodeError> for Damage {
    fn from(error: EncodeError) -> Self {
        Self::Pack(Box::new(error))
    }
}
