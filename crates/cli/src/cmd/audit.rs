//! `twinspire audit`: the share of the exact answer that recalls find.

use clap::Args;
use serde_json::json;

use crate::args::SpaceArgs;
use crate::output::{Exit, Failure, Output, Table};

const EXAMPLES: &str = "\
Examples:
  twinspire audit shop.twin movies
  twinspire audit shop.twin movies --store

Searches the graph of the space with a range of beam widths and compares the answers with exact ones.
Each query lies between two items, as a user lies between interests. With --store, recalls with
--recall-target choose their beam width by this measurement; a publish stores one as well.";

/// Measure what share of the exact answer recalls find.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct AuditArgs {
    #[command(flatten)]
    target: SpaceArgs,
    /// Store the measurement for recalls with --recall-target
    #[arg(long)]
    store: bool,
}

/// Runs the command.
pub fn run(args: AuditArgs, output: &Output) -> Result<Exit, Failure> {
    let space = &args.target.space;
    let calibration = match args.store {
        true => args.target.open_to_write()?.calibrate(space)?,
        false => args.target.open_to_read()?.audit(space)?,
    };
    let document = json!({"space": space, "calibration": calibration});
    output.result(&document, || {
        let mut table = Table::new(&[">ef", ">recall@10", ">recall@100"]);
        for point in &calibration.points {
            table.row([
                point.ef.to_string(),
                format!("{:.4}", point.recall_at_10),
                format!("{:.4}", point.recall_at_100),
            ]);
        }
        format!("{}{} queries", table.render(), calibration.queries)
    })?;
    Ok(Exit::Done)
}
