//! `twinspire check`: is every byte still what was written?

use clap::Args;

use super::open_to_read;
use crate::args::DatabaseArg;
use crate::output::{Exit, Failure, Output, Table, counted};

const EXAMPLES: &str = "\
Examples:
  twinspire check movies.twin && echo sound

Every checksum is computed anew and every table is compared with what it points to. The exit code is 0
when all is sound and 4 when something is damaged. Nothing is changed.";

/// Verify every file of a database.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct CheckArgs {
    #[command(flatten)]
    target: DatabaseArg,
}

/// Runs the command.
pub fn run(args: CheckArgs, output: &Output) -> Result<Exit, Failure> {
    let db = open_to_read(&args.target.database)?;
    let report = db.check()?;
    let document = serde_json::to_value(&report).map_err(Failure::failed)?;
    output.result(&document, || {
        if report.is_clean() {
            return format!("{}: no damage found", args.target.database.display());
        }
        let mut table = Table::new(&["file", "section", "what is wrong"]);
        for problem in &report.problems {
            table.row([
                problem.file.display().to_string(),
                problem.section.to_string(),
                problem.what.to_string(),
            ]);
        }
        let found = counted(report.problems.len() as u64, "problem");
        format!(
            "{}: {found}\n{}",
            args.target.database.display(),
            table.render()
        )
    })?;
    Ok(if report.is_clean() {
        Exit::Done
    } else {
        Exit::Corrupt
    })
}
