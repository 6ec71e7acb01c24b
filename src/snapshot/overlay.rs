//! The overlay of a space: items written after its generation was cut. Only here does a newer version hide
//! an older one.

use std::sync::Arc;
use twinspire_core::ids::{ItemNo, Revision};
use twinspire_core::kernel::Vector;
use twinspire_towers::internals::Fields;

/// The newest version of each item written after the cut. A clone shares all unchanged entries.
pub(crate) type Overlay = imbl::OrdMap<ItemNo, Arc<FreshItem>>;

/// An item written after the cut.
#[derive(Debug)]
pub(crate) struct FreshItem {
    /// Revision of this version.
    pub(crate) revision: Revision,
    /// The item's id.
    pub(crate) id: String,
    /// Its vector, rounded as it will be stored. `None` for a tombstone, and for an item without a
    /// vector in this space.
    pub(crate) vector: Option<Vector>,
    /// The record's fields for filters, shared by all spaces; empty for a tombstone.
    pub(crate) fields: Arc<Fields>,
}

/// The overlay without the items that a seal moved into a segment: those of `sealed`, the overlay at
/// the cut, that were not written again since.
pub(crate) fn without_sealed(overlay: &Overlay, sealed: &Overlay, cut: Revision) -> Overlay {
    let mut rest = overlay.clone();
    for item in sealed.keys() {
        if rest.get(item).is_some_and(|fresh| fresh.revision <= cut) {
            rest.remove(item);
        }
    }
    rest
}
