//! What recommendations show, whether or not it is relevant: coverage, novelty, and popularity beside that of histories.

use super::questions::{Question, Questions};

/// Popularity groups: items that together have the first fifth of all events (the most popular ones), the next three
/// fifths, and the rest (Abdollahpouri et al., 2021).
const GROUPS: usize = 3;
/// Shares of events at which the first two groups end.
const ENDS: [f64; 2] = [0.2, 0.8];

/// What is known of the popularity of items.
pub(crate) struct Exposure<'a> {
    questions: &'a Questions,
    k: usize,
    /// −log₂ of the probability that an event is of the item.
    information: Vec<f64>,
    group: Vec<usize>,
}

impl<'a> Exposure<'a> {
    /// Prepares the first `k` items of answers.
    pub(crate) fn new(questions: &'a Questions, k: usize) -> Self {
        let counts = questions.counts();
        let events = counts.iter().sum::<usize>() as f64;
        // One event more of each item: those without any are improbable, not impossible.
        let total = events + counts.len() as f64;
        let information = counts
            .iter()
            .map(|count| -((count + 1) as f64 / total).log2());
        let mut order: Vec<usize> = (0..counts.len()).collect();
        order.sort_by_key(|item| std::cmp::Reverse(counts[*item]));
        let mut group = vec![GROUPS - 1; counts.len()];
        let mut before = 0.0;
        for item in order {
            let share = before / events.max(1.0);
            group[item] = match counts[item] {
                0 => GROUPS - 1,
                _ => ENDS.iter().filter(|end| share >= **end).count(),
            };
            before += counts[item] as f64;
        }
        Self {
            questions,
            k,
            information: information.collect(),
            group,
        }
    }

    /// The first items of an answer that are known.
    fn shown<'b>(&self, list: &'b [u32]) -> impl Iterator<Item = usize> + 'b {
        let items = self.group.len();
        let first = list.iter().take(self.k).map(|item| *item as usize);
        first.filter(move |item| *item < items)
    }

    /// Share of the catalogue that is in the first K of any answer.
    pub(crate) fn coverage(&self, lists: &[Vec<u32>]) -> f64 {
        let mut found = vec![false; self.group.len()];
        for item in lists.iter().flat_map(|list| self.shown(list)) {
            found[item] = true;
        }
        let catalogue = self.questions.catalogue();
        let covered = found.iter().take(catalogue).filter(|found| **found);
        covered.count() as f64 / catalogue.max(1) as f64
    }

    /// Mean self-information of the items of an answer, in bits; `None` for an empty answer.
    pub(crate) fn novelty(&self, list: &[u32]) -> Option<f64> {
        mean(self.shown(list).map(|item| self.information[item]))
    }

    /// How far the popularity of an answer is from that of the user's history: the Jensen-Shannon divergence of their
    /// shares of the popularity groups, from 0 (calibrated) to 1. `None` without a history or an answer.
    pub(crate) fn divergence(&self, question: &Question, list: &[u32]) -> Option<f64> {
        let history = self.shares(question.seen.iter().map(|item| *item as usize))?;
        let answer = self.shares(self.shown(list))?;
        let part = |one: f64, other: f64| match one > 0.0 {
            true => one * (2.0 * one / (one + other)).log2(),
            false => 0.0,
        };
        let pairs = history.into_iter().zip(answer);
        let sum: f64 = pairs.map(|(a, b)| part(a, b) + part(b, a)).sum();
        Some((sum / 2.0).clamp(0.0, 1.0))
    }

    /// Mean number of events of the items of all answers over that of all histories, minus 1: above 0 if more popular
    /// items are recommended than users take. `None` without histories or answers.
    pub(crate) fn popularity_lift(&self, lists: &[Vec<u32>]) -> Option<f64> {
        let count = |item: usize| self.questions.counts()[item] as f64;
        let of_answers = lists
            .iter()
            .filter_map(|list| mean(self.shown(list).map(count)));
        let seen = self
            .questions
            .iter()
            .filter_map(|question| mean(question.seen.iter().map(|item| count(*item as usize))));
        let history = mean(seen)?;
        Some(mean(of_answers)? / history - 1.0)
    }

    /// Shares of the popularity groups.
    fn shares(&self, items: impl Iterator<Item = usize>) -> Option<[f64; GROUPS]> {
        let mut shares = [0.0; GROUPS];
        let mut count = 0.0;
        for item in items {
            shares[self.group[item]] += 1.0;
            count += 1.0;
        }
        (count > 0.0).then(|| shares.map(|share| share / count))
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0.0);
    for value in values {
        sum += value;
        count += 1.0;
    }
    (count > 0.0).then(|| sum / count)
}

#[cfg(test)]
mod tests {
    use super::super::test_events::numbered as event;
    use super::*;
    use crate::dataset::Dataset;
    use proptest::prelude::*;
    use std::collections::HashSet;
    use twinspire_towers::Event;

    /// Questions over ten items: item n has as many events as given.
    fn questions(counts: &[usize]) -> Questions {
        let events = counts
            .iter()
            .enumerate()
            .flat_map(|(item, count)| (0..*count).map(move |at| event(at % 3, item, at as i64)));
        let data = Dataset {
            events: events.collect(),
            ..Dataset::default()
        };
        let test: Vec<Event> = (0..4).map(|user| event(user, 9, 99)).collect();
        let catalogue = (0..10).map(|item| format!("i{item}"));
        Questions::new(&data, &test, catalogue, true, 99).unwrap()
    }

    #[test]
    fn popular_answers_are_neither_new_nor_calibrated() {
        let questions = questions(&[20, 20, 20, 20, 5, 5, 5, 3, 1, 1]);
        let exposure = Exposure::new(&questions, 2);
        // Of 100 events the first item has a fifth, the next three fifths, the rest a fifth.
        assert_eq!(exposure.group, [0, 1, 1, 1, 2, 2, 2, 2, 2, 2]);
        let popular = vec![vec![0, 1, 9]; 4];
        assert_eq!(exposure.coverage(&popular), 0.2);
        assert!(exposure.popularity_lift(&popular).unwrap() > 0.0);
        assert!(exposure.popularity_lift(&vec![vec![8, 9]; 4]).unwrap() < -0.9);
        let (rare, common) = (exposure.novelty(&[8, 9]), exposure.novelty(&[0, 1]));
        assert!((common.unwrap() - -(21.0f64 / 110.0).log2()).abs() < 1e-12);
        assert!(rare > common && exposure.novelty(&[]).is_none());
        let question = questions.get(0).unwrap();
        let same = Exposure::new(&questions, 1000);
        assert!(same.divergence(question, &question.seen).unwrap() < 1e-12);
        let far = exposure.divergence(question, &[8, 9]).unwrap();
        assert!(far > 0.3 && far <= 1.0, "{far}");
        let cold = questions.get(3).unwrap();
        assert!(cold.seen.is_empty() && exposure.divergence(cold, &[1]).is_none());
    }

    proptest! {
        #[test]
        fn measures_stay_within_their_bounds_and_follow_plain_counts(
            counts in prop::collection::vec(0usize..9, 10),
            lists in prop::collection::vec(prop::collection::vec(0u32..12, 0..6), 4), k in 1usize..8,
        ) {
            let questions = questions(&counts);
            let exposure = Exposure::new(&questions, k);
            let shown: HashSet<u32> = lists.iter().flat_map(|list| list.iter().take(k)).copied().collect();
            let covered = shown.iter().filter(|item| **item < 10).count();
            prop_assert_eq!(exposure.coverage(&lists), covered as f64 / 10.0);
            for (question, list) in questions.iter().zip(&lists) {
                let divergence = exposure.divergence(question, list);
                prop_assert!(divergence.is_none_or(|divergence| (0.0..=1.0).contains(&divergence)));
                prop_assert!(exposure.novelty(list).is_none_or(|bits| bits >= 0.0));
            }
        }
    }
}
