//! `twinspire snapshot`: the database as it is now, in another directory.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::open_to_read;
use crate::args::DatabaseArg;
use crate::output::{Exit, Failure, Output};

const EXAMPLES: &str = "\
Examples:
  twinspire snapshot movies.twin backups/movies-monday
  twinspire recall backups/movies-monday movies --user '{\"user_id\":\"42\"}'

Everything acknowledged so far, all kept generations included, as a database of its own; others may
write meanwhile. On one file system it takes next to no room: files are shared by hard links, and
for a copy that outlives the disk, copy the snapshot to another one. The directory has to be absent
or empty; one without CURRENT is a snapshot that was interrupted.";

/// Write the database as it is now into another directory.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct SnapshotArgs {
    #[command(flatten)]
    target: DatabaseArg,
    /// Where to: a directory that is absent or empty
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

/// Runs the command.
pub fn run(args: SnapshotArgs, output: &Output) -> Result<Exit, Failure> {
    let db = open_to_read(&args.target.database)?;
    db.snapshot(&args.directory)?;
    let (from, to) = (args.target.database.display(), args.directory.display());
    let document = json!({"database": from.to_string(), "snapshot": to.to_string()});
    output.result(&document, || format!("{to} is a snapshot of {from}"))?;
    Ok(Exit::Done)
}
