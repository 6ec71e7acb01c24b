//! The merge policy: which segments a merge takes, by row counts alone.
//!
//! A segment is merged with all newer ones once `ratio` times their rows reaches its live rows. The ratio is 1
//! as long as few segments follow: the sizes of segments then at least halve from one to the next. Where seals
//! are so small that this would make too many segments, the ratio is larger, just so that [`MAX_SEGMENTS`] are
//! never exceeded.
//!
//! Cost: n rows, sealed s at a time, are rewritten about `r · log(n / s) / log(r)` times, where r is the
//! larger of 2 and the 7th root of n / s. A million items sealed by 8,192 are rewritten seven times each,
//! and sealed one by one about fifty times.
//!
//! Dead rows never take more room than live ones: what replaces them is in newer segments.

use std::ops::Range;

/// The most segments of a kind that a seal leaves, in the items and in each space: every recall searches all
/// of them.
pub(crate) const MAX_SEGMENTS: usize = 8;

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
        Extent::Due => {
            let ratio = ratio(fills);
            (0..fills.len()).find(|at| {
                let (older, newer) = fills.split_at(at + 1);
                let newer: usize = newer.iter().map(|fill| fill.rows).sum();
                let enough = |older: &Fill| ratio * newer as f64 >= older.needed as f64;
                newer > 0 && older.last().is_some_and(enough)
            })
        }
    };
    from.map(|from| from..fills.len())
}

/// A segment stays unmerged if it has more live rows than this many times the rows of all newer segments.
///
/// Where none is due, the rows from a segment on are more than `1 + ratio` times those from the next one on.
/// So there are at most [`MAX_SEGMENTS`], with ratio^(MAX_SEGMENTS − 1) = all rows / rows of the newest segment.
fn ratio(fills: &[Fill]) -> f64 {
    let all: usize = fills.iter().map(|fill| fill.rows).sum();
    let newest = fills.last().map_or(1, |fill| fill.rows.max(1));
    let ratio = (all as f64 / newest as f64).powf(1.0 / (MAX_SEGMENTS - 1) as f64);
    ratio.max(1.0)
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

    /// Seals segments, merges what is due, and returns the fills and the rows written by merges.
    fn churn(seals: impl IntoIterator<Item = usize>) -> (Vec<Fill>, usize) {
        let (mut fills, mut written) = (Vec::new(), 0);
        for rows in seals {
            fills.push(full(rows));
            if let Some(range) = plan(&fills, Extent::Due) {
                let rows = fills[range.clone()].iter().map(|fill| fill.rows).sum();
                written += rows;
                fills.splice(range, [full(rows)]);
            }
            assert_eq!(plan(&fills, Extent::Due), None, "one merge is enough");
            assert!(fills.len() <= MAX_SEGMENTS, "{} segments", fills.len());
        }
        (fills, written)
    }

    proptest! {
        #[test]
        fn segments_stay_few_and_each_row_is_rewritten_few_times(
            seals in prop::collection::vec(1usize..50, 1..200)
        ) {
            let total: usize = seals.iter().sum();
            let (_, written) = churn(seals);
            let most = 2 * (total.ilog2() as usize + 1);
            prop_assert!(written <= total * most, "{written} of {total} rows rewritten");
        }

        #[test]
        fn segments_of_any_sizes_with_dead_rows_are_few_after_one_merge(
            sizes in prop::collection::vec((1usize..1_000_000, 0.0f64..1.0), 1..40)
        ) {
            let fill = |(rows, live): &(usize, f64)| Fill {
                rows: *rows,
                needed: (*rows as f64 * live) as usize,
            };
            let mut fills = Vec::from_iter(sizes.iter().map(fill));
            if let Some(range) = plan(&fills, Extent::Due) {
                let rows = fills[range.clone()].iter().map(|fill| fill.needed).sum();
                fills.splice(range, [full(rows)].into_iter().filter(|fill| fill.rows > 0));
            }
            prop_assert!(fills.len() <= MAX_SEGMENTS);
            for (at, fill) in fills.iter().enumerate() {
                let newer: usize = fills[at + 1..].iter().map(|fill| fill.rows).sum();
                prop_assert!(newer == 0 || newer <= fill.needed);
            }
        }
    }

    #[test]
    fn a_million_rows_are_rewritten_as_often_as_the_policy_says() {
        let rewrites = |rows: usize, size: usize| {
            let (fills, written) = churn(std::iter::repeat_n(size, rows / size));
            println!("{rows} rows by {size}: {} segments", fills.len());
            written / rows
        };
        assert!(rewrites(1_000_000, 8_192) <= 7);
        assert!(rewrites(100_000, 1) <= 50);
    }
}
