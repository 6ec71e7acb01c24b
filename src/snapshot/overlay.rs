//! The overlay of a space: items written after its generation was cut. Only here does a newer version hide
//! an older one.
//!
//! An entry is needed for an item that has a vector, and for one whose older vector must not be found any more:
//! it is in a segment, or in one that a seal is writing. An item that the space knows nothing of has no
//! entry: it costs the space nothing.

use super::base::Base;
use super::vector_block::VectorBlock;
use super::version_log::{FULL_BLOCK, Shared, VersionLog};
use twinspire_core::ids::{ItemNo, Revision};
use twinspire_core::kernel::{Row, Vector};

/// The newest version of each item written after the cut, as far as it concerns the space. A clone shares
/// everything.
#[derive(Clone, Debug, Default)]
pub(crate) struct Overlay {
    entries: imbl::OrdMap<ItemNo, Entry>,
    /// The vectors.
    log: VersionLog<VectorBlock>,
    /// Number of entries whose item has a vector in the segments too.
    hiding: usize,
}

/// An item in the overlay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    revision: Revision,
    /// Whether the version has a vector. If not, it is a tombstone, or cannot be embedded.
    has_vector: bool,
    /// Whether a segment holds an older version.
    hides: bool,
}

/// A version of an item as a space sees it.
#[derive(Debug)]
pub(crate) struct SpaceVersion {
    /// The item.
    pub(crate) item: ItemNo,
    /// Revision of this version.
    pub(crate) revision: Revision,
    /// Its vector, rounded as it will be stored; `None` for a tombstone, and for an item without a vector
    /// in this space.
    pub(crate) vector: Option<Vector>,
}

impl Overlay {
    /// Adds versions in order of revision, all of them newer than those there are. No item comes twice.
    pub(crate) fn append(&mut self, base: &Base, versions: impl IntoIterator<Item = SpaceVersion>) {
        let generation = &base.generation;
        let empty = || {
            let dimension = generation.dimension as usize;
            VectorBlock::new(generation.metric, generation.storage, dimension)
        };
        let mut block = empty();
        for version in versions {
            let SpaceVersion {
                item,
                revision,
                vector,
            } = version;
            let before = self.entries.get(&item).copied();
            if let Some(before) = before.filter(|before| before.has_vector) {
                self.log.kill(before.revision.0);
            }
            let hides = match before {
                Some(before) => before.hides,
                None => base.vector(item).is_some(),
            };
            self.hiding += usize::from(hides && before.is_none());
            // A version before may be in a seal that has not ended: this one must hide its vector then.
            if vector.is_none() && !hides && before.is_none() {
                continue;
            }
            let entry = Entry {
                revision,
                has_vector: vector.is_some(),
                hides,
            };
            self.entries.insert(item, entry);
            if let Some(vector) = &vector {
                block.push(revision, item, vector.row());
                if block.len() == FULL_BLOCK {
                    let full = std::mem::replace(&mut block, empty());
                    self.log.push(full.finished());
                }
            }
        }
        if block.len() > 0 {
            self.log.push(block.finished());
        }
    }

    /// The overlay without what a seal moved into the segments of `base`: everything up to `cut`.
    pub(crate) fn after_seal(&self, cut: Revision, base: &Base) -> Self {
        let mut log = self.log.clone();
        log.remove_up_to(cut.0);
        let (mut entries, mut hiding) = (imbl::OrdMap::new(), 0);
        let later = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.revision > cut);
        for (item, entry) in later {
            let hides = base.vector(*item).is_some();
            hiding += usize::from(hides);
            if hides || entry.has_vector {
                entries.insert(*item, Entry { hides, ..*entry });
            }
        }
        Self {
            entries,
            log,
            hiding,
        }
    }

    /// The vector of an item, if it has one: that of its fresh version, or `sealed` if it has none.
    #[inline]
    pub(crate) fn vector_or<'a>(
        &'a self,
        item: ItemNo,
        sealed: impl FnOnce() -> Option<Row<'a>>,
    ) -> Option<Row<'a>> {
        let Some(entry) = self.entries.get(&item) else {
            return sealed();
        };
        let (block, row) = self
            .log
            .find(entry.revision.0)
            .filter(|_| entry.has_vector)?;
        block.row(row)
    }

    /// Whether the overlay has the newer version of an item that the segments have too.
    #[inline]
    pub(crate) fn hides(&self, item: ItemNo) -> bool {
        self.hiding > 0 && self.entries.get(&item).is_some_and(|entry| entry.hides)
    }

    /// Number of items of the segments that the overlay hides.
    pub(crate) fn hiding(&self) -> usize {
        self.hiding
    }

    /// Whether a version of the item matters to the space: it is in the overlay or in the segments.
    pub(crate) fn concerns(&self, base: &Base, item: ItemNo) -> bool {
        self.entries.contains_key(&item) || base.vector(item).is_some()
    }

    /// Number of entries.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no entries.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Number of vectors.
    pub(crate) fn vectors(&self) -> usize {
        self.log.live()
    }

    /// The vectors, in blocks in order of revision.
    pub(crate) fn blocks(&self) -> &[Shared<VectorBlock>] {
        self.log.blocks()
    }

    /// Every item with its vector, in order of items. An item without a vector hides one in a segment.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (ItemNo, Option<Row<'_>>)> {
        let entries = self.entries.iter();
        let of_use = entries.filter(|(_, entry)| entry.has_vector || entry.hides);
        of_use.map(|(item, _)| (*item, self.vector_or(*item, || None)))
    }
}
