//! How often an item is in a batch, estimated on the stream (Yi et al., RecSys 2019, section 4.2).
//!
//! Two arrays a hash function: the step at which a cell was last seen, and the estimated number of
//! steps between two sights. The probability is one over the gap. Items that share a cell look more
//! frequent than they are, so of several hash functions the largest gap is believed.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Hash functions.
const HASHES: u64 = 3;

/// The estimator; it needs no list of items and follows shifts.
#[derive(Clone, Debug)]
pub(crate) struct Frequency {
    rate: f32,
    step: u64,
    cells: usize,
    /// For each hash function, the step a cell was last seen at.
    last: Vec<u64>,
    /// For each hash function, the estimated gap.
    gap: Vec<f32>,
}

impl Frequency {
    /// An estimator of so many cells a hash function; `rate` (the paper's alpha, 0 to 1) is how
    /// quickly old gaps are forgotten.
    pub(crate) fn new(cells: usize, rate: f32) -> Self {
        let all = cells * HASHES as usize;
        Self {
            rate,
            step: 0,
            cells,
            last: vec![0; all],
            gap: vec![0.0; all],
        }
    }

    /// Takes in the different items of the next batch.
    pub(crate) fn see(&mut self, items: &[u32]) {
        self.step += 1;
        for item in items {
            for at in self.places(*item) {
                // Two items of one batch may share a cell: the second sees a gap of nothing.
                let seen = self.last[at];
                if seen == self.step {
                    continue;
                }
                let gap = (self.step - seen) as f32;
                self.gap[at] = if seen == 0 {
                    gap
                } else {
                    (1.0 - self.rate) * self.gap[at] + self.rate * gap
                };
                self.last[at] = self.step;
            }
        }
    }

    /// The natural logarithm of the probability that an item is in a batch.
    pub(crate) fn ln_probability(&self, item: u32) -> f32 {
        let gap = self.places(item).map(|at| self.gap[at]).fold(1.0, f32::max);
        -gap.ln()
    }

    fn places(&self, item: u32) -> impl Iterator<Item = usize> + use<> {
        let cells = self.cells;
        (0..HASHES).map(move |hash| {
            let cell = xxh3_64_with_seed(&item.to_le_bytes(), hash) % cells as u64;
            hash as usize * cells + cell as usize
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64Mcg;

    /// Batches in which item `i` is with probability `p(i)`.
    fn feed(estimate: &mut Frequency, batches: usize, p: impl Fn(u32) -> f64, seed: u64) {
        let mut rng = Pcg64Mcg::seed_from_u64(seed);
        for _ in 0..batches {
            let batch: Vec<u32> = (0..200).filter(|item| rng.random_bool(p(*item))).collect();
            estimate.see(&batch);
        }
    }

    fn worst(estimate: &Frequency, p: impl Fn(u32) -> f64) -> f64 {
        let error = |item| (f64::from(estimate.ln_probability(item)) - p(item).ln()).abs();
        (0..200).map(error).sum::<f64>() / 200.0
    }

    #[test]
    fn it_learns_frequencies_and_follows_when_they_shift() {
        let before = |item: u32| 0.9 / f64::from(1 + item % 20);
        let after = |item: u32| 0.9 / f64::from(20 - item % 20);
        let mut estimate = Frequency::new(4096, 0.02);
        feed(&mut estimate, 4000, before, 1);
        assert!(
            worst(&estimate, before) < 0.15,
            "{}",
            worst(&estimate, before)
        );
        feed(&mut estimate, 4000, after, 2);
        assert!(
            worst(&estimate, after) < 0.15,
            "{}",
            worst(&estimate, after)
        );
    }

    #[test]
    fn several_hash_functions_undo_collisions() {
        let p = |item: u32| if item < 4 { 0.9 } else { 0.02 };
        let mut few = Frequency::new(64, 0.02);
        feed(&mut few, 6000, p, 3);
        let rare = (4..200).filter(|item| few.ln_probability(*item) < 0.1f32.ln());
        // 64 cells, 200 items: with one function half of the rare ones would look common.
        assert!(rare.count() > 150);
    }
}
