//! `twinspire repair`: go on from what can be read.

use std::fmt::Write as _;

use clap::Args;
use twinspire::{Database, RepairReport};

use super::present;
use crate::args::DatabaseArg;
use crate::output::{Exit, Failure, Output, clean, counted};

const EXAMPLES: &str = "\
Examples:
  twinspire check movies.twin || twinspire repair movies.twin

What can be read becomes the state of the database, and what was lost is told. Damaged files are put
aside under damaged/ in the database. A sound database is left as it is. The exit code is 0 when
nothing was lost and 4 when something was; the database can be used either way. Prefer a snapshot
where there is one: `twinspire restore`.";

/// Make a damaged database usable again, as far as it can be read.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct RepairArgs {
    #[command(flatten)]
    target: DatabaseArg,
}

/// Runs the command.
pub fn run(args: RepairArgs, output: &Output) -> Result<Exit, Failure> {
    present(&args.target.database)?;
    let repair = Database::repair(&args.target.database)?;
    let document = serde_json::to_value(&repair).map_err(Failure::failed)?;
    output.result(&document, || {
        let told = if repair.is_clean() {
            "no damage found, nothing changed\n".to_owned()
        } else {
            text(&repair)
        };
        format!("{}: {told}", args.target.database.display())
    })?;
    let lost = !repair.lost_revisions.is_empty()
        || !repair.lost_generations.is_empty()
        || repair.lost_rows > 0;
    Ok(if lost { Exit::Corrupt } else { Exit::Done })
}

fn text(repair: &RepairReport) -> String {
    let problems = counted(repair.problems.len() as u64, "problem");
    let mut text = format!("repaired, after {problems}\n");
    let mut line = |what: &str| {
        let _ = writeln!(text, "  {}", clean(what));
    };
    repair.problems.iter().for_each(|problem| line(problem));
    for (from, to) in &repair.lost_revisions {
        line(&format!("lost: the writes of revisions {from} to {to}"));
    }
    if repair.lost_rows > 0 {
        let rows = counted(repair.lost_rows, "version");
        line(&format!(
            "lost: {rows} of items; an older one counts again where there is one"
        ));
    }
    for (space, generation) in &repair.lost_generations {
        line(&format!("lost: generation {generation} of space {space}"));
    }
    if repair.unverified_rows > 0 {
        let rows = counted(repair.unverified_rows, "record");
        line(&format!(
            "kept: {rows} of damaged files that can be what was written"
        ));
    }
    for file in &repair.put_aside {
        line(&format!("put aside: {}", file.display()));
    }
    text
}
