//! Splits of logs, and the order of events of the same time.

use crate::dataset::Dataset;
use crate::error::TrainError;
use crate::range::check_range;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use twinspire_towers::Event;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The order of one user's events of the same time. Where times are coarse, it decides which event is the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TieOrder {
    /// At random, by this seed. It depends on the ids of user and item alone, not on the order of the log.
    Random(u64),
    /// As in the log. If the log is sorted by item, the item decides.
    Log,
    /// By item id, numerically where ids are numbers. New items often have high ids: they are then held out.
    Id,
}

impl Default for TieOrder {
    fn default() -> Self {
        Self::Random(0)
    }
}

impl fmt::Display for TieOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Random(seed) => write!(f, "equal times in random order (seed {seed})"),
            Self::Log => f.write_str("equal times in the order of the log"),
            Self::Id => f.write_str("equal times by item id"),
        }
    }
}

impl TieOrder {
    /// Sorts events by time, and events of the same time in this order.
    pub fn sort(self, events: &mut [Event]) {
        self.sort_by_event(events, |event| event);
    }

    /// [`sort`](Self::sort) of anything that has an event. Events with equal keys keep their order.
    #[doc(hidden)]
    pub fn sort_by_event<T>(self, sorted: &mut [T], event: impl Fn(&T) -> &Event) {
        sorted.sort_by_cached_key(|one| {
            let event = event(one);
            let (number, text) = match self {
                Self::Random(seed) => (tie_hash(event, seed), String::new()),
                Self::Log => (0, String::new()),
                Self::Id => id_key(event),
            };
            (event.at, number, text)
        });
    }
}

/// A hash of the user and the item of an event.
fn tie_hash(event: &Event, seed: u64) -> u64 {
    let of_user = xxh3_64_with_seed(event.user.as_bytes(), seed);
    xxh3_64_with_seed(event.item.as_bytes(), of_user)
}

/// Numeric ids first, by value; then other ids, by their bytes.
fn id_key(event: &Event) -> (u64, String) {
    (event.item.parse().unwrap_or(u64::MAX), event.item.clone())
}

/// Which events of a log are held out as a test. A training and its evaluation that split the same log in the same
/// way agree on them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SplitBy {
    /// The last event of each user with three or more events.
    #[default]
    Last,
    /// The latest share of all events, above 0 and at most 0.5. Events of the same time as the first of them are
    /// held out too.
    Latest(f64),
    /// All events from this time on, in seconds since 1970.
    Since(i64),
}

impl fmt::Display for SplitBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Last => f.write_str("the last event of each user with three or more"),
            Self::Latest(share) => write!(f, "the latest {} % of all events", share * 100.0),
            Self::Since(at) => write!(f, "all events from {at} on (seconds since 1970)"),
        }
    }
}

impl SplitBy {
    /// Rejects a share outside of its range.
    ///
    /// # Errors
    /// [`TrainError::Config`].
    pub fn check(self) -> Result<(), TrainError> {
        match self {
            Self::Latest(share) => check_range("split.latest", share, 1e-6..=0.5),
            Self::Last | Self::Since(_) => Ok(()),
        }
    }

    /// Removes the held-out events from the data and returns them. The remaining events are sorted by time and `ties`.
    ///
    /// ```
    /// # mod twinspire { pub use twinspire_towers::Event; pub use twinspire_train as train; }
    /// use twinspire::Event;
    /// use twinspire::train::Dataset;
    /// use twinspire::train::evaluate::{SplitBy, TieOrder};
    ///
    /// let event = |user: &str, item: &str, at| Event {
    ///     user: user.to_owned(), item: item.to_owned(), at, weight: 1.0
    /// };
    /// let events = vec![event("u", "a", 1), event("u", "c", 3), event("u", "b", 2), event("v", "a", 9)];
    /// let mut data = Dataset { events, ..Dataset::default() };
    /// let held_out = SplitBy::Last.hold_out(&mut data, TieOrder::default());
    /// assert_eq!(held_out, [event("u", "c", 3)]);
    /// assert_eq!(data.events.len(), 3);
    /// ```
    #[must_use]
    pub fn hold_out(self, data: &mut Dataset, ties: TieOrder) -> Vec<Event> {
        ties.sort(&mut data.events);
        let from = match self {
            Self::Last => return hold_out_last(data),
            Self::Latest(share) => {
                let times = data.events.iter().map(|event| event.at);
                latest(times.collect(), share)
            }
            Self::Since(at) => Some(at),
        };
        let from = from.unwrap_or(i64::MAX);
        let (held_out, left) = data.events.drain(..).partition(|event| event.at >= from);
        data.events = left;
        held_out
    }
}

/// Removes the last event of each user with three or more, ordered by user. The events are sorted by time.
fn hold_out_last(data: &mut Dataset) -> Vec<Event> {
    let mut users: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (at, event) in data.events.iter().enumerate() {
        let (count, last) = users.entry(&event.user).or_default();
        (*count, *last) = (*count + 1, at);
    }
    let mut last = vec![false; data.events.len()];
    let mut held_out = Vec::new();
    for (_, at) in users.into_values().filter(|(count, _)| *count > 2) {
        last[at] = true;
        held_out.push(data.events[at].clone());
    }
    let mut last = last.into_iter();
    data.events.retain(|_| last.next() != Some(true));
    held_out
}

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

/// Splits a log by user: the last event is the test, the one before it validation. Users with fewer than three events
/// are in `train` alone.
#[must_use]
pub fn split(events: &[Event], ties: TieOrder) -> Split {
    let mut users: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    for event in events {
        users.entry(&event.user).or_default().push(event);
    }
    let mut split = Split::default();
    for mut mine in users.into_values() {
        ties.sort_by_event(&mut mine, |event| event);
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

#[cfg(test)]
mod tests {
    use super::super::test_events::event;
    use super::*;
    use proptest::prelude::*;

    fn items(events: &[Event]) -> Vec<&str> {
        events.iter().map(|event| &*event.item).collect()
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
        let parts = split(&log, TieOrder::Id);
        assert_eq!(items(&parts.test), ["4"]);
        assert_eq!(items(&parts.validation), ["10"]);
        assert_eq!(items(&parts.train), ["1", "9", "1", "2"]);
        assert_eq!(items(&split(&log, TieOrder::Log).validation), ["9"]);
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
    fn each_event_of_a_tie_is_last_equally_often() {
        let mut last = [0usize; 4];
        for seed in 0..2000 {
            let events = (0..4)
                .map(|item| event("u", &item.to_string(), 7))
                .collect();
            let mut data = Dataset {
                events,
                ..Dataset::default()
            };
            let held_out = SplitBy::Last.hold_out(&mut data, TieOrder::Random(seed));
            last[held_out[0].item.parse::<usize>().unwrap()] += 1;
        }
        // Five standard deviations of the binomial distribution around 500.
        assert!(
            last.iter().all(|count| count.abs_diff(500) < 97),
            "{last:?}"
        );
    }

    proptest! {
        #[test]
        fn what_is_held_out_is_the_end_of_the_log(
            log in prop::collection::vec((0u8..5, 0u8..6, 0i64..12), 0..60),
            share in 0.01f64..=0.5, since in 0i64..14, seed: u64,
        ) {
            let events: Vec<_> = log.iter()
                .map(|(user, item, at)| event(&user.to_string(), &item.to_string(), *at))
                .collect();
            for by in [SplitBy::Last, SplitBy::Latest(share), SplitBy::Since(since)] {
                for ties in [TieOrder::Random(seed), TieOrder::Log, TieOrder::Id] {
                    let mut data = Dataset { events: events.clone(), ..Dataset::default() };
                    let held_out = by.hold_out(&mut data, ties);
                    let key = |event: &Event| (event.user.clone(), event.item.clone(), event.at);
                    let mut whole: Vec<_> = data.events.iter().chain(&held_out).map(key).collect();
                    let mut expected: Vec<_> = events.iter().map(key).collect();
                    whole.sort();
                    expected.sort();
                    prop_assert_eq!(whole, expected);
                    for out in &held_out {
                        let mine = data.events.iter().filter(|event| match by {
                            SplitBy::Last => event.user == out.user,
                            _ => true,
                        });
                        let in_order = |event: &Event| match by {
                            SplitBy::Last => event.at <= out.at,
                            _ => event.at < out.at,
                        };
                        prop_assert!(mine.into_iter().all(in_order));
                    }
                    if by == SplitBy::Last {
                        let mut users: Vec<_> = held_out.iter().map(|out| &out.user).collect();
                        users.dedup();
                        prop_assert_eq!(users.len(), held_out.len());
                    }
                }
            }
        }

        #[test]
        fn a_random_order_does_not_depend_on_the_order_of_the_log(
            log in prop::collection::btree_set((0u8..3, 0u8..9, 0i64..3), 0..30)
                .prop_map(|set| set.into_iter().collect::<Vec<_>>()),
            seed: u64,
        ) {
            let events: Vec<_> = log.iter()
                .map(|(user, item, at)| event(&user.to_string(), &item.to_string(), *at))
                .collect();
            let reversed: Vec<_> = events.iter().rev().cloned().collect();
            let of = |events: &[Event]| split(events, TieOrder::Random(seed)).test;
            prop_assert_eq!(of(&events), of(&reversed));
        }
    }
}
