//! Vectors of fresh items, back to back.

use super::version_log::{Block, FULL_BLOCK, Shared};
use crate::graph::{NodeVectors, OwnedCodes, Rows, StoredRows};
use std::fmt;
use twinspire_core::ids::{ItemNo, Revision};
use twinspire_core::kernel::{Metric, Row, Storage, Vector};

/// Vectors in order of revision. A full block also has their codes, by which a scan finds the rows that
/// are worth an exact score.
pub(crate) struct VectorBlock {
    metric: Metric,
    dimension: usize,
    revisions: Vec<u64>,
    items: Vec<u32>,
    /// The vectors, back to back.
    rows: Vector,
    codes: Option<OwnedCodes>,
}

impl VectorBlock {
    /// A block without rows, for the vectors of one generation.
    pub(super) fn new(metric: Metric, storage: Storage, dimension: usize) -> Self {
        Self {
            metric,
            dimension,
            revisions: Vec::new(),
            items: Vec::new(),
            rows: match storage {
                Storage::Full => Vector::Full(Vec::new()),
                Storage::Half => Vector::Half(Vec::new()),
            },
            codes: None,
        }
    }

    /// Adds a row. Revisions increase.
    pub(super) fn push(&mut self, revision: Revision, item: ItemNo, vector: Row<'_>) {
        match (&mut self.rows, vector) {
            (Vector::Full(rows), Row::Full(row)) => rows.extend_from_slice(row),
            (Vector::Half(rows), Row::Half(row)) => rows.extend_from_slice(row),
            // A generation stores all its vectors alike.
            _ => return,
        }
        self.revisions.push(revision.0);
        self.items.push(item.0);
    }

    /// Ends the block: a full one gets codes.
    ///
    /// The caller may hold a lock: so few rows are quantised on its own thread.
    pub(super) fn finished(mut self) -> Self {
        if self.items.len() >= FULL_BLOCK {
            let mut buffer = Vec::new();
            let floats = Row::from(&self.rows).floats(&mut buffer);
            self.codes = OwnedCodes::quantise(Rows::new(floats, self.dimension), self.metric);
        }
        self
    }

    /// The item of each row.
    pub(crate) fn items(&self) -> &[u32] {
        &self.items
    }

    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// The vectors, for a scan.
    pub(crate) fn node_vectors(&self) -> NodeVectors<'_> {
        NodeVectors {
            metric: self.metric,
            rows: self.stored_rows(),
            codes: self.codes.as_ref().map(OwnedCodes::view),
            paged: None,
        }
    }

    /// The vector of a row.
    #[inline]
    pub(super) fn row(&self, row: usize) -> Option<Row<'_>> {
        self.stored_rows().row(u32::try_from(row).ok()?)
    }

    fn stored_rows(&self) -> StoredRows<'_> {
        match &self.rows {
            Vector::Full(rows) => StoredRows::Full(Rows::new(rows, self.dimension)),
            Vector::Half(rows) => StoredRows::Half(Rows::new(rows, self.dimension)),
        }
    }

    fn storage(&self) -> Storage {
        match &self.rows {
            Vector::Full(_) => Storage::Full,
            Vector::Half(_) => Storage::Half,
        }
    }
}

impl Block for VectorBlock {
    fn revisions(&self) -> &[u64] {
        &self.revisions
    }

    fn merged(parts: &[Shared<Self>]) -> Self {
        let mut all = match parts.first().map(Shared::block) {
            Some(first) => Self::new(first.metric, first.storage(), first.dimension),
            None => Self::new(Metric::Cosine, Storage::Full, 0),
        };
        for part in parts {
            let block = part.block();
            for at in part.live_rows() {
                let (revision, item) = (block.revisions.get(at), block.items.get(at));
                if let (Some(revision), Some(item), Some(row)) = (revision, item, block.row(at)) {
                    all.push(Revision(*revision), ItemNo(*item), row);
                }
            }
        }
        all.finished()
    }
}

impl fmt::Debug for VectorBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} vectors", self.items.len())
    }
}
