//! Items by their number of events.

use super::scorer::Scorer;
use crate::evaluate::latest;
use crate::sampler::Logs;

/// Counts of events.
pub(super) struct Popularity {
    counts: Vec<f32>,
}

impl Popularity {
    /// Counts the latest share of the events. Earlier ones only order items with equal counts.
    pub(super) fn new(logs: &Logs, share: f64) -> Self {
        let times = logs.times.iter().flatten().copied();
        let from = latest(times.collect(), share).unwrap_or(i64::MIN);
        let mut counts = vec![0.0f32; logs.items.len()];
        for (met, times) in logs.seen.iter().zip(&logs.times) {
            for ((item, reward), at) in met.iter().zip(times) {
                if *reward >= logs.min_reward() {
                    counts[*item as usize] += if *at >= from { 1.0 } else { 1e-4 };
                }
            }
        }
        Self { counts }
    }
}

impl Scorer for Popularity {
    fn score(&self, _: &Logs, _: u32, into: &mut [f32]) {
        into.copy_from_slice(&self.counts);
    }
}
