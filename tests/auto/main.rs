//! No baseline is better than `train_auto` with confidence: on logs of three kinds, judged on events that neither the search nor the
//! training saw. `cargo bench --bench auto` shows larger logs of more kinds.
#![cfg(feature = "train")]
#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod judged;

use judged::{DEPTH, answers_of, split};
use twinspire::train::evaluate::{Judge, judge};
use twinspire::train::{AutoParams, recommend_baselines, youtube};
use twinspire_testkit::logs::{self, Log};

/// Asserts that no baseline is better with confidence, in hit@10 and nDCG@10.
fn check(log: Log) {
    let (data, questions) = split(log);
    // Narrow vectors, as the test is to take seconds.
    let config = youtube::Config {
        dimension: 24,
        ..youtube::Config::default()
    };
    let trained = youtube::train_auto(&data, &config, AutoParams::default(), |_| {}).unwrap();
    let mut answers = vec![answers_of("auto", &trained.towers, &data, &questions)];
    answers.extend(recommend_baselines(&questions, DEPTH, 0).unwrap());
    let report = judge(&questions, &answers, &Judge::default()).unwrap();
    let auto = trained.report.auto.unwrap();
    for of in report.differences.iter().filter(|of| of.first == "auto") {
        if ["hit@10", "ndcg@10"].contains(&of.metric.as_str()) {
            let found = of.found.difference;
            assert!(found.high.unwrap() >= 0.0, "{of:?}; {}", auto.why());
        }
    }
}

#[test]
fn households_that_buy_again_are_served_as_well_as_by_any_baseline() {
    check(logs::groceries(70, 120, 0, 3));
}

#[test]
fn popular_items_are_recommended_as_well_as_by_any_baseline() {
    check(logs::popular(120, 100, 3));
}

#[test]
fn pages_that_lead_to_others_are_found_as_well_as_by_any_baseline() {
    check(logs::sessions(150, 50, 3));
}
