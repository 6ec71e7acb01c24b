//! Making a space segment: a graph over vectors, brought into the order of its nodes and written.

use super::Writing;
use crate::error::Error;
use crate::files::names;
use crate::graph::{Rows, build};
use crate::kernel::Metric;
use crate::manifest::{Generation, SpaceFile};
use crate::snapshot::Live;
use crate::store::{SpaceContent, write_space};

/// The seed of the order in which graphs are built.
const SEED: u64 = 42;

/// What a segment is to hold.
pub(super) struct Contents {
    /// How vectors are compared.
    pub(super) metric: Metric,
    /// Components of a vector.
    pub(super) dimension: usize,
    /// Items, increasing.
    pub(super) items: Vec<u32>,
    /// Their vectors.
    pub(super) vectors: Vec<f32>,
    /// Items that older segments hold and that are gone, increasing.
    pub(super) gone: Vec<u32>,
}

impl Contents {
    /// Nothing, for a segment of this generation.
    pub(super) fn of(generation: &Generation) -> Self {
        Self {
            metric: generation.metric,
            dimension: generation.dimension as usize,
            items: Vec::new(),
            vectors: Vec::new(),
            gone: Vec::new(),
        }
    }

    /// Whether there would be nothing to say.
    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty() && self.gone.is_empty()
    }

    /// Builds the graph, writes the segment and makes it durable, its name too. It is collected if no
    /// manifest names it when the guard that `number` came with is gone.
    pub(super) fn write(
        self,
        live: &Live,
        writing: &Writing,
        number: crate::ids::FileNo,
        progress: &(dyn Fn(u64, u64) + Sync),
    ) -> Result<SpaceFile, Error> {
        let Self {
            metric,
            dimension,
            items,
            vectors,
            gone,
        } = self;
        let rows = Rows::new(&vectors, dimension);
        let built = build(rows, metric, SEED, progress, &writing.cancelled);
        let (graph, order) = built.map_err(|error| Error::Graph { what: error.what })?;
        let mut sorted = Vec::with_capacity(vectors.len());
        let mut nodes = Vec::with_capacity(items.len());
        for row in &order {
            sorted.extend_from_slice(rows.row(*row).unwrap_or_default());
            nodes.extend(items.get(*row as usize));
        }
        drop((vectors, items));
        let content = SpaceContent {
            metric,
            items: &nodes,
            rows: Rows::new(&sorted, dimension),
            graph: &graph,
            gone: &gone,
        };
        let database = live.snapshot.load().sealed.manifest.database;
        let file = write_space(&live.directory, number, database, &content)?;
        let segments = live.directory.root.join(names::SEGMENTS);
        live.directory.sync_dir(&segments)?;
        Ok(file)
    }
}
