//! Inner products of a query with many rows of codes, all of which are wanted: the centroids of an index.
//!
//! [`code_layout`](super::code_layout) says how the codes of a tile lie.
//!
//! Codes of rows are unsigned numbers of 7 bits, for which every level's instructions are exact. A damaged
//! file may hold larger ones: their sums are of no use and may differ between levels.

use super::code_layout::{GROUP, GROUP_BYTES, TILE_ROWS};
use super::level::Level;
use super::scalar;

impl Level {
    /// The inner products of a query with the rows of all tiles, in order. The query is padded with zeros to
    /// whole groups of four components. Tiles without room in `sums` and incomplete tiles are ignored.
    #[inline]
    pub fn dot_tiles(self, query: &[i8], tiles: &[u8], sums: &mut [i32]) {
        let (query, _) = query.as_chunks::<GROUP>();
        let size = query.len() * GROUP_BYTES;
        let (sums, _) = sums.as_chunks_mut::<TILE_ROWS>();
        if size == 0 {
            sums.fill([0; TILE_ROWS]);
            return;
        }
        for (tile, sums) in tiles.chunks_exact(size).zip(sums) {
            let (tile, _) = tile.as_chunks::<GROUP_BYTES>();
            match self {
                Self::Scalar => scalar::dot_tile(query, tile, sums),
                #[cfg(target_arch = "x86_64")]
                Self::Avx2(avx2) => avx2.dot_tile(query, tile, sums),
                #[cfg(target_arch = "x86_64")]
                Self::Avx512(avx512) => avx512.dot_tile(query, tile, sums),
                #[cfg(target_arch = "aarch64")]
                Self::Neon(neon) => neon.dot_tile(query, tile, sums),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::code_layout::{MAX_TILE_CODE, tile_bytes, tile_place};
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_level_gives_the_exact_inner_products(
            (query, rows) in (1usize..40, 0usize..50).prop_flat_map(|(components, rows)| {
                (vec(-127i8..=127, components), vec(vec(0u8..=MAX_TILE_CODE, components), rows))
            }),
        ) {
            let size = tile_bytes(query.len());
            let mut tiles = vec![0; rows.len().div_ceil(TILE_ROWS) * size];
            for (at, row) in rows.iter().enumerate() {
                for (component, code) in row.iter().enumerate() {
                    tiles[at / TILE_ROWS * size + tile_place(at, component)] = *code;
                }
            }
            let mut padded = query.clone();
            padded.resize(query.len().next_multiple_of(GROUP), 0);
            for level in Level::all() {
                let mut sums = vec![9; rows.len().next_multiple_of(TILE_ROWS)];
                level.dot_tiles(&padded, &tiles, &mut sums);
                for (row, sum) in rows.iter().zip(&sums) {
                    let exact: i32 = row.iter().zip(&query).map(|(x, q)| i32::from(*x) * i32::from(*q)).sum();
                    prop_assert_eq!(*sum, exact, "{}", level.key());
                }
                prop_assert!(sums[rows.len()..].iter().all(|sum| *sum == 0));
            }
        }
    }

    #[test]
    fn the_largest_codes_do_not_overflow() {
        let (query, tile) = ([-127; 4096], vec![MAX_TILE_CODE; tile_bytes(4096)]);
        for level in Level::all() {
            let mut sums = [0; TILE_ROWS];
            level.dot_tiles(&query, &tile, &mut sums);
            assert_eq!(sums, [-127 * 127 * 4096; TILE_ROWS], "{}", level.key());
            level.dot_tiles(&[], &tile, &mut sums);
            assert_eq!(sums, [0; TILE_ROWS]);
        }
    }
}
