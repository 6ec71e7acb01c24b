//! Items that follow others in histories: first-order transitions, nearer ones counting more.

use super::scorer::Scorer;
use crate::sampler::{Example, Logs};
use std::collections::BTreeMap;

/// Steps within which an item follows another.
const REACH: usize = 3;
/// Number of most recent items of a user that are looked up.
pub(crate) const RECENT: usize = 10;
/// Weight of an item relative to the next newer one.
pub(crate) const DECAY: f32 = 0.8;
/// Weight of popularity, which orders items without a transition.
const PRIOR: f32 = 1e-3;

/// Weights of transitions.
pub(super) struct Transitions {
    /// For each item, the items that follow it and their shares.
    next: Vec<BTreeMap<u32, f32>>,
    popularity: Vec<f32>,
}

impl Transitions {
    /// Counts transitions in all histories. Items below the minimum reward are skipped.
    pub(super) fn new(logs: &Logs) -> Self {
        let (next, counts) = shares(logs);
        let total = counts.iter().sum::<f64>().max(1.0);
        let popularity = counts
            .iter()
            .map(|count| PRIOR * (count / total) as f32)
            .collect();
        Self { next, popularity }
    }
}

/// For each item, the items that follow it and their shares; and how often each item occurs.
pub(super) fn shares(logs: &Logs) -> (Vec<BTreeMap<u32, f32>>, Vec<f64>) {
    let mut next: Vec<BTreeMap<u32, f32>> = vec![BTreeMap::new(); logs.items.len()];
    let mut counts = vec![0.0f64; logs.items.len()];
    for met in &logs.seen {
        let met = met
            .iter()
            .filter(|(_, reward)| *reward >= logs.min_reward());
        let met: Vec<u32> = met.map(|(item, _)| *item).collect();
        for (at, item) in met.iter().enumerate() {
            counts[*item as usize] += 1.0;
            for (gap, later) in met[at + 1..].iter().take(REACH).enumerate() {
                if later != item {
                    let weight = 1.0 / (gap + 1) as f32;
                    *next[*item as usize].entry(*later).or_default() += weight;
                }
            }
        }
    }
    for (shares, count) in next.iter_mut().zip(&counts) {
        // Items met once or twice say little.
        shares
            .values_mut()
            .for_each(|weight| *weight /= *count as f32 + 2.0);
    }
    (next, counts)
}

impl Scorer for Transitions {
    fn score(&self, logs: &Logs, user: u32, into: &mut [f32]) {
        into.copy_from_slice(&self.popularity);
        let mut history = Vec::new();
        let now: Example = logs.now(user);
        logs.history(now, RECENT, &mut history);
        let mut weight = 1.0;
        for item in history.iter().rev() {
            for (next, share) in &self.next[*item as usize] {
                into[*next as usize] += weight * share;
            }
            weight *= DECAY;
        }
    }
}
