//! Building a space segment: the graph over its vectors, and the file with both in node order.

use super::fold::fold;
use super::long_work;
use crate::error::Error;
use crate::graph::{GraphBuilder, Rows, build};
use crate::manifest::{Generation, SpaceFile};
use crate::store::{Directory, SpaceContent, write_space};
use std::sync::atomic::AtomicBool;
use twinspire_core::ids::{FileNo, ItemNo};
use twinspire_core::kernel::{Metric, Row, Storage};

/// Seed of the insertion order of graphs.
const SEED: u64 = 42;

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
    /// Their vectors, [rounded](Storage::round) as they are stored: graph and codes are built on these.
    pub(crate) vectors: Vec<f32>,
    /// Tombstones: items of older segments that are deleted, increasing.
    pub(crate) gone: Vec<u32>,
    /// Algorithm that builds the graph.
    pub(crate) builder: GraphBuilder,
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
            builder: GraphBuilder::default(),
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

    /// Builds the graph and writes the segment. File and name are durable then.
    pub(crate) fn write(
        self,
        directory: &Directory,
        database: u64,
        number: FileNo,
        progress: &(dyn Fn(u64, u64) + Sync),
        cancelled: &AtomicBool,
    ) -> Result<SpaceFile, Error> {
        long_work::run(|| self.write_here(directory, database, number, progress, cancelled))
    }

    fn write_here(
        self,
        directory: &Directory,
        database: u64,
        number: FileNo,
        progress: &(dyn Fn(u64, u64) + Sync),
        cancelled: &AtomicBool,
    ) -> Result<SpaceFile, Error> {
        let Self {
            metric,
            storage,
            dimension,
            items,
            vectors,
            gone,
            builder,
        } = self;
        let folded = fold(items, vectors, dimension);
        let rows = Rows::new(&folded.vectors, dimension);
        let (graph, order) = build(rows, metric, builder, SEED, progress, cancelled)?;
        let mut sorted = Vec::with_capacity(folded.vectors.len());
        for row in &order {
            sorted.extend_from_slice(rows.row(*row).unwrap_or_default());
        }
        let (items, firsts) = folded.items_in(&order);
        drop(folded);
        let content = SpaceContent {
            metric,
            storage,
            items: &items,
            firsts: &firsts,
            rows: Rows::new(&sorted, dimension),
            graph: &graph,
            gone: &gone,
        };
        Ok(write_space(directory, number, database, &content)?)
    }
}
