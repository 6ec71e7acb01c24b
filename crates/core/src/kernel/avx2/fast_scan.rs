//! Fast scan with AVX2: two subspaces per register.

use super::super::code_layout::{BlockSums, FAST_SCAN_BLOCK, FAST_SCAN_STEP};
use super::Avx2;
use std::arch::x86_64::{
    __m128i, __m256i, _mm_add_epi16, _mm_loadu_si128, _mm_unpackhi_epi16, _mm_unpacklo_epi16,
    _mm256_add_epi16, _mm256_and_si256, _mm256_castsi128_si256, _mm256_castsi256_si128,
    _mm256_cmpeq_epi16, _mm256_extracti128_si256, _mm256_inserti128_si256, _mm256_loadu_si256,
    _mm256_max_epu16, _mm256_movemask_epi8, _mm256_packs_epi16, _mm256_permute4x64_epi64,
    _mm256_set1_epi8, _mm256_set1_epi16, _mm256_setzero_si256, _mm256_shuffle_epi8,
    _mm256_slli_epi16, _mm256_srli_epi16, _mm256_storeu_si256, _mm256_sub_epi16,
    _mm256_zextsi128_si256,
};

/// Bytes in a register.
const BYTES: usize = 2 * FAST_SCAN_STEP;

impl Avx2 {
    /// See [`Level::scan_blocks`](super::super::Level::scan_blocks). The table and the blocks have the
    /// same length, in whole steps, or the blocks are longer.
    #[inline]
    pub(in super::super) fn scan_blocks<'a>(
        self,
        table: &[u8],
        blocks: impl Iterator<Item = &'a [u8]>,
        least: u16,
        visit: impl FnMut(usize, u32, &BlockSums) -> u16,
    ) {
        // SAFETY: `self` exists only where AVX2, FMA and F16C were detected.
        unsafe { scan_blocks(table, blocks, least, visit) }
    }
}

/// Running sums of 16 vectors, of two subspaces side by side. Entries are added as they lie, two bytes
/// to a lane; the odd bytes are added once more on their own, so that they can be taken off in the end.
struct Sums {
    pairs: __m256i,
    odd: __m256i,
}

impl Sums {
    #[inline]
    #[target_feature(enable = "avx2")]
    fn new() -> Self {
        Self {
            pairs: _mm256_setzero_si256(),
            odd: _mm256_setzero_si256(),
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn add(&mut self, entries: __m256i) {
        self.pairs = _mm256_add_epi16(self.pairs, entries);
        self.odd = _mm256_add_epi16(self.odd, _mm256_srli_epi16::<8>(entries));
    }

    /// The sums of the 16 vectors, in order.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn totals(&self) -> __m256i {
        let even = _mm256_sub_epi16(self.pairs, _mm256_slli_epi16::<8>(self.odd));
        let (even, odd) = (fold(even), fold(self.odd));
        let first = _mm256_castsi128_si256(_mm_unpacklo_epi16(even, odd));
        _mm256_inserti128_si256::<1>(first, _mm_unpackhi_epi16(even, odd))
    }
}

/// Adds up the two subspaces of a register.
#[inline]
#[target_feature(enable = "avx2")]
fn fold(sums: __m256i) -> __m128i {
    _mm_add_epi16(
        _mm256_castsi256_si128(sums),
        _mm256_extracti128_si256::<1>(sums),
    )
}

#[target_feature(enable = "avx2")]
fn scan_blocks<'a>(
    table: &[u8],
    blocks: impl Iterator<Item = &'a [u8]>,
    mut least: u16,
    mut visit: impl FnMut(usize, u32, &BlockSums) -> u16,
) {
    for (at, block) in blocks.enumerate() {
        let (first, second) = block_sums(table, &block[..table.len()]);
        let mask = mask(first, second, least);
        if mask != 0 {
            let mut sums = [0; FAST_SCAN_BLOCK];
            let (lower, upper) = sums.split_at_mut(FAST_SCAN_STEP);
            // SAFETY: each half has the sixteen sums that are written; they need no alignment.
            unsafe {
                _mm256_storeu_si256(lower.as_mut_ptr().cast::<__m256i>(), first);
                _mm256_storeu_si256(upper.as_mut_ptr().cast::<__m256i>(), second);
            }
            least = visit(at, mask, &sums);
        }
    }
}

/// The sums of a block: of its first sixteen vectors, and of the others.
#[target_feature(enable = "avx2")]
#[inline]
fn block_sums(table: &[u8], block: &[u8]) -> (__m256i, __m256i) {
    let (mut first, mut second) = (Sums::new(), Sums::new());
    let nibble = _mm256_set1_epi8(15);
    let mut add = |table: __m256i, codes: __m256i| {
        first.add(_mm256_shuffle_epi8(table, _mm256_and_si256(codes, nibble)));
        let upper = _mm256_and_si256(_mm256_srli_epi16::<4>(codes), nibble);
        second.add(_mm256_shuffle_epi8(table, upper));
    };
    let (tables, rest_table) = table.as_chunks::<BYTES>();
    let (blocks, rest_block) = block.as_chunks::<BYTES>();
    for (table, codes) in tables.iter().zip(blocks) {
        add(load(table), load(codes));
    }
    let rest = rest_table.first_chunk().zip(rest_block.first_chunk());
    if let Some((table, codes)) = rest {
        // The upper half of the table is zero: it adds nothing.
        add(load_step(table), load_step(codes));
    }
    (first.totals(), second.totals())
}

/// The mask of the sums that are `least` or more.
#[inline]
#[target_feature(enable = "avx2")]
fn mask(first: __m256i, second: __m256i, least: u16) -> u32 {
    let least = _mm256_set1_epi16(least.cast_signed());
    // AVX2 compares signed numbers only; the larger of two tells as much of unsigned ones.
    let reaches = |sums| _mm256_cmpeq_epi16(_mm256_max_epu16(sums, least), sums);
    let packed = _mm256_packs_epi16(reaches(first), reaches(second));
    // Packing works in halves of a register, so the quarters come in the order 0, 2, 1, 3.
    let ordered = _mm256_permute4x64_epi64::<0b11_01_10_00>(packed);
    _mm256_movemask_epi8(ordered).cast_unsigned()
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(bytes: &[u8; BYTES]) -> __m256i {
    // SAFETY: the reference is to the bytes that are read, and they need no alignment.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast::<__m256i>()) }
}

/// Loads one subspace; the upper half of the register is zero.
#[inline]
#[target_feature(enable = "avx2")]
fn load_step(bytes: &[u8; FAST_SCAN_STEP]) -> __m256i {
    // SAFETY: the reference is to the bytes that are read, and they need no alignment.
    _mm256_zextsi128_si256(unsafe { _mm_loadu_si128(bytes.as_ptr().cast::<__m128i>()) })
}
