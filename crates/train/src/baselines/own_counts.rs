//! What the user itself took most often, for logs in which users take items again.

use super::popularity::Popularity;
use super::scorer::Scorer;
use crate::sampler::Logs;

/// Weight of an event relative to the next newer one of its user.
const DECAY: f32 = 0.98;
/// Weight of popularity, which orders items that the user has not met.
const PRIOR: f64 = 1e-3;

/// Counts of a user's own events.
pub(super) struct OwnCounts {
    prior: Vec<f32>,
}

impl OwnCounts {
    /// Counts by the events of the logs. Those below the minimum reward are skipped.
    pub(super) fn new(logs: &Logs) -> Self {
        let counts = Popularity::of_all_time(logs).into_counts();
        let most = counts.iter().copied().fold(1.0, f64::max);
        let prior = counts.iter().map(|count| (PRIOR * count / most) as f32);
        Self {
            prior: prior.collect(),
        }
    }
}

impl Scorer for OwnCounts {
    fn score(&self, logs: &Logs, user: u32, into: &mut [f32]) {
        into.copy_from_slice(&self.prior);
        let mut weight = 1.0;
        for (item, reward) in logs.seen[user as usize].iter().rev() {
            if *reward >= logs.min_reward() {
                into[*item as usize] += weight;
                weight *= DECAY;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Dataset;
    use serde_json::json;
    use twinspire_towers::Event;

    #[test]
    fn frequent_items_of_the_user_come_first_then_late_ones_then_popular_ones() {
        let event = |user: &str, item: usize, at: i64| Event {
            user: user.to_owned(),
            item: format!("i{item}"),
            at,
            weight: 1.0,
        };
        let own = [1, 0, 1, 2].into_iter().zip(0..);
        let own = own.map(|(item, at)| event("u", item, at));
        let others = (0..9).map(|at| event("v", 4, at));
        let logs = Logs::new(&Dataset {
            items: (0..5).map(|n| json!({"id": format!("i{n}")})).collect(),
            users: vec![json!({"user_id": "u"})],
            events: own.chain(others).collect(),
        })
        .unwrap();
        let mut scores = [0.0; 5];
        OwnCounts::new(&logs).score(&logs, 0, &mut scores);
        let mut order = [0, 1, 2, 3, 4];
        order.sort_by(|a: &usize, b| scores[*b].total_cmp(&scores[*a]));
        assert_eq!(order, [1, 2, 0, 4, 3]);
    }
}
