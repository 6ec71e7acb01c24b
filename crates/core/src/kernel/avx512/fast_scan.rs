//! Fast scan with AVX-512: four subspaces per register.

use super::super::code_layout::{BlockSums, FAST_SCAN_BLOCK, FAST_SCAN_STEP};
use super::Avx512;
use std::arch::x86_64::{
    __m128i, __m256i, __m512i, _mm_add_epi16, _mm_unpackhi_epi16, _mm_unpacklo_epi16,
    _mm256_add_epi16, _mm256_castsi128_si256, _mm256_castsi256_si128, _mm256_cmpge_epu16_mask,
    _mm256_extracti128_si256, _mm256_inserti128_si256, _mm256_set1_epi16, _mm256_storeu_si256,
    _mm512_add_epi16, _mm512_and_si512, _mm512_castsi512_si256, _mm512_extracti64x4_epi64,
    _mm512_loadu_si512, _mm512_maskz_loadu_epi8, _mm512_set1_epi8, _mm512_setzero_si512,
    _mm512_shuffle_epi8, _mm512_slli_epi16, _mm512_srli_epi16, _mm512_sub_epi16,
};

/// Bytes in a register.
const BYTES: usize = 4 * FAST_SCAN_STEP;

impl Avx512 {
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
        // SAFETY: `self` exists only where all features were detected.
        unsafe { scan_blocks(table, blocks, least, visit) }
    }
}

/// Running sums of 16 vectors, of four subspaces side by side. Entries are added as they lie, two bytes
/// to a lane; the odd bytes are added once more on their own, so that they can be taken off in the end.
struct Sums {
    pairs: __m512i,
    odd: __m512i,
}

impl Sums {
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn new() -> Self {
        Self {
            pairs: _mm512_setzero_si512(),
            odd: _mm512_setzero_si512(),
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn add(&mut self, entries: __m512i) {
        self.pairs = _mm512_add_epi16(self.pairs, entries);
        self.odd = _mm512_add_epi16(self.odd, _mm512_srli_epi16::<8>(entries));
    }

    /// The sums of the 16 vectors, in order.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx2")]
    fn totals(&self) -> __m256i {
        let even = _mm512_sub_epi16(self.pairs, _mm512_slli_epi16::<8>(self.odd));
        let (even, odd) = (fold(even), fold(self.odd));
        let first = _mm256_castsi128_si256(_mm_unpacklo_epi16(even, odd));
        _mm256_inserti128_si256::<1>(first, _mm_unpackhi_epi16(even, odd))
    }
}

/// Adds up the four subspaces of a register.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx2")]
fn fold(sums: __m512i) -> __m128i {
    let halves = _mm256_add_epi16(
        _mm512_castsi512_si256(sums),
        _mm512_extracti64x4_epi64::<1>(sums),
    );
    _mm_add_epi16(
        _mm256_castsi256_si128(halves),
        _mm256_extracti128_si256::<1>(halves),
    )
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx2")]
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
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx2")]
#[inline]
fn block_sums(table: &[u8], block: &[u8]) -> (__m256i, __m256i) {
    let (mut first, mut second) = (Sums::new(), Sums::new());
    let nibble = _mm512_set1_epi8(15);
    let mut add = |table: __m512i, codes: __m512i| {
        first.add(_mm512_shuffle_epi8(table, _mm512_and_si512(codes, nibble)));
        let upper = _mm512_and_si512(_mm512_srli_epi16::<4>(codes), nibble);
        second.add(_mm512_shuffle_epi8(table, upper));
    };
    let (tables, rest_table) = table.as_chunks::<BYTES>();
    let (blocks, rest_block) = block.as_chunks::<BYTES>();
    for (table, codes) in tables.iter().zip(blocks) {
        add(load(table), load(codes));
    }
    if !rest_table.is_empty() {
        add(load_rest(rest_table), load_rest(rest_block));
    }
    (first.totals(), second.totals())
}

/// The mask of the sums that are `least` or more.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx2")]
fn mask(first: __m256i, second: __m256i, least: u16) -> u32 {
    let least = _mm256_set1_epi16(least.cast_signed());
    let mask = |sums| u32::from(_mm256_cmpge_epu16_mask(sums, least));
    mask(first) | mask(second) << FAST_SCAN_STEP
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(bytes: &[u8; BYTES]) -> __m512i {
    // SAFETY: the reference is to the bytes that are read, and they need no alignment.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast::<__m512i>()) }
}

/// Loads fewer bytes than fill a register; the others are zero, and a table of zeros adds nothing.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load_rest(rest: &[u8]) -> __m512i {
    let mask = (1u64 << rest.len().min(BYTES - 1)) - 1;
    // SAFETY: the mask has a bit for no more bytes than there are, and no others are read.
    unsafe { _mm512_maskz_loadu_epi8(mask, rest.as_ptr().cast::<i8>()) }
}
