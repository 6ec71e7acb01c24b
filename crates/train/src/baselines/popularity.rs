//! Items by their number of events, of all time or of late.

use super::scorer::Scorer;
use crate::evaluate::latest;
use crate::sampler::Logs;

/// Share of the latest events whose age is the half-life of recent popularity.
const RECENT: f64 = 0.1;

/// Weighted counts of events.
pub(super) struct Popularity {
    counts: Vec<f64>,
}

impl Popularity {
    /// The count of each item.
    pub(super) fn into_counts(self) -> Vec<f64> {
        self.counts
    }

    /// Counts all events alike.
    pub(super) fn of_all_time(logs: &Logs) -> Self {
        Self::count(logs, |_| 1.0)
    }

    /// Counts an event by its age: half as much after each half-life, which is the time of the latest tenth of the
    /// events. No event loses all of its weight, so that items of a quiet season keep an order.
    pub(super) fn recent(logs: &Logs) -> Self {
        let times: Vec<i64> = logs.times.iter().flatten().copied().collect();
        let last = times.iter().copied().max().unwrap_or(0);
        let from = latest(times, RECENT).unwrap_or(last);
        let half_life = (last.abs_diff(from) as f64).max(1.0);
        Self::count(logs, |at| (-(last.abs_diff(at) as f64) / half_life).exp2())
    }

    fn count(logs: &Logs, weight: impl Fn(i64) -> f64) -> Self {
        let mut counts = vec![0.0; logs.items.len()];
        for (met, times) in logs.seen.iter().zip(&logs.times) {
            for ((item, reward), at) in met.iter().zip(times) {
                if *reward >= logs.min_reward() {
                    counts[*item as usize] += weight(*at);
                }
            }
        }
        Self { counts }
    }
}

impl Scorer for Popularity {
    fn score(&self, _: &Logs, _: u32, into: &mut [f32]) {
        for (score, count) in into.iter_mut().zip(&self.counts) {
            *score = *count as f32;
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
    fn recent_events_count_more_and_old_ones_still_count() {
        // Item 0 has thirty early events, item 1 three late ones, item 2 an early one, item 3 none.
        let event = |item: usize, at: i64| Event {
            user: format!("u{at}"),
            item: format!("i{item}"),
            at,
            weight: 1.0,
        };
        let early = (0..30).map(|at| event(0, at)).chain([event(2, 5)]);
        let events = early.chain((97..100).map(|at| event(1, at))).collect();
        let logs = Logs::new(&Dataset {
            items: (0..4).map(|n| json!({"id": format!("i{n}")})).collect(),
            users: Vec::new(),
            events,
        })
        .unwrap();
        let order = |popularity: Popularity| {
            let mut scores = [0.0; 4];
            popularity.score(&logs, 0, &mut scores);
            let mut order = [0, 1, 2, 3];
            order.sort_by(|a: &usize, b| scores[*b].total_cmp(&scores[*a]));
            order
        };
        assert_eq!(order(Popularity::of_all_time(&logs)), [0, 1, 2, 3]);
        assert_eq!(order(Popularity::recent(&logs)), [1, 0, 2, 3]);
    }
}
