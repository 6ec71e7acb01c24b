//! A persistent log of versions: immutable blocks in order of revision, shared by the snapshots that
//! hold them.
//!
//! A push adds one block and merges small blocks into larger ones, in three tiers. So it copies each row
//! a few times in all, whatever the length of the log, and n rows make about n / 1,024 blocks and a few
//! dozen small ones. Cloning a log copies pointers to its blocks.
//!
//! A row dies when a newer version replaces it. The log marks it in a bit map of its own; blocks never
//! change. Merges leave dead rows out.

use std::ops::Range;
use std::sync::Arc;

/// Blocks smaller than a tier are merged once they hold as many rows together.
const TIERS: [usize; 3] = [16, 128, 1_024];
/// The number of rows from which a block is merged no further.
pub(super) const FULL_BLOCK: usize = TIERS[2];

/// Rows in order of revision. They never change.
pub(crate) trait Block: Sized {
    /// The revision of each row, increasing. There is at least one row.
    fn revisions(&self) -> &[u64];
    /// One block of the live rows of several.
    fn merged(parts: &[Shared<Self>]) -> Self;
}

/// A block as one log sees it: shared rows, and which of them are live.
#[derive(Debug)]
pub(crate) struct Shared<B> {
    block: Arc<B>,
    /// A bit for each row that is dead; `None` while all rows are live.
    dead: Option<Arc<[u64]>>,
    live: usize,
}

/// A log of versions.
#[derive(Debug)]
pub(crate) struct VersionLog<B> {
    /// Blocks with live rows, in order of revision.
    blocks: Vec<Shared<B>>,
    live: usize,
}

impl<B> Clone for Shared<B> {
    fn clone(&self) -> Self {
        Self {
            block: Arc::clone(&self.block),
            dead: self.dead.clone(),
            live: self.live,
        }
    }
}

impl<B> Clone for VersionLog<B> {
    fn clone(&self) -> Self {
        Self {
            blocks: self.blocks.clone(),
            live: self.live,
        }
    }
}

impl<B> Default for VersionLog<B> {
    fn default() -> Self {
        Self {
            blocks: Vec::new(),
            live: 0,
        }
    }
}

impl<B: Block> Shared<B> {
    fn new(block: B) -> Self {
        Self {
            live: block.revisions().len(),
            block: Arc::new(block),
            dead: None,
        }
    }

    /// The rows.
    pub(crate) fn block(&self) -> &B {
        &self.block
    }

    /// The revision of each row.
    pub(crate) fn revisions(&self) -> &[u64] {
        self.block.revisions()
    }

    /// Whether a row is the newest version of its item.
    #[inline]
    pub(crate) fn is_live(&self, row: usize) -> bool {
        let Some(dead) = &self.dead else { return true };
        dead.get(row / 64)
            .is_some_and(|word| word >> (row % 64) & 1 == 0)
    }

    /// The live rows, in order.
    pub(crate) fn live_rows(&self) -> impl Iterator<Item = usize> {
        (0..self.block.revisions().len()).filter(|row| self.is_live(*row))
    }

    /// Number of live rows.
    pub(crate) fn live(&self) -> usize {
        self.live
    }

    fn len(&self) -> usize {
        self.block.revisions().len()
    }

    fn last(&self) -> u64 {
        self.block.revisions().last().copied().unwrap_or_default()
    }

    /// Marks rows as dead. Copies the bit map.
    fn kill(&mut self, rows: Range<usize>) {
        let words = self.len().div_ceil(64);
        let mut dead = match &self.dead {
            Some(dead) => dead.to_vec(),
            None => vec![0; words],
        };
        for row in rows {
            if let Some(word) = dead.get_mut(row / 64) {
                let bit = 1 << (row % 64);
                self.live -= usize::from(*word & bit == 0);
                *word |= bit;
            }
        }
        self.dead = Some(dead.into());
    }
}

impl<B: Block> VersionLog<B> {
    /// Adds a block, whose revisions are above all others. Merges small blocks.
    pub(crate) fn push(&mut self, block: B) {
        let block = Shared::new(block);
        self.live += block.live;
        self.blocks.push(block);
        for tier in TIERS {
            let small = self.blocks.iter().rev();
            let small = small.take_while(|block| block.len() < tier);
            let (count, rows) = small.fold((0, 0), |(count, rows), block| {
                (count + 1, rows + block.live)
            });
            if count > 1 && rows >= tier {
                let parts = self.blocks.split_off(self.blocks.len() - count);
                self.blocks.push(Shared::new(B::merged(&parts)));
            }
        }
    }

    /// Marks the version of a revision as dead, if the log has it.
    pub(crate) fn kill(&mut self, revision: u64) {
        let Some((at, row)) = self.position(revision) else {
            return;
        };
        let Some(block) = self.blocks.get_mut(at) else {
            return;
        };
        let before = block.live;
        block.kill(row..row + 1);
        let left = block.live;
        self.live -= before - left;
        if left == 0 {
            self.blocks.remove(at);
        }
    }

    /// Removes every version up to a revision.
    pub(crate) fn remove_up_to(&mut self, revision: u64) {
        let whole = self
            .blocks
            .partition_point(|block| block.last() <= revision);
        self.blocks.drain(..whole);
        if let Some(first) = self.blocks.first_mut() {
            let rows = first.block.revisions();
            let end = rows.partition_point(|other| *other <= revision);
            if end > 0 {
                first.kill(0..end);
            }
            if first.live == 0 {
                self.blocks.remove(0);
            }
        }
        self.live = self.blocks.iter().map(|block| block.live).sum();
    }

    /// The block and row of a revision, live or dead.
    #[inline]
    pub(crate) fn find(&self, revision: u64) -> Option<(&B, usize)> {
        let (at, row) = self.position(revision)?;
        Some((self.blocks.get(at)?.block(), row))
    }

    /// The blocks, in order of revision.
    pub(crate) fn blocks(&self) -> &[Shared<B>] {
        &self.blocks
    }

    /// The live versions above a revision, in order.
    pub(crate) fn after(&self, revision: u64) -> impl Iterator<Item = (&B, usize)> {
        let from = self
            .blocks
            .partition_point(|block| block.last() <= revision);
        let blocks = self.blocks.get(from..).unwrap_or_default().iter();
        blocks.flat_map(move |block| {
            let start = block
                .revisions()
                .partition_point(|other| *other <= revision);
            let live = (start..block.len()).filter(|row| block.is_live(*row));
            live.map(|row| (block.block(), row))
        })
    }

    /// Number of live versions.
    pub(crate) fn live(&self) -> usize {
        self.live
    }

    fn position(&self, revision: u64) -> Option<(usize, usize)> {
        let at = self.blocks.partition_point(|block| block.last() < revision);
        let revisions = self.blocks.get(at)?.block.revisions();
        let first = *revisions.first()?;
        // Most blocks have consecutive revisions.
        let guess = revision.checked_sub(first)? as usize;
        if revisions.get(guess) == Some(&revision) {
            return Some((at, guess));
        }
        Some((at, revisions.binary_search(&revision).ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// Revisions alone.
    #[derive(Debug)]
    struct Plain(Vec<u64>);

    impl Block for Plain {
        fn revisions(&self) -> &[u64] {
            &self.0
        }

        fn merged(parts: &[Shared<Self>]) -> Self {
            let rows = parts.iter().flat_map(|part| {
                let live = part.live_rows();
                live.filter_map(|row| part.block().0.get(row).copied())
            });
            Self(rows.collect())
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Push(usize),
        Kill(usize),
        RemoveUpTo(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            8 => prop_oneof![Just(1), 1usize..20, 1usize..3_000].prop_map(Step::Push),
            4 => (0usize..5_000).prop_map(Step::Kill),
            1 => (0usize..5_000).prop_map(Step::RemoveUpTo),
        ]
    }

    fn live(log: &VersionLog<Plain>) -> BTreeSet<u64> {
        log.after(0).map(|(block, row)| block.0[row]).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_log_holds_what_a_set_of_revisions_does_and_clones_keep_what_they_held(
            steps in prop::collection::vec(step(), 1..60), gaps in 1u64..3
        ) {
            let (mut log, mut plain) = (VersionLog::default(), BTreeSet::new());
            let (mut next, mut kept) = (1, Vec::new());
            for (at, step) in steps.iter().enumerate() {
                if at % 16 == 0 {
                    kept.push((log.clone(), plain.clone()));
                }
                let nth = |n: usize| plain.iter().nth(n % plain.len().max(1)).copied();
                match step {
                    Step::Push(count) => {
                        let rows = Vec::from_iter((0..*count as u64).map(|n| next + n * gaps));
                        next += *count as u64 * gaps;
                        plain.extend(&rows);
                        log.push(Plain(rows));
                    }
                    Step::Kill(n) => {
                        if let Some(revision) = nth(*n) {
                            plain.remove(&revision);
                            log.kill(revision);
                        }
                    }
                    Step::RemoveUpTo(n) => {
                        if let Some(revision) = nth(*n) {
                            plain = plain.split_off(&(revision + 1));
                            log.remove_up_to(revision);
                        }
                    }
                }
                prop_assert_eq!(log.live(), plain.len());
            }
            kept.push((log, plain));
            for (log, plain) in kept {
                prop_assert_eq!(live(&log), plain.clone());
                let middle = next / 2;
                let after = log.after(middle).map(|(block, row)| block.0[row]);
                prop_assert!(after.eq(plain.range(middle + 1..).copied()));
                for revision in plain.iter().step_by(7) {
                    let (block, row) = log.find(*revision).unwrap();
                    prop_assert_eq!(block.0[row], *revision);
                }
            }
        }
    }

    #[test]
    fn single_pushes_make_few_blocks_and_copy_each_row_at_most_three_times() {
        let mut log = VersionLog::default();
        for revision in 1..=10_000 {
            log.push(Plain(vec![revision]));
            let most = 10_000 / FULL_BLOCK + TIERS[0] + 2 * 8;
            assert!(log.blocks().len() <= most, "{} blocks", log.blocks().len());
        }
        let full = log
            .blocks()
            .iter()
            .filter(|b| b.len() >= FULL_BLOCK)
            .count();
        assert_eq!(full, 9);
    }
}
