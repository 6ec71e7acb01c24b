//! `twinspire repair`: keeps what can still be read.

use std::fmt::Write as _;

use clap::Args;
use twinspire::{Database, RepairReport};

use crate::args::{DatabaseArg, check_exists};
use crate::output::{Exit, Failure, Output, counted, escape_controls};

const EXAMPLES: &str = "\
Examples:
  twinspire check movies.twin || twinspire repair movies.twin

Commits what can be read as the next state of the database and lists what was lost. Damaged files are
put aside in damaged/ below the database. A sound database stays as it is. The exit code is 0 when nothing was
lost and 4 when something was; the database can be used either way. It is 5, and nothing is changed, when a
file is of a newer format: use the release that wrote it. Prefer a snapshot where there is one:
`twinspire restore`.";

/// Make a damaged database usable again with what can still be read.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct RepairArgs {
    #[command(flatten)]
    target: DatabaseArg,
}

/// Runs the command.
pub fn run(args: RepairArgs, output: &Output) -> Result<Exit, Failure> {
    let path = &args.target.database;
    check_exists(path)?;
    let report = Database::repair(path)?;
    let document = serde_json::to_value(&report).map_err(Failure::failed)?;
    output.result(&document, || {
        format!("{}: {}", path.display(), text(&report))
    })?;
    let lost = !report.lost_revisions.is_empty()
        || !report.lost_generations.is_empty()
        || report.lost_rows > 0;
    Ok(if lost { Exit::Corrupt } else { Exit::Done })
}

fn text(report: &RepairReport) -> String {
    if report.is_clean() {
        return "no damage found, nothing changed\n".to_owned();
    }
    let problems = counted(report.problems.len() as u64, "problem");
    let mut text = format!("repaired, after {problems}\n");
    let mut line = |entry: &str| {
        let _ = writeln!(text, "  {}", escape_controls(entry));
    };
    report
        .problems
        .iter()
        .for_each(|problem| line(&problem.to_string()));
    for (from, to) in &report.lost_revisions {
        line(&format!("lost: the writes of revisions {from} to {to}"));
    }
    if report.lost_rows > 0 {
        let versions = counted(report.lost_rows, "version");
        line(&format!(
            "lost: {versions} of items; the version before it counts again where there is one"
        ));
    }
    for (space, generation) in &report.lost_generations {
        line(&format!("lost: generation {generation} of space {space}"));
    }
    if report.unverified_rows > 0 {
        let records = counted(report.unverified_rows, "record");
        line(&format!(
            "kept: {records} of damaged files that are readable; a changed letter in them would not show"
        ));
    }
    for file in &report.quarantined {
        line(&format!("put aside: {}", file.display()));
    }
    text
}
