//! `twinspire check`: verifies every stored byte.

use clap::Args;

use crate::args::DatabaseArg;
use crate::output::{Exit, Failure, Output, Stages, Table, counted};

const EXAMPLES: &str = "\
Examples:
  twinspire check movies.twin && echo sound

Computes every checksum and compares every table with what it points to. Changes nothing. The exit code
is 0 when the database is sound, 4 when something is damaged, and 5 when something needs a newer release.";

/// Verify every file of a database.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct CheckArgs {
    #[command(flatten)]
    target: DatabaseArg,
}

/// Runs the command.
pub fn run(args: CheckArgs, output: &Output) -> Result<Exit, Failure> {
    let stages = Stages::default();
    let database = args.target.open_to_read()?;
    let report = database.check_with_progress(|progress| stages.show(progress, output));
    stages.finish();
    let report = report?;
    let document = serde_json::to_value(&report).map_err(Failure::failed)?;
    let name = args.target.database.display();
    output.result(&document, || {
        if report.is_clean() && report.unsupported.is_empty() {
            return format!("{name}: no damage found");
        }
        let mut table = Table::new(&["file", "section", "what is wrong"]);
        for problem in report.problems.iter().chain(&report.unsupported) {
            table.row([
                problem.file.display().to_string(),
                problem.section.to_string(),
                problem.what.clone(),
            ]);
        }
        let count = counted(report.problems.len() as u64, "problem");
        let newer = match report.unsupported.len() {
            0 => String::new(),
            newer => format!(", {newer} unsupported by this release"),
        };
        format!("{name}: {count}{newer}\n{}", table.render())
    })?;
    Ok(match (report.is_clean(), report.unsupported.is_empty()) {
        (true, true) => Exit::Done,
        (true, false) => Exit::Unsupported,
        (false, _) => Exit::Corrupt,
    })
}
