//! `twinspire restore`: a database from a snapshot.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use twinspire::Database;

use crate::output::{Exit, Failure, Output};

const EXAMPLES: &str = "\
Examples:
  twinspire restore backups/movies-monday movies.twin

Checks every byte of the snapshot first and leaves it as it is. The directory of the database must be
absent or empty: move an existing database aside.";

/// Create a database from a snapshot.
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
    output.result(&document, || format!("restored {to} from {from}"))?;
    Ok(Exit::Done)
}
