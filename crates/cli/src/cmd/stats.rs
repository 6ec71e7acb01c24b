//! `twinspire stats`: what a database holds.

use clap::Args;

use crate::args::DatabaseArg;
use crate::output::{Exit, Failure, Output, outline};

const EXAMPLES: &str = "\
Examples:
  twinspire stats movies.twin
  twinspire stats movies.twin --json | jq .items";

/// Show what a database holds: items, spaces, files.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct StatsArgs {
    #[command(flatten)]
    target: DatabaseArg,
}

/// Runs the command.
pub fn run(args: StatsArgs, output: &Output) -> Result<Exit, Failure> {
    let stats = args.target.open_to_read()?.stats()?;
    let document = serde_json::to_value(stats).map_err(Failure::failed)?;
    output.result(&document, || outline(&document))?;
    Ok(Exit::Done)
}
