//! A filter on the fresh items of a snapshot, block by block, by their columns.

use super::filter_tree::FilterTree;
use crate::filter::Condition;
use crate::snapshot::{FreshBlock, Shared};
use std::fmt;
use std::sync::OnceLock;

/// A filter on fresh items. Every item is tested at most once.
pub(super) struct FreshFilter<'a> {
    blocks: &'a [Shared<FreshBlock>],
    /// A bit for each row of each block: whether it passes.
    passing: OnceLock<Vec<Vec<u64>>>,
}

/// Looks up rows in increasing order of revision.
pub(super) struct FreshCursor<'f> {
    blocks: &'f [Shared<FreshBlock>],
    passing: &'f [Vec<u64>],
    /// The block and the row to look at next.
    block: usize,
    row: usize,
}

impl<'a> FreshFilter<'a> {
    /// A filter on blocks of fresh items.
    pub(super) fn new(blocks: &'a [Shared<FreshBlock>]) -> Self {
        Self {
            blocks,
            passing: OnceLock::new(),
        }
    }

    /// A cursor over the items, which the first call tests.
    pub(super) fn cursor(&self, condition: &Condition) -> FreshCursor<'_> {
        let test = || Vec::from_iter(self.blocks.iter().map(|block| passing(block, condition)));
        FreshCursor {
            blocks: self.blocks,
            passing: self.passing.get_or_init(test),
            block: 0,
            row: 0,
        }
    }
}

/// A bit for each row of a block: whether it passes.
fn passing(shared: &Shared<FreshBlock>, condition: &Condition) -> Vec<u64> {
    let block = shared.block();
    let (items, count) = (block.items(), block.items().len());
    let mut bits = vec![0u64; count.div_ceil(64)];
    let mut set = |row: usize| {
        if let Some(word) = bits.get_mut(row / 64) {
            *word |= 1 << (row % 64);
        }
    };
    let matches = |row: usize| {
        let item = items.get(row);
        item.is_some_and(|item| condition.matches(item.fields()))
    };
    match block.columns() {
        None => shared.live_rows().filter(|row| matches(*row)).for_each(set),
        Some(columns) => {
            let tree = FilterTree::resolve(condition, count, &|path| columns.lookup(path));
            tree.for_each_candidates(count, &mut |rows, certain| {
                let passes = |row: &&u32| {
                    let passes = || {
                        tree.passes(**row)
                            .unwrap_or_else(|| matches(**row as usize))
                    };
                    certain || passes()
                };
                rows.iter()
                    .filter(passes)
                    .for_each(|row| set(*row as usize));
            });
        }
    }
    bits
}

impl FreshCursor<'_> {
    /// Whether the item at a revision passes; `None` if no fresh item has this revision. Revisions increase
    /// from call to call.
    #[inline]
    pub(super) fn passes(&mut self, revision: u64) -> Option<bool> {
        loop {
            let revisions = self.blocks.get(self.block)?.revisions();
            let found = loop {
                match revisions.get(self.row) {
                    Some(other) if *other < revision => self.row += 1,
                    other => break other,
                }
            };
            match found {
                Some(other) if *other == revision => {
                    let word = self.passing.get(self.block)?.get(self.row / 64)?;
                    return Some(word >> (self.row % 64) & 1 != 0);
                }
                Some(_) => return None,
                None => (self.block, self.row) = (self.block + 1, 0),
            }
        }
    }
}

impl fmt::Debug for FreshFilter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a filter on {} blocks", self.blocks.len())
    }
}
