//! `twinspire seal`: moves the journal into segments.

use clap::Args;
use serde_json::json;

use crate::args::DatabaseArg;
use crate::output::{Exit, Failure, Output};

const EXAMPLES: &str = "\
Examples:
  twinspire seal movies.twin

Moves the writes that only the journal holds into a segment of the items, and their vectors, with a graph
over them, into a segment of each space. Recalls then search them by the graph instead of scanning them,
and the database opens faster. A publish seals by itself, and so does a program that has the database
open, once enough has been written.";

/// Move the writes of the journal into segments.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct SealArgs {
    #[command(flatten)]
    target: DatabaseArg,
}

/// Runs the command.
pub fn run(args: SealArgs, output: &Output) -> Result<Exit, Failure> {
    let revision = args.target.open_to_write()?.seal()?;
    output.result(&json!({"sealed_revision": revision}), || {
        format!("sealed: every write up to revision {revision} is in segments")
    })?;
    Ok(Exit::Done)
}
