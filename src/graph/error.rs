//! Why a graph cannot be built or used.

use thiserror::Error;
use twinspire_core::wire::EncodeError;

/// Why a graph cannot be built, or its arrays cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GraphError {
    /// More rows than a graph can number.
    #[error("there are more rows than a graph can number: at most 4,294,967,294 fit")]
    TooManyRows,
    /// The caller cancelled the build.
    #[error("the build was cancelled")]
    Cancelled,
    /// The base layer has another length than its nodes and stride give.
    #[error("the base layer is not {nodes} lists of {stride} slots")]
    BaseLayer {
        /// Nodes of the graph.
        nodes: u32,
        /// Slots of a list.
        stride: usize,
    },
    /// The arrays of an upper layer differ in length, or are empty.
    #[error("the arrays of layer {layer} differ in length or are empty")]
    UpperLayer {
        /// The layer, from 1.
        layer: usize,
    },
    /// The entry point is outside the top layer.
    #[error("the entry point {entry} is not one of the {entries} at the top")]
    Entry {
        /// The entry point.
        entry: u32,
        /// Members of the top layer.
        entries: usize,
    },
    /// The graph of `instant-distance` cannot be serialised.
    #[error("the builder's graph cannot be read: {0}")]
    Serialise(#[from] Box<EncodeError>),
    /// The graph of `instant-distance` has an unknown layout.
    #[error("the builder's graph has too few parts, or other counts")]
    Layout,
}
