//! `twinspire rollback`: serve an earlier generation again.

use clap::Args;
use twinspire::GenerationNo;

use super::{generations, open_to_write};
use crate::args::SpaceArgs;
use crate::output::{Exit, Failure, Output};

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
    let generation = match args.to {
        Some(number) => db.rollback_to(&args.target.space, GenerationNo(number))?,
        None => db.rollback(&args.target.space)?,
    };
    generations::print_one("rolled back", &args.target.space, &generation, output)?;
    Ok(Exit::Done)
}
