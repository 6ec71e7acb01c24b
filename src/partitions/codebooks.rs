//! The codewords of each subspace, and the tables of a query.

use super::rotation::RotationShape;
use crate::graph::Rows;
use rayon::prelude::*;
use twinspire_core::kernel::FAST_SCAN_STEP;

/// From here on a float is an integer: 2^23.
pub(super) const INTEGERS: f32 = 8_388_608.0;
/// Codewords per subspace: what four bits can tell apart.
pub(super) const WORDS: usize = FAST_SCAN_STEP;
/// Rounds of k-means in a subspace.
const ROUNDS: usize = 12;

/// An entry for each codeword of a subspace.
pub(super) type Entries = [f32; WORDS];

/// The codewords: for each place of the rotated vector, that component of the 16 words of its subspace. Also the
/// share of the squared lengths of these rows that their nearest words lose.
pub(super) fn train(rotation: &RotationShape, rotated: Rows<'_>) -> (Vec<Entries>, f32) {
    let subspaces = (0..rotation.subspaces()).into_par_iter();
    let trained = subspaces.map(|subspace| {
        let places = rotation.places(subspace);
        let words = words(rotated, places.clone());
        let rows = rotated.data().chunks_exact(rotated.dimension().max(1));
        let lost = rows.map(|row| {
            let distances = distances(&row[places.clone()], &words);
            distances[least(&distances)]
        });
        let lost: f32 = lost.sum();
        (words, lost)
    });
    let trained: Vec<(Vec<Entries>, f32)> = trained.collect();
    let lost: f32 = trained.iter().map(|(_, lost)| lost).sum();
    let all: f32 = rotated.data().iter().map(|x| x * x).sum();
    let words = trained.into_iter().flat_map(|(words, _)| words);
    (words.collect(), lost / all.max(f32::MIN_POSITIVE))
}

/// k-means with 16 centres in the components `places`. The first is the one of most variance: the rows
/// start in 16 equal shares in its order.
fn words(rows: Rows<'_>, places: std::ops::Range<usize>) -> Vec<Entries> {
    let mut words = vec![[0.0; WORDS]; places.len()];
    let all: Vec<&[f32]> = rows
        .data()
        .chunks_exact(rows.dimension().max(1))
        .map(|row| &row[places.clone()])
        .collect();
    if places.is_empty() || all.is_empty() {
        return words;
    }
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by(|a, b| all[*a][0].total_cmp(&all[*b][0]).then(a.cmp(b)));
    let mut of = vec![0; all.len()];
    for (rank, row) in order.iter().enumerate() {
        of[*row] = rank * WORDS / all.len();
    }
    for round in 0..ROUNDS {
        let mut counts = [0.0f32; WORDS];
        let mut sums = vec![[0.0f32; WORDS]; places.len()];
        for (row, word) in all.iter().zip(&of) {
            counts[*word] += 1.0;
            for (sum, x) in sums.iter_mut().zip(*row) {
                sum[*word] += x;
            }
        }
        for (words, sums) in words.iter_mut().zip(&sums) {
            for ((word, sum), count) in words.iter_mut().zip(sums).zip(counts) {
                // A word without rows stays where it was.
                if count > 0.0 {
                    *word = sum / count;
                }
            }
        }
        if round + 1 < ROUNDS {
            of.iter_mut()
                .zip(&all)
                .for_each(|(of, row)| *of = least(&distances(row, &words)));
        }
    }
    words
}

/// The squared distances of a row from the words of its subspace.
#[inline]
pub(super) fn distances(row: &[f32], words: &[Entries]) -> Entries {
    let mut sums = [0.0; WORDS];
    for (x, words) in row.iter().zip(words) {
        for (sum, word) in sums.iter_mut().zip(words) {
            *sum += (x - word) * (x - word);
        }
    }
    sums
}

/// The inner products of a row with the words of its subspace.
#[inline]
pub(super) fn products(row: &[f32], words: &[Entries]) -> Entries {
    let mut sums = [0.0; WORDS];
    for (x, words) in row.iter().zip(words) {
        for (sum, word) in sums.iter_mut().zip(words) {
            *sum += x * word;
        }
    }
    sums
}

/// The place of the least entry; of equal ones the first.
#[inline]
pub(super) fn least(entries: &Entries) -> usize {
    let mut best = (f32::INFINITY, 0);
    for (at, entry) in entries.iter().enumerate() {
        if *entry < best.0 {
            best = (*entry, at);
        }
    }
    best.1
}

/// A query's tables in bytes: entry = `base` of all subspaces together + `step` × byte, summed.
#[derive(Clone, Debug, Default)]
pub(super) struct ByteTables {
    /// 16 bytes per subspace.
    pub(super) bytes: Vec<u8>,
    /// What a sum of 0 stands for.
    pub(super) base: f32,
    /// What a sum of 1 stands for; positive.
    pub(super) step: f32,
}

impl ByteTables {
    /// Rounds tables to bytes. All subspaces share one step, so that sums of bytes are sums of scores.
    pub(super) fn set(&mut self, tables: &[Entries]) {
        self.base = 0.0;
        let mut range = 0.0f32;
        for entries in tables {
            let (low, high) = bounds(entries);
            self.base += low;
            range = range.max(high - low);
        }
        self.step = (range / f32::from(u8::MAX)).max(f32::MIN_POSITIVE);
        let per_step = 1.0 / self.step;
        self.bytes.resize(tables.len() * WORDS, 0);
        let (bytes, _) = self.bytes.as_chunks_mut::<WORDS>();
        for (bytes, entries) in bytes.iter_mut().zip(tables) {
            let (low, _) = bounds(entries);
            for (byte, entry) in bytes.iter_mut().zip(entries) {
                // The sum rounds to an integer, which its lowest bits hold.
                *byte = ((entry - low) * per_step + INTEGERS).to_bits() as u8;
            }
        }
    }
}

/// The least and the greatest entry.
#[inline]
fn bounds(entries: &Entries) -> (f32, f32) {
    let (mut lows, mut highs) = (*entries, *entries);
    let mut width = WORDS;
    // Halves are compared as vectors.
    while width > 1 {
        width /= 2;
        for at in 0..width {
            let (low, high) = (lows[at + width], highs[at + width]);
            lows[at] = if low < lows[at] { low } else { lows[at] };
            highs[at] = if high > highs[at] { high } else { highs[at] };
        }
    }
    (lows[0], highs[0])
}
