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
use tempfile::TempDir;
use twinspire::train::dssm::{Config, train, train_auto};
use twinspire::train::{AutoParams, TrainParams};
use twinspire::train::{Dataset, TrainingReport};
use twinspire::{Database, Ensemble, Lexical, Normalisation, NormalisedSum, RankFusion, Towers};

const SPACE: &str = "text";
/// The lexical space: the words of the same texts.
const WORDS: &str = "words";

/// Ensembles of both spaces at equal weights: nothing about them is tuned.
fn ensembles() -> [(&'static str, Ensemble); 3] {
    let sum = |by| NormalisedSum::new(by).space(SPACE, 1.0).space(WORDS, 1.0);
    let ranks = RankFusion::new().space(SPACE, 1.0).space(WORDS, 1.0);
    [
        ("rank fusion", ranks.into()),
        ("normalised, min_max", sum(Normalisation::MinMax).into()),
        ("normalised, z_score", sum(Normalisation::ZScore).into()),
    ]
}

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

/// What is tried.
#[derive(Clone, Copy)]
pub enum Settings<'a> {
    /// The settings that are built in, then those that are chosen by the data.
    BuiltIn,
    /// Those that are chosen by the data.
    Auto,
    /// Those of a file.
    File(&'a Path),
}

/// Tries settings.
pub fn run(dir: &Path, tried: Settings<'_>) -> Result<(), Box<dyn Error>> {
    let cranfield = Cranfield::read(dir)?;
    let (documents, queries) = (cranfield.documents.len(), cranfield.queries.len());
    println!("Cranfield: {documents} documents, {queries} queries with relevant documents.\n");
    println!(
        "{:<52} {:>6} {:>7} {:>8} {:>10} {:>11}",
        "", "mrr", "passes", "nDCG@10", "recall@100", "examples/s"
    );
    let bm25 = cranfield.judge(&cranfield.bm25());
    line("BM25", None, bm25);
    let words = open(&cranfield, None)?;
    line(
        "lexical space: BM25 of stems without stop words",
        None,
        answer(&words.1, &cranfield, WORDS)?,
    );
    let settings: Vec<(String, Value)> = match tried {
        Settings::Auto => Vec::new(),
        Settings::BuiltIn => {
            let built_in = built_in().into_iter();
            built_in
                .map(|(name, settings)| (name.to_owned(), settings))
                .collect()
        }
        Settings::File(file) => {
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
                    ..config.training.clone()
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
                ..config.training.clone()
            },
            ..config
        };
        let trained = train(&data, &whole, |_| {})?;
        judge(&cranfield, &name, (mrr, &trained.report), trained.towers)?;
        if best.as_ref().is_none_or(|(least, _)| mrr > *least) {
            best = Some((mrr, name));
        }
    }
    if !matches!(tried, Settings::File(_)) {
        let auto = train_auto(&data, &Config::default(), AutoParams::default(), |_| {})?;
        let mrr = auto.report.validations.iter().copied().fold(0.0, f64::max);
        let name = "train dssm --auto";
        judge(&cranfield, name, (mrr, &auto.report), auto.towers)?;
    }
    if let Some((mrr, name)) = best {
        println!("\nBest by the held-out documents, mean reciprocal rank {mrr:.4}: {name}.");
    }
    Ok(())
}

/// A database of the documents, with the lexical space and the towers if there are any.
fn open(
    cranfield: &Cranfield,
    towers: Option<Towers>,
) -> Result<(TempDir, Database), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let db = Database::open(dir.path().join("cranfield.twin"))?;
    db.items().put_many(&cranfield.documents)?;
    db.seal()?;
    db.lexical()
        .define(WORDS, Lexical::new().field("text", 1.0))?;
    if let Some(towers) = towers {
        // Two of the documents are empty.
        db.publish(SPACE).towers(towers).leave_out(|_| {}).run()?;
    }
    Ok((dir, db))
}

/// Publishes towers, and prints a line for them and for each ensemble with the words.
fn judge(
    cranfield: &Cranfield,
    name: &str,
    report: (f64, &TrainingReport),
    towers: Towers,
) -> Result<(), Box<dyn Error>> {
    let (_dir, db) = open(cranfield, Some(towers))?;
    line(name, Some(report), answer(&db, cranfield, SPACE)?);
    for (method, ensemble) in ensembles() {
        db.ensembles().define("both", ensemble)?;
        let quality = answer(&db, cranfield, "both")?;
        line(&format!("    and words, {method}"), None, quality);
    }
    Ok(())
}

/// Judges the answers of a space or an ensemble.
fn answer(db: &Database, cranfield: &Cranfield, name: &str) -> Result<Quality, Box<dyn Error>> {
    let each = cranfield.queries.iter().map(|query| {
        let user = json!({"query": query.text});
        let hits = db.recall(name).user(&user).top(DEPTH)?;
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
