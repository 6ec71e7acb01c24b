//! `twinspire seal`: out of the journal, into segments.

use clap::Args;
use serde_json::json;

use super::open_to_write;
use crate::args::DatabaseArg;
use crate::output::{Exit, Failure, Output};

const EXAMPLES: &str = "\
Examples:
  twinspire seal movies.twin

Every write that is in the journal alone goes into a segment of the items, and its vectors, with a
graph over them, into a segment of each space: recalls scan them no more, and the database opens
faster. A publish does so by itself, and so does a program that has the database open, once enough
has been written.";

/// Move what is in the journal into segments.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct SealArgs {
    #[command(flatten)]
    target: DatabaseArg,
}

/// Runs the command.
pub fn run(args: SealArgs, output: &Output) -> Result<Exit, Failure> {
    let db = open_to_write(&args.target.database)?;
    let revision = db.seal()?;
    output.result(&json!({"sealed_revision": revision}), || {
        format!("sealed: every write up to revision {revision} is in segments")
    })?;
    Ok(Exit::Done)
}
