//! `twinspire snapshot`: a copy of the database as it is now.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::args::DatabaseArg;
use crate::output::{Exit, Failure, Output};

const EXAMPLES: &str = "\
Examples:
  twinspire snapshot movies.twin backups/movies-monday
  twinspire recall backups/movies-monday movies --user '{\"user_id\":\"42\"}'

Writes every acknowledged write and every kept generation as a database of its own; others may write
meanwhile. On one file system it takes next to no space, as files are shared by hard links. For a copy
that survives the disk, copy the snapshot to another disk. The directory must be absent or empty; a
snapshot without the file CURRENT was interrupted.";

/// Copy the database as it is now into another directory.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct SnapshotArgs {
    #[command(flatten)]
    target: DatabaseArg,
    /// The new directory: absent or empty
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

/// Runs the command.
pub fn run(args: SnapshotArgs, output: &Output) -> Result<Exit, Failure> {
    args.target.open_to_read()?.snapshot(&args.directory)?;
    let (from, to) = (args.target.database.display(), args.directory.display());
    let document = json!({"database": from.to_string(), "snapshot": to.to_string()});
    output.result(&document, || format!("{to} is a snapshot of {from}"))?;
    Ok(Exit::Done)
}
