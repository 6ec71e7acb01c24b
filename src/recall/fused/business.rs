//! What items are worth, in what they are ranked by.

use crate::ensemble::Business;
use crate::error::Error;
use crate::snapshot::{NumberField, Snapshot};
use twinspire_core::ids::ItemNo;

/// The worth of the items of a state.
pub(super) struct Worth<'a> {
    business: &'a Business,
    field: NumberField<'a>,
    range: Option<(f64, f64)>,
}

impl<'a> Worth<'a> {
    /// Of a state.
    pub(super) fn of(snapshot: &'a Snapshot, business: &'a Business) -> Self {
        let field = NumberField::of(snapshot, business.field());
        Self {
            business,
            range: field.range(),
            field,
        }
    }

    /// What an item with this score is ranked by.
    pub(super) fn value(&self, score: f32, item: ItemNo) -> Result<f32, Error> {
        Ok(self.business.value(score, self.field.of_item(item)?))
    }

    /// No item that scores `score` or less, and whose number is not above `largest`, is ranked by more.
    pub(super) fn bound(&self, score: f32, largest: f64) -> f32 {
        let range = self.range.map(|(least, most)| (least, most.min(largest)));
        self.business.bound(score, range)
    }

    /// About so many of the items with the largest numbers, and a number that no other item's exceeds.
    pub(super) fn highest(&self, count: usize) -> (Vec<ItemNo>, f64) {
        let none = || (Vec::new(), f64::INFINITY);
        let largest = self.field.largest_but(count);
        let found = largest.and_then(|largest| Some((self.field.above(largest)?, largest)));
        found.unwrap_or_else(none)
    }
}
