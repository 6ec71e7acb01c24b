//! Training examples from logs: a user at a moment, with the earlier items (the history) and the next one.

use super::dataset::Dataset;
use super::error::TrainError;
use super::error_reason::MissingData;
use super::evaluate::latest;
use super::hold_out::{HeldOut, HoldOut, MAX_HELD_OUT};
use super::names::Names;
use serde_json::{Value, json};
use std::cmp::Reverse;
use std::collections::HashSet;
use twinspire_towers::Side;
use twinspire_towers::internals::{check_id, check_item};

/// The field of a user that holds the most recent items, newest last.
pub(crate) const HISTORY: &str = "history";

/// Logs with numbers instead of ids.
pub(crate) struct Logs {
    /// Id and record of every item in the records or events.
    pub(crate) items: Vec<(String, Value)>,
    /// Id and record of every user in the records or events.
    pub(crate) users: Vec<(String, Value)>,
    /// Interactions of each user, in order of time: the item and its reward.
    pub(crate) seen: Vec<Vec<(u32, f32)>>,
    /// Time of each interaction, in seconds.
    pub(crate) times: Vec<Vec<i64>>,
    /// Links of each interaction to earlier ones, along which histories are read.
    links: Vec<Vec<Link>>,
    /// Minimum reward of interactions in histories and in the holdout.
    min_reward: f32,
}

/// Links of an interaction to the latest earlier ones that count in histories: those with the minimum reward.
/// [`NONE`] marks the end of the chain. A history is read in steps of its own length, however long the log is.
#[derive(Clone, Copy, Debug)]
struct Link {
    /// The latest earlier one.
    before: u32,
    /// The latest earlier one of another item.
    other: u32,
}

/// No earlier interaction.
const NONE: u32 = u32::MAX;

/// One interaction to learn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Example {
    /// The user.
    pub(crate) user: u32,
    /// Index among the user's interactions.
    pub(crate) at: u32,
}

impl Logs {
    /// Numbers users and items, those with records first, and sorts each user's events by time.
    pub(crate) fn new(data: &Dataset) -> Result<Self, TrainError> {
        if data.items.is_empty() {
            let missing = MissingData::Items;
            return Err(TrainError::Empty { missing });
        }
        if data.events.is_empty() {
            let missing = MissingData::Events;
            return Err(TrainError::Empty { missing });
        }
        let mut items = Names::new(Side::Item);
        for (at, item) in data.items.iter().enumerate() {
            let id = check_item(item).map_err(|source| TrainError::Record {
                side: Side::Item,
                at,
                source,
            })?;
            items.add(at, id, item)?;
        }
        let mut users = Names::new(Side::User);
        for (at, user) in data.users.iter().enumerate() {
            let id = user.get("user_id").and_then(Value::as_str);
            let checked =
                id.map_or_else(|| check_id("").map(|()| ""), |id| check_id(id).map(|()| id));
            let id = checked.map_err(|mut source| {
                "user_id".clone_into(&mut source.field);
                TrainError::Record {
                    side: Side::User,
                    at,
                    source,
                }
            })?;
            users.add(at, id, user)?;
        }
        let mut order: Vec<usize> = (0..data.events.len()).collect();
        order.sort_by_key(|at| data.events[*at].at);
        let mut seen: Vec<Vec<(u32, f32)>> = vec![Vec::new(); data.users.len()];
        let mut times: Vec<Vec<i64>> = vec![Vec::new(); data.users.len()];
        for at in order {
            let event = &data.events[at];
            if !(event.weight.is_finite() && event.weight >= 0.0) {
                let weight = event.weight;
                return Err(TrainError::Weight { at, weight });
            }
            let user = users.number(&event.user, || json!({"user_id": event.user}));
            let item = items.number(&event.item, || json!({"id": event.item}));
            seen.resize(seen.len().max(user as usize + 1), Vec::new());
            seen[user as usize].push((item, event.weight));
            times.resize(seen.len(), Vec::new());
            times[user as usize].push(event.at);
        }
        let logs = Self {
            items: items.records,
            users: users.records,
            seen,
            times,
            links: Vec::new(),
            min_reward: 0.0,
        };
        Ok(logs.with_min_reward(0.0))
    }

    /// Limits histories and holdout to interactions of this reward or more.
    pub(crate) fn with_min_reward(mut self, least: f32) -> Self {
        self.min_reward = least;
        self.links = self.seen.iter().map(|met| links(met, least)).collect();
        self
    }

    /// Keeps the interactions of every `step`-th user.
    pub(crate) fn keep_every(&mut self, step: usize) {
        for user in (0..self.seen.len()).filter(|user| user % step != 0) {
            self.seen[user].clear();
            self.times[user].clear();
            self.links[user].clear();
        }
    }

    /// Minimum reward of interactions in histories and in the holdout.
    pub(crate) fn min_reward(&self) -> f32 {
        self.min_reward
    }

    /// Removes the holdout from the logs and returns its events with items that are new to their user. Of more
    /// than [`MAX_HELD_OUT`], every n-th is returned. `since` is the start of the events to learn from.
    pub(crate) fn hold_out(&mut self, how: HoldOut, since: Option<i64>) -> Vec<HeldOut> {
        let mut out = match how {
            HoldOut::Last => self.hold_out_last(),
            HoldOut::Latest(share) => self.hold_out_latest(share, since),
        };
        let step = out.len().div_ceil(MAX_HELD_OUT).max(1);
        let mut at = 0..;
        out.retain(|_| at.next().is_some_and(|at| at % step == 0));
        out
    }

    /// The last interaction of each user with three or more, unless the item was seen before.
    fn hold_out_last(&mut self) -> Vec<HeldOut> {
        self.hold_out_earlier(0)
    }

    /// The same as of `steps` interactions ago of each user. Users who had fewer than three then keep theirs, and none of
    /// them is held out.
    pub(crate) fn hold_out_earlier(&mut self, steps: usize) -> Vec<HeldOut> {
        let mut out = Vec::new();
        for (user, met) in (0u32..).zip(&mut self.seen) {
            let mut left = met.len().saturating_sub(steps);
            let Some([before @ .., (item, reward)]) = met.get(..left).filter(|met| met.len() > 2)
            else {
                continue;
            };
            if *reward >= self.min_reward && !before.iter().any(|(other, _)| other == item) {
                out.push(HeldOut { user, item: *item });
                left -= 1;
            }
            met.truncate(left);
            self.times[user as usize].truncate(left);
            self.links[user as usize].truncate(left);
        }
        out
    }

    /// All interactions since the start of the latest share. Of users with earlier interactions, the items that
    /// are new to them are returned.
    fn hold_out_latest(&mut self, share: f64, since: Option<i64>) -> Vec<HeldOut> {
        let times = self.times.iter().flatten().copied();
        let new = times.filter(|at| since.is_none_or(|since| *at >= since));
        let Some(from) = latest(new.collect(), share) else {
            return Vec::new();
        };
        let mut out = Vec::new();
        for (user, met) in (0..).zip(&mut self.seen) {
            let times = &mut self.times[user as usize];
            let end = times.partition_point(|at| *at < from);
            times.truncate(end);
            self.links[user as usize].truncate(end);
            let later = met.split_off(end);
            let mut known: HashSet<u32> = met.iter().map(|(item, _)| *item).collect();
            for (item, reward) in later {
                if end > 0 && reward >= self.min_reward && known.insert(item) {
                    out.push(HeldOut { user, item });
                }
            }
        }
        out
    }

    /// All interactions.
    pub(crate) fn interactions(&self) -> Vec<Example> {
        let each = self.seen.iter().zip(0..).flat_map(|(met, user)| {
            let all = 0..met.len() as u32;
            all.map(move |at| Example { user, at })
        });
        each.collect()
    }

    /// All interactions with a reward above 0.
    pub(crate) fn examples(&self) -> Vec<Example> {
        let mut all = self.interactions();
        all.retain(|example| self.seen[example.user as usize][example.at as usize].1 > 0.0);
        all
    }

    /// Time of an example, in seconds.
    pub(crate) fn time(&self, example: Example) -> i64 {
        self.times[example.user as usize][example.at as usize]
    }

    /// Splits examples into windows of `seconds`, in order of time, starting at the first example. Empty windows
    /// are left out.
    pub(crate) fn windows(&self, examples: &mut [Example], seconds: u64) -> Vec<Vec<Example>> {
        examples.sort_by_key(|example| self.time(*example));
        let first = examples.first().map_or(0, |first| self.time(*first));
        let window = |example: &Example| self.time(*example).abs_diff(first) / seconds.max(1);
        let each = examples.chunk_by(|one, next| window(one) == window(next));
        each.map(<[Example]>::to_vec).collect()
    }

    /// The items that the user had seen before an example, newest last, without the item of the example.
    pub(crate) fn history(&self, example: Example, limit: usize, into: &mut Vec<u32>) {
        let (user, at) = (example.user as usize, example.at as usize);
        let (met, links) = (&self.seen[user], &self.links[user]);
        let item = met.get(at).map(|(item, _)| *item);
        into.clear();
        let mut next = match links.get(at) {
            Some(link) => link.other,
            None => last(met, links, at, self.min_reward),
        };
        while into.len() < limit && next != NONE {
            let (other, link) = (met[next as usize].0, links[next as usize]);
            if Some(other) == item {
                next = link.other;
                continue;
            }
            into.push(other);
            next = link.before;
        }
        into.reverse();
    }

    /// The user as of now: the index behind the last interaction.
    pub(crate) fn now(&self, user: u32) -> Example {
        let at = self.seen[user as usize].len() as u32;
        Example { user, at }
    }

    /// The distinct items that a user has seen, in order of their numbers, each with the time of its first
    /// interaction.
    pub(crate) fn first_times(&self, user: u32) -> Vec<(u32, i64)> {
        let (met, times) = (&self.seen[user as usize], &self.times[user as usize]);
        let each = met.iter().zip(times).map(|((item, _), at)| (*item, *at));
        let mut all: Vec<(u32, i64)> = each.collect();
        all.sort_unstable();
        all.dedup_by_key(|(item, _)| *item);
        all
    }

    /// Items that a user has seen.
    pub(crate) fn seen_by(&self, user: u32) -> HashSet<u32> {
        let met = self.seen[user as usize].iter();
        met.map(|(item, _)| *item).collect()
    }

    /// The record of a user with the `longest` most recent items as its history; with 0 there is no history.
    pub(crate) fn record(&self, example: Example, longest: usize) -> Value {
        let mut record = self.users[example.user as usize].1.clone();
        if longest > 0 {
            let mut history = Vec::new();
            self.history(example, longest, &mut history);
            let ids = history.iter().map(|item| &self.items[*item as usize].0);
            record[HISTORY] = ids.cloned().collect();
        }
        record
    }

    /// Records, as of now, of the `count` users with the most interactions.
    pub(crate) fn most_active(&self, count: usize, longest: usize) -> Vec<Value> {
        let counting = |user: &u32| {
            let met = self.seen[*user as usize].iter();
            Reverse(met.filter(|(_, reward)| *reward >= self.min_reward).count())
        };
        let mut users: Vec<u32> = (0..self.users.len() as u32).collect();
        users.sort_by_cached_key(counting);
        let each = users.into_iter().take(count);
        each.map(|user| self.record(self.now(user), longest))
            .collect()
    }
}

/// The links of the interactions of one user.
fn links(met: &[(u32, f32)], min_reward: f32) -> Vec<Link> {
    let mut links: Vec<Link> = Vec::with_capacity(met.len());
    for (at, (item, _)) in met.iter().enumerate() {
        let before = last(met, &links, at, min_reward);
        let other = match met.get(before as usize) {
            Some((same, _)) if same == item => links[before as usize].other,
            _ => before,
        };
        links.push(Link { before, other });
    }
    links
}

/// The latest interaction before `at` with the minimum reward. `links` holds those up to `at`.
fn last(met: &[(u32, f32)], links: &[Link], at: usize, min_reward: f32) -> u32 {
    match at.checked_sub(1) {
        Some(previous) if met[previous].1 >= min_reward => previous as u32,
        Some(previous) => links[previous].before,
        None => NONE,
    }
}

#[cfg(test)]
mod tests {
    use super::super::frequency::Frequency;
    use super::super::shuffle::shuffle;
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_pcg::Pcg64Mcg;
    use twinspire_towers::Event;

    fn logs(events: &[(u8, u8, i64)]) -> Logs {
        let events = events.iter().map(|(user, item, at)| Event {
            user: format!("u{user}"),
            item: format!("i{item}"),
            at: *at,
            weight: 1.0,
        });
        let data = Dataset {
            items: vec![json!({"id": "i0"})],
            users: Vec::new(),
            events: events.collect(),
        };
        Logs::new(&data).unwrap()
    }

    #[test]
    fn earlier_holdouts_are_what_a_holdout_was_then() {
        let events = [
            (0, 1, 1),
            (0, 2, 2),
            (0, 3, 3),
            (0, 4, 4),
            (0, 4, 5),
            (1, 1, 1),
            (1, 2, 2),
            (1, 3, 3),
        ];
        let held_out = |steps: usize| {
            let mut logs = logs(&events);
            let out = logs.hold_out_earlier(steps).into_iter();
            let out = out.map(|out| {
                (
                    logs.users[out.user as usize].0.clone(),
                    logs.items[out.item as usize].0.clone(),
                )
            });
            (
                out.collect::<Vec<_>>(),
                logs.seen.iter().map(Vec::len).collect::<Vec<_>>(),
            )
        };
        let pair = |user: &str, item: &str| (user.to_owned(), item.to_owned());
        // The last event of the first user is a repeat.
        assert_eq!(held_out(0), (vec![pair("u1", "i3")], vec![5, 2]));
        assert_eq!(held_out(1), (vec![pair("u0", "i4")], vec![3, 3]));
        assert_eq!(held_out(2), (vec![pair("u0", "i3")], vec![2, 3]));
        assert_eq!(held_out(3), (vec![], vec![5, 3]));
    }

    #[test]
    fn items_are_in_batches_with_the_expected_probability_and_the_estimate_agrees() {
        // Item n has n + 1 events.
        let events: Vec<_> = (0..20u8)
            .flat_map(|item| (0..=item).map(move |user| (user, item, i64::from(item))))
            .collect();
        let (logs, size, passes) = (logs(&events), 10, 3000);
        let mut examples = logs.examples();
        assert_eq!(examples.len(), 210);
        let mut rng = Pcg64Mcg::seed_from_u64(2);
        let mut estimate = Frequency::new(4096, 3, 0.002).unwrap();
        let mut found = [0usize; 20];
        for _ in 0..passes {
            shuffle(&mut examples, &mut rng);
            for batch in examples.chunks(size) {
                let item = |e: &Example| logs.seen[e.user as usize][e.at as usize].0;
                let mut items: Vec<u32> = batch.iter().map(item).collect();
                items.sort_unstable();
                items.dedup();
                items.iter().for_each(|item| found[*item as usize] += 1);
                let keys: Vec<u64> = items.iter().map(|item| u64::from(*item)).collect();
                estimate.see(&keys);
            }
        }
        let batches = (passes * 210 / size) as f64;
        for (item, found) in found.into_iter().enumerate() {
            // Probability that no draw without replacement hits the item.
            let others = 210 - (item + 1);
            let none: f64 = (0..size)
                .map(|n| (others - n) as f64 / (210 - n) as f64)
                .product();
            let expected = 1.0 - none;
            let share = found as f64 / batches;
            let deviation = (expected * none / batches).sqrt();
            assert!(
                (share - expected).abs() < 5.0 * deviation,
                "{item}: {share} {expected}"
            );
            let estimated = estimate.probability(item as u64);
            let error = (estimated - expected).abs() / expected;
            assert!(error < 0.15, "{item}: {estimated} {expected}");
        }
    }

    #[test]
    fn the_holdout_is_the_last_event_of_each_user_or_the_latest_of_all() {
        // User 0 ends with an item seen before, which is not ranked.
        let events = [
            (0, 1, 10),
            (0, 2, 20),
            (0, 1, 30),
            (1, 1, 5),
            (1, 2, 15),
            (1, 3, 25),
            (1, 4, 35),
            (2, 5, 40),
            (2, 6, 50),
        ];
        let held_out = |how, since| {
            let mut logs = logs(&events);
            let out = logs.hold_out(how, since);
            let id = |out: &HeldOut| {
                let (user, item) = (out.user as usize, out.item as usize);
                (logs.users[user].0.clone(), logs.items[item].0.clone())
            };
            let named: Vec<_> = out.iter().map(id).collect();
            let left: Vec<usize> = logs.seen.iter().map(Vec::len).collect();
            assert!(logs.times.iter().map(Vec::len).eq(left.iter().copied()));
            let user = |id: &str| logs.users.iter().position(|(of, _)| of == id).unwrap();
            let left = ["u0", "u1", "u2"].map(|id| left[user(id)]);
            (named, left)
        };
        let pair = |user: &str, item: &str| (user.to_owned(), item.to_owned());
        let last = held_out(HoldOut::Last, None);
        assert_eq!(last, (vec![pair("u1", "i4")], [3, 3, 2]));
        // The latest third starts at 35: user 2 has no earlier events.
        let latest = held_out(HoldOut::Latest(1.0 / 3.0), None);
        assert_eq!(latest, (vec![pair("u1", "i4")], [3, 3, 0]));
        let half = held_out(HoldOut::Latest(0.5), None);
        assert_eq!(half, (vec![pair("u1", "i3"), pair("u1", "i4")], [2, 2, 0]));
        // Half of the three from 35 on are two of them.
        let new = held_out(HoldOut::Latest(0.5), Some(35));
        assert_eq!(new, (vec![], [3, 4, 0]));
        let rewarded = logs(&events)
            .with_min_reward(2.0)
            .hold_out(HoldOut::Last, None);
        assert!(rewarded.is_empty());
    }

    #[test]
    fn every_nth_user_is_kept_whole_and_the_others_have_no_events() {
        let events: Vec<_> = (0..7u8)
            .flat_map(|user| (0..4i64).map(move |at| (user, at as u8, at)))
            .collect();
        for step in 1..9 {
            let mut logs = logs(&events);
            let (items, users) = (logs.items.len(), logs.users.len());
            logs.keep_every(step);
            assert_eq!((logs.items.len(), logs.users.len()), (items, users));
            for user in 0..users {
                let kept = if user % step == 0 { 4 } else { 0 };
                let lengths = [
                    logs.seen[user].len(),
                    logs.times[user].len(),
                    logs.links[user].len(),
                ];
                assert_eq!(lengths, [kept; 3]);
                let mut history = Vec::new();
                logs.history(logs.now(user as u32), 9, &mut history);
                assert_eq!(history.len(), kept);
            }
            let held_out = logs.hold_out(HoldOut::Last, None);
            assert_eq!(held_out.len(), users.div_ceil(step));
        }
    }

    /// Of a user with a history of one item, or of one below the least reward, a naive walk would look at all
    /// earlier events for each: 4·10¹⁰ in total.
    #[test]
    fn histories_take_time_by_their_own_length() {
        let events = (0..200_000i64).map(|at| (0, u8::from(at % 50_000 == 0), at));
        let events: Vec<_> = events.collect();
        for (least, total) in [(0.0, 200_000 * 3), (2.0, 0)] {
            let logs = logs(&events).with_min_reward(least);
            let mut history = Vec::new();
            let read = logs.interactions().into_iter().map(|example| {
                logs.history(example, 5, &mut history);
                history.len()
            });
            let read: usize = read.sum();
            assert!(read <= total, "{read}");
        }
    }

    proptest! {
        #[test]
        fn windows_partition_the_examples_in_order_of_time(
            events in prop::collection::vec((0u8..5, 0u8..9, -40i64..40), 1..60), seconds in 1u64..50,
        ) {
            let logs = logs(&events);
            let mut all = logs.examples();
            let windows = logs.windows(&mut all, seconds);
            let first = events.iter().map(|(.., at)| *at).min().unwrap();
            let number = |example: &Example| (logs.time(*example) - first) / seconds as i64;
            let mut before = -1;
            for window in &windows {
                let this = number(&window[0]);
                prop_assert!(this > before);
                prop_assert!(window.iter().all(|example| number(example) == this));
                before = this;
            }
            let key = |example: &Example| (example.user, example.at);
            let mut found: Vec<_> = windows.concat().iter().map(key).collect();
            found.sort_unstable();
            let mut expected: Vec<_> = logs.examples().iter().map(key).collect();
            expected.sort_unstable();
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn a_history_is_the_most_recent_items_without_the_item_itself(
            events in prop::collection::vec((0u8..3, 0u8..4, 0i64..30), 1..40), limit in 0usize..6,
            least in prop::sample::select(vec![0.0f32, 0.5, 2.0]),
        ) {
            // Events of even times have a reward below the least one.
            let mut logs = logs(&events);
            for (met, times) in logs.seen.iter_mut().zip(&logs.times) {
                met.iter_mut().zip(times).for_each(|(met, at)| met.1 = (at % 2) as f32);
            }
            let mut logs = logs.with_min_reward(least);
            let held_out = logs.hold_out(HoldOut::Latest(0.2), None);
            prop_assert!(held_out.len() <= events.len());
            let mut history = Vec::new();
            let now = (0..logs.users.len() as u32).map(|user| logs.now(user));
            for example in logs.interactions().into_iter().chain(now.collect::<Vec<_>>()) {
                let mine = &logs.seen[example.user as usize];
                let own = mine.get(example.at as usize).map(|(item, _)| *item);
                let before = mine[..example.at as usize].iter();
                let before = before.filter(|(item, reward)| Some(*item) != own && *reward >= least);
                let before: Vec<u32> = before.map(|(item, _)| *item).collect();
                logs.history(example, limit, &mut history);
                prop_assert_eq!(&history[..], &before[before.len().saturating_sub(limit)..]);
            }
        }
    }
}
