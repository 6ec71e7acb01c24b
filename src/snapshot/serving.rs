//! What a space serves: a generation, and the items written since its cut.

use super::base::Base;
use super::overlay::Overlay;
use super::parts::Part;
use crate::manifest::Generation;
use std::sync::Arc;
use twinspire_core::ids::ItemNo;
use twinspire_core::kernel::{Row, Vector};

/// The generation that a space serves, with everything written since its cut.
#[derive(Clone)]
pub(crate) struct Serving {
    /// The generation, open.
    pub(crate) base: Arc<Base>,
    /// Items written since its cut; they hide the versions in the generation.
    pub(crate) overlay: Overlay,
}

/// The spaces of a snapshot, by name. A clone shares everything.
pub(crate) type Spaces = imbl::OrdMap<Arc<str>, Arc<Serving>>;

impl Serving {
    /// Whether it serves this generation.
    pub(super) fn serves(&self, generation: &Generation) -> bool {
        self.base.generation.number == generation.number
    }

    /// The current vector of an item.
    pub(crate) fn vector(&self, item: ItemNo) -> Option<Row<'_>> {
        self.overlay.vector_or(item, || self.base.vector(item))
    }

    /// The current vector of each item. Faster than one look-up after the other: memory accesses overlap.
    pub(crate) fn vectors<'a>(&'a self, items: &[Option<ItemNo>], rows: &mut [Option<Row<'a>>]) {
        self.base.vectors(items, rows);
        if !self.overlay.is_empty() {
            for (item, row) in items.iter().zip(rows) {
                *row = item.and_then(|item| self.overlay.vector_or(item, || *row));
            }
        }
    }

    /// Number of items that recalls of the space can return.
    pub(crate) fn items(&self) -> u64 {
        let shown: usize = self.base.parts.iter().map(Part::shown).sum();
        (shown + self.overlay.vectors()).saturating_sub(self.overlay.hiding()) as u64
    }
}

/// The vector of an item in a fused generation: the vectors of its members, concatenated. `None` if a
/// member has no vector of the item.
pub(crate) fn fuse(fused: &Generation, spaces: &Spaces, item: ItemNo) -> Option<Vector> {
    let mut vector = Vec::with_capacity(fused.dimension as usize);
    for member in fused.members.keys() {
        spaces
            .get(member.as_str())?
            .vector(item)?
            .append_to(&mut vector);
    }
    // Rounding succeeds: the members store these components already.
    Vector::of(fused.storage, vector).ok()
}
