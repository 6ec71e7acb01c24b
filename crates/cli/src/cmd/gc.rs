//! `twinspire gc`: remove what nothing needs.

use std::collections::HashSet;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use twinspire::Database;

use super::present;
use crate::args::DatabaseArg;
use crate::output::{Exit, Failure, Output, Table, counted, thousands};

const EXAMPLES: &str = "\
Examples:
  twinspire gc movies.twin --dry-run
  twinspire gc movies.twin

What the database does not name any more is removed: files that a crash left half made, or that
could not be removed when they were replaced. Every command that writes does so too.";

/// Remove files that nothing needs any more.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct GcArgs {
    #[command(flatten)]
    target: DatabaseArg,
    /// Tell what would be removed, remove nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command.
pub fn run(args: GcArgs, output: &Output) -> Result<Exit, Failure> {
    present(&args.target.database)?;
    let options = Database::options().create(false).collect(false);
    let db = options.background(false).open(&args.target.database)?;
    let sized = |file: PathBuf| {
        let bytes = file.metadata().ok().filter(|found| found.is_file());
        (file, bytes.map_or(0, |found| found.len()))
    };
    let mut files: Vec<(PathBuf, u64)> = db.garbage()?.into_iter().map(sized).collect();
    if !args.dry_run {
        let removed: HashSet<PathBuf> = db.collect()?.into_iter().collect();
        let found = files.len();
        files.retain(|(file, _)| removed.contains(file));
        if files.len() < found {
            let left = counted((found - files.len()) as u64, "file");
            output.note(&format!("{left} could not be removed and stayed"));
        }
    }
    let bytes: u64 = files.iter().map(|(_, bytes)| bytes).sum();
    let list = files
        .iter()
        .map(|(file, bytes)| json!({"file": file.display().to_string(), "bytes": bytes}));
    let document = json!({"files": list.collect::<Vec<Value>>(), "bytes": bytes,
                          "removed": !args.dry_run});
    output.result(&document, || {
        let mut table = Table::new(&["file", ">bytes"]);
        for (file, bytes) in &files {
            table.row([file.display().to_string(), thousands(*bytes)]);
        }
        let shown = if files.is_empty() {
            String::new()
        } else {
            table.render()
        };
        let verb = if args.dry_run {
            "would be removed"
        } else {
            "removed"
        };
        let count = counted(files.len() as u64, "file");
        format!("{shown}{count}, {}, {verb}", counted(bytes, "byte"))
    })?;
    Ok(Exit::Done)
}
