//! A generation of a space.

use super::calibration::Calibration;
use super::files::{SpaceFile, TowerFile};
use crate::index::{IndexKind, IndexReason};
use bincode::{Decode, Encode};
use std::collections::BTreeMap;
use twinspire_core::ids::{GenerationNo, Revision};
use twinspire_core::kernel::{Metric, Storage};

/// Towers, vectors and index that were published together.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub(crate) struct Generation {
    /// Its number within the space.
    pub(crate) number: GenerationNo,
    /// Its segments hold the vectors of all items as of this revision.
    pub(crate) cut: Revision,
    /// Components of a vector.
    pub(crate) dimension: u32,
    /// How vectors are compared.
    pub(crate) metric: Metric,
    /// How components are stored.
    pub(crate) storage: Storage,
    /// The kind of index over its vectors. Segments of few vectors have a graph all the same.
    pub(crate) index: IndexKind,
    /// Why it is this kind.
    pub(crate) index_reason: IndexReason,
    /// Whether items without a vector are stored rather than refused.
    pub(crate) partial: bool,
    /// Number of items without a vector when it was published.
    pub(crate) left_out: u64,
    /// The members of a fused space and their generations. Their vectors, concatenated in this order, are
    /// its own. Empty for other spaces.
    pub(crate) members: BTreeMap<String, GenerationNo>,
    /// Its space segments, oldest first. Later ones override earlier ones.
    pub(crate) segments: Vec<SpaceFile>,
    /// The files of its towers directory.
    pub(crate) towers: Vec<TowerFile>,
    /// Hash of the content of the towers.
    pub(crate) towers_hash: u64,
    /// Time of the publish, in milliseconds since the Unix epoch.
    pub(crate) created_unix_ms: u64,
    /// recall@10 of recalls by user at their default beam width, as last measured against exact search: with the kind
    /// of query that counts in the calibration.
    pub(crate) recall: f32,
    /// Recall by beam width, measured at the publish or later.
    pub(crate) calibration: Calibration,
}

impl Generation {
    /// Whether its vectors are concatenated from other spaces.
    pub(crate) fn is_fused(&self) -> bool {
        !self.members.is_empty()
    }
}
