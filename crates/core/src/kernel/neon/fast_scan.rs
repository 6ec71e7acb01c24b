//! Fast scan with NEON: one subspace per register.

use super::super::code_layout::{BlockSums, FAST_SCAN_BLOCK, FAST_SCAN_STEP};
use super::Neon;
use std::arch::aarch64::*;

impl Neon {
    /// See [`Level::scan_blocks`](super::super::Level::scan_blocks). The table and the blocks have the
    /// same length, in whole steps, or the blocks are longer.
    #[inline]
    pub(in super::super) fn scan_blocks<'a>(
        self,
        table: &[u8],
        blocks: impl Iterator<Item = &'a [u8]>,
        mut least: u16,
        mut visit: impl FnMut(usize, u32, &BlockSums) -> u16,
    ) {
        for (at, block) in blocks.enumerate() {
            let mut sums = [0; FAST_SCAN_BLOCK];
            // SAFETY: `self` exists only where NEON was detected.
            unsafe { block_sums(table, block, &mut sums) };
            let bits = sums.iter().enumerate();
            let mask = bits.fold(0, |mask, (at, sum)| mask | u32::from(*sum >= least) << at);
            if mask != 0 {
                least = visit(at, mask, &sums);
            }
        }
    }
}

#[inline]
#[target_feature(enable = "neon")]
fn block_sums(table: &[u8], block: &[u8], sums: &mut BlockSums) {
    let mut totals = [vdupq_n_u16(0); 4];
    let tables = table.as_chunks::<FAST_SCAN_STEP>().0;
    for (table, codes) in tables.iter().zip(block.as_chunks::<FAST_SCAN_STEP>().0) {
        let (table, codes) = (load(table), load(codes));
        let first = vqtbl1q_u8(table, vandq_u8(codes, vdupq_n_u8(15)));
        let second = vqtbl1q_u8(table, vshrq_n_u8::<4>(codes));
        totals[0] = vaddw_u8(totals[0], vget_low_u8(first));
        totals[1] = vaddw_high_u8(totals[1], first);
        totals[2] = vaddw_u8(totals[2], vget_low_u8(second));
        totals[3] = vaddw_high_u8(totals[3], second);
    }
    for (sums, total) in sums.as_chunks_mut::<8>().0.iter_mut().zip(totals) {
        // SAFETY: the reference is to the eight sums that are written; they need no alignment.
        unsafe { vst1q_u16(sums.as_mut_ptr(), total) }
    }
}

#[inline]
#[target_feature(enable = "neon")]
fn load(bytes: &[u8; FAST_SCAN_STEP]) -> uint8x16_t {
    // SAFETY: the reference is to the bytes that are read, and they need no alignment.
    unsafe { vld1q_u8(bytes.as_ptr()) }
}
