//! Recall by popularity: the items in ten parts, the least popular first.

use super::chunks::chunks;
use ndarray::{ArrayView2, s};
use rayon::prelude::*;
use serde::Serialize;
use std::collections::HashSet;

/// Number of parts.
const DECILES: usize = 10;
/// Number of answers counted for each user.
const ANSWERS: usize = 10;
/// Maximum number of users that are asked.
const MAX_USERS: usize = 512;
/// Maximum number of scores that are computed.
const MAX_SCORES: usize = 1 << 28;

/// A tenth of the items by popularity, and how it is recalled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Decile {
    /// Number of its items.
    pub items: usize,
    /// Least and most training events of one of its items.
    pub event_range: [usize; 2],
    /// Its share of all training events.
    pub event_share: f64,
    /// Its share of the first ten answers, over up to 512 users.
    pub answer_share: f64,
    /// Number of held-out events with one of its items.
    pub held_out: usize,
    /// Share of these with the item among the first 10.
    #[serde(rename = "hit@10")]
    pub hit_10: f64,
    /// Share of these with the item among the first 100.
    #[serde(rename = "hit@100")]
    pub hit_100: f64,
}

/// Counts for each item.
pub(crate) struct Popularity {
    events: Vec<usize>,
    answers: Vec<usize>,
}

impl Popularity {
    /// Counts of zero for `items` items.
    pub(crate) fn new(items: usize) -> Self {
        Self {
            events: vec![0; items],
            answers: vec![0; items],
        }
    }

    /// Counts a training event of an item.
    pub(crate) fn count(&mut self, item: u32) {
        self.events[item as usize] += 1;
    }

    /// Numbers of the users to recall for, spread evenly over `users`.
    pub(crate) fn sample_users(&self, users: usize) -> Vec<u32> {
        let most = MAX_SCORES / self.events.len().max(1);
        let step = users.div_ceil(most.clamp(1, MAX_USERS)).max(1);
        (0..users as u32).step_by(step).collect()
    }

    /// Counts the first answers of users, given their vectors and those of all items. `seen` gives the items that
    /// are excluded for a row.
    pub(crate) fn count_answers(
        &mut self,
        users: ArrayView2<'_, f32>,
        items: ArrayView2<'_, f32>,
        seen: impl Fn(usize) -> HashSet<u32> + Sync,
    ) {
        let chunks = chunks(users.nrows());
        let each = chunks.par_iter().flat_map_iter(|chunk| {
            let scores = users.slice(s![chunk.clone(), ..]).dot(&items.t());
            let rows = chunk.clone().zip(scores.rows());
            let first = rows.flat_map(|(at, scores)| {
                let seen = seen(at);
                let unseen = scores.iter().zip(0u32..);
                let mut all: Vec<(f32, u32)> = unseen
                    .map(|(score, item)| (*score, item))
                    .filter(|(_, item)| !seen.contains(item))
                    .collect();
                if all.len() > ANSWERS {
                    all.select_nth_unstable_by(ANSWERS, |(a, _), (b, _)| b.total_cmp(a));
                    all.truncate(ANSWERS);
                }
                all.into_iter().map(|(_, item)| item)
            });
            first.collect::<Vec<_>>()
        });
        for item in each.collect::<Vec<_>>() {
            self.answers[item as usize] += 1;
        }
    }

    /// The deciles, the least popular first. `found` gives held-out items and their ranks, from 0.
    pub(crate) fn deciles(
        &self,
        found: impl IntoIterator<Item = (u32, Option<usize>)>,
    ) -> Vec<Decile> {
        let share =
            |part: usize, all: &[usize]| part as f64 / all.iter().sum::<usize>().max(1) as f64;
        let mut decile_of = vec![0; self.events.len()];
        let mut deciles = Vec::with_capacity(DECILES);
        for (number, of) in parts(&self.events).iter().enumerate() {
            of.iter().for_each(|item| decile_of[*item] = number);
            let sum = |counts: &[usize]| of.iter().map(|item| counts[*item]).sum::<usize>();
            let count = |item: Option<&usize>| item.map_or(0, |item| self.events[*item]);
            deciles.push(Decile {
                items: of.len(),
                event_range: [count(of.first()), count(of.last())],
                event_share: share(sum(&self.events), &self.events),
                answer_share: share(sum(&self.answers), &self.answers),
                ..Decile::default()
            });
        }
        for (item, rank) in found {
            let decile = &mut deciles[decile_of[item as usize]];
            let within = |most: usize| f64::from(u8::from(rank.is_some_and(|rank| rank < most)));
            decile.held_out += 1;
            decile.hit_10 += within(10);
            decile.hit_100 += within(100);
        }
        for decile in &mut deciles {
            decile.hit_10 /= decile.held_out.max(1) as f64;
            decile.hit_100 /= decile.held_out.max(1) as f64;
        }
        deciles
    }
}

/// The items in ten parts of about as many items each, those with the fewest events first.
pub(crate) fn parts(events: &[usize]) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..events.len()).collect();
    order.sort_by_key(|item| events[*item]);
    let at = |number: usize| order.len() * number / DECILES;
    let each = (0..DECILES).map(|number| order[at(number)..at(number + 1)].to_vec());
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    #[test]
    fn deciles_agree_with_a_count_by_hand() {
        // Item n of 20 has n events.
        let mut popularity = Popularity::new(20);
        for item in 0..20u32 {
            (0..item).for_each(|_| popularity.count(item));
        }
        // Scores fall with the number of the item for the first user and rise for the second.
        let items = Array2::from_shape_fn((20, 1), |(item, _)| -(item as f32));
        let users = ndarray::array![[1.0], [-1.0]];
        popularity.count_answers(users.view(), items.view(), |row| match row {
            0 => HashSet::from([0, 2]),
            _ => HashSet::new(),
        });
        let found = [(19, Some(3)), (18, None), (18, Some(50)), (0, Some(0))];
        let deciles = popularity.deciles(found);
        assert_eq!(deciles.len(), 10);
        assert_eq!((deciles[0].items, deciles[0].event_range), (2, [0, 1]));
        assert_eq!(deciles[9].event_range, [18, 19]);
        assert!((deciles[9].event_share - 37.0 / 190.0).abs() < 1e-12);
        // Of 20 answers item 1 is one; items 10 and 11 are of both users.
        assert!((deciles[0].answer_share - 1.0 / 20.0).abs() < 1e-12);
        assert!((deciles[5].answer_share - 4.0 / 20.0).abs() < 1e-12);
        assert!((deciles[9].answer_share - 2.0 / 20.0).abs() < 1e-12);
        let last = deciles[9];
        assert_eq!(last.held_out, 3);
        assert!(
            (last.hit_10 - 1.0 / 3.0).abs() < 1e-12 && (last.hit_100 - 2.0 / 3.0).abs() < 1e-12
        );
        assert_eq!((deciles[0].held_out, deciles[0].hit_10), (1, 1.0));
        let answers: f64 = deciles.iter().map(|decile| decile.answer_share).sum();
        assert!((answers - 1.0).abs() < 1e-12);
    }

    #[test]
    fn few_items_and_many_users_are_handled() {
        let mut popularity = Popularity::new(3);
        popularity.count(1);
        let deciles = popularity.deciles([(2, None)]);
        assert_eq!(deciles.iter().map(|decile| decile.items).sum::<usize>(), 3);
        assert_eq!(popularity.sample_users(1_000_000).len(), 512);
        assert_eq!(popularity.sample_users(5), [0, 1, 2, 3, 4]);
        assert_eq!(Popularity::new(1 << 24).sample_users(1000).len(), 16);
        assert!(popularity.sample_users(0).is_empty());
    }
}
