//! `twinspire rollback`: serves an earlier generation again.

use clap::Args;

use crate::args::SpaceArgs;
use crate::output::{Exit, Failure, Output, Stages, counted};
use crate::view::generations;

const EXAMPLES: &str = "\
Examples:
  twinspire rollback movies.twin movies              to the previous generation
  twinspire rollback movies.twin movies --to 3

Towers and vectors go back together. Items written since are embedded with the older towers; deleted
items stay deleted.";

/// Serve an earlier generation of a space again.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct RollbackArgs {
    #[command(flatten)]
    target: SpaceArgs,
    /// The generation to serve, instead of the previous one
    #[arg(long, value_name = "N")]
    to: Option<u64>,
}

/// Runs the command.
pub fn run(args: RollbackArgs, output: &Output) -> Result<Exit, Failure> {
    let db = args.target.open_to_write()?;
    let space = &args.target.space;
    let stages = Stages::default();
    let mut rollback = db
        .rollback(space)
        .progress(|progress| stages.show(progress, output));
    if let Some(number) = args.to {
        rollback = rollback.to(number);
    }
    let generation = rollback.run()?;
    stages.finish();
    if generation.partial {
        let stats = db.stats()?;
        let embedded = stats.spaces.get(space).map_or(0, |space| space.items);
        let missing = stats.items.saturating_sub(embedded);
        if missing > 0 {
            let missing = counted(missing, "item");
            output.note(&format!("{missing} without a vector in this generation"));
        }
    }
    generations::print_one("rolled back", space, &generation, output)?;
    Ok(Exit::Done)
}
