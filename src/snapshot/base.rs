//! A generation of a space, open: towers and segments.

use super::lazy_model::LazyModel;
use super::parts::Part;
use crate::error::{Damage, Error};
use crate::manifest::{Generation, SpaceFile};
use crate::store::{Directory, SpaceSegment};
use std::path::Path;
use std::sync::Arc;
use twinspire_core::files::names;
use twinspire_core::ids::ItemNo;
use twinspire_core::kernel::Row;
use twinspire_towers::internals::Model;

/// A generation, open.
#[derive(Clone)]
pub(crate) struct Base {
    /// Its entry in the manifest.
    pub(crate) generation: Generation,
    /// Its towers, read when they are first asked for.
    pub(crate) towers: Arc<LazyModel>,
    /// Its segments, oldest first.
    pub(crate) parts: Vec<Part>,
}

impl Base {
    /// Opens a generation. Reuses the towers and segments that `before`, of the same space, holds
    /// open.
    pub(crate) fn open(
        directory: &Directory,
        space: &str,
        generation: &Generation,
        before: Option<&Self>,
    ) -> Result<Self, Error> {
        let number = generation.number;
        let towers = || directory.path(names::TOWERS, &names::towers(space, number));
        let same = before.filter(|before| before.generation.towers == generation.towers);
        let lazy = match same {
            Some(before) => Arc::clone(&before.towers),
            None => Arc::new(LazyModel::open(directory, space, generation)?),
        };
        let open = |pinned: &SpaceFile| {
            let mut known = before.into_iter().flat_map(|before| &before.parts);
            match known.find(|part| part.segment.pinned() == pinned) {
                Some(part) => Ok(Arc::clone(&part.segment)),
                None => SpaceSegment::open(directory, pinned).map(Arc::new),
            }
        };
        let segments = generation.segments.iter().map(open);
        let base = Self {
            parts: Part::all(segments.collect::<Result<_, _>>()?),
            towers: lazy,
            generation: generation.clone(),
        };
        base.is_consistent().then_some(base).ok_or_else(|| {
            let generation = number;
            Error::corrupt(&towers(), "generation", Damage::Generation { generation })
        })
    }

    /// [`open`](Self::open) that reads the towers too.
    pub(crate) fn open_whole(
        directory: &Directory,
        space: &str,
        generation: &Generation,
        before: Option<&Self>,
    ) -> Result<Self, Error> {
        let base = Self::open(directory, space, generation, before)?;
        base.model()?;
        Ok(base)
    }

    /// Its towers.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if a file is damaged, [`Error::Unsupported`] if only another build can use the towers.
    pub(crate) fn model(&self) -> Result<&Arc<Model>, Error> {
        self.towers.get()
    }

    /// Number of items that have a vector in it.
    pub(crate) fn items(&self) -> u64 {
        let shown: usize = self.parts.iter().map(Part::shown).sum();
        shown as u64
    }

    /// The file of its newest segment; the name of their directory if it has none.
    pub(crate) fn newest_path(&self) -> &Path {
        let newest = self.parts.last();
        newest.map_or(Path::new(names::SEGMENTS), |part| part.segment.path())
    }

    /// Whether segments and manifest entry have the same dimension, metric and precision. The towers are compared
    /// when they are read.
    fn is_consistent(&self) -> bool {
        let (dimension, metric) = (self.generation.dimension as usize, self.generation.metric);
        let matches = |part: &Part| {
            let segment = &part.segment;
            (segment.dimension(), segment.metric()) == (dimension, metric)
                && segment.storage() == self.generation.storage
        };
        self.parts.iter().all(matches)
    }

    /// The vector of an item as of the cut.
    pub(crate) fn vector(&self, item: ItemNo) -> Option<Row<'_>> {
        self.parts.iter().rev().find_map(|part| part.vector(item))
    }

    /// The vector of each item as of the cut. The memory accesses overlap.
    pub(crate) fn vectors<'a>(&'a self, items: &[Option<ItemNo>], rows: &mut [Option<Row<'a>>]) {
        rows.fill(None);
        for part in self.parts.iter().rev() {
            part.find_vectors(items, rows);
        }
    }
}
