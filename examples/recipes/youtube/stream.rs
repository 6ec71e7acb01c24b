//! The estimator of frequencies on a simulated stream, against the true ones, before and after a shift.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use std::error::Error;
use twinspire::train::frequency::Frequency;

/// Items; the r-th most popular is drawn in proportion to 1 / r (Zipf's law).
const ITEMS: usize = 2_000;
/// Draws of a batch.
const BATCH: usize = 512;
/// Batches before the shift, at which the ranks of all items are turned around.
const BATCHES: usize = 10_000;
/// How long after the shift it is looked at.
const AFTER: [usize; 4] = [0, 100, 1_000, 10_000];

/// The share of all draws that each item has.
fn shares(reversed: bool) -> Vec<f64> {
    let mut shares: Vec<f64> = (1..=ITEMS).map(|rank| 1.0 / rank as f64).collect();
    let sum: f64 = shares.iter().sum();
    shares.iter_mut().for_each(|share| *share /= sum);
    if reversed {
        shares.reverse();
    }
    shares
}

/// The true probability of an item in a batch.
fn probability(share: f64) -> f64 {
    1.0 - (1.0 - share).powi(BATCH as i32)
}

/// Batches of draws, the different items of each.
struct Stream {
    rng: Pcg64Mcg,
    sums: Vec<f64>,
}

impl Stream {
    fn turn_to(&mut self, shares: &[f64]) {
        let sums = shares.iter().scan(0.0, |sum, share| {
            *sum += share;
            Some(*sum)
        });
        self.sums = sums.collect();
    }

    fn batch(&mut self) -> Vec<u64> {
        let draw = |_| {
            let at = self.rng.random_range(0.0..1.0);
            let item = self.sums.partition_point(|sum| *sum <= at);
            item.min(ITEMS - 1) as u64
        };
        let mut items: Vec<u64> = (0..BATCH).map(draw).collect();
        items.sort_unstable();
        items.dedup();
        items
    }
}

/// The mean of |estimated − true| / true over the items.
fn error(estimate: &Frequency, shares: &[f64]) -> f64 {
    let each = shares.iter().enumerate().map(|(item, share)| {
        let truth = probability(*share);
        (estimate.probability(item as u64) - truth).abs() / truth
    });
    each.sum::<f64>() / ITEMS as f64
}

/// Prints the table.
pub fn run() -> Result<(), Box<dyn Error>> {
    println!(
        "The estimator: {ITEMS} items by Zipf's law, batches of {BATCH} draws, all ranks turned around \
         after {BATCHES};\nmean of |estimated - true| / true, over all items\n"
    );
    println!(
        "{:>6} {:>7} {:>6} {:>10} {:>10} {:>10} {:>10} {:>10}",
        "cells", "hashes", "rate", "before", "+0", "+100", "+1000", "+10000"
    );
    let settings = [4_096, 16_384].into_iter().flat_map(|cells| {
        let each = [(1, 0.02), (2, 0.02), (4, 0.02), (1, 0.005), (4, 0.005)];
        each.map(|(hashes, rate)| (cells, hashes, rate))
    });
    let mut all = Vec::new();
    for (cells, hashes, rate) in settings {
        all.push((
            cells,
            hashes,
            rate,
            Frequency::new(cells, hashes, rate)?,
            vec![],
        ));
    }
    let (before, after) = (shares(false), shares(true));
    let mut stream = Stream {
        rng: Pcg64Mcg::seed_from_u64(42),
        sums: Vec::new(),
    };
    stream.turn_to(&before);
    for _ in 0..BATCHES {
        let batch = stream.batch();
        all.iter_mut()
            .for_each(|(.., estimate, _)| estimate.see(&batch));
    }
    for (.., estimate, errors) in &mut all {
        errors.push(error(estimate, &before));
    }
    stream.turn_to(&after);
    let mut done = 0;
    for until in AFTER {
        for _ in done..until {
            let batch = stream.batch();
            all.iter_mut()
                .for_each(|(.., estimate, _)| estimate.see(&batch));
        }
        done = until;
        for (.., estimate, errors) in &mut all {
            errors.push(error(estimate, &after));
        }
    }
    for (cells, hashes, rate, _, errors) in &all {
        print!("{cells:>6} {hashes:>7} {rate:>6}");
        errors.iter().for_each(|error| print!(" {error:>10.3}"));
        println!();
    }
    println!();
    Ok(())
}
