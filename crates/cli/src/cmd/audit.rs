//! `twinspire audit`: the share of the exact answer that recalls find.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use twinspire::Calibration;

use crate::args::{SpaceArgs, read_users};
use crate::output::{Exit, Failure, Output, Table, thousands};

const EXAMPLES: &str = "\
Examples:
  twinspire audit shop.twin movies
  twinspire audit shop.twin movies --users holdout.jsonl --store

Searches the index of the space with a range of beam widths and compares the answers with exact ones. The
bounds hold with 95 % confidence for queries that were never seen, of the same kind.

With --users the queries are those of users: JSON lines, CSV or Parquet with the features that the user tower
reads. Give users that the towers were not trained on. Otherwise queries are made up: between two items, far
from all items, and where many items are near copies, of those.

With --store, recalls with --recall-target choose their beam width by this measurement. It replaces earlier
ones of the same kind only: made-up queries never replace users. A publish stores a measurement as well.";

/// Measure what share of the exact answer recalls find.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct AuditArgs {
    #[command(flatten)]
    target: SpaceArgs,
    /// Measure with these users: .jsonl, .json, .csv or .parquet
    #[arg(long, value_name = "FILE")]
    users: Option<PathBuf>,
    /// Store the measurement for recalls with --recall-target
    #[arg(long)]
    store: bool,
}

/// Runs the command.
pub fn run(args: AuditArgs, output: &Output) -> Result<Exit, Failure> {
    let space = &args.target.space;
    let users = args.users.as_deref();
    let users = users.map(|path| read_users("--users", path)).transpose()?;
    let calibration = match (args.store, &users) {
        (true, None) => args.target.open_to_write()?.calibrate(space)?,
        (true, Some(users)) => args.target.open_to_write()?.calibrate_users(space, users)?,
        (false, None) => args.target.open_to_read()?.audit(space)?,
        (false, Some(users)) => args.target.open_to_read()?.audit_users(space, users)?,
    };
    let document = json!({"space": space, "calibration": calibration});
    output.result(&document, || table(&calibration))?;
    Ok(Exit::Done)
}

/// A calibration for people: a table for each kind of query.
fn table(calibration: &Calibration) -> String {
    let columns = [
        ">ef",
        ">recall@1",
        ">at least",
        ">recall@10",
        ">at least",
        ">recall@100",
        ">at least",
    ];
    let mut text = String::new();
    for sample in &calibration.samples {
        let mut table = Table::new(&columns);
        for point in &sample.points {
            let figures = [
                point.recall_at_1,
                point.lower_at_1,
                point.recall_at_10,
                point.lower_at_10,
                point.recall_at_100,
                point.lower_at_100,
            ];
            let mut row = vec![point.ef.to_string()];
            row.extend(figures.map(|figure| format!("{figure:.4}")));
            table.row(row);
        }
        let left_out = match sample.left_out {
            0 => String::new(),
            count => format!(" ({} could not be embedded)", thousands(u64::from(count))),
        };
        let queries = thousands(u64::from(sample.queries));
        text.push_str(&format!("{queries} {}{left_out}\n", sample.kind));
        text.push_str(&table.render());
        text.push('\n');
    }
    text.push_str("\"at least\": with 95 % confidence");
    text
}
