//! Training examples from logs: a user at a moment, with the earlier items (the history) and the next one.

use super::dataset::Dataset;
use super::error::TrainError;
use super::error_reason::MissingData;
use super::evaluate::{TieOrder, latest};
use super::hold_out::{HeldOut, HoldOut, MAX_HELD_OUT};
use super::names::Names;
use serde_json::{Value, json};
use std::cmp::Reverse;
use std::collections::HashSet;
use twinspire_towers::internals::{check_id, check_item};
use twinspire_towers::{Event, Side};

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
    /// Whether items that their user had before are to be found.
    repeats: bool,
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
    /// Numbers users and items, those with records first. Sorts each user's events by time, and events of the same time
    /// at random.
    pub(crate) fn new(data: &Dataset) -> Result<Self, TrainError> {
        Self::ordered(data, TieOrder::default())
    }

    /// As [`new`](Self::new), with events of the same time in the order `ties`.
    pub(crate) fn ordered(data: &Dataset, ties: TieOrder) -> Result<Self, TrainError> {
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
        let mut of_users: Vec<Vec<(&Event, u32)>> = vec![Vec::new(); data.users.len()];
        for at in order {
            let event = &data.events[at];
            if !(event.weight.is_finite() && event.weight >= 0.0) {
                let weight = event.weight;
                return Err(TrainError::Weight { at, weight });
            }
            let user = users.number(&event.user, || json!({"user_id": event.user})) as usize;
            let item = items.number(&event.item, || json!({"id": event.item}));
            of_users.resize(of_users.len().max(user + 1), Vec::new());
            of_users[user].push((event, item));
        }
        let (mut seen, mut times) = (Vec::new(), Vec::new());
        for mut events in of_users {
            ties.sort_by_event(&mut events, |(event, _)| event);
            let met = events.iter().map(|(event, item)| (*item, event.weight));
            seen.push(met.collect());
            times.push(events.iter().map(|(event, _)| event.at).collect());
        }
        let logs = Self {
            items: items.records,
            users: users.records,
            seen,
            times,
            links: Vec::new(),
            min_reward: 0.0,
            repeats: false,
        };
        Ok(logs.with_min_reward(0.0))
    }

    /// Limits histories and holdout to interactions of this reward or more.
    pub(crate) fn with_min_reward(mut self, least: f32) -> Self {
        self.min_reward = least;
        self.links = self.seen.iter().map(|met| links(met, least)).collect();
        self
    }

    /// Whether items that their user had before are to be found. Then histories and holdouts have them too.
    pub(crate) fn with_repeats(mut self, repeats: bool) -> Self {
        self.repeats = repeats;
        self
    }

    /// Whether items that their user had before are to be found.
    pub(crate) fn repeats(&self) -> bool {
        self.repeats
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

    /// Removes the holdout from the logs and returns its events; without repeats, those with items that are new to
    /// their user. Of more than [`MAX_HELD_OUT`], every n-th is returned. `since` is the start of the events to learn from.
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

    /// The last interaction of each user with three or more.
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
            let is_known = || before.iter().any(|(other, _)| other == item);
            if *reward >= self.min_reward && (self.repeats || !is_known()) {
                out.push(HeldOut { user, item: *item });
                left -= 1;
            }
            met.truncate(left);
            self.times[user as usize].truncate(left);
            self.links[user as usize].truncate(left);
        }
        out
    }

    /// All interactions since the start of the latest share. Of users with earlier interactions, each item is returned
    /// once; without repeats, if it is new to them.
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
            let mut known: HashSet<u32> = match self.repeats {
                true => HashSet::new(),
                false => met.iter().map(|(item, _)| *item).collect(),
            };
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

    /// The items that the user had seen before an example, newest last; without repeats, the item of the example is not
    /// among them.
    pub(crate) fn history(&self, example: Example, limit: usize, into: &mut Vec<u32>) {
        let (user, at) = (example.user as usize, example.at as usize);
        let (met, links) = (&self.seen[user], &self.links[user]);
        let item = met.get(at).map(|(item, _)| *item);
        let item = item.filter(|_| !self.repeats);
        into.clear();
        let mut next = match links.get(at) {
            Some(link) if self.repeats => link.before,
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

    /// Items that are not to be found for a user: those it has seen, unless repeats are.
    pub(crate) fn hidden_from(&self, user: u32) -> HashSet<u32> {
        match self.repeats {
            true => HashSet::new(),
            false => self.seen_by(user),
        }
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
mod tests;
