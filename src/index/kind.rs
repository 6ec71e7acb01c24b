//! The kinds of index, and the choice between them.

use bincode::{Decode, Encode};
use serde::Serialize;
use std::fmt;

/// A kind of index over the vectors of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum IndexKind {
    /// An HNSW graph: a search walks from node to node.
    Graph,
    /// Rows grouped in leaves around centroids: a search scans the nearest leaves on codes of four bits.
    Partitions,
}

impl fmt::Display for IndexKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Graph => "graph",
            Self::Partitions => "partitions",
        })
    }
}

/// The index that a publish builds; see [`Publish::index`](crate::Publish::index).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IndexChoice {
    /// The faster one at equal recall, as measured; a graph for few items.
    #[default]
    Auto,
    /// Always this kind.
    Only(IndexKind),
}

/// Why a generation has the kind of index that it has.
#[derive(Clone, Copy, Debug, PartialEq, Encode, Decode, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "detail")]
#[non_exhaustive]
pub enum IndexReason {
    /// The publish asked for it.
    Requested,
    /// It has few vectors, which are searched in no time by any index.
    FewVectors,
    /// It was the faster one, as measured.
    Measured(IndexTimes),
}

/// Times of a search by both kinds of index at the same recall, on one thread.
#[derive(Clone, Copy, Debug, PartialEq, Encode, Decode, Serialize)]
#[non_exhaustive]
pub struct IndexTimes {
    /// The recall@10 that both reached, with [confidence](crate::CONFIDENCE).
    pub recall: f32,
    /// Mean time by a graph, in microseconds; `None` if no beam width reached the recall.
    pub graph_micros: Option<f32>,
    /// Number of vectors in that graph: fewer than all if a graph over all would be slower than partitions.
    pub graph_vectors: u64,
    /// Mean time by a graph of all vectors as estimated from smaller ones, in microseconds; `None` if none was, or if
    /// no beam width reached the recall.
    pub graph_estimate_micros: Option<f32>,
    /// Mean time by partitions of all vectors, in microseconds; `None` if no width reached the recall, or if too many
    /// vectors are near copies of others and too few queries of users are known.
    pub partitions_micros: Option<f32>,
}

impl fmt::Display for IndexReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requested => write!(f, "as requested"),
            Self::FewVectors => write!(f, "few vectors"),
            Self::Measured(times) => write!(f, "measured: {times}"),
        }
    }
}

impl fmt::Display for IndexTimes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = |time: Option<f32>| match time {
            Some(micros) => format!("{micros:.0} µs"),
            None => "not reached".to_owned(),
        };
        write!(
            f,
            "recall@10 {} by partitions {}, by a graph of {} vectors {}",
            self.recall,
            micros(self.partitions_micros),
            self.graph_vectors,
            micros(self.graph_micros)
        )?;
        match self.graph_estimate_micros {
            Some(estimate) => write!(f, ", of all about {estimate:.0} µs"),
            None => Ok(()),
        }
    }
}
