//! Towers and baselines judged on the last event of each user. Shared with `benches/auto.rs`.

use rayon::prelude::*;
use serde_json::json;
use twinspire::Towers;
use twinspire::train::Dataset;
use twinspire::train::evaluate::{Answers, Questions, SplitBy, TieOrder};
use twinspire_testkit::logs::Log;

/// Length of the answers.
pub const DEPTH: usize = 100;

/// The log without the last event of each user, and questions for these.
pub fn split(log: Log) -> (Dataset, Questions) {
    let Log {
        items,
        users,
        events,
        ..
    } = log;
    let mut data = Dataset {
        items,
        users,
        events,
    };
    let test = SplitBy::Last.hold_out(&mut data, TieOrder::default());
    let ids = data
        .items
        .iter()
        .map(|item| item["id"].as_str().unwrap().to_owned());
    let questions = Questions::new(&data, &test, ids, false, usize::MAX).unwrap();
    (data, questions)
}

/// The best items of towers for each user, by exact search.
pub fn answers_of(name: &str, towers: &Towers, data: &Dataset, questions: &Questions) -> Answers {
    let items = data
        .items
        .par_iter()
        .map(|item| towers.embed_item(item).unwrap());
    let items: Vec<Vec<f32>> = items.collect();
    let asked = questions.iter().map(|question| {
        let history = question
            .seen
            .iter()
            .map(|item| questions.id(*item).unwrap());
        let mut user = question.user.clone();
        user["history"] = json!(history.collect::<Vec<_>>());
        (user, &question.seen)
    });
    let asked: Vec<_> = asked.collect();
    let lists = asked.par_iter().map(|(user, seen)| {
        let user = towers.embed_user(user).unwrap();
        let score = |item: &Vec<f32>| item.iter().zip(&user).map(|(a, b)| a * b).sum::<f32>();
        first(&items.iter().map(score).collect::<Vec<f32>>(), seen)
    });
    Answers::new(name, lists.collect::<Vec<_>>())
}

/// The items of the largest scores, without those seen.
pub fn first(scores: &[f32], seen: &[u32]) -> Vec<u32> {
    let unseen = (0..scores.len() as u32).filter(|item| !seen.contains(item));
    let mut all: Vec<u32> = unseen.collect();
    all.sort_by(|a, b| scores[*b as usize].total_cmp(&scores[*a as usize]));
    all.truncate(DEPTH);
    all
}
