//! The ids of a snapshot's items, which decide between equal scores.

use super::fresh_items::FreshItems;
use super::sealed::Sealed;
use super::state::Snapshot;
use std::cmp::Ordering;
use twinspire_core::ids::ItemNo;

/// The ids of a snapshot's items. Cloning is cheap.
#[derive(Clone, Copy)]
pub(crate) struct ItemIds<'a> {
    sealed: &'a Sealed,
    fresh: &'a FreshItems,
}

impl<'a> ItemIds<'a> {
    /// The ids of a snapshot's items.
    pub(crate) fn of(snapshot: &'a Snapshot) -> Self {
        Self {
            sealed: &snapshot.sealed,
            fresh: &snapshot.fresh,
        }
    }

    /// The id of an item; `None` if it cannot be read.
    pub(crate) fn id(&self, item: ItemNo) -> Option<&'a str> {
        match self.fresh.get(item) {
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
