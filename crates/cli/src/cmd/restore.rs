//! `twinspire restore`: a database from a snapshot.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use twinspire::Database;

use crate::output::{Exit, Failure, Output};

const EXAMPLES: &str = "\
Examples:
  twinspire restore backups/movies-monday movies.twin

The snapshot is checked first, every byte of it, and stays as it is. The directory of the database
has to be absent or empty: move a database that is in the way aside.";

/// Make a database from a snapshot.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct RestoreArgs {
    /// The snapshot: a directory that `twinspire snapshot` wrote
    #[arg(value_name = "SNAPSHOT")]
    snapshot: PathBuf,
    /// The database: a directory that is absent or empty
    #[arg(value_name = "DB")]
    database: PathBuf,
}

/// Runs the command.
pub fn run(args: RestoreArgs, output: &Output) -> Result<Exit, Failure> {
    Database::restore(&args.snapshot, &args.database)?;
    let (from, to) = (args.snapshot.display(), args.database.display());
    let document = json!({"snapshot": from.to_string(), "database": to.to_string()});
    output.result(&document, || format!("{to} is restored from {from}"))?;
    Ok(Exit::Done)
}
