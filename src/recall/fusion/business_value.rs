//! The business value of items, as part of what they are ranked by.

use crate::ensemble::BusinessWeight;
use crate::error::Error;
use crate::snapshot::{NumberField, Snapshot};
use twinspire_core::ids::ItemNo;

/// The business values of the items of a snapshot.
pub(super) struct BusinessValues<'a> {
    business: &'a BusinessWeight,
    field: NumberField<'a>,
    /// The smallest and the largest number of the field.
    range: Option<(f64, f64)>,
}

impl<'a> BusinessValues<'a> {
    /// The business values of a snapshot's items.
    pub(super) fn of(snapshot: &'a Snapshot, business: &'a BusinessWeight) -> Self {
        let field = NumberField::of(snapshot, business.field());
        Self {
            business,
            range: field.range(),
            field,
        }
    }

    /// The score of an item, weighted by its business value.
    pub(super) fn ranking_score(&self, score: f32, item: ItemNo) -> Result<f32, Error> {
        Ok(self.business.weigh(score, self.field.of_item(item)?))
    }

    /// The number that the field of an item has.
    pub(super) fn number(&self, item: ItemNo) -> Result<Option<f64>, Error> {
        self.field.of_item(item)
    }

    /// An upper bound of [`ranking_score`](Self::ranking_score) for items that score at most `score` and
    /// whose number is at most `largest`.
    pub(super) fn bound(&self, score: f32, largest: f64) -> f32 {
        let range = self.range.map(|(least, most)| (least, most.min(largest)));
        self.business.bound(score, range)
    }

    /// About `count` items with the largest numbers, and an upper bound of all other items' numbers. No
    /// items and infinity where the field has no column.
    pub(super) fn highest(&self, count: usize) -> (Vec<ItemNo>, f64) {
        let unknown = || (Vec::new(), f64::INFINITY);
        let bound = self.field.nth_largest(count);
        let found = bound.and_then(|bound| Some((self.field.above(bound)?, bound)));
        found.unwrap_or_else(unknown)
    }
}
