//! `twinspire audit`: how much of the exact answer recalls find.

use clap::Args;
use serde_json::json;

use super::{open_to_read, open_to_write};
use crate::args::SpaceArgs;
use crate::output::{Exit, Failure, Output, Table};

const EXAMPLES: &str = "\
Examples:
  twinspire audit shop.twin movies
  twinspire audit shop.twin movies --store

The graph of the space is asked with beams of many widths, and its answers are compared with exact
ones. The queries lie between two items, as a user lies between interests. With --store, recalls
with --recall-target go by what was found; a publish stores the same.";

/// Measure how much of the exact answer recalls find.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct AuditArgs {
    #[command(flatten)]
    target: SpaceArgs,
    /// Let recalls with a target go by what is found
    #[arg(long)]
    store: bool,
}

/// Runs the command.
pub fn run(args: AuditArgs, output: &Output) -> Result<Exit, Failure> {
    let SpaceArgs { database, space } = &args.target;
    let found = if args.store {
        open_to_write(database)?.calibrate(space)?
    } else {
        open_to_read(database)?.audit(space)?
    };
    let document = json!({"space": space, "calibration": found});
    output.result(&document, || {
        let mut table = Table::new(&[">ef", ">recall@10", ">recall@100"]);
        for point in &found.points {
            table.row([
                point.ef.to_string(),
                format!("{:.4}", point.recall_at_10),
                format!("{:.4}", point.recall_at_100),
            ]);
        }
        format!("{}{} queries", table.render(), found.queries)
    })?;
    Ok(Exit::Done)
}
