//! A batch in parts, a thread for each: by its size alone, so that sums over them do not depend on the
//! number of cores.

use std::ops::Range;

/// Into how many parts a batch is cut at most.
const PARTS: usize = 8;
/// Records of a part at least, for less is not worth a thread.
const LEAST: usize = 8;

/// How many records the parts of a batch of so many have.
pub(crate) fn part_size(records: usize) -> usize {
    records.div_ceil(PARTS).max(LEAST)
}

/// The parts of a batch of so many records.
pub(crate) fn parts(records: usize) -> Vec<Range<usize>> {
    let size = part_size(records);
    let starts = (0..records).step_by(size);
    starts
        .map(|from| from..(from + size).min(records))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::parts;

    #[test]
    fn a_batch_is_cut_by_its_size_alone() {
        assert!(parts(0).is_empty());
        assert_eq!(parts(5).first(), Some(&(0..5)));
        assert_eq!(parts(20), [0..8, 8..16, 16..20]);
        assert_eq!(parts(1000).len(), 8);
        assert_eq!(parts(1000).last(), Some(&(875..1000)));
    }
}
