//! A numeric field of all items of a state, by the columns of what is sealed and the fields of what is not.

use super::{Overlay, Sealed, Snapshot};
use crate::error::Error;
use crate::format::columns::Lookup;
use crate::format::search_dense;
use crate::ids::ItemNo;
use crate::store::ItemsSegment;

/// The numbers that items have in a field: of a list, the largest.
pub(crate) struct NumberField<'a> {
    path: &'a str,
    /// The newest first.
    segments: Vec<(&'a ItemsSegment, Lookup<'a>)>,
    /// An overlay with the newest version of every item that is not sealed, if there is any space.
    fresh: Option<&'a Overlay>,
}

impl<'a> NumberField<'a> {
    /// A field of a state.
    pub(crate) fn of(snapshot: &'a Snapshot, path: &'a str) -> Self {
        let sealed: &Sealed = &snapshot.sealed;
        let segments = sealed.items.iter().rev();
        // All have what is not sealed; the one with the least besides is the quickest to look through.
        let overlays = snapshot.spaces.values().map(|serving| &serving.overlay);
        Self {
            path,
            segments: segments.map(|s| (&**s, s.column(path))).collect(),
            fresh: overlays.min_by_key(|overlay| overlay.len()),
        }
    }

    /// The number of an item.
    pub(crate) fn of_item(&self, item: ItemNo) -> Result<Option<f64>, Error> {
        if let Some(late) = self.fresh.and_then(|fresh| fresh.get(&item)) {
            return Ok(late.fields.largest_number(self.path));
        }
        for (segment, lookup) in &self.segments {
            let Some(row) = search_dense(segment.numbers(), item.0) else {
                continue;
            };
            return match lookup {
                Lookup::Absent => Ok(None),
                Lookup::Column(column) => Ok(column.largest_number(row as u32)),
                Lookup::Unindexed => Ok(segment.fields_of(row)?.largest_number(self.path)),
            };
        }
        Ok(None)
    }

    /// The least and the largest number that is stored; everything where columns cannot tell.
    pub(crate) fn range(&self) -> Option<(f64, f64)> {
        let sealed = self.segments.iter().filter_map(|(_, lookup)| match lookup {
            Lookup::Absent => None,
            Lookup::Column(column) => column.number_range(),
            Lookup::Unindexed => Some((f64::NEG_INFINITY, f64::INFINITY)),
        });
        let fresh = self.fresh.into_iter().flat_map(|fresh| fresh.values());
        let fresh = fresh.filter_map(|late| late.fields.largest_number(self.path));
        let all = sealed.chain(fresh.map(|number| (number, number)));
        all.reduce(|(least, most), (low, high)| (least.min(low), most.max(high)))
    }
}
