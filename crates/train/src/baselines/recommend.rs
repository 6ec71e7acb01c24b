//! Recommendations of the baselines for the users of an evaluation.

use super::fitted::scorers;
use super::ties::Ties;
use crate::dataset::Dataset;
use crate::error::TrainError;
use crate::evaluate::{Answers, Questions, TieOrder};
use crate::sampler::Logs;
use rayon::prelude::*;
use serde_json::json;
use std::collections::HashSet;

/// What each baseline recommends to the users of an evaluation: the best `depth` items of the catalogue. Baselines learn
/// from all events before the split. Equal scores are ordered at random, by the seed.
///
/// EASE is left out above 2,000 items. No events before the split make no baselines.
///
/// # Errors
/// As a training for invalid ids and weights.
pub fn recommend(
    questions: &Questions,
    depth: usize,
    seed: u64,
) -> Result<Vec<Answers>, TrainError> {
    if questions.history().is_empty() {
        return Ok(Vec::new());
    }
    let ids = (0..questions.counts().len() as u32).filter_map(|item| questions.id(item));
    let users = questions
        .iter()
        .map(|question| json!({"user_id": question.user["user_id"]}));
    // Items and users keep their numbers.
    let data = Dataset {
        items: ids.map(|id| json!({"id": id})).collect(),
        users: users.collect(),
        events: questions.history().to_vec(),
    };
    let logs = Logs::ordered(&data, TieOrder::Log)?.with_repeats(questions.repeats());
    let ties = Ties::new(logs.items.len(), seed);
    let each = scorers(&logs).into_iter().map(|(name, scorer)| {
        let users = (0..questions.len() as u32).into_par_iter().with_min_len(16);
        let lists = users.map_init(Vec::new, |scores, user| {
            scores.clear();
            scores.resize(logs.items.len(), 0.0);
            scorer.score(&logs, user, scores);
            let hidden = logs.hidden_from(user);
            best(scores, questions.catalogue(), depth, &hidden, &ties)
        });
        Answers::new(name, lists.collect::<Vec<_>>()).of_baseline()
    });
    Ok(each.collect())
}

/// The best `depth` of the first `catalogue` items, without hidden ones.
fn best(
    scores: &[f32],
    catalogue: usize,
    depth: usize,
    hidden: &HashSet<u32>,
    ties: &Ties,
) -> Vec<u32> {
    let order = |a: &u32, b: &u32| {
        let [one, other] = [a, b].map(|item| scores[*item as usize]);
        other
            .total_cmp(&one)
            .then_with(|| ties.key(*a).cmp(&ties.key(*b)))
    };
    let shown = (0..catalogue as u32).filter(|item| !hidden.contains(item));
    let mut items: Vec<u32> = shown.collect();
    if items.len() > depth && depth > 0 {
        items.select_nth_unstable_by(depth - 1, order);
    }
    items.truncate(depth);
    items.sort_unstable_by(order);
    items
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use twinspire_towers::Event;

    #[test]
    fn baselines_recommend_items_of_the_catalogue_that_are_new_to_the_user() {
        let event = |user: usize, item: usize, at: i64| Event {
            user: format!("u{user}"),
            item: format!("i{item}"),
            at,
            weight: 1.0,
        };
        let data = Dataset {
            events: (0..40)
                .map(|n| event(n % 8, (n / 8 + n % 8) % 9, n as i64))
                .collect(),
            ..Dataset::default()
        };
        let test: Vec<Event> = (0..9).map(|user| event(user, (5 + user) % 9, 99)).collect();
        // The last item of the log is not in the catalogue; one that nobody met is.
        let catalogue = || (0..8).chain([20]).map(|item| format!("i{item}"));
        for repeats in [false, true] {
            let questions = Questions::new(&data, &test, catalogue(), repeats, 99).unwrap();
            let answers = recommend(&questions, 4, 1).unwrap();
            let names: Vec<&str> = answers.iter().map(|of| &*of.name).collect();
            let (own, others) = names.split_at(usize::from(repeats));
            assert_eq!(own, &["own counts"][..own.len()]);
            assert_eq!(
                others,
                ["popularity", "recent popularity", "transitions", "EASE"]
            );
            for of in &answers {
                assert!(of.is_baseline && of.lists.len() == questions.len());
                for (question, list) in questions.iter().zip(&of.lists) {
                    assert_eq!(
                        list.len(),
                        4.min(9 - question.seen.len() * usize::from(!repeats))
                    );
                    assert!(list.iter().all(|item| *item < 9));
                    let seen = list.iter().any(|item| question.seen.contains(item));
                    assert!(repeats || !seen, "{}", of.name);
                }
            }
        }
        let nothing = Dataset::default();
        let cold = Questions::new(&nothing, &test, catalogue(), false, 99).unwrap();
        assert_eq!(recommend(&cold, 4, 1).unwrap(), []);
    }

    proptest! {
        #[test]
        fn the_best_are_those_of_a_full_sort(
            scores in prop::collection::vec(0u8..5, 1..40), depth in 1usize..20, catalogue in 1usize..40,
            hidden in prop::collection::hash_set(0u32..40, 0..10), seed: u64,
        ) {
            let scores: Vec<f32> = scores.into_iter().map(f32::from).collect();
            let catalogue = catalogue.min(scores.len());
            let ties = Ties::new(scores.len(), seed);
            let mut all: Vec<u32> = (0..catalogue as u32).filter(|item| !hidden.contains(item)).collect();
            all.sort_by(|a, b| {
                let [one, other] = [a, b].map(|item| scores[*item as usize]);
                other.total_cmp(&one).then(ties.key(*a).cmp(&ties.key(*b)))
            });
            all.truncate(depth);
            prop_assert_eq!(best(&scores, catalogue, depth, &hidden, &ties), all);
        }
    }
}
