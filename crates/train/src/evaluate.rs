//! Evaluation: splits of logs, and the hit rate and nDCG of held-out events.

use super::chunks::chunks;
use ndarray::{ArrayView2, s};
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;
use twinspire_towers::Event;

/// Events in three parts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Split {
    /// Events to train on.
    pub train: Vec<Event>,
    /// Events to choose settings by.
    pub validation: Vec<Event>,
    /// Events to report on, and to choose nothing by.
    pub test: Vec<Event>,
}

/// Splits a log by user: the last event is the test, the one before it validation. Events of the same time are
/// ordered by item id, numerically where ids are numbers. Users with fewer than three events are in `train`
/// alone.
#[must_use]
pub fn split(events: &[Event]) -> Split {
    let mut users: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    for event in events {
        users.entry(&event.user).or_default().push(event);
    }
    let mut split = Split::default();
    for mut mine in users.into_values() {
        let number = |event: &Event| event.item.parse::<u64>().unwrap_or(u64::MAX);
        mine.sort_by_key(|event| (event.at, number(event), event.item.clone()));
        if let [.., validation, test] = mine[..]
            && mine.len() > 2
        {
            mine.truncate(mine.len() - 2);
            split.validation.push(validation.clone());
            split.test.push(test.clone());
        }
        split.train.extend(mine.into_iter().cloned());
    }
    split
}

/// Splits a log by time: the first `train_share` of all events is for training; of the rest, the first half is
/// validation and the second half the test. Events of the same time stay together, in the later part.
///
/// Unlike [`split`], nothing of the future is learnt from, not even events of other users.
#[must_use]
pub fn split_by_time(events: &[Event], train_share: f64) -> Split {
    let held_out = 1.0 - train_share.clamp(0.0, 1.0);
    let times = || events.iter().map(|event| event.at).collect();
    let moment = |share| latest(times(), share).unwrap_or(i64::MAX);
    let (validation, test) = (moment(held_out), moment(held_out / 2.0));
    let mut split = Split::default();
    for event in events {
        let part = match event.at {
            at if at < validation => &mut split.train,
            at if at < test => &mut split.validation,
            _ => &mut split.test,
        };
        part.push(event.clone());
    }
    split
}

/// The time at which the latest share of `times` starts; `None` if the share is empty.
pub fn latest(mut times: Vec<i64>, share: f64) -> Option<i64> {
    let count = (times.len() as f64 * share.clamp(0.0, 1.0)).round() as usize;
    let at = times.len() - count;
    if count == 0 {
        return None;
    }
    let (_, moment, _) = times.select_nth_unstable(at);
    Some(*moment)
}

/// The rank, from 0, of one item for each user, by inner products of vectors `[users, dimension]` and
/// `[items, dimension]`. `wanted` gives the item, and `hidden` the items that are excluded for the user; an
/// excluded item has no rank. Ties rank before the item.
pub(crate) fn ranks(
    users: ArrayView2<'_, f32>,
    items: ArrayView2<'_, f32>,
    wanted: impl Fn(usize) -> u32 + Sync,
    hidden: impl Fn(usize, u32) -> bool + Sync,
) -> Vec<Option<usize>> {
    let chunks = chunks(users.nrows());
    let each = chunks.par_iter().flat_map_iter(|chunk| {
        let scores = users.slice(s![chunk.clone(), ..]).dot(&items.t());
        let rows = chunk.clone().zip(scores.rows());
        let ranks = rows.map(|(at, scores)| {
            let item = wanted(at);
            let own = scores[item as usize];
            let better = scores.iter().enumerate().filter(|(other, score)| {
                let other = *other as u32;
                **score >= own && other != item && !hidden(at, other)
            });
            (!hidden(at, item)).then(|| better.count())
        });
        ranks.collect::<Vec<_>>()
    });
    each.collect()
}

/// Metrics of held-out items, averaged over users.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Metrics {
    /// Share of users whose item ranks first.
    #[serde(rename = "hit@1")]
    pub hit_1: f64,
    /// Share of users whose item is among the first 10.
    #[serde(rename = "hit@10")]
    pub hit_10: f64,
    /// Share of users whose item is among the first 50.
    #[serde(rename = "hit@50")]
    pub hit_50: f64,
    /// Share of users whose item is among the first 100.
    #[serde(rename = "hit@100")]
    pub hit_100: f64,
    /// nDCG of the first 10: 1 / log₂(rank + 1) with ranks from 1, and 0 beyond. With one relevant item the ideal
    /// is 1.
    #[serde(rename = "ndcg@10")]
    pub ndcg_10: f64,
}

/// The share of ranks below 10; `None` without ranks.
pub(crate) fn hit_rate(ranks: &[Option<usize>]) -> Option<f64> {
    (!ranks.is_empty()).then(|| metrics(ranks).hit_10)
}

/// Metrics of ranks, from 0; `None` for an item without a rank.
#[must_use]
pub fn metrics(ranks: &[Option<usize>]) -> Metrics {
    let users = ranks.len().max(1) as f64;
    let found = || ranks.iter().flatten().copied();
    let hit = |k: usize| found().filter(|rank| *rank < k).count() as f64 / users;
    let gains = found().filter(|rank| *rank < 10);
    Metrics {
        hit_1: hit(1),
        hit_10: hit(10),
        hit_50: hit(50),
        hit_100: hit(100),
        ndcg_10: gains
            .map(|rank| 1.0 / (rank as f64 + 2.0).log2())
            .sum::<f64>()
            / users,
    }
}

/// Mean reciprocal rank; an item without a rank counts 0.
pub(crate) fn mean_reciprocal_rank(ranks: &[Option<usize>]) -> f64 {
    let found = ranks.iter().flatten();
    let sum: f64 = found.map(|rank| 1.0 / (rank + 1) as f64).sum();
    sum / ranks.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(user: &str, item: &str, at: i64) -> Event {
        Event {
            user: user.to_owned(),
            item: item.to_owned(),
            at,
            weight: 1.0,
        }
    }

    #[test]
    fn the_last_two_events_of_a_user_are_held_out_and_numbers_order_as_numbers() {
        let log = [
            event("u", "10", 5),
            event("u", "9", 5),
            event("u", "1", 2),
            event("u", "4", 7),
            event("v", "1", 1),
            event("v", "2", 2),
        ];
        let split = split(&log);
        let items = |events: &[Event]| -> Vec<String> {
            events.iter().map(|event| event.item.clone()).collect()
        };
        assert_eq!(items(&split.test), ["4"]);
        assert_eq!(items(&split.validation), ["10"]);
        assert_eq!(items(&split.train), ["1", "9", "1", "2"]);
    }

    #[test]
    fn a_split_by_time_keeps_the_future_out_of_the_training() {
        let log: Vec<_> = (0..10).map(|at| event("u", "1", 10 - at)).collect();
        let split = split_by_time(&log, 0.6);
        let times = |events: &[Event]| events.iter().map(|event| event.at).collect::<Vec<_>>();
        assert_eq!(times(&split.train), [6, 5, 4, 3, 2, 1]);
        assert_eq!(times(&split.validation), [8, 7]);
        assert_eq!(times(&split.test), [10, 9]);
        let at_once: Vec<_> = (0..10).map(|_| event("u", "1", 3)).collect();
        assert_eq!(split_by_time(&at_once, 0.6).test.len(), 10);
        assert_eq!(split_by_time(&[], 0.6), Split::default());
    }

    #[test]
    fn ties_rank_before_and_excluded_items_do_not_count() {
        let users = ndarray::array![[1.0, 0.0], [0.0, 1.0]];
        let items = ndarray::array![[0.9, 0.1], [0.5, 0.5], [0.5, 0.7], [0.1, 0.9]];
        let hidden = |row: usize, item: u32| row == 1 && [1, 3].contains(&item);
        let found = ranks(users.view(), items.view(), |row| 1 - row as u32, hidden);
        assert_eq!(found, [Some(2), Some(1)]);
        let hidden = ranks(users.view(), items.view(), |_| 1, |_, item| item == 1);
        assert_eq!(hidden, [None, None]);
    }

    #[test]
    fn metrics_agree_with_a_calculation_by_hand() {
        let found = metrics(&[Some(0), Some(9), Some(60), None]);
        assert_eq!((found.hit_1, found.hit_10), (0.25, 0.5));
        assert_eq!((found.hit_50, found.hit_100), (0.5, 0.75));
        let reciprocal = mean_reciprocal_rank(&[Some(0), Some(3), None]);
        assert!((reciprocal - 1.25 / 3.0).abs() < 1e-12);
        assert!((found.ndcg_10 - (1.0 + 1.0 / 11f64.log2()) / 4.0).abs() < 1e-12);
    }
}
