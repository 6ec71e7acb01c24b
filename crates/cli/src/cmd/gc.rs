//! `twinspire gc`: removes files that the database no longer names.

use std::collections::HashSet;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use twinspire::Database;

use crate::args::{DatabaseArg, check_exists};
use crate::output::{Exit, Failure, Output, Table, counted, thousands};

const EXAMPLES: &str = "\
Examples:
  twinspire gc movies.twin --dry-run
  twinspire gc movies.twin

Removes files that the database no longer names: left half-written by a crash, or still in use when they
were replaced. Every command that writes does so too.";

/// Remove files that the database no longer names.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct GcArgs {
    #[command(flatten)]
    target: DatabaseArg,
    /// List the files, remove nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command.
pub fn run(args: GcArgs, output: &Output) -> Result<Exit, Failure> {
    let path = &args.target.database;
    check_exists(path)?;
    let options = Database::options().create(false).collect(false);
    let db = options.background(false).open(path)?;
    let mut files: Vec<(PathBuf, u64)> = db.garbage()?.into_iter().map(with_size).collect();
    if !args.dry_run {
        let removed: HashSet<PathBuf> = db.collect()?.into_iter().collect();
        let found = files.len();
        files.retain(|(file, _)| removed.contains(file));
        if files.len() < found {
            let left = counted((found - files.len()) as u64, "file");
            output.note(&format!("{left} could not be removed"));
        }
    }
    let bytes: u64 = files.iter().map(|(_, bytes)| bytes).sum();
    let list = files
        .iter()
        .map(|(file, bytes)| json!({"file": file.display().to_string(), "bytes": bytes}));
    let document = json!({"files": list.collect::<Vec<Value>>(), "bytes": bytes,
                          "removed": !args.dry_run});
    output.result(&document, || text(&files, bytes, args.dry_run))?;
    Ok(Exit::Done)
}

/// A path and its size in bytes, 0 unless it is a file.
fn with_size(path: PathBuf) -> (PathBuf, u64) {
    let metadata = path.metadata().ok().filter(std::fs::Metadata::is_file);
    let bytes = metadata.map_or(0, |found| found.len());
    (path, bytes)
}

fn text(files: &[(PathBuf, u64)], bytes: u64, dry_run: bool) -> String {
    let mut table = Table::new(&["file", ">bytes"]);
    for (file, bytes) in files {
        table.row([file.display().to_string(), thousands(*bytes)]);
    }
    let table = match files.is_empty() {
        true => String::new(),
        false => table.render(),
    };
    let verb = match dry_run {
        true => "would be removed",
        false => "removed",
    };
    let count = counted(files.len() as u64, "file");
    format!("{table}{count}, {}, {verb}", counted(bytes, "byte"))
}
