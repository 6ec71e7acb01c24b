//! `twinspire rollback`: serve an earlier generation again.

use clap::Args;

use super::stages::Stages;
use super::{generations, open_to_write};
use crate::args::SpaceArgs;
use crate::output::{Exit, Failure, Output, counted};

const EXAMPLES: &str = "\
Examples:
  twinspire rollback movies.twin movies              to the generation before
  twinspire rollback movies.twin movies --to 3

The towers and the vectors go back together. Items written since are embedded with the older towers,
and deleted items stay deleted.";

/// Serve an earlier generation of a space again.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct RollbackArgs {
    #[command(flatten)]
    target: SpaceArgs,
    /// The generation to serve, instead of the one before
    #[arg(long, value_name = "N")]
    to: Option<u64>,
}

/// Runs the command.
pub fn run(args: RollbackArgs, output: &Output) -> Result<Exit, Failure> {
    let db = open_to_write(&args.target.database)?;
    let space = &args.target.space;
    let stages = Stages::default();
    let mut rollback = db
        .rollback(space)
        .progress(|progress| stages.show(progress, output));
    if let Some(number) = args.to {
        rollback = rollback.to(number);
    }
    let generation = rollback.run()?;
    stages.end();
    if generation.partial {
        let stats = db.stats()?;
        let there = stats.spaces.get(space).map_or(0, |space| space.items);
        let missing = stats.items.saturating_sub(there);
        if missing > 0 {
            let missing = counted(missing, "item");
            output.note(&format!("without a vector in this generation: {missing}"));
        }
    }
    generations::print_one("rolled back", space, &generation, output)?;
    Ok(Exit::Done)
}
