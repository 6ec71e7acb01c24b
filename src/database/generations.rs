//! The spaces of a database and the generations that each keeps.

use super::Database;
use crate::error::Error;
use crate::index::{IndexKind, IndexReason};
use crate::maintain;
use crate::manifest::{Calibration, Generation, MeasuredRecall};
use crate::snapshot::Base;
use serde::Serialize;
use std::collections::BTreeMap;
use twinspire_core::ids::{GenerationNo, Revision};
use twinspire_core::kernel::{Metric, Storage};

/// A generation of a space: towers, embeddings and index that were published together.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct GenerationInfo {
    /// Its number within the space.
    pub number: GenerationNo,
    /// Whether recalls search it.
    pub active: bool,
    /// Items that have a vector in it. Of the active generation: those that recalls can find.
    pub items: u64,
    /// Components of a vector.
    pub dimension: usize,
    /// How vectors are compared.
    pub metric: Metric,
    /// How components are stored.
    pub storage: Storage,
    /// The kind of index over its vectors.
    pub index: IndexKind,
    /// Why it has this kind of index.
    pub index_reason: IndexReason,
    /// Whether items may have no vector in it, so that recalls do not find them: true where vectors were
    /// computed elsewhere, and where a publish [left items out](crate::Publish::leave_out). Otherwise a put
    /// of such an item is refused.
    pub partial: bool,
    /// Items that had no vector when it was published.
    pub left_out: u64,
    /// Of a [fused](crate::Publish::fuse) space: the spaces and generations that it was made of.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub members: BTreeMap<String, GenerationNo>,
    /// recall@10 of recalls by user at their [default beam width](Calibration::default_width), as last measured against
    /// exact search; 1 where they score every item. [`measured`](Self::measured) says with which queries.
    pub recall: f32,
    /// How [`recall`](Self::recall) was measured: on real users if there are enough, otherwise on the kind of
    /// made-up queries that find the least. `None` for a generation without vectors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measured: Option<MeasuredRecall>,
    /// Recall by beam width and kind of query.
    pub calibration: Calibration,
    /// Every write up to this revision is in its segments. Later writes are embedded as they come, or by a
    /// rollback to it.
    pub cut: Revision,
    /// A hash over its towers' files.
    pub towers_hash: u64,
    /// When it was published, in milliseconds since 1970-01-01 00:00 UTC.
    pub created_unix_ms: u64,
}

impl Database {
    /// Removes the oldest generations of a space until it keeps this many. The active one is always kept.
    /// A publish does so by itself; see [`Publish::retain`](crate::Publish::retain).
    ///
    /// # Errors
    /// [`Error::UnknownSpace`].
    pub fn retain(&self, space: &str, generations: usize) -> Result<(), Error> {
        maintain::retain(&self.live(), self.writing()?, space, generations)
    }

    /// The generations a space keeps, oldest first.
    ///
    /// # Errors
    /// [`Error::UnknownSpace`].
    pub fn generations(&self, space: &str) -> Result<Vec<GenerationInfo>, Error> {
        let live = self.live();
        let snapshot = live.snapshot.load();
        let kept = snapshot.kept(space)?;
        let serving = snapshot.spaces.get(space);
        let info = |generation: &Generation| {
            let number = generation.number;
            let mut info = GenerationInfo::new(generation, kept.active);
            // An item may have vectors in several segments: the manifest counts each.
            info.items = match serving.filter(|it| it.base.generation.number == number) {
                Some(serving) => serving.items(),
                None => Base::open(&live.directory, space, generation, None)
                    .map_or(info.items, |base| base.items()),
            };
            info
        };
        Ok(kept.generations.iter().map(info).collect())
    }

    /// The names of all spaces, sorted.
    #[must_use]
    pub fn spaces(&self) -> Vec<String> {
        let live = self.live();
        let snapshot = live.snapshot.load();
        snapshot.sealed.manifest.spaces.keys().cloned().collect()
    }
}

impl GenerationInfo {
    /// A generation that is active now.
    pub(super) fn active(generation: &Generation) -> Self {
        Self::new(generation, generation.number)
    }

    /// A generation of a space whose active one is `active`.
    pub(super) fn new(generation: &Generation, active: GenerationNo) -> Self {
        let items = generation.segments.iter().map(|s| u64::from(s.items));
        Self {
            number: generation.number,
            active: generation.number == active,
            items: items.sum(),
            dimension: generation.dimension as usize,
            metric: generation.metric,
            storage: generation.storage,
            index: generation.index,
            index_reason: generation.index_reason,
            partial: generation.partial,
            left_out: generation.left_out,
            members: generation.members.clone(),
            recall: generation.recall,
            measured: generation.calibration.default_recall(),
            calibration: generation.calibration.clone(),
            cut: generation.cut,
            towers_hash: generation.towers_hash,
            created_unix_ms: generation.created_unix_ms,
        }
    }
}
