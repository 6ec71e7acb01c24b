//! `twinspire loop`: from new logs to a generation that serves, if it is good enough.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use twinspire::train::release::{Cases, Verdict, hold_out, release};
use twinspire::train::{Dataset, TrainingProgress, youtube};
use twinspire::{Database, Towers};

use super::train::{DataArgs, config_of, set};
use crate::args::{SpaceArgs, at_least_two, share};
use crate::output::{Exit, Failure, Output, Stages, Unit, counted, outline};

const EXAMPLES: &str = "\
Examples:
  twinspire loop movies.twin movies --movielens ml-100k --epochs 5            (the first generation)
  twinspire loop shop.twin shop --items items.jsonl --events log.csv --since 1764115200
  twinspire loop shop.twin shop --items items.jsonl --events log.csv --since 1764115200 --tolerance 0.01
  twinspire loop shop.twin text --towers models/text --users queries.jsonl --events clicks.csv

1. Items of the logs that the database lacks or has in another version are put.
2. The latest of the new events are held out. The towers that serve learn from the other new ones, by the
   recipe youtube; older events make the histories of users, so keep as much of them as those are long.
3. The new towers are published.
4. The generation that served before and the new one are asked for the users of the held-out events, as
   they were at that moment.
5. The new generation is kept if its hit@10 is no more than --tolerance below; otherwise it is rolled back.
`next_since` is where the next loop begins: what was held out is learnt from then.

Towers of another recipe are trained by `twinspire train` and given as --towers; steps 3 to 5 follow. A
rollback takes the towers back with what they count by, so the next loop goes on from there.";

/// Learn from new logs, publish, and keep the new generation if it does as well.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct LoopArgs {
    #[command(flatten)]
    target: SpaceArgs,
    #[command(flatten)]
    data: DataArgs,
    /// Events from this moment on are new (seconds since 1970); all are without it
    #[arg(long, value_name = "SECONDS", allow_hyphen_values = true)]
    since: Option<i64>,
    /// The share of the new events, the latest, that is held out
    #[arg(long, value_name = "SHARE", default_value_t = 0.1, value_parser = share)]
    held_out: f64,
    /// By how much hit@10 may be lower than that of the generation before
    #[arg(long, value_name = "X", default_value_t = 0.005, value_parser = share)]
    tolerance: f64,
    /// How many held-out events are asked for at most
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    most: usize,
    /// How many generations the space keeps, at least 2
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = at_least_two)]
    retain: usize,
    /// Publish these towers instead of training
    #[arg(long, value_name = "DIR", conflicts_with_all = ["config", "epochs", "cold"])]
    towers: Option<PathBuf>,
    /// Settings of the recipe youtube as a JSON object
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Passes over the new events [default: that of the settings, and 1 where towers serve already]
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Begin anew instead of with the towers that serve
    #[arg(long)]
    cold: bool,
}

/// Runs the command.
pub fn run(args: LoopArgs, output: &Output) -> Result<Exit, Failure> {
    let db = args.target.open_to_write()?;
    let space = &args.target.space;
    let mut data = args.data.read(output)?;
    let held_out = hold_out(&mut data, args.since, args.held_out);
    let next = held_out.iter().map(|event| event.at).min();
    let cases = Cases::new(&data, &held_out, args.most).map_err(Failure::failed)?;
    let put = put_new(&db, &data)?;
    let mut document = json!({
        "space": space,
        "items_put": put,
        "held_out": held_out.len(),
        "cases": cases.len(),
    });
    let towers = match &args.towers {
        Some(path) => Towers::open(path)?,
        None => learn(&args, &db, &data, &mut document, output)?,
    };
    let stages = Stages::default();
    let publish = db
        .publish(space)
        .towers(towers)
        .retain(args.retain)
        .progress(|progress| stages.show(progress, output));
    let verdict = release(publish, &cases, args.tolerance)?;
    stages.finish();
    tell(&verdict, &args, next, document, output)
}

/// Puts the items that are not in the database as they are here.
fn put_new(db: &Database, data: &Dataset) -> Result<usize, Failure> {
    let mut new = Vec::new();
    for item in &data.items {
        let id = item["id"].as_str().unwrap_or_default();
        if db.items().get(id)?.as_ref() != Some(item) {
            new.push(item.clone());
        }
    }
    if !new.is_empty() {
        db.items().put_many(&new)?;
    }
    Ok(new.len())
}

/// Trains, from the towers that serve if there are any.
fn learn(
    args: &LoopArgs,
    db: &Database,
    data: &Dataset,
    document: &mut Value,
    output: &Output,
) -> Result<Towers, Failure> {
    let space = &args.target.space;
    let serves = !args.cold && db.spaces().contains(space);
    let serving = serves.then(|| db.towers(space)).transpose()?;
    let mut config: youtube::Config = config_of(args.config.as_deref())?;
    if serves && args.config.is_none() {
        config.training.epochs = 1;
    }
    set(&mut config.training.epochs, args.epochs);
    config.since = args.since;
    let bar = output.bar("training", 1, Unit::Count);
    let tell = |progress: TrainingProgress| {
        bar.set_length(progress.total);
        bar.set_position(progress.done);
    };
    let trained = youtube::train_from(serving.as_ref(), data, &config, tell);
    bar.finish_and_clear();
    let trained = trained.map_err(Failure::failed)?;
    document["examples"] = json!(trained.report.examples);
    document["warm_start"] = json!(serves);
    document["examples_per_second"] = json!(trained.report.examples_per_second.round());
    Ok(trained.towers)
}

fn tell(
    verdict: &Verdict,
    args: &LoopArgs,
    next: Option<i64>,
    mut document: Value,
    output: &Output,
) -> Result<Exit, Failure> {
    let after = verdict.after;
    let serving = match verdict.before.filter(|_| !verdict.kept) {
        Some(before) => before.generation,
        None => after.generation,
    };
    document["before"] = json!(verdict.before);
    document["after"] = json!(after);
    document["tolerance"] = json!(args.tolerance);
    document["kept"] = json!(verdict.kept);
    document["serving"] = json!(serving);
    document["next_since"] = json!(next);
    output.result(&document, || {
        let hits = |standing: f64| format!("hit@10 {standing:.4}");
        let against = verdict.before.map_or_else(String::new, |before| {
            let (number, hits) = (before.generation, hits(before.metrics.hit_10));
            format!(", against {hits} of generation {number}")
        });
        let fate = if verdict.kept { "kept" } else { "rolled back" };
        let cases = counted(document["cases"].as_u64().unwrap_or(0), "case");
        format!(
            "generation {} {fate}: {} in {cases}{against}\n{}",
            after.generation,
            hits(after.metrics.hit_10),
            outline(&document)
        )
    })?;
    Ok(Exit::Done)
}
