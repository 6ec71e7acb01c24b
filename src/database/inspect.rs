//! Statistics of a database and its spaces.

use super::Database;
use crate::error::Error;
use crate::index::{IndexKind, IndexReason};
use crate::lexical::Lexical;
use crate::manifest::{Calibration, MeasuredRecall};
use serde::Serialize;
use std::collections::BTreeMap;
use twinspire_core::ids::{GenerationNo, Revision};
use twinspire_core::kernel::{Level, Metric, Storage};

/// Statistics of a database; see [`Database::stats`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct DatabaseStats {
    /// Items, not counting deleted ones.
    pub items: u64,
    /// Ids whose newest version is only in the journal.
    pub fresh: u64,
    /// Every write up to this revision is in segments.
    pub sealed_revision: Revision,
    /// Items segments.
    pub items_segments: usize,
    /// Bytes of the items segments.
    pub items_bytes: u64,
    /// Bytes of the journal. In a handle open for reading only: when it was opened or last refreshed.
    pub journal_bytes: u64,
    /// The instruction set that compares vectors, such as `AVX2 + FMA`: the best that the processor has, or
    /// the one that the environment variable `TWINSPIRE_KERNELS` names (`scalar`, `avx2`, `avx512` or
    /// `neon`).
    pub kernels: &'static str,
    /// The spaces, by name.
    pub spaces: BTreeMap<String, SpaceStats>,
    /// The lexical spaces, by name.
    pub lexical: BTreeMap<String, LexicalStats>,
}

/// Statistics of a lexical space.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LexicalStats {
    /// The active definition.
    pub generation: GenerationNo,
    /// Definitions kept, including the active one.
    pub generations: usize,
    /// The definition.
    pub lexical: Lexical,
    /// Items segments without its index: it is built in memory when it is asked for, and written by the next merge.
    pub unindexed_segments: usize,
    /// Bytes of its indexes in items segments.
    pub bytes: u64,
}

/// Statistics of a space.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SpaceStats {
    /// The active generation.
    pub generation: GenerationNo,
    /// Generations kept, including the active one.
    pub generations: usize,
    /// Items that recalls can find.
    pub items: u64,
    /// Items of the space that were written or deleted since the last seal. Every recall scans them exactly.
    pub late: u64,
    /// Segments of the active generation.
    pub segments: usize,
    /// Components of a vector.
    pub dimension: usize,
    /// How vectors are compared.
    pub metric: Metric,
    /// How components are stored.
    pub storage: Storage,
    /// The kind of index over the vectors of the active generation.
    pub index: IndexKind,
    /// Why it is this kind.
    pub index_reason: IndexReason,
    /// Parameters of the towers; 0 if this build cannot use them.
    pub parameters: usize,
    /// recall@10 of recalls by user at their [default beam width](Calibration::default_width), as last measured; 1 where
    /// they score every item. Measured on real users if there are enough, otherwise on the kind of made-up queries that
    /// find the least.
    pub recall: Option<MeasuredRecall>,
    /// Recall measured at several beam widths. A recall with a target chooses its beam width by it.
    pub calibration: Calibration,
    /// Bytes of the active generation's vectors and index.
    pub bytes: u64,
}

impl Database {
    /// Statistics of the database and its spaces. Reads the table of every items segment.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when a segment is damaged.
    pub fn stats(&self) -> Result<DatabaseStats, Error> {
        let live = self.live();
        let snapshot = live.snapshot.load_full();
        let manifest = &snapshot.sealed.manifest;
        let spaces = snapshot.spaces.iter().map(|(name, serving)| {
            let parameters = match serving.base.model() {
                Ok(model) => model.parameters(),
                Err(Error::Unsupported { .. }) => 0,
                Err(error) => return Err(error),
            };
            let generation = &serving.base.generation;
            let kept = manifest.spaces.get(&**name);
            let stats = SpaceStats {
                generation: generation.number,
                generations: kept.map_or(0, |space| space.generations.len()),
                items: serving.items(),
                late: serving.overlay.len() as u64,
                segments: generation.segments.len(),
                dimension: generation.dimension as usize,
                metric: generation.metric,
                storage: generation.storage,
                index: generation.index,
                index_reason: generation.index_reason,
                parameters,
                recall: generation.calibration.default_recall(),
                calibration: generation.calibration.clone(),
                bytes: generation.segments.iter().map(|s| s.file.length).sum(),
            };
            Ok((name.to_string(), stats))
        });
        let lexical = manifest.lexical.iter().filter_map(|(name, space)| {
            let active = space.active()?;
            let analysis = active.lexical.analysis();
            let stored = snapshot.sealed.items.iter();
            let stored: Vec<u64> = stored
                .filter_map(|segment| segment.lexical_bytes(&analysis))
                .collect();
            let stats = LexicalStats {
                generation: active.number,
                generations: space.generations.len(),
                lexical: active.lexical.clone(),
                unindexed_segments: snapshot.sealed.items.len() - stored.len(),
                bytes: stored.iter().sum(),
            };
            Some((name.clone(), stats))
        });
        Ok(DatabaseStats {
            items: snapshot.count_items()?,
            fresh: snapshot.fresh.len() as u64,
            sealed_revision: manifest.sealed,
            items_segments: manifest.items.len(),
            journal_bytes: match &self.writing {
                Some(writing) => writing.journal_bytes(),
                None => live.tail.bytes(),
            },
            items_bytes: manifest.items.iter().map(|i| i.file.length).sum(),
            kernels: Level::best().name(),
            spaces: spaces.collect::<Result<_, _>>()?,
            lexical: lexical.collect(),
        })
    }
}
