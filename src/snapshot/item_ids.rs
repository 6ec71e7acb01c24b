//! The ids of a snapshot's items, which decide between equal scores.

use super::overlay::Overlay;
use super::sealed::Sealed;
use super::state::Snapshot;
use std::cmp::Ordering;
use twinspire_core::ids::ItemNo;

/// The ids of a snapshot's items. Cloning is cheap.
#[derive(Clone, Copy)]
pub(crate) struct ItemIds<'a> {
    sealed: &'a Sealed,
    /// An overlay that holds every unsealed item; `None` if there is no space.
    fresh: Option<&'a Overlay>,
}

impl<'a> ItemIds<'a> {
    /// The ids of a snapshot's items.
    pub(crate) fn of(snapshot: &'a Snapshot) -> Self {
        // Every overlay holds the unsealed items; the smallest is the fastest to search.
        let overlays = snapshot.spaces.values().map(|serving| &serving.overlay);
        Self {
            sealed: &snapshot.sealed,
            fresh: overlays.min_by_key(|overlay| overlay.len()),
        }
    }

    /// The id of an item; `None` if it cannot be read.
    pub(crate) fn id(&self, item: ItemNo) -> Option<&'a str> {
        match self.fresh.and_then(|fresh| fresh.get(&item)) {
            Some(fresh) => Some(&fresh.id),
            None => self.sealed.id(item).ok(),
        }
    }

    /// Compares two items by their ids, byte by byte. Ids that cannot be read come first, by item number.
    pub(crate) fn compare(&self, a: ItemNo, b: ItemNo) -> Ordering {
        match a == b {
            true => Ordering::Equal,
            false => (self.id(a), a).cmp(&(self.id(b), b)),
        }
    }
}
