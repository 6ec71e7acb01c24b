//! An encoder of text on Cranfield, alone, and beside DSSM and words.
//!
//! The encoder was trained elsewhere; DSSM learns from the documents alone, with the settings and the number of epochs
//! that `dssm` chooses by held-out documents. Ensembles have equal weights. No query and no judgement is seen before the
//! test.

use crate::cranfield::{Cranfield, DEPTH, Quality};
use serde_json::{Value, json};
use std::error::Error;
use std::path::Path;
use std::time::Instant;
use twinspire::train::Dataset;
use twinspire::train::dssm::{Config, train};
use twinspire::{
    Database, Ensemble, Lexical, Normalisation, NormalisedSum, RankFusion, TextTowers, Towers,
};

/// The spaces: the encoder, DSSM, the words.
const SPACES: [&str; 3] = ["encoder", "dssm", "words"];
/// Queries after which the time of one is the median.
const TIMED: usize = 200;

/// The settings and the epochs that `recipes dssm` chooses.
fn chosen() -> Result<Config, serde_json::Error> {
    serde_json::from_value(json!({
        "hidden": [], "activation": "linear", "words": 1, "gamma": 10, "negatives": 0, "batch": 512,
        "word_dropout": 0.5, "learning_rate": 0.003, "average": 0.98, "epochs": 10
    }))
}

/// Measures the encoder of a directory.
pub fn run(dir: &Path, encoder: &Path) -> Result<(), Box<dyn Error>> {
    let cranfield = Cranfield::read(dir)?;
    let before = resident();
    let started = Instant::now();
    let towers = TextTowers::new().open(encoder)?;
    println!("encoder opened in {:.1} s", started.elapsed().as_secs_f64());
    speed(&cranfield, &towers, before)?;
    let data = Dataset {
        items: cranfield.documents.clone(),
        ..Dataset::default()
    };
    let dssm = train(&data, &chosen()?, |_| {})?.towers;
    let root = tempfile::tempdir()?;
    let db = Database::open(root.path().join("cranfield.twin"))?;
    db.items().put_many(&cranfield.documents)?;
    db.seal()?;
    let [encoder, dssm_space, words] = SPACES;
    db.lexical()
        .define(words, Lexical::new().field("text", 1.0))?;
    // Two of the documents are empty.
    db.publish(dssm_space)
        .towers(dssm)
        .leave_out(|_| {})
        .run()?;
    let started = Instant::now();
    db.publish(encoder).towers(towers).leave_out(|_| {}).run()?;
    let (count, seconds) = (cranfield.documents.len(), started.elapsed().as_secs_f64());
    println!("{count} documents published in {seconds:.1} s\n");
    println!("{:<44} {:>8} {:>10}", "", "nDCG@10", "recall@100");
    for space in SPACES {
        line(space, answer(&db, &cranfield, space)?);
    }
    let beside: [&[&str]; 3] = [&[encoder, words], &[encoder, dssm_space], &SPACES];
    for spaces in beside {
        for (method, ensemble) in ensembles(spaces) {
            db.ensembles().define("all", ensemble)?;
            let name = format!("{}, {method}", spaces.join(" + "));
            line(&name, answer(&db, &cranfield, "all")?);
        }
    }
    Ok(())
}

/// Ensembles of spaces at equal weights: nothing about them is tuned.
fn ensembles(spaces: &[&str]) -> [(&'static str, Ensemble); 3] {
    let sum = |by| {
        let spaces = spaces.iter();
        spaces.fold(NormalisedSum::new(by), |sum, space| sum.space(*space, 1.0))
    };
    let ranks = spaces
        .iter()
        .fold(RankFusion::new(), |ranks, space| ranks.space(*space, 1.0));
    [
        ("rank fusion", ranks.into()),
        ("min_max", sum(Normalisation::MinMax).into()),
        ("z_score", sum(Normalisation::ZScore).into()),
    ]
}

/// Prints the time of a query and the memory of the encoder.
fn speed(
    cranfield: &Cranfield,
    towers: &Towers,
    before: Option<u64>,
) -> Result<(), Box<dyn Error>> {
    let queries = cranfield.queries.iter().cycle().take(TIMED);
    let mut times = Vec::with_capacity(TIMED);
    for query in queries {
        let started = Instant::now();
        towers.embed_user(&json!({"query": query.text}))?;
        times.push(started.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_unstable_by(f64::total_cmp);
    let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or(0.0);
    println!(
        "a query: median {:.2} ms, 99th percentile {:.2} ms",
        at(50),
        at(99)
    );
    let started = Instant::now();
    let longest = cranfield.documents.iter();
    let longest = longest.max_by_key(|item| item["text"].as_str().map_or(0, str::len));
    towers.embed_item(longest.unwrap_or(&Value::Null))?;
    println!(
        "the longest document: {:.1} ms",
        started.elapsed().as_secs_f64() * 1e3
    );
    if let (Some(before), Some(after)) = (before, resident()) {
        let megabytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        println!(
            "memory: {:.0} MiB more than before",
            megabytes(after.saturating_sub(before))
        );
    }
    Ok(())
}

/// Resident memory of this process in bytes, where the system says it.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes << 10)
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

fn line(name: &str, quality: Quality) {
    println!(
        "{name:<44} {:>8.4} {:>10.4}",
        quality.ndcg_10, quality.recall_100
    );
}
