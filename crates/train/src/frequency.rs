//! Sampling probability of items, estimated on the stream of batches (Yi et al., RecSys 2019, section 4.2).
//!
//! Each hash function has two arrays: the step at which a cell was last seen (A), and the estimated number of
//! steps between two occurrences, the gap (B). The probability is one over the gap. Colliding items look more
//! frequent than they are, so the largest gap of all hash functions counts.
//!
//! The estimator needs no list of items and adapts to shifts. It takes 12 bytes for each cell, and one access
//! for each item and hash function. The recipe [`youtube`](super::youtube) corrects its softmax by it. Its
//! state is kept with the towers (`frequency.bin`, a chapter of storage-format.md) for the next training.

use super::error::TrainError;
use super::error_reason::{SchemaPlace, WarmStartFault};
use super::range::check_range;
use twinspire_towers::internals::{Cell, FrequencyState, MAX_CELLS, MAX_HASHES};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// Estimator of sampling probabilities.
///
/// ```
/// # mod twinspire { pub use twinspire_towers::*; pub use twinspire_train as train; }
/// # fn main() -> Result<(), twinspire::train::TrainError> {
/// use twinspire::train::frequency::Frequency;
///
/// let mut estimate = Frequency::new(1024, 3, 0.05)?;
/// let (often, seldom) = (Frequency::key("often"), Frequency::key("seldom"));
/// for step in 1..=400 {
///     let batch: &[u64] = if step % 4 == 0 { &[often, seldom] } else { &[often] };
///     estimate.see(batch);
/// }
/// assert!((estimate.probability(often) - 1.0).abs() < 0.01);
/// assert!((estimate.probability(seldom) - 0.25).abs() < 0.01);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Frequency {
    rate: f32,
    step: u64,
    hashes: usize,
    cells: usize,
    /// Step at which each cell was last seen (A), by hash function; 0 for never.
    last: Vec<u64>,
    /// Estimated gap of each cell (B), by hash function.
    gap: Vec<f32>,
}

impl Frequency {
    /// An estimator with `cells` cells for each hash function. `rate` is the learning rate of gaps (the paper's α,
    /// 0 to 1).
    ///
    /// # Errors
    /// [`TrainError::Config`] for a number outside of its range.
    pub fn new(cells: usize, hashes: usize, rate: f32) -> Result<Self, TrainError> {
        check_range("frequency_cells", cells, 1..=MAX_CELLS as usize)?;
        check_range("frequency_hashes", hashes, 1..=MAX_HASHES as usize)?;
        check_range("frequency_rate", rate, 0.0..=1.0)?;
        let all = cells * hashes;
        Ok(Self {
            rate,
            step: 0,
            hashes,
            cells,
            last: vec![0; all],
            gap: vec![0.0; all],
        })
    }

    /// The key of an item.
    #[must_use]
    pub fn key(id: &str) -> u64 {
        xxh3_64(id.as_bytes())
    }

    /// Updates the estimate with the next batch: the keys of its distinct items.
    pub fn see(&mut self, items: &[u64]) {
        self.step += 1;
        for item in items {
            for at in self.places(*item) {
                // Two items of one batch may collide: the second would see a gap of 0.
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

    /// Probability that an item is in a batch, above 0 and at most 1.
    #[must_use]
    pub fn probability(&self, item: u64) -> f64 {
        1.0 / f64::from(self.gap(item))
    }

    /// As [`probability`](Self::probability), but 0 for an item that has never been in a batch.
    pub(crate) fn probability_if_seen(&self, item: u64) -> f64 {
        match self.places(item).all(|at| self.last[at] > 0) {
            true => self.probability(item),
            false => 0.0,
        }
    }

    /// The largest gap of all hash functions, at least 1.
    fn gap(&self, item: u64) -> f32 {
        self.places(item).map(|at| self.gap[at]).fold(1.0, f32::max)
    }

    fn places(&self, item: u64) -> impl Iterator<Item = usize> + use<> {
        let cells = self.cells;
        (0..self.hashes).map(move |hash| {
            let cell = xxh3_64_with_seed(&item.to_le_bytes(), hash as u64) % cells as u64;
            hash * cells + cell as usize
        })
    }

    /// The state, for a later [`resume`](Self::resume).
    pub(crate) fn state(&self) -> FrequencyState {
        let cells = self.last.iter().zip(&self.gap).enumerate();
        let seen = cells.filter(|(_, (last, _))| **last > 0);
        FrequencyState {
            step: self.step,
            hashes: self.hashes as u32,
            cells: self.cells as u32,
            seen: seen
                .map(|(place, (last, gap))| Cell {
                    place: place as u32,
                    last: *last,
                    gap: *gap,
                })
                .collect(),
        }
    }

    /// Resumes from a stored state.
    ///
    /// # Errors
    /// [`TrainError::WarmStart`] if the number of hash functions or cells differs.
    pub(crate) fn resume(&mut self, state: &FrequencyState) -> Result<(), TrainError> {
        let sizes = (state.hashes as usize, state.cells as usize);
        if sizes != (self.hashes, self.cells) {
            return Err(TrainError::WarmStart {
                place: SchemaPlace::Frequency,
                fault: WarmStartFault::FrequencySize,
            });
        }
        self.step = state.step;
        self.last.fill(0);
        self.gap.fill(0.0);
        for cell in &state.seen {
            let at = cell.place as usize;
            (self.last[at], self.gap[at]) = (cell.last, cell.gap);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64Mcg;

    /// Feeds batches that contain item `i` with probability `p(i)`.
    fn feed(estimate: &mut Frequency, batches: usize, p: impl Fn(u64) -> f64, seed: u64) {
        let mut rng = Pcg64Mcg::seed_from_u64(seed);
        for _ in 0..batches {
            let batch: Vec<u64> = (0..200).filter(|item| rng.random_bool(p(*item))).collect();
            estimate.see(&batch);
        }
    }

    /// Mean absolute error of the logarithms.
    fn error(estimate: &Frequency, p: impl Fn(u64) -> f64) -> f64 {
        let error = |item| (estimate.probability(item).ln() - p(item).ln()).abs();
        (0..200).map(error).sum::<f64>() / 200.0
    }

    #[test]
    fn the_estimate_converges_and_adapts_to_shifts() {
        let before = |item: u64| 0.9 / (1 + item % 20) as f64;
        let after = |item: u64| 0.9 / (20 - item % 20) as f64;
        let mut estimate = Frequency::new(4096, 3, 0.02).unwrap();
        feed(&mut estimate, 4000, before, 1);
        assert!(error(&estimate, before) < 0.15);
        assert!(error(&estimate, after) > 0.5, "they are not the same");
        feed(&mut estimate, 4000, after, 2);
        assert!(error(&estimate, after) < 0.15);
    }

    #[test]
    fn several_hash_functions_reduce_the_error_of_collisions() {
        let p = |item: u64| if item < 4 { 0.9 } else { 0.02 };
        let rare = |hashes: usize| {
            let mut estimate = Frequency::new(64, hashes, 0.02).unwrap();
            feed(&mut estimate, 6000, p, 3);
            (4..200)
                .filter(|item| estimate.probability(*item) < 0.1)
                .count()
        };
        // 64 cells, 200 items: about three rare ones are in each, and one cell in sixteen has a common one.
        let (one, three) = (rare(1), rare(3));
        assert!(three > 190 && one < three, "{one} {three}");
    }

    #[test]
    fn a_resumed_estimate_is_found_by_item_ids() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../towers/tests/fixtures/youtube/frequency.bin"
        );
        let state = FrequencyState::read(&std::fs::read(path).unwrap()).unwrap();
        let mut estimate = Frequency::new(64, 2, 0.1).unwrap();
        estimate.resume(&state).unwrap();
        for (item, gap) in [("v1", 1.5), ("v9", 40.25)] {
            assert_eq!(estimate.probability(Frequency::key(item)), 1.0 / gap);
        }
    }

    #[test]
    fn numbers_outside_of_their_ranges_are_rejected() {
        for (made, says) in [
            (Frequency::new(0, 1, 0.1), "frequency_cells is 0"),
            (Frequency::new(9, 17, 0.1), "frequency_hashes is 17"),
            (Frequency::new(9, 1, f32::NAN), "frequency_rate is NaN"),
        ] {
            let error = made.unwrap_err().to_string();
            assert!(error.starts_with(says), "{error}");
        }
    }

    /// Plain model: the paper's algorithm 2 with a map for each array.
    #[derive(Default)]
    struct Plain {
        step: u64,
        a: std::collections::HashMap<(usize, u64), u64>,
        b: std::collections::HashMap<(usize, u64), f32>,
    }

    impl Plain {
        fn cell(hash: usize, item: u64, cells: usize) -> (usize, u64) {
            let number = xxh3_64_with_seed(&item.to_le_bytes(), hash as u64);
            (hash, number % cells as u64)
        }

        fn see(&mut self, batch: &[u64], [cells, hashes]: [usize; 2], rate: f32) {
            self.step += 1;
            for hash in 0..hashes {
                let touched: std::collections::BTreeSet<_> = batch
                    .iter()
                    .map(|item| Self::cell(hash, *item, cells))
                    .collect();
                for cell in touched {
                    let gap = (self.step - self.a.get(&cell).copied().unwrap_or(0)) as f32;
                    let before = self.b.get(&cell).copied().unwrap_or(gap);
                    let first = !self.b.contains_key(&cell);
                    let now = (1.0 - rate) * before + rate * gap;
                    self.b.insert(cell, if first { gap } else { now });
                    self.a.insert(cell, self.step);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn it_agrees_with_the_algorithm_of_the_paper_also_after_resuming(
            batches in prop::collection::vec(prop::collection::btree_set(0u64..40, 0..12), 1..30),
            cut in 0usize..30, cells in 1usize..60, hashes in 1usize..5, rate in 0.0f32..=1.0,
        ) {
            let mut estimate = Frequency::new(cells, hashes, rate).unwrap();
            let mut plain = Plain::default();
            for (at, batch) in batches.iter().enumerate() {
                if at == cut {
                    let bytes = estimate.state().to_bytes();
                    let state = FrequencyState::read(&bytes).unwrap();
                    let mut next = Frequency::new(cells, hashes, rate).unwrap();
                    next.resume(&state).unwrap();
                    prop_assert_eq!(&next, &estimate);
                    estimate = next;
                }
                let batch: Vec<u64> = batch.iter().copied().collect();
                estimate.see(&batch);
                plain.see(&batch, [cells, hashes], rate);
            }
            for item in 0..40 {
                let gap = |hash| plain.b.get(&Plain::cell(hash, item, cells)).copied();
                let gap = (0..hashes).filter_map(gap).fold(1.0, f32::max);
                prop_assert!((estimate.probability(item) - 1.0 / f64::from(gap)).abs() < 1e-6);
            }
            let mut other = Frequency::new(cells + 1, hashes, rate).unwrap();
            prop_assert!(other.resume(&estimate.state()).is_err());
        }
    }
}
