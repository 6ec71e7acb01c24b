//! Fast scan: approximate scores of 32 vectors at once, from codes of four bits.
//!
//! A vector has one code per *subspace*, from 0 to 15, and a query has a table of 16 bytes per subspace:
//! what each code adds to the score. So the score of a vector is a sum of table entries, and a byte
//! shuffle looks up the entries of 16 vectors in one instruction (André et al., 2015,
//! <https://www.vldb.org/pvldb/vol9/p288-andre.pdf>; 2017, <https://arxiv.org/abs/1704.07355>).
//!
//! [`code_layout`](super::code_layout) says how the codes of a block lie.
//!
//! Sums are exact, so all levels agree to the bit, and with at most [`MAX_SUBSPACES`] subspaces none
//! overflows.

use super::code_layout::{BlockSums, FAST_SCAN_STEP, MAX_SUBSPACES};
use super::level::Level;
use super::prefetch::prefetch;
use super::scalar;

/// Blocks between the one that is scanned and the one that is prefetched.
const AHEAD: usize = 4;

impl Level {
    /// Scans blocks one after another, and calls `visit` with the number of each block that has a vector
    /// whose sum is `least` or more, a mask with bit `i` set for each such vector `i`, and all sums.
    /// `visit` returns the `least` to go on with.
    ///
    /// Blocks are prefetched a few ahead, at the end those of `next`, which the caller will scan next.
    ///
    /// `table` has 16 bytes per subspace, and each block as many; more than [`MAX_SUBSPACES`] are ignored,
    /// as is an incomplete block.
    #[inline]
    pub fn scan_blocks(
        self,
        table: &[u8],
        (blocks, next): (&[u8], &[u8]),
        least: u16,
        visit: impl FnMut(usize, u32, &BlockSums) -> u16,
    ) {
        let size = table.len() / FAST_SCAN_STEP * FAST_SCAN_STEP;
        if size == 0 {
            return;
        }
        let count = blocks.len() / size;
        let blocks = blocks.chunks_exact(size).enumerate().map(|(at, block)| {
            let ahead = at + AHEAD;
            let (of, from) = match ahead < count {
                true => (blocks, ahead * size),
                false => (next, (ahead - count) * size),
            };
            prefetch(of.get(from..from + size).unwrap_or_default());
            block
        });
        let table = &table[..size.min(MAX_SUBSPACES * FAST_SCAN_STEP)];
        match self {
            Self::Scalar => scalar::scan_blocks(table, blocks, least, visit),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(avx2) => avx2.scan_blocks(table, blocks, least, visit),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(avx512) => avx512.scan_blocks(table, blocks, least, visit),
            #[cfg(target_arch = "aarch64")]
            Self::Neon(neon) => neon.scan_blocks(table, blocks, least, visit),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::code_layout::FAST_SCAN_BLOCK;
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    /// The sums by definition.
    fn plain(table: &[u8], block: &[u8]) -> Vec<u16> {
        let steps = table.len().min(block.len()) / FAST_SCAN_STEP;
        let code = |subspace: usize, vector: usize| {
            let byte = block[subspace * FAST_SCAN_STEP + vector % 16];
            usize::from(if vector < 16 { byte & 15 } else { byte >> 4 })
        };
        let entry = |subspace, vector| table[subspace * FAST_SCAN_STEP + code(subspace, vector)];
        (0..FAST_SCAN_BLOCK)
            .map(|vector| (0..steps).map(|at| u16::from(entry(at, vector))).sum())
            .collect()
    }

    proptest! {
        #[test]
        fn every_level_visits_the_vectors_whose_entries_sum_to_enough(
            (table, blocks) in (1usize..40, 0usize..4).prop_flat_map(|(steps, blocks)| {
                let bytes = |count: usize| vec(any::<u8>(), count * steps * FAST_SCAN_STEP);
                (bytes(1), bytes(blocks))
            }),
            least in any::<u16>(),
            (step, place) in (0u16..200, 0usize..FAST_SCAN_BLOCK),
        ) {
            let all: Vec<_> = blocks.chunks(table.len()).map(|block| plain(&table, block)).collect();
            let first = all.first().map_or(0, |sums| sums[place]);
            for level in Level::all() {
                for least in [least, first, 0, u16::MAX] {
                    // The bound rises with each block that is visited.
                    let (mut bound, mut visited) = (least, Vec::new());
                    level.scan_blocks(&table, (&blocks, &table), least, |block, mask, sums| {
                        bound = bound.saturating_add(step);
                        visited.push((block, mask, sums.to_vec()));
                        bound
                    });
                    let (mut bound, mut expected) = (least, Vec::new());
                    for (block, sums) in all.iter().enumerate() {
                        let bits = sums.iter().enumerate();
                        let mask = bits.fold(0, |mask, (at, sum)| mask | u32::from(*sum >= bound) << at);
                        if mask != 0 {
                            bound = bound.saturating_add(step);
                            expected.push((block, mask, sums.clone()));
                        }
                    }
                    prop_assert_eq!(&visited, &expected, "{}", level.key());
                }
            }
        }
    }

    #[test]
    fn the_largest_sums_do_not_overflow_and_more_subspaces_are_ignored() {
        let bytes = vec![255; (MAX_SUBSPACES + 4) * FAST_SCAN_STEP];
        for level in Level::all() {
            let mut visited = Vec::new();
            level.scan_blocks(&bytes, (&bytes, &[]), 255 * 256, |block, mask, sums| {
                visited.push((block, mask, *sums));
                0
            });
            assert_eq!(visited, [(0, u32::MAX, [255 * 256; FAST_SCAN_BLOCK])]);
            level.scan_blocks(&[], (&bytes, &bytes), 0, |_, _, _| {
                panic!("a table without entries")
            });
        }
    }
}
