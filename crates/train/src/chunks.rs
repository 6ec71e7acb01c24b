//! Chunks of a batch for parallel work. They depend on its size alone, so that sums over chunks do not depend
//! on the number of cores.

use std::ops::Range;

/// Maximum number of chunks.
const MAX_CHUNKS: usize = 8;
/// Minimum size of a chunk that is worth a task.
const MIN_SIZE: usize = 8;

/// Size of the chunks of a batch of `records` records; the last one may be smaller.
pub(crate) fn chunk_size(records: usize) -> usize {
    records.div_ceil(MAX_CHUNKS).max(MIN_SIZE)
}

/// Chunks of a batch of `records` records.
pub(crate) fn chunks(records: usize) -> Vec<Range<usize>> {
    let size = chunk_size(records);
    let starts = (0..records).step_by(size);
    starts
        .map(|from| from..(from + size).min(records))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::chunks;

    #[test]
    fn chunks_depend_on_the_size_of_the_batch_alone() {
        assert!(chunks(0).is_empty());
        assert_eq!(chunks(5).first(), Some(&(0..5)));
        assert_eq!(chunks(20), [0..8, 8..16, 16..20]);
        assert_eq!(chunks(1000).len(), 8);
        assert_eq!(chunks(1000).last(), Some(&(875..1000)));
    }
}
