//! Errors of building a graph or of using stored arrays as one.

use thiserror::Error;
use twinspire_core::wire::EncodeError;

/// Why a graph cannot be built, or its arrays cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GraphError {
    /// Node numbers have 32 bits, and the largest marks an empty slot.
    #[error("too many rows: a graph has at most 4,294,967,294 nodes")]
    TooManyRows,
    /// The caller cancelled the build.
    #[error("the build was cancelled")]
    Cancelled,
    /// The length of the base layer is not the number of nodes times the stride.
    #[error("the base layer must have {nodes} lists of {stride} slots, and does not")]
    BaseLayer {
        /// Nodes of the graph.
        nodes: u32,
        /// Slots per list.
        stride: usize,
    },
    /// The arrays of an upper layer differ in length, or are empty.
    #[error("the arrays of layer {layer} differ in length or are empty")]
    UpperLayer {
        /// The layer, from 1.
        layer: usize,
    },
    /// The entry point is outside the top layer.
    #[error("entry point {entry} is out of range: the top layer has {entries} members")]
    Entry {
        /// The entry point.
        entry: u32,
        /// Members of the top layer.
        entries: usize,
    },
    /// The graph of `instant-distance` cannot be serialised.
    #[error("the graph of instant-distance cannot be read: {0}")]
    Serialise(#[from] Box<EncodeError>),
    /// The graph of `instant-distance` has an unknown layout.
    #[error("the graph of instant-distance has an unknown layout")]
    Layout,
}
