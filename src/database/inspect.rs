//! Telling what a database holds.

use super::Database;
use crate::error::Error;
use crate::manifest::Calibration;
use serde::Serialize;
use std::collections::BTreeMap;
use twinspire_core::ids::{GenerationNo, Revision};
use twinspire_core::kernel::{Level, Metric, Storage};

/// What a database holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct DatabaseStats {
    /// Items, not counting deleted ones.
    pub items: u64,
    /// Ids whose newest version is in the journal, not in a segment.
    pub fresh: u64,
    /// Every write up to here is in segments.
    pub sealed_revision: Revision,
    /// Segments that hold items.
    pub items_segments: usize,
    /// Their bytes.
    pub items_bytes: u64,
    /// Bytes of the journal; in a database open for reading only, as of its opening or last refresh.
    pub journal_bytes: u64,
    /// The instructions that vectors are compared with here: the best that the processor has, such
    /// as `AVX2 + FMA`, unless the variable `TWINSPIRE_KERNELS` of the environment asks for others
    /// (`scalar`, `avx2`, `avx512` or `neon`).
    pub kernels: &'static str,
    /// The spaces, by name.
    pub spaces: BTreeMap<String, SpaceStats>,
}

/// What a space serves.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SpaceStats {
    /// The active generation.
    pub generation: GenerationNo,
    /// Generations kept, the active one among them.
    pub generations: usize,
    /// Items it can answer with.
    pub items: u64,
    /// Items written since it was sealed last, deletes among them; they are scanned in every recall.
    pub late: u64,
    /// Segments of the active generation.
    pub segments: usize,
    /// Components of a vector.
    pub dimension: usize,
    /// How vectors are compared.
    pub metric: Metric,
    /// How components are stored.
    pub storage: Storage,
    /// Numbers in the towers.
    pub parameters: usize,
    /// What beams of some widths find of the exact answer, by which a recall with a target goes.
    pub calibration: Calibration,
    /// Bytes of the active generation's vectors and graph.
    pub bytes: u64,
}

impl Database {
    /// Counts what the database holds. Reads the table of every items segment.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when a segment is damaged.
    pub fn stats(&self) -> Result<DatabaseStats, Error> {
        let live = self.live();
        // In this order: what leaves the index is in the sealed state before it does.
        let fresh = live.index.all();
        let snapshot = live.snapshot.load_full();
        let sealed = snapshot.sealed.manifest.sealed;
        let fresh = fresh
            .into_iter()
            .filter(|(_, fresh)| fresh.revision > sealed);
        let fresh: Vec<_> = fresh.map(|(_, fresh)| fresh).collect();
        let mut present = BTreeMap::new();
        for (item, (segment, row)) in snapshot.sealed.newest(Revision(0)) {
            present.insert(item, segment.row(row)?.record.is_some());
        }
        let newer = fresh.iter().map(|f| (f.item, f.record.is_some()));
        present.extend(newer);
        let manifest = &snapshot.sealed.manifest;
        let spaces = snapshot.spaces.iter().map(|(name, serving)| {
            let generation = &serving.base.generation;
            let kept = manifest.spaces.get(name);
            let stats = SpaceStats {
                generation: generation.number,
                generations: kept.map_or(0, |space| space.generations.len()),
                items: serving.items(),
                late: serving.overlay.len() as u64,
                segments: generation.segments.len(),
                dimension: generation.dimension as usize,
                metric: generation.metric,
                storage: generation.storage,
                parameters: serving.base.model.parameters(),
                calibration: generation.calibration.clone(),
                bytes: generation.segments.iter().map(|s| s.file.length).sum(),
            };
            (name.clone(), stats)
        });
        Ok(DatabaseStats {
            items: present.values().filter(|present| **present).count() as u64,
            fresh: fresh.len() as u64,
            sealed_revision: manifest.sealed,
            items_segments: manifest.items.len(),
            journal_bytes: match &self.writing {
                Some(writing) => writing.journal_bytes(),
                None => live.journal_bytes,
            },
            items_bytes: manifest.items.iter().map(|i| i.file.length).sum(),
            kernels: Level::best().name(),
            spaces: spaces.collect(),
        })
    }
}
