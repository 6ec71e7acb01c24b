//! Building a space segment: the index over its vectors, and the file with both in node order.

use super::fold::{Folded, fold};
use super::long_work;
use crate::error::Error;
use crate::graph::{self, GraphBuilder, Rows};
use crate::index::{Index, IndexKind, OwnedIndex};
use crate::manifest::{Generation, SpaceFile};
use crate::partitions::{self, OwnedPartitions, PartitionParams};
use crate::store::{Directory, SpaceContent, SpaceSegment, write_space};
use rayon::prelude::*;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use twinspire_core::ids::{FileNo, ItemNo};
use twinspire_core::kernel::{Metric, Row, Storage};

/// Seed of the insertion order of graphs.
const SEED: u64 = 42;
/// Segments of fewer vectors that are sealed or merged have a graph, whatever kind of index their generation has:
/// a rotation would take more room than the vectors.
const FEW_VECTORS: usize = 256;

/// The content of a space segment to be.
pub(crate) struct SegmentBuilder {
    /// How vectors are compared.
    pub(crate) metric: Metric,
    /// How components are stored.
    pub(crate) storage: Storage,
    /// Components of a vector.
    pub(crate) dimension: usize,
    /// Items, increasing.
    pub(crate) items: Vec<u32>,
    /// Their vectors, [rounded](Storage::round) as they are stored: index and codes are built on these.
    pub(crate) vectors: Vec<f32>,
    /// Tombstones: items of older segments that are deleted, increasing.
    pub(crate) gone: Vec<u32>,
    /// The kind of index of a sealed or merged segment, unless it has [few vectors](FEW_VECTORS).
    pub(crate) index: IndexKind,
    /// Algorithm that builds a graph.
    pub(crate) builder: GraphBuilder,
    /// Of a merge: the segment whose partitions the new ones may be built from.
    pub(crate) donor: Option<Arc<SpaceSegment>>,
}

impl SegmentBuilder {
    /// An empty segment of a generation.
    pub(crate) fn new(generation: &Generation) -> Self {
        Self {
            metric: generation.metric,
            storage: generation.storage,
            dimension: generation.dimension as usize,
            items: Vec::new(),
            vectors: Vec::new(),
            gone: Vec::new(),
            index: generation.index,
            builder: GraphBuilder::default(),
            donor: None,
        }
    }

    /// Adds an item with its stored vector. Items come in increasing order.
    pub(crate) fn push(&mut self, item: ItemNo, vector: Row<'_>) {
        self.items.push(item.0);
        vector.append_to(&mut self.vectors);
    }

    /// Whether there are neither items nor tombstones.
    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty() && self.gone.is_empty()
    }

    /// Folds equal vectors: what the index is built over.
    pub(crate) fn fold(self) -> FoldedSegment {
        FoldedSegment {
            folded: fold(self.items, self.vectors, self.dimension),
            metric: self.metric,
            storage: self.storage,
            dimension: self.dimension,
            gone: self.gone,
            builder: self.builder,
            donor: self.donor,
        }
    }

    /// Builds the index of the generation and writes the segment. File and name are durable then.
    pub(crate) fn write(
        self,
        directory: &Directory,
        database: u64,
        number: FileNo,
        progress: &(dyn Fn(u64, u64) + Sync),
        cancelled: &AtomicBool,
    ) -> Result<SpaceFile, Error> {
        long_work::run(self.items.len(), || {
            let index = self.index;
            let folded = self.fold();
            let index = match folded.nodes() < FEW_VECTORS {
                true => IndexKind::Graph,
                false => index,
            };
            folded.write(index, directory, database, number, progress, cancelled)
        })
    }
}

/// A space segment to be, whose vectors are distinct.
pub(crate) struct FoldedSegment {
    folded: Folded,
    metric: Metric,
    storage: Storage,
    dimension: usize,
    gone: Vec<u32>,
    builder: GraphBuilder,
    donor: Option<Arc<SpaceSegment>>,
}

impl FoldedSegment {
    /// Number of distinct vectors.
    pub(crate) fn nodes(&self) -> usize {
        self.rows().count() as usize
    }

    /// A segment of one in `step` of the vectors.
    pub(crate) fn every(&self, step: usize) -> Self {
        let rows = (0..self.rows().count()).step_by(step.max(1));
        let rows: Vec<u32> = rows.collect();
        let (items, firsts) = self.folded.items_in(&rows);
        let vectors = rows.iter().filter_map(|row| self.rows().row(*row));
        Self {
            folded: Folded {
                vectors: vectors.flatten().copied().collect(),
                items,
                firsts,
            },
            gone: Vec::new(),
            donor: None,
            ..*self
        }
    }

    fn rows(&self) -> Rows<'_> {
        Rows::new(&self.folded.vectors, self.dimension)
    }

    /// Builds an index of a kind and writes the segment. File and name are durable then.
    pub(crate) fn write(
        &self,
        kind: IndexKind,
        directory: &Directory,
        database: u64,
        number: FileNo,
        progress: &(dyn Fn(u64, u64) + Sync),
        cancelled: &AtomicBool,
    ) -> Result<SpaceFile, Error> {
        let rows = self.rows();
        let (index, order) = match kind {
            IndexKind::Partitions => {
                let built = match self.extend_donor(cancelled)? {
                    Some(built) => Some(built),
                    None => {
                        let params = PartitionParams::for_rows(rows.count());
                        partitions::build(self.metric, rows, params, progress, cancelled)
                    }
                };
                let (partitions, order) = built.ok_or(Error::Cancelled)?;
                (OwnedIndex::Partitions(partitions), order)
            }
            IndexKind::Graph => {
                let (metric, builder) = (self.metric, self.builder);
                let (graph, order) =
                    graph::build(rows, metric, builder, SEED, progress, cancelled)?;
                (OwnedIndex::Graph(graph), order)
            }
        };
        let mut sorted = Vec::with_capacity(self.folded.vectors.len());
        for row in &order {
            sorted.extend_from_slice(rows.row(*row).unwrap_or_default());
        }
        let (items, firsts) = self.folded.items_in(&order);
        let content = SpaceContent {
            metric: self.metric,
            storage: self.storage,
            items: &items,
            firsts: &firsts,
            rows: Rows::new(&sorted, self.dimension),
            index: &index,
            gone: &self.gone,
        };
        Ok(write_space(directory, number, database, &content)?)
    }

    /// Partitions by the centroids of the donor's. `None` if it has none, or they do not fit.
    fn extend_donor(
        &self,
        cancelled: &AtomicBool,
    ) -> Result<Option<(OwnedPartitions, Vec<u32>)>, Error> {
        let Some(donor) = &self.donor else {
            return Ok(None);
        };
        let Index::Partitions(partitions) = donor.index()? else {
            return Ok(None);
        };
        let (items, finder) = (donor.node_items(), donor.finder());
        let leaf_of = |row: u32, vector: &[f32]| {
            let item = self.folded.first_item(row)?;
            let node = items.node(finder.find(ItemNo(item))?)?;
            // An item that has another vector now is new.
            let before = donor.rows().row(node)?;
            (before.floats(&mut Vec::new()) == vector).then(|| partitions.leaf_of(node))?
        };
        let rows = self.rows();
        let leaves = (0..rows.count()).into_par_iter().map(|row| {
            let leaf = rows.row(row).and_then(|vector| leaf_of(row, vector));
            leaf.unwrap_or(partitions::NO_LEAF)
        });
        let leaves = leaves.collect();
        let (metric, donor) = (self.metric, &partitions);
        Ok(partitions::extend(metric, rows, donor, leaves, cancelled))
    }
}
