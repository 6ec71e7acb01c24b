//! A numeric field of all items of a snapshot, by columns.

use super::fresh_items::{FreshBlock, FreshItem, FreshItems};
use super::sealed::Sealed;
use super::state::Snapshot;
use super::version_log::Shared;
use crate::error::Error;
use crate::format::columns::{Column, Lookup};
use crate::format::search_dense;
use crate::store::ItemsSegment;
use std::ops::Bound;
use std::sync::Arc;
use twinspire_core::ids::ItemNo;
use twinspire_towers::internals::{Term, Test};

/// The number of each item in one field. Of a list, the largest number counts.
pub(crate) struct NumberField<'a> {
    path: &'a str,
    /// The items segments with their columns of the field, newest first.
    segments: Vec<(&'a ItemsSegment, Lookup<'a>)>,
    fresh: &'a FreshItems,
}

impl<'a> NumberField<'a> {
    /// A field of a snapshot's items.
    pub(crate) fn of(snapshot: &'a Snapshot, path: &'a str) -> Self {
        let sealed: &Sealed = &snapshot.sealed;
        let segments = sealed.items.iter().rev();
        Self {
            path,
            segments: segments.map(|s| (&**s, whole(s.column(path)))).collect(),
            fresh: &snapshot.fresh,
        }
    }

    /// The number of an item.
    pub(crate) fn of_item(&self, item: ItemNo) -> Result<Option<f64>, Error> {
        if let Some(fresh) = self.fresh.get(item) {
            return Ok(fresh.fields().largest_number(self.path));
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

    /// An estimate of the `count`-th largest number, which about `count` items exceed. `None` if a segment
    /// has no column of the field.
    pub(crate) fn nth_largest(&self, count: usize) -> Option<f64> {
        let mut rows = 0;
        let mut longest: Option<(usize, Column<'_>)> = None;
        for (segment, lookup) in &self.segments {
            rows += segment.rows();
            match lookup {
                Lookup::Unindexed => return None,
                Lookup::Column(column) if longest.is_none_or(|(rows, _)| segment.rows() > rows) => {
                    longest = Some((segment.rows(), *column));
                }
                _ => {}
            }
        }
        let (of, column) = longest?;
        // The longest column stands for all, in proportion to its rows.
        let count = (count as f64 * of as f64 / rows as f64) as usize;
        column.number_but(count)
    }

    /// The items whose number exceeds `number`. Older versions that a newer segment replaced may be among
    /// them. `None` if a segment has no column of the field.
    pub(crate) fn above(&self, number: f64) -> Option<Vec<ItemNo>> {
        let mut found = Vec::new();
        let test = Test::Between {
            low: Bound::Excluded(Term::Number(number.into())),
            high: Bound::Unbounded,
        };
        for (segment, lookup) in &self.segments {
            match lookup {
                Lookup::Absent => {}
                Lookup::Unindexed => return None,
                Lookup::Column(column) => {
                    let numbers = segment.numbers();
                    column.resolve(&test).for_each_batch(|rows| {
                        let items = rows.iter().filter_map(|row| numbers.get(*row as usize));
                        found.extend(items.copied().map(ItemNo));
                    });
                }
            }
        }
        for block in self.fresh.blocks() {
            let mut add = |row: usize| {
                let item = block
                    .block()
                    .items()
                    .get(row)
                    .filter(|_| block.is_live(row));
                found.extend(item.map(|item| item.version.item));
            };
            match self.lookup(block) {
                Some(Lookup::Absent) => {}
                Some(Lookup::Column(column)) => {
                    let matches = column.resolve(&test);
                    matches.for_each_batch(|rows| rows.iter().for_each(|row| add(*row as usize)));
                }
                Some(Lookup::Unindexed) | None => {
                    let exceeds = |row: &usize| {
                        let found = self.number_of(block.block().items().get(*row));
                        found.is_some_and(|found| found > number)
                    };
                    (0..block.block().items().len())
                        .filter(exceeds)
                        .for_each(add);
                }
            }
        }
        Some(found)
    }

    /// The smallest and the largest number; `None` if no item has a number. Infinite in both directions if a
    /// segment does not index the field.
    pub(crate) fn range(&self) -> Option<(f64, f64)> {
        let sealed = self.segments.iter().filter_map(|(_, lookup)| match lookup {
            Lookup::Absent => None,
            Lookup::Column(column) => column.number_range(),
            Lookup::Unindexed => Some((f64::NEG_INFINITY, f64::INFINITY)),
        });
        let fresh = self.fresh.blocks().iter().flat_map(|block| {
            let by_column = match self.lookup(block) {
                Some(Lookup::Absent) => Some(None),
                Some(Lookup::Column(column)) => Some(column.number_range()),
                Some(Lookup::Unindexed) | None => None,
            };
            let items = block.block().items().iter();
            let each = items.filter_map(|item| self.number_of(Some(item)));
            let each = each.filter(move |_| by_column.is_none());
            let each = each.map(|number| (number, number));
            by_column.flatten().into_iter().chain(each)
        });
        let all = sealed.chain(fresh);
        all.reduce(|(smallest, largest), (low, high)| (smallest.min(low), largest.max(high)))
    }

    /// The column of a block of fresh items, if it has columns.
    fn lookup(&self, block: &'a Shared<FreshBlock>) -> Option<Lookup<'a>> {
        let columns = block.block().columns()?;
        Some(whole(columns.lookup(self.path)))
    }

    fn number_of(&self, item: Option<&Arc<FreshItem>>) -> Option<f64> {
        item?.fields().largest_number(self.path)
    }
}

/// The column of a field, if it has all numbers of the field.
fn whole(lookup: Lookup<'_>) -> Lookup<'_> {
    match lookup {
        Lookup::Column(column) if column.lacks_numbers() => Lookup::Unindexed,
        lookup => lookup,
    }
}
