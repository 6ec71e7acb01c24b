//! How well a model recalls: the last event of each user is held out, and looked for among the
//! first K.

use crate::record::Event;
use serde::Serialize;
use std::collections::BTreeMap;

/// Events, split by time within each user.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Split {
    /// All but the last two events of each user.
    pub train: Vec<Event>,
    /// The last but one: to choose settings by.
    pub validation: Vec<Event>,
    /// The last: to report, and to choose nothing by.
    pub test: Vec<Event>,
}

/// Splits a log: each user's last event is for the test, the one before for validation. Events of
/// one moment are ordered by item id, by number where ids are numbers. Users with fewer than three
/// events are in `train` alone.
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

/// Averages over users, each with one item held out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Metrics {
    /// The share of users whose item comes first.
    #[serde(rename = "hit@1")]
    pub hit_1: f64,
    /// The share of users whose item is among the first 10.
    #[serde(rename = "hit@10")]
    pub hit_10: f64,
    /// Among the first 50.
    #[serde(rename = "hit@50")]
    pub hit_50: f64,
    /// Among the first 100.
    #[serde(rename = "hit@100")]
    pub hit_100: f64,
    /// nDCG of the first 10: 1 / log₂(rank + 1), 0 beyond; with one relevant item the ideal is 1.
    #[serde(rename = "ndcg@10")]
    pub ndcg_10: f64,
}

/// The metrics of ranks, from 0; none where the item was not found at all.
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
    fn metrics_are_those_worked_out_by_hand() {
        let found = metrics(&[Some(0), Some(9), Some(60), None]);
        assert_eq!((found.hit_1, found.hit_10), (0.25, 0.5));
        assert_eq!((found.hit_50, found.hit_100), (0.5, 0.75));
        assert!((found.ndcg_10 - (1.0 + 1.0 / 11f64.log2()) / 4.0).abs() < 1e-12);
    }
}
