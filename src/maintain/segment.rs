//! Making a space segment: a graph over vectors, brought into the order of its nodes and written.

use crate::error::Error;
use crate::graph::{GraphBuilder, Rows, build};
use crate::manifest::{Generation, SpaceFile};
use crate::store::{Directory, SpaceContent, write_space};
use std::sync::atomic::AtomicBool;
use twinspire_core::files::names;
use twinspire_core::ids::{FileNo, ItemNo};
use twinspire_core::kernel::{Metric, Row, Storage};

/// The seed of the order in which graphs are built.
const SEED: u64 = 42;

/// What a segment is to hold.
pub(crate) struct Contents {
    /// How vectors are compared.
    pub(crate) metric: Metric,
    /// How components are stored.
    pub(crate) storage: Storage,
    /// Components of a vector.
    pub(crate) dimension: usize,
    /// Items, increasing.
    pub(crate) items: Vec<u32>,
    /// Their vectors, [rounded](Storage::round) to what is stored: graph and codes are made of these.
    pub(crate) vectors: Vec<f32>,
    /// Items that older segments hold and that are gone, increasing.
    pub(crate) gone: Vec<u32>,
    /// Who builds the graph.
    pub(crate) builder: GraphBuilder,
}

impl Contents {
    /// Nothing, for a segment of this generation.
    pub(crate) fn of(generation: &Generation) -> Self {
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

    /// Adds an item, greater than all there are, with its vector as it is stored elsewhere.
    pub(crate) fn push(&mut self, item: ItemNo, vector: Row<'_>) {
        self.items.push(item.0);
        vector.append_to(&mut self.vectors);
    }

    /// Whether there would be nothing to say.
    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty() && self.gone.is_empty()
    }

    /// Builds the graph, writes the segment and makes it durable, its name too.
    pub(crate) fn write(
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
        let rows = Rows::new(&vectors, dimension);
        let built = build(rows, metric, builder, SEED, progress, cancelled);
        let (graph, order) = built?;
        let mut sorted = Vec::with_capacity(vectors.len());
        let mut nodes = Vec::with_capacity(items.len());
        for row in &order {
            sorted.extend_from_slice(rows.row(*row).unwrap_or_default());
            nodes.extend(items.get(*row as usize));
        }
        drop((vectors, items));
        let content = SpaceContent {
            metric,
            storage,
            items: &nodes,
            rows: Rows::new(&sorted, dimension),
            graph: &graph,
            gone: &gone,
        };
        let file = write_space(directory, number, database, &content)?;
        directory.sync_dir(&directory.root.join(names::SEGMENTS))?;
        Ok(file)
    }
}
