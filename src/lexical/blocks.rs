//! Postings in blocks: rows and frequencies in as few bits as the largest of a block needs.
//!
//! A block holds up to 128 rows. Its last row is stored apart, so only the gaps between rows before it are packed:
//! a term with one row needs no bits for it.

/// Rows of a full block.
pub(super) const BLOCK_ROWS: usize = 128;

/// What is stored of a block beside its packed bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlockHead {
    /// Its last row.
    pub(super) last: u32,
    /// The largest frequency in it.
    pub(super) max_frequency: u32,
    /// The length of the shortest item in it.
    pub(super) min_length: u32,
    /// Bits of a gap, and in the upper byte bits of a frequency.
    pub(super) widths: u16,
}

/// Bits of the largest value.
fn width(values: impl Iterator<Item = u32>) -> u32 {
    32 - values.fold(0, |all, value| all | value).leading_zeros()
}

/// Packs a block of rows and frequencies. `before` is the last row of the block before, `None` in the first one.
pub(super) fn pack(
    postings: &[(u32, u32)],
    before: Option<u32>,
    min_length: u32,
    bits: &mut Vec<u8>,
) -> BlockHead {
    let rows = postings.iter().map(|(row, _)| *row);
    let mut free = before.map_or(0, |before| before.wrapping_add(1));
    let gaps = rows.clone().map(|row| {
        let gap = row.wrapping_sub(free);
        free = row.wrapping_add(1);
        gap
    });
    let mut gaps = Vec::from_iter(gaps);
    // The last row is in the head.
    gaps.pop();
    let frequencies = postings
        .iter()
        .map(|(_, frequency)| frequency.wrapping_sub(1));
    let of_gaps = width(gaps.iter().copied());
    let of_frequencies = width(frequencies.clone());
    append(bits, of_gaps, gaps.into_iter());
    append(bits, of_frequencies, frequencies);
    BlockHead {
        last: postings.last().map_or(0, |(row, _)| *row),
        max_frequency: postings.iter().map(|(_, f)| *f).max().unwrap_or_default(),
        min_length,
        widths: (of_gaps | of_frequencies << 8) as u16,
    }
}

/// Appends values of `width` bits each, then fills the last byte.
fn append(bits: &mut Vec<u8>, width: u32, values: impl Iterator<Item = u32>) {
    let (mut word, mut filled) = (0u64, 0);
    for value in values {
        word |= u64::from(value) << filled;
        filled += width;
        while filled >= 8 {
            bits.push(word as u8);
            word >>= 8;
            filled -= 8;
        }
    }
    if filled > 0 {
        bits.push(word as u8);
    }
}

/// The rows of a block of `out.len()` postings. Damaged bits give wrong rows.
pub(super) fn unpack_rows(bits: &[u8], head: &BlockHead, before: Option<u32>, out: &mut [u32]) {
    let Some((last, gaps)) = out.split_last_mut() else {
        return;
    };
    unpack(bits, row_width(head), gaps);
    let mut free = before.map_or(0, |before| before.wrapping_add(1));
    for row in gaps {
        *row = row.wrapping_add(free);
        free = row.wrapping_add(1);
    }
    *last = head.last;
}

/// The frequencies of a block of `out.len()` postings.
pub(super) fn unpack_frequencies(bits: &[u8], head: &BlockHead, out: &mut [u32]) {
    let gaps = out.len().saturating_sub(1);
    let start = (gaps * row_width(head) as usize).div_ceil(8);
    let width = u32::from(head.widths >> 8).min(32);
    unpack(bits.get(start..).unwrap_or_default(), width, out);
    out.iter_mut()
        .for_each(|value| *value = value.wrapping_add(1));
}

fn row_width(head: &BlockHead) -> u32 {
    u32::from(head.widths & 0xff).min(32)
}

/// Values of `width` bits each; bits after the end are zero.
fn unpack(bits: &[u8], width: u32, out: &mut [u32]) {
    let mask = (1u64 << width) - 1;
    let mut at = 0usize;
    for value in out {
        let (byte, shift) = (at / 8, at % 8);
        let word = match bits.get(byte..byte + 8) {
            Some(whole) => u64::from_le_bytes(whole.try_into().unwrap_or_default()),
            None => {
                let mut end = [0; 8];
                let rest = bits.get(byte..).unwrap_or_default();
                end.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
                u64::from_le_bytes(end)
            }
        };
        *value = (word >> shift & mask) as u32;
        at += width as usize;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_block_gives_back_what_was_packed(
            gaps in prop::collection::vec((0u32..3_000_000, prop_oneof![1u32..4, any::<u32>()]), 1..=BLOCK_ROWS),
            before in prop::option::of(0u32..1_000_000),
        ) {
            let mut row = before.map_or(0, |before| before + 1);
            let mut postings = Vec::new();
            for (gap, frequency) in gaps {
                row += gap;
                postings.push((row, frequency.max(1)));
                row += 1;
            }
            let mut bits = Vec::new();
            let head = pack(&postings, before, 7, &mut bits);
            let (mut rows, mut frequencies) = (vec![9; postings.len()], vec![9; postings.len()]);
            unpack_rows(&bits, &head, before, &mut rows);
            unpack_frequencies(&bits, &head, &mut frequencies);
            let found: Vec<_> = rows.into_iter().zip(frequencies).collect();
            prop_assert_eq!(&found, &postings);
            prop_assert_eq!(head.last, postings[postings.len() - 1].0);
        }

        #[test]
        fn damaged_blocks_are_read_without_a_panic(
            bits in prop::collection::vec(any::<u8>(), 0..200), widths: u16, last: u32, count in 0usize..=BLOCK_ROWS,
        ) {
            let head = BlockHead { last, max_frequency: 1, min_length: 1, widths };
            let mut out = vec![0; count];
            unpack_rows(&bits, &head, Some(u32::MAX), &mut out);
            unpack_frequencies(&bits, &head, &mut out);
        }
    }

    #[test]
    fn one_row_that_has_a_term_once_takes_no_bits() {
        let mut bits = Vec::new();
        let head = pack(&[(70_000, 1)], None, 3, &mut bits);
        assert_eq!((bits.len(), head.widths), (0, 0));
    }
}
