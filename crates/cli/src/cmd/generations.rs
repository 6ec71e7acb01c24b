//! `twinspire generations`: the generations that a space keeps.

use clap::Args;

use crate::args::SpaceArgs;
use crate::output::{Exit, Failure, Output};
use crate::view::generations;

const EXAMPLES: &str = "\
Examples:
  twinspire generations movies.twin movies

Recalls search the active generation. LEFT OUT counts the items without a vector in it. RECALL is the
share of the exact answer that the graph search found on a sample when the generation was published.";

/// List the generations of a space.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct GenerationsArgs {
    #[command(flatten)]
    target: SpaceArgs,
}

/// Runs the command.
pub fn run(args: GenerationsArgs, output: &Output) -> Result<Exit, Failure> {
    let db = args.target.open_to_read()?;
    generations::print_all(&db, &args.target.space, output)?;
    Ok(Exit::Done)
}
