//! The merge policy: which segments a merge takes, by row counts alone.
//!
//! A segment is merged with all newer ones once these together hold at least as many rows as it has
//! live rows. So n rows make at most about log2(n) segments, and each row is rewritten about log2(n)
//! times. Dead rows never take more room than live ones.

use std::ops::Range;

/// Which segments to merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Those that the merge policy selects.
    Due,
    /// All of them, into one.
    All,
}

/// How full a segment is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fill {
    /// All rows.
    pub(super) rows: usize,
    /// Live rows: those that a merge would keep.
    pub(super) needed: usize,
}

/// The range of segments to merge, `None` if no merge is due. `fills` are oldest first.
pub(super) fn plan(fills: &[Fill], extent: Extent) -> Option<Range<usize>> {
    let from = match extent {
        Extent::All => {
            let has_dead_rows = |fill: &Fill| fill.needed < fill.rows;
            (fills.len() > 1 || fills.iter().any(has_dead_rows)).then_some(0)
        }
        Extent::Due => (0..fills.len()).find(|at| {
            let (older, newer) = fills.split_at(at + 1);
            let newer: usize = newer.iter().map(|fill| fill.rows).sum();
            newer > 0 && older.last().is_some_and(|older| newer >= older.needed)
        }),
    };
    from.map(|from| from..fills.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn full(rows: usize) -> Fill {
        Fill { rows, needed: rows }
    }

    #[test]
    fn a_segment_is_due_once_newer_ones_hold_as_many_rows_as_it_still_needs() {
        let due = |fills: &[Fill]| plan(fills, Extent::Due);
        assert_eq!(due(&[]), None);
        assert_eq!(due(&[full(100)]), None);
        assert_eq!(due(&[full(100), full(40), full(30)]), None);
        assert_eq!(due(&[full(100), full(40), full(40)]), Some(1..3));
        assert_eq!(due(&[full(100), full(60), full(40)]), Some(0..3));
        let mut half = full(100);
        half.needed = 40;
        assert_eq!(due(&[half, full(40)]), Some(0..2));
        assert_eq!(plan(&[full(9), full(1)], Extent::All), Some(0..2));
        assert_eq!(plan(&[half], Extent::All), Some(0..1));
        assert_eq!(plan(&[full(9)], Extent::All), None);
    }

    proptest! {
        #[test]
        fn segment_count_and_rewrites_stay_logarithmic(seals in prop::collection::vec(1usize..50, 1..200)) {
            let (mut fills, mut written) = (Vec::new(), 0);
            for rows in &seals {
                fills.push(full(*rows));
                while let Some(range) = plan(&fills, Extent::Due) {
                    let rows = fills[range.clone()].iter().map(|fill| fill.rows).sum();
                    written += rows;
                    fills.splice(range, [full(rows)]);
                }
            }
            let total: usize = seals.iter().sum();
            let most = total.ilog2() as usize + 1;
            prop_assert!(fills.len() <= most, "{} segments of {total} rows", fills.len());
            prop_assert!(written <= total * (most + 1), "{written} rows rewritten");
        }
    }
}
