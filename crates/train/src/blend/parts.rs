//! What the baselines say, as vectors: a score is the inner product of a user's part and an item's.

use super::components::Component;
use super::transitions::Transitions;
use crate::baselines::popularity_counts;
use crate::cooccurrence::Cooccurrence;
use crate::sampler::Logs;
use ndarray::{Array1, Array2, s};
use std::collections::HashSet;

/// Most recent items of a user that co-occurrence reads.
pub(crate) const HISTORY: usize = 1000;

/// The baselines of a log as vectors.
pub(crate) struct Parts {
    /// Logs of the number of events of each item, of all time and of late, less their mean.
    pub(super) popularity: Array1<f32>,
    pub(super) recent: Array1<f32>,
    /// The same for an item without events.
    pub(super) unknown: [f32; 2],
    /// Co-occurrence: what an item of a history adds to the user's part, and the items' parts.
    pub(super) cooccurrence: [Array2<f32>; 2],
    /// Transitions, in the same way.
    pub(super) transitions: [Array2<f32>; 2],
}

impl Parts {
    /// The baselines of a log, those of pairs of items by at most `factors` factors.
    pub(crate) fn new(logs: &Logs, factors: usize, seed: u64) -> Self {
        let [all, recent] = popularity_counts(logs);
        let total = all.iter().sum::<f64>().max(1.0);
        let unit = (recent.iter().sum::<f64>() / total).max(f64::MIN_POSITIVE);
        let [(popularity, unknown), (recent, unknown_recent)] =
            [(all, 1.0), (recent, unit)].map(|(counts, unit)| centred_logs(&counts, unit));
        let liked = |rewards: &Vec<(u32, f32)>| {
            let each = rewards.iter();
            each.map(|(_, reward)| f32::from(u8::from(*reward >= logs.min_reward())))
                .collect::<Vec<f32>>()
        };
        let weights: Vec<Vec<f32>> = logs.seen.iter().map(liked).collect();
        let found = Cooccurrence::new(logs, &weights, factors, seed);
        let own = found.own.insert_axis(ndarray::Axis(1));
        let from = &found.items * &own * &found.filter;
        let transitions = Transitions::new(logs, factors, seed);
        Self {
            popularity,
            recent,
            unknown: [unknown, unknown_recent],
            cooccurrence: [from, found.items].map(|of| of.mapv(|x| x as f32)),
            transitions: [transitions.from, transitions.to].map(|of| of.mapv(|x| x as f32)),
        }
    }

    /// Number of items.
    pub(super) fn items(&self) -> usize {
        self.popularity.len()
    }

    /// Adds up what a user's history says: the user's part of a baseline of pairs of items.
    pub(super) fn user(&self, component: Component, logs: &Logs, user: u32) -> Array1<f32> {
        let mut history = Vec::new();
        match component {
            Component::Cooccurrence => {
                logs.history(logs.now(user), HISTORY, &mut history);
                let mut once = HashSet::new();
                history.retain(|item| once.insert(*item));
                let weights = std::iter::repeat(1.0);
                sum(&self.cooccurrence[0], history.iter().zip(weights))
            }
            Component::Transitions => {
                logs.history(logs.now(user), Transitions::RECENT, &mut history);
                let weights = std::iter::successors(Some(1.0), |w| Some(w * Transitions::DECAY));
                sum(&self.transitions[0], history.iter().rev().zip(weights))
            }
            Component::Popularity | Component::RecentPopularity => Array1::zeros(0),
        }
    }

    /// What a baseline gives every item for a user.
    pub(super) fn scores(&self, component: Component, logs: &Logs, user: u32) -> Array1<f32> {
        match component {
            Component::Popularity => self.popularity.clone(),
            Component::RecentPopularity => self.recent.clone(),
            Component::Cooccurrence => self.cooccurrence[1].dot(&self.user(component, logs, user)),
            Component::Transitions => self.transitions[1].dot(&self.user(component, logs, user)),
        }
    }
}

/// The weighted sum of some rows.
fn sum<'a>(of: &Array2<f32>, rows: impl Iterator<Item = (&'a u32, f32)>) -> Array1<f32> {
    let mut sum = Array1::zeros(of.ncols());
    for (row, weight) in rows {
        sum.scaled_add(weight, &of.slice(s![*row as usize, ..]));
    }
    sum
}

/// ln(1 + count / unit) of each count, less its mean, and that of a count of 0.
fn centred_logs(counts: &[f64], unit: f64) -> (Array1<f32>, f32) {
    let logs: Array1<f64> = counts.iter().map(|count| (count / unit).ln_1p()).collect();
    let mean = logs.mean().unwrap_or(0.0);
    (logs.mapv(|x| (x - mean) as f32), -mean as f32)
}
