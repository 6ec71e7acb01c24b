//! `twinspire retain`: let old generations go.

use clap::Args;

use super::{generations, open_to_write};
use crate::args::{SpaceArgs, at_least_one};
use crate::output::{Exit, Failure, Output};

const EXAMPLES: &str = "\
Examples:
  twinspire retain movies.twin movies 1        the active one alone

The oldest generations go first, the active one never, and their files are removed. What is kept is
listed then. A publish does so by itself; see its --retain.";

/// Let the oldest generations of a space go.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct RetainArgs {
    #[command(flatten)]
    target: SpaceArgs,
    /// How many generations the space keeps, at least 1
    #[arg(value_name = "N", value_parser = at_least_one)]
    generations: usize,
}

/// Runs the command.
pub fn run(args: RetainArgs, output: &Output) -> Result<Exit, Failure> {
    let db = open_to_write(&args.target.database)?;
    db.retain(&args.target.space, args.generations)?;
    generations::print_all(&db, &args.target.space, output)?;
    Ok(Exit::Done)
}
