//! Inner products with tiles of codes, with NEON: four registers per group of components.

use super::super::code_layout::{GROUP, GROUP_BYTES, TILE_ROWS};
use super::Neon;
use std::arch::aarch64::*;

/// Bytes in a register: a group of four rows.
const BYTES: usize = 16;

impl Neon {
    /// The inner products of a query with the rows of a tile.
    #[inline]
    pub(in super::super) fn dot_tile(
        self,
        query: &[[i8; GROUP]],
        tile: &[[u8; GROUP_BYTES]],
        sums: &mut [i32; TILE_ROWS],
    ) {
        // SAFETY: `self` exists only where NEON was detected.
        unsafe { dot_tile(query, tile, sums) }
    }
}

#[target_feature(enable = "neon")]
fn dot_tile(query: &[[i8; GROUP]], tile: &[[u8; GROUP_BYTES]], sums: &mut [i32; TILE_ROWS]) {
    let mut totals = [vdupq_n_s32(0); TILE_ROWS / GROUP];
    for (query, group) in query.iter().zip(tile) {
        let query = vdup_n_s32(i32::from_le_bytes(query.map(i8::cast_unsigned)));
        let query = vreinterpret_s8_s32(query);
        for (total, rows) in totals.iter_mut().zip(group.as_chunks::<BYTES>().0) {
            // SAFETY: the reference is to the bytes that are read, and they need no alignment.
            let rows = vreinterpretq_s8_u8(unsafe { vld1q_u8(rows.as_ptr()) });
            let first = vpaddlq_s16(vmull_s8(vget_low_s8(rows), query));
            let second = vpaddlq_s16(vmull_s8(vget_high_s8(rows), query));
            *total = vaddq_s32(*total, vpaddq_s32(first, second));
        }
    }
    for (sums, total) in sums.as_chunks_mut::<4>().0.iter_mut().zip(totals) {
        // SAFETY: the reference is to the four sums that are written; they need no alignment.
        unsafe { vst1q_s32(sums.as_mut_ptr(), total) }
    }
}
