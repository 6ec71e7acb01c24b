//! EBR on MovieLens-100K: random against mined negatives, hard then easy, and ensembles of both.
//!
//! A model trained on random negatives is published, and hard negatives are mined with it from the database.
//! Further models learn from these and are published as spaces of the same database. Epochs and
//! ensemble weights are chosen by the validation item of each user; the test item is used once, in the table.

use crate::movielens::{DEPTH, MovieLens, Wanted};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use twinspire::train::Blend;
use twinspire::train::TrainingReport;
use twinspire::train::ebr::{Config, pairs, train_mined};
use twinspire::{Database, MinedPair, Towers};

/// Negatives that are mined for each pair.
const PER_PAIR: usize = 20;

/// One training.
#[derive(Deserialize)]
struct Run {
    name: String,
    /// The run whose towers it is warm-started from.
    #[serde(default)]
    from: Option<String>,
    /// The run whose space its negatives are mined from.
    #[serde(default)]
    mined: Option<String>,
    /// Ranks that are mined.
    #[serde(default = "ranks")]
    ranks: (u32, u32),
    /// Settings in addition to the common ones.
    #[serde(default)]
    settings: BTreeMap<String, Value>,
}

/// All runs.
#[derive(Deserialize)]
struct Plan {
    /// Settings that all runs share.
    settings: BTreeMap<String, Value>,
    runs: Vec<Run>,
    /// Pairs of runs, the easy one first, that form ensembles.
    ensembles: Vec<(String, String)>,
}

fn ranks() -> (u32, u32) {
    (101, 500)
}

fn built_in() -> Value {
    json!({
        "settings": {"epochs": 15, "patience": 3},
        "runs": [
            {"name": "random"},
            {"name": "nearest 2", "settings": {"nearest": 2}},
            {"name": "mined 100:1", "mined": "random"},
            {"name": "mined 10:1", "mined": "random", "settings": {"easy": 10}},
            {"name": "mined 1:1", "mined": "random", "settings": {"easy": 1}},
            {"name": "mined alone", "mined": "random", "settings": {"easy": 0}},
            {"name": "mined alone, then random", "from": "mined alone"},
            {"name": "mined alone, then random, fresh", "from": "mined alone", "settings": {"fresh_steps": true}},
            {"name": "random, then mined 10:1", "from": "random", "mined": "random",
             "settings": {"easy": 10}},
            {"name": "random, then mined 10:1, fresh", "from": "random", "mined": "random",
             "settings": {"easy": 10, "fresh_steps": true}},
            {"name": "mined 10:1, hard positives", "mined": "random",
             "settings": {"easy": 10, "hard_positive_weight": 2.0}},
            {"name": "mined 10:1, ranks 11 to 100", "mined": "random", "ranks": [11, 100],
             "settings": {"easy": 10}}
        ],
        "ensembles": [
            ["random", "nearest 2"],
            ["random", "mined 10:1"],
            ["random", "mined 1:1"],
            ["random", "mined 10:1, ranks 11 to 100"]
        ]
    })
}

/// Runs the built-in plan, or the plan of a file.
pub fn run(dir: &Path, plan: Option<&Path>) -> Result<(), Box<dyn Error>> {
    let movies = MovieLens::read(dir)?;
    let data = &movies.data;
    let plan: Plan = match plan {
        None => serde_json::from_value(built_in())?,
        Some(file) => serde_json::from_slice(&std::fs::read(file)?)?,
    };
    println!(
        "MovieLens-100K: {} items, {} users, {} events; validation | test.\n",
        data.items.len(),
        data.users.len(),
        data.events.len()
    );
    println!(
        "{:<34} {:>6} {:>7} {:>8} | {:>6} {:>7} {:>8} {:>7} {:>11}",
        "", "hit@10", "hit@100", "ndcg@10", "hit@10", "hit@100", "ndcg@10", "passes", "examples/s"
    );
    let home = tempfile::tempdir()?;
    let db = Database::open(home.path().join("movies.twin"))?;
    db.items().put_many(&data.items)?;
    let mut trained: BTreeMap<String, Towers> = BTreeMap::new();
    let mut mined: BTreeMap<(String, (u32, u32)), Vec<MinedPair>> = BTreeMap::new();
    for run in &plan.runs {
        let mut settings = plan.settings.clone();
        settings.extend(run.settings.clone());
        let config: Config = serde_json::from_value(json!(settings))?;
        let from = match &run.from {
            None => None,
            Some(name) => Some(trained.get(name).ok_or("no such run to begin with")?),
        };
        let hard = match &run.mined {
            None => Vec::new(),
            Some(name) => {
                let key = (name.clone(), run.ranks);
                if !mined.contains_key(&key) {
                    mined.insert(key.clone(), mine(&db, &movies, &config, name, run.ranks)?);
                }
                mined.get(&key).cloned().unwrap_or_default()
            }
        };
        let learnt = train_mined(from, data, hard, &config, |_| {})?;
        db.publish(&space(&run.name))
            .towers(learnt.towers.clone())
            .run()?;
        line(
            &db,
            &movies,
            &run.name,
            &space(&run.name),
            Some(&learnt.report),
        )?;
        trained.insert(run.name.clone(), learnt.towers);
    }
    for (easy, hard) in &plan.ensembles {
        ensembles(&db, &movies, easy, hard)?;
    }
    Ok(())
}

/// The space of a run.
fn space(run: &str) -> String {
    let letters = run
        .chars()
        .map(|c| if c.is_alphanumeric() { c } else { '-' });
    letters.collect()
}

/// Mines the negatives that a space ranks near the training positives.
fn mine(
    db: &Database,
    movies: &MovieLens,
    config: &Config,
    run: &str,
    (from, to): (u32, u32),
) -> Result<Vec<MinedPair>, Box<dyn Error>> {
    let pairs = pairs(&movies.data, config)?;
    let space = space(run);
    let mining = db
        .mine(&space)
        .ranks(from..=to)
        .per_pair(PER_PAIR)
        .seed(1)
        .pairs(pairs)?;
    let mut all = Vec::new();
    for mined in mining {
        let mut mined = mined?;
        // Large, and known from the log.
        mined.pair.known = Arc::default();
        all.push(mined);
    }
    let hard = all.iter().filter(|mined| mined.hard_positive).count();
    println!(
        "mined from {run}: {} pairs at ranks {from} to {to}, {hard} hard positives",
        all.len()
    );
    Ok(all)
}

/// Ensembles of two runs, with the weight and the stage width that are best on validation.
fn ensembles(
    db: &Database,
    movies: &MovieLens,
    easy: &str,
    hard: &str,
) -> Result<(), Box<dyn Error>> {
    let blend = Blend {
        easy: space(easy),
        hard: space(hard),
        ..Blend::default()
    };
    let worth = |db: &Database, name: &str| -> Result<f64, Box<dyn Error>> {
        Ok(movies.judge(db, name, Wanted::Validation)?.hit_10)
    };
    let mut best = (blend.clone(), -1.0);
    for tenths in 1..10 {
        let blend = Blend {
            hard_weight: tenths as f32 / 10.0,
            ..blend.clone()
        };
        blend.define(db)?;
        let found = worth(db, &blend.weighted)?;
        if found > best.1 {
            best = (blend, found);
        }
    }
    let weight = best.0.hard_weight;
    best.0.define(db)?;
    let name = format!("{:.1} {easy} + {weight:.1} {hard}", 1.0 - weight);
    line(db, movies, &name, &best.0.weighted, None)?;
    let mut best = (blend.clone(), -1.0);
    for first in [20, 50, 100, 200, 500] {
        let blend = Blend {
            take: [first, DEPTH as u32],
            ..blend.clone()
        };
        blend.define(db)?;
        let found = worth(db, &blend.cascade)?;
        if found > best.1 {
            best = (blend, found);
        }
    }
    best.0.define(db)?;
    let name = format!("best {} of {easy} by {hard}", best.0.take[0]);
    line(db, movies, &name, &best.0.cascade, None)
}

fn line(
    db: &Database,
    movies: &MovieLens,
    name: &str,
    space: &str,
    report: Option<&TrainingReport>,
) -> Result<(), Box<dyn Error>> {
    let validation = movies.judge(db, space, Wanted::Validation)?;
    let test = movies.judge(db, space, Wanted::Test)?;
    let (passes, speed) = match report {
        None => Default::default(),
        Some(report) => (
            report.kept.to_string(),
            format!("{:.0}", report.examples_per_second),
        ),
    };
    let [a, b] = [validation, test]
        .map(|m| format!("{:>6.4} {:>7.4} {:>8.4}", m.hit_10, m.hit_100, m.ndcg_10));
    println!("{name:<34} {a} | {b} {passes:>7} {speed:>11}");
    Ok(())
}
