//! `twinspire publish`: a new generation of a space.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use clap::Args;
use indicatif::ProgressBar;
use twinspire::{Progress, PublishOptions, Storage, Towers};

use super::{generations, open_to_write};
use crate::args::{SpaceArgs, at_least_one};
use crate::output::{Exit, Failure, Output, Unit};

const EXAMPLES: &str = "\
Examples:
  twinspire publish movies.twin movies models/movies
  twinspire publish movies.twin movies models/movies --retain 1
  twinspire publish movies.twin movies models/movies --half

Every item is embedded with the item tower, the graph is built and searched for a check, and the space
moves to it in one step: recalls see the old generation whole or the new one whole. The old one is kept
for `twinspire rollback`.";

/// Embed every item with the towers and make the space serve them.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct PublishArgs {
    #[command(flatten)]
    target: SpaceArgs,
    /// The towers: a directory with tower.json and its weights, as `train` writes it
    #[arg(value_name = "TOWERS")]
    towers: PathBuf,
    /// How many generations the space keeps, this one among them, at least 1
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = at_least_one)]
    retain: usize,
    /// Store vectors in half precision: half the room, scores differ in the fourth digit
    #[arg(long)]
    half: bool,
}

/// Runs the command.
pub fn run(args: PublishArgs, output: &Output) -> Result<Exit, Failure> {
    let towers = Towers::open(&args.towers)?;
    let db = open_to_write(&args.target.database)?;
    let stages = Stages::default();
    let storage = match args.half {
        true => Storage::Half,
        false => Storage::Full,
    };
    let options = PublishOptions::new()
        .retain(args.retain)
        .storage(storage)
        .progress(|progress| stages.show(progress, output));
    let generation = db.publish_with(&args.target.space, towers, &options)?;
    stages.end();
    generations::print_one("published", &args.target.space, &generation, output)?;
    Ok(Exit::Done)
}

/// One bar a stage, the last one shown.
#[derive(Default)]
struct Stages(Mutex<Option<(&'static str, ProgressBar)>>);

impl Stages {
    fn show(&self, progress: Progress, output: &Output) {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, bar) = match current.take() {
            Some((shown, bar)) if shown == progress.stage => current.insert((shown, bar)),
            before => {
                if let Some((_, bar)) = before {
                    bar.finish_and_clear();
                }
                let bar = output.bar(progress.stage, progress.total, Unit::Count);
                current.insert((progress.stage, bar))
            }
        };
        // Threads report when they can: an older report may come after a newer one.
        bar.set_position(progress.done.max(bar.position()));
    }

    fn end(&self) {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, bar)) = current.take() {
            bar.finish_and_clear();
        }
    }
}
