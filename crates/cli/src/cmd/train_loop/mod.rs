//! `twinspire loop`: trains on new logs, publishes on trial, and rolls back if recall drops.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use twinspire::train::release::{Cases, Verdict, hold_out, release};
use twinspire::train::{Comparison, Dataset, TrainingProgress};
use twinspire::{Database, Error, FeatureCheck, Towers};

mod recipe;

use recipe::{Recipe, RecipeName};

use super::train::{DataArgs, Display, document_of, print_baselines, set, training_failure};
use crate::args::{SpaceArgs, at_least_two, moment, share};
use crate::output::{Exit, Failure, Output, Stages, counted, outline};

const EXAMPLES: &str = "\
Examples:
  twinspire loop movies.twin movies --movielens ml-100k --epochs 5            (the first generation)
  twinspire loop shop.twin shop --items items.jsonl --events log.csv --since 1764115200
  twinspire loop shop.twin shop --items items.jsonl --events log.csv --since 1764115200 --tolerance 0.01
  twinspire loop shop.twin text --towers models/text --users queries.jsonl --events clicks.csv

1. New and changed items of the logs are put. With --replace, items that the logs do not have are removed.
2. The latest new events are held out. The active towers are trained further on the other events, by their
   own recipe and settings. youtube learns from new events alone, and older ones make the histories of
   users: keep enough of them to fill these. The other recipes learn from all events; mobius starts anew.
3. The new towers are published.
4. The earlier and the new generation recall for the users of the held-out events, as of that moment.
5. The new generation is rolled back if its hit@10 is lower with 95 % confidence, by more than --tolerance:
   if the whole interval of the difference over the same users is. Otherwise it is kept.
`next_since` is the --since of the next loop, which will learn from the held-out events.

For towers that were trained elsewhere, pass --towers; steps 3 to 5 follow.
A rollback restores the towers with their training state, so the next loop continues from them.";

/// Number of items that one call puts.
const BATCH_ITEMS: usize = 2_000;

/// Train on new logs, publish on trial, and keep the new generation if it recalls as well.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "flags are independent")]
pub struct LoopArgs {
    #[command(flatten)]
    target: SpaceArgs,
    #[command(flatten)]
    data: DataArgs,
    /// Start of the new events (a date, a date and time, or a Unix time) [default: all events are new]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = moment)]
    since: Option<i64>,
    /// Share of the new events, the latest, that is held out
    #[arg(long, value_name = "SHARE", default_value_t = 0.1, value_parser = share)]
    held_out: f64,
    /// How much lower than that of the earlier generation hit@10 may be, beyond what may be chance
    #[arg(long, value_name = "X", default_value_t = 0.0, value_parser = share)]
    tolerance: f64,
    /// Maximum number of held-out events that are tested
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    most: usize,
    /// Test and train for items that their user had before too, and exclude nothing (setting `repeats`)
    #[arg(long)]
    repeats: bool,
    /// Ignore fields of users that the towers do not read, and values that they cannot read
    #[arg(long)]
    lenient: bool,
    /// Number of generations that the space retains, at least 2
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = at_least_two)]
    retain: usize,
    /// Publish these towers instead of training
    #[arg(long, value_name = "DIR", conflicts_with_all = ["recipe", "config", "epochs", "cold"])]
    towers: Option<PathBuf>,
    /// The recipe [default: that of the active towers, or else youtube]
    #[arg(long, value_enum)]
    recipe: Option<RecipeName>,
    /// Settings of the recipe as a JSON object [default: those of the active towers, or else of the recipe]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Epochs over the new events [default: that of --config, or 1 for a warm start]
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// The items of the logs are the whole catalogue: remove all others
    #[arg(long)]
    replace: bool,
    /// With --replace: remove any number of items, even more than half of them
    #[arg(long, requires = "replace")]
    yes: bool,
    /// Largest share of events that may name items or users without a record
    #[arg(long, value_name = "SHARE", value_parser = share, conflicts_with = "towers")]
    max_unknown_ids: Option<f64>,
    /// Publish nothing and exit with 1 if the new towers rank the holdout of their training worse than the best
    /// baseline; needs a `patience` above 0
    #[arg(long, conflicts_with = "towers")]
    require_better: bool,
    /// Train from scratch instead of from the active towers
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
    let mut recipe = Recipe::choose(args.recipe, args.config.as_deref(), &db, space)?;
    let cases = match recipe.set_repeats(args.repeats) {
        true => Cases::with_repeats(&data, &held_out, args.most),
        false => Cases::new(&data, &held_out, args.most),
    };
    let mut cases = cases.map_err(Failure::failed)?;
    if args.lenient {
        cases = cases.check_features(FeatureCheck::Lenient);
    }
    // Before anything is written or trained.
    if db.spaces().contains(space) {
        cases.check(&db.towers(space)?).map_err(Failure::of_users)?;
    }
    let (put, removed) = match args.replace {
        true => replace_all(&db, &data, args.yes)?,
        false => (put_new(&db, &data)?, 0),
    };
    let mut document = json!({
        "space": space,
        "items_put": put,
        "items_removed": removed,
        "held_out": held_out.len(),
        "cases": cases.len(),
    });
    let towers = match &args.towers {
        Some(path) => Towers::open(path)?,
        None => train(&args, recipe, &db, &data, &mut document, output)?,
    };
    let stages = Stages::default();
    let publish = db
        .publish(space)
        .towers(towers)
        .retain(args.retain)
        .progress(|progress| stages.show(progress, output));
    let verdict = release(publish, &cases, args.tolerance).map_err(Failure::of_users)?;
    stages.finish();
    print_verdict(&verdict, &args, next, document, output)
}

/// Puts the items that are new or changed.
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

/// Puts the items that are new or changed, and removes those that the logs do not have. Returns how many
/// were put and removed.
fn replace_all(db: &Database, data: &Dataset, any: bool) -> Result<(usize, u64), Failure> {
    let mut catalogue = db.items().replace_all()?;
    if any {
        catalogue = catalogue.max_removed(1.0);
    }
    for batch in data.items.chunks(BATCH_ITEMS) {
        catalogue.put_many(batch)?;
    }
    let done = catalogue.finish().map_err(|error| {
        let too_many = matches!(error, Error::TooManyRemoved { .. });
        let failure = Failure::from(error);
        match too_many {
            true => failure.hint("--yes removes them"),
            false => failure,
        }
    })?;
    Ok(((done.added + done.changed) as usize, done.removed))
}

/// Trains, with a warm start from the active towers, if there are any.
fn train(
    args: &LoopArgs,
    mut recipe: Recipe,
    db: &Database,
    data: &Dataset,
    document: &mut Value,
    output: &Output,
) -> Result<Towers, Failure> {
    let space = &args.target.space;
    let serves = !args.cold && recipe.can_continue() && db.spaces().contains(space);
    let serving = serves.then(|| db.towers(space)).transpose()?;
    let training = recipe.training();
    if serves && args.config.is_none() {
        training.epochs = 1;
    }
    set(&mut training.epochs, args.epochs);
    let share = args.max_unknown_ids.map(|share| share as f32);
    set(&mut training.max_unknown_ids, share);
    if args.require_better && training.patience == 0 {
        let message = "--require-better needs a holdout, and patience 0 holds nothing out";
        return Err(Failure::usage(message).hint("a `patience` in --config holds events out"));
    }
    let mut display = Display::new(output);
    let show = |progress: TrainingProgress| display.show(&progress);
    let trained = recipe.train(serving.as_ref(), data, args.since, show);
    display.finish(trained.as_ref().ok().map(|(_, trained)| &trained.report));
    let (towers, trained) = trained.map_err(training_failure)?;
    document["recipe"] = json!(recipe.name());
    document["data"] = document_of(&trained.report.data);
    document["examples"] = json!(trained.report.examples);
    document["baselines"] = json!(trained.report.baselines);
    print_baselines(trained.report.baselines.as_ref(), output);
    if args.require_better && trained.report.baselines.as_ref().is_some_and(is_worse) {
        let message = "the new towers are below the best baseline: they are not published";
        return Err(Failure::refused(message).hint("without --require-better they are"));
    }
    document["warm_start"] = json!(serves);
    document["examples_per_second"] = json!(trained.report.examples_per_second.round());
    Ok(towers)
}

/// Whether towers are below the best baseline.
fn is_worse(comparison: &Comparison) -> bool {
    comparison.better_baseline().is_some()
}

/// Prints the verdict.
fn print_verdict(
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
    document["difference"] = json!(verdict.difference);
    document["tolerance"] = json!(args.tolerance);
    document["kept"] = json!(verdict.kept);
    document["serving"] = json!(serving);
    document["next_since"] = json!(next);
    let mut text = document.clone();
    for part in ["data", "baselines", "difference"] {
        text.as_object_mut().map(|text| text.remove(part));
    }
    output.result(&document, || {
        let hits = |standing: f64| format!("hit@10 {standing:.4}");
        let against = verdict.before.map_or_else(String::new, |before| {
            let (number, hits) = (before.generation, hits(before.metrics.hit_10));
            let found = verdict.difference.map(|found| found.difference);
            let interval = match found.and_then(|found| found.low.zip(found.high)) {
                Some((low, high)) => format!(" (difference {low:+.4} to {high:+.4})"),
                None => String::new(),
            };
            format!(", against {hits} of generation {number}{interval}")
        });
        let fate = if verdict.kept { "kept" } else { "rolled back" };
        let cases = counted(document["cases"].as_u64().unwrap_or(0), "case");
        format!(
            "generation {} {fate}: {} in {cases}{against}\n{}",
            after.generation,
            hits(after.metrics.hit_10),
            outline(&text)
        )
    })?;
    Ok(Exit::Done)
}
