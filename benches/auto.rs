//! Trainings with `--auto` beside the baselines, on logs of several kinds.
//!
//! ```sh
//! cargo bench --bench auto --features import,train                             # all simulated logs
//! cargo bench --bench auto --features import,train -- groceries drift --movielens DIR
//! cargo bench --bench auto --features import,train -- small --seconds 10 --seeds 3 --tried
//! cargo bench --bench auto --features import,train -- small --config '{"epochs": 2}'
//! ```
//!
//! The last event of each user is the test, which neither the search nor the training sees. Prints for each log the
//! hit rates and nDCG of the towers, of towers with default settings, of the baselines and, where it is known, of the
//! best possible ranking; then the paired difference of `--auto` and the best baseline with an interval of 95 %. At the
//! end, these differences as a table.
//! `--first-seed` makes other logs than those that the rules of the search were chosen on (0 to 9).
//! `--tried` prints the candidates, and `--config` trains by these settings instead of a search.
#![allow(clippy::unwrap_used, reason = "a benchmark may stop where it fails")]

#[path = "../tests/auto/judged.rs"]
mod judged;

use judged::{DEPTH, answers_of, first, split};
use std::collections::HashSet;
use std::time::Instant;
use twinspire::Event;
use twinspire::import::{Format, Source};
use twinspire::train::evaluate::{Answers, Judge, Measure, Questions, Report, Standing, judge};
use twinspire::train::{AutoParams, Dataset, recommend_baselines, youtube};
use twinspire_testkit::logs::{self, Log};

/// The metrics that are compared.
const MEASURES: [Measure; 3] = [Measure::Hit(10), Measure::Ndcg(10), Measure::Hit(100)];

fn main() {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    let after = |flag: &str| words.iter().skip_while(|word| *word != flag).nth(1);
    let seconds = after("--seconds").map_or(AutoParams::default().seconds, |n| n.parse().unwrap());
    let seeds: u64 = after("--seeds").map_or(1, |n| n.parse().unwrap());
    let first: u64 = after("--first-seed").map_or(0, |n| n.parse().unwrap());
    let config = after("--config").map(|text| serde_json::from_str(text).unwrap());
    let tried = words.iter().any(|word| word == "--tried");
    let kinds = [
        "groceries",
        "sessions",
        "drift",
        "popular",
        "small",
        "bare",
        "cold",
        "tiny",
        "giant",
        "repeats",
        "attributes",
        "news",
        "courses",
        "short",
    ];
    let asked: Vec<&str> = kinds
        .into_iter()
        .filter(|kind| words.iter().any(|word| word == kind))
        .collect();
    let mut data: Vec<(String, Log)> = Vec::new();
    if let Some(dir) = after("--movielens") {
        data.push(("movielens".to_owned(), movielens(dir)));
    }
    let all = asked.is_empty() && data.is_empty();
    for seed in first..first + seeds {
        let simulated = kinds.iter().filter(|kind| all || asked.contains(*kind));
        data.extend(simulated.map(|kind| (format!("{kind} {seed}"), simulate(kind, seed))));
    }
    println!(
        "{:<14} {:<20} {:>7} {:>7} {:>7}",
        "log", "", "hit@10", "ndcg@10", "hit@100"
    );
    let mut rows = Vec::new();
    for (name, log) in data {
        let how = How {
            seconds,
            config: config.as_ref(),
            tried,
        };
        rows.push(compare(&name, log, &how));
    }
    println!("\n| log | events asked | hit@10 | nDCG@10 | hit@100 |\n|---|---|---|---|---|");
    rows.iter().for_each(|row| println!("{row}"));
}

/// How towers are trained.
struct How<'a> {
    seconds: f64,
    config: Option<&'a youtube::Config>,
    tried: bool,
}

fn simulate(kind: &str, seed: u64) -> Log {
    match kind {
        "groceries" => logs::groceries(1000, 1500, 0, seed),
        "cold" => logs::groceries(1000, 1500, 4000, seed),
        "sessions" => logs::sessions(1500, 600, seed),
        "drift" => logs::drift(800, 500, seed),
        "popular" => logs::popular(800, 1000, seed),
        "small" => logs::small(seed),
        "tiny" => logs::tiny(seed),
        "giant" => logs::giant(500, 400, seed),
        "repeats" => logs::repeats(600, 400, seed),
        "attributes" => logs::attributes(800, 2500, seed),
        "news" => logs::news(800, 600, seed),
        "courses" => logs::courses(600, 300, seed),
        "short" => logs::short(600, 300, seed),
        _ => logs::bare(800, 600, seed),
    }
}

fn movielens(dir: &str) -> Log {
    let source = || Source::new(dir, Format::MovieLens);
    Log {
        items: source().items().unwrap().map(Result::unwrap).collect(),
        users: source().users().unwrap().map(Result::unwrap).collect(),
        events: source().events().unwrap().map(Result::unwrap).collect(),
        best: Vec::new(),
    }
}

/// Trains, prints, and returns the row of the table.
fn compare(name: &str, log: Log, how: &How<'_>) -> String {
    let best = log.best.clone();
    let (data, questions) = split(log);
    let defaults = youtube::Config::default();
    let begun = Instant::now();
    let trained = match how.config {
        Some(config) => youtube::train(&data, config, |_| {}).unwrap(),
        None => youtube::train_auto(
            &data,
            &defaults,
            AutoParams {
                seconds: how.seconds,
            },
            |_| {},
        )
        .unwrap(),
    };
    let took = begun.elapsed().as_secs_f64();
    if let Some(auto) = &trained.report.auto {
        if how.tried {
            for of in &auto.candidates {
                println!(
                    "    {:.4} at {:>2} of {:>2}: {}",
                    of.metric,
                    of.epochs,
                    of.trained,
                    of.label()
                );
            }
        }
        println!("    {took:.1} s; {}", auto.why());
    }
    let plain = youtube::train(&data, &defaults, |_| {}).unwrap();
    let mut answers = vec![
        answers_of("auto", &trained.towers, &data, &questions),
        answers_of("defaults", &plain.towers, &data, &questions),
    ];
    if !best.is_empty() {
        let lists = questions.iter().map(|question| {
            let user: usize = question.user["user_id"].as_str().unwrap()[1..]
                .parse()
                .unwrap();
            let scores: Vec<f32> = best[user].iter().map(|score| *score as f32).collect();
            first(&scores, &question.seen)
        });
        answers.push(Answers::new("best possible", lists.collect::<Vec<_>>()));
    }
    answers.extend(recommend_baselines(&questions, DEPTH, 0).unwrap());
    let settings = Judge {
        ks: vec![10, 100],
        ..Judge::default()
    };
    let report = judge(&questions, &answers, &settings).unwrap();
    let differences = print(name, &report);
    cold_items(&data, &questions, &answers);
    format!(
        "| {name} | {} | {} |",
        questions.len(),
        differences.join(" | ")
    )
}

/// Prints the metrics, and the differences of the first model and the best baseline by each. Returns these.
fn print(name: &str, report: &Report) -> Vec<String> {
    let mut differences = Vec::new();
    for of in &report.results {
        print!("{name:<14} {:<20}", of.name);
        for measure in MEASURES {
            print!(
                " {:>7.4}",
                of.metrics.get(&measure.to_string()).unwrap().value
            );
        }
        println!();
    }
    for measure in MEASURES.map(|measure| measure.to_string()) {
        let baselines = report.results.iter().filter(|of| of.is_baseline);
        let value = |of: &Standing| of.metrics.get(&measure).unwrap().value;
        let Some(best) = baselines.max_by(|a, b| value(a).total_cmp(&value(b))) else {
            continue;
        };
        let found = report
            .differences
            .iter()
            .find(|of| of.metric == measure && of.first == "auto" && of.second == best.name);
        let Some(found) = found else { continue };
        let of = found.found.difference;
        let own = report
            .results
            .iter()
            .find(|of| of.name == "auto")
            .map_or(0.0, value);
        let (low, high) = (of.low.unwrap_or(of.value), of.high.unwrap_or(of.value));
        differences.push(format!(
            "{own:.3}, {:+.3} on {} ({low:+.3} to {high:+.3})",
            of.value, best.name
        ));
        let below = if of.high.unwrap_or(0.0) < 0.0 {
            "  BELOW"
        } else {
            ""
        };
        println!(
            "    auto - {}, {measure}: {:+.4} ({:+.4} to {:+.4}){below}",
            best.name,
            of.value,
            of.low.unwrap_or(of.value),
            of.high.unwrap_or(of.value)
        );
    }
    differences
}

/// Prints the share of the first ten answers that nobody had met before the split, if there are any.
fn cold_items(data: &Dataset, questions: &Questions, answers: &[Answers]) {
    let met: HashSet<&str> = data
        .events
        .iter()
        .map(|event: &Event| event.item.as_str())
        .collect();
    for of in answers.iter().take(2) {
        let first = of.lists.iter().flat_map(|list| list.iter().take(10));
        let (mut all, mut cold) = (0, 0);
        for item in first {
            all += 1;
            cold += usize::from(!met.contains(questions.id(*item).unwrap()));
        }
        if cold > 0 {
            println!(
                "    {}: {:.1} % of the first ten were never met",
                of.name,
                100.0 * f64::from(cold as u32) / f64::from(all)
            );
        }
    }
}
