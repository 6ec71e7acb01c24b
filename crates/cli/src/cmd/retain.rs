//! `twinspire retain`: removes old generations.

use clap::Args;

use crate::args::{SpaceArgs, at_least_one};
use crate::output::{Exit, Failure, Output};
use crate::view::generations;

const EXAMPLES: &str = "\
Examples:
  twinspire retain movies.twin movies 1        keeps the active generation alone

Removes the oldest generations with their files, never the active one, and lists those that are kept. A
publish does so by itself; see its --retain.";

/// Remove the oldest generations of a space.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct RetainArgs {
    #[command(flatten)]
    target: SpaceArgs,
    /// Number of generations the space keeps, at least 1
    #[arg(value_name = "N", value_parser = at_least_one)]
    generations: usize,
}

/// Runs the command.
pub fn run(args: RetainArgs, output: &Output) -> Result<Exit, Failure> {
    let db = args.target.open_to_write()?;
    db.retain(&args.target.space, args.generations)?;
    generations::print_all(&db, &args.target.space, output)?;
    Ok(Exit::Done)
}
