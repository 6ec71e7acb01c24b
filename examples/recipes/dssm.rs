//! DSSM on Cranfield: text to text, learnt from the documents alone.
//!
//! Each setting is trained three times, each time with another tenth of the documents held out. Their sentences
//! have to find the rest of their documents: this validation chooses settings and the number of epochs. The
//! recipe is then trained once on all documents for that number of epochs. Queries and judgements serve only to
//! test the published towers; nothing is chosen by them.

use crate::cranfield::{Cranfield, DEPTH, Quality};
use serde_json::{Map, Value, json};
use std::error::Error;
use std::path::Path;
use twinspire::train::dssm::{Config, train, train_auto};
use twinspire::train::{AutoParams, TrainParams};
use twinspire::train::{Dataset, TrainingReport};
use twinspire::{Database, Towers};

const SPACE: &str = "text";

/// Patience of early stopping, in epochs.
const PATIENCE: usize = 3;
/// Seeds of the trainings with held-out documents.
const SPLITS: [u64; 3] = [1, 2, 3];

/// The settings that are tried: the paper's, a model without its layers, and that model with one change each.
fn built_in() -> Vec<(&'static str, Value)> {
    let linear = json!({
        "hidden": [], "activation": "linear", "words": 1, "gamma": 10, "negatives": 0, "batch": 512,
        "word_dropout": 0.5, "learning_rate": 0.003, "average": 0.98, "epochs": 20
    });
    let but = |changes: Value| {
        let mut settings = linear.as_object().cloned().unwrap_or_default();
        settings.extend(changes.as_object().cloned().unwrap_or_default());
        Value::Object(settings)
    };
    vec![
        (
            "paper: trigrams, 300-300-128 tanh, 4 negatives",
            json!({"epochs": 20, "pool": "all"}),
        ),
        (
            "paper, negatives of the batch",
            json!({"epochs": 20, "pool": "batch"}),
        ),
        (
            "linear, words too, all negatives, dropout, mean",
            but(json!({})),
        ),
        ("… in batches of 256", but(json!({"batch": 256}))),
        ("… in batches of 128", but(json!({"batch": 128}))),
        ("… gamma 6", but(json!({"gamma": 6}))),
        ("… gamma 14", but(json!({"gamma": 14}))),
        ("… dropout 0.3", but(json!({"word_dropout": 0.3}))),
        ("… no dropout", but(json!({"word_dropout": 0}))),
        ("… no mean of the weights", but(json!({"average": 0}))),
        ("… trigrams alone", but(json!({"words": 0}))),
        (
            "… 4 negatives of the batch",
            but(json!({"negatives": 4, "pool": "batch"})),
        ),
        (
            "… 300-300-128 tanh",
            but(json!({"hidden": [300, 300], "activation": "tanh"})),
        ),
    ]
}

/// Tries settings: the built-in ones, or those of a file.
pub fn run(dir: &Path, settings: Option<&Path>) -> Result<(), Box<dyn Error>> {
    let cranfield = Cranfield::read(dir)?;
    let (documents, queries) = (cranfield.documents.len(), cranfield.queries.len());
    println!("Cranfield: {documents} documents, {queries} queries with relevant documents.\n");
    println!(
        "{:<52} {:>6} {:>7} {:>8} {:>10} {:>11}",
        "", "mrr", "passes", "nDCG@10", "recall@100", "examples/s"
    );
    let bm25 = cranfield.judge(&cranfield.bm25());
    line("BM25", None, bm25);
    let is_built_in = settings.is_none();
    let settings: Vec<(String, Value)> = match settings {
        None => {
            let built_in = built_in().into_iter();
            built_in
                .map(|(name, settings)| (name.to_owned(), settings))
                .collect()
        }
        Some(file) => {
            let all: Map<String, Value> = serde_json::from_slice(&std::fs::read(file)?)?;
            all.into_iter().collect()
        }
    };
    let data = Dataset {
        items: cranfield.documents.clone(),
        ..Dataset::default()
    };
    let mut best: Option<(f64, String)> = None;
    for (name, settings) in settings {
        let config: Config = serde_json::from_value(settings)?;
        let (mut mrr, mut passes) = (0.0, 0.0);
        for seed in SPLITS {
            let watched = Config {
                training: TrainParams {
                    patience: PATIENCE,
                    seed,
                    ..config.training
                },
                ..config.clone()
            };
            let report = train(&data, &watched, |_| {})?.report;
            mrr += report.validations[report.kept - 1] / SPLITS.len() as f64;
            passes += report.kept as f64 / SPLITS.len() as f64;
        }
        let whole = Config {
            training: TrainParams {
                epochs: passes.round() as usize,
                ..config.training
            },
            ..config
        };
        let trained = train(&data, &whole, |_| {})?;
        line(
            &name,
            Some((mrr, &trained.report)),
            judge(&cranfield, trained.towers)?,
        );
        if best.as_ref().is_none_or(|(least, _)| mrr > *least) {
            best = Some((mrr, name));
        }
    }
    if is_built_in {
        let auto = train_auto(&data, &Config::default(), AutoParams::default(), |_| {})?;
        let mrr = auto.report.validations.iter().copied().fold(0.0, f64::max);
        let quality = judge(&cranfield, auto.towers)?;
        line("train dssm --auto", Some((mrr, &auto.report)), quality);
    }
    if let Some((mrr, name)) = best {
        println!("\nBest by the held-out documents, mean reciprocal rank {mrr:.4}: {name}.");
    }
    Ok(())
}

/// Publishes the towers into a database and judges its answers.
fn judge(cranfield: &Cranfield, towers: Towers) -> Result<Quality, Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let db = Database::open(dir.path().join("cranfield.twin"))?;
    db.items().put_many(&cranfield.documents)?;
    // Two of the documents are empty.
    db.publish(SPACE).towers(towers).leave_out(|_| {}).run()?;
    let each = cranfield.queries.iter().map(|query| {
        let hits = db
            .recall(SPACE)
            .user(&json!({"query": query.text}))
            .top(DEPTH)?;
        Ok(hits.iter().map(|hit| hit.id.clone()).collect())
    });
    let answers: Vec<Vec<String>> = each.collect::<Result<_, twinspire::Error>>()?;
    Ok(cranfield.judge(&answers))
}

fn line(name: &str, report: Option<(f64, &TrainingReport)>, quality: Quality) {
    let (mrr, passes, speed) = match report {
        None => Default::default(),
        Some((mrr, report)) => (
            format!("{mrr:.4}"),
            report.kept.to_string(),
            format!("{:.0}", report.examples_per_second),
        ),
    };
    println!(
        "{name:<52} {mrr:>6} {passes:>7} {:>8.4} {:>10.4} {speed:>11}",
        quality.ndcg_10, quality.recall_100
    );
}
