//! `twinspire stats`: what a database holds.

use clap::Args;
use serde_json::Value;

use crate::args::DatabaseArg;
use crate::output::{Exit, Failure, Output, outline};

const EXAMPLES: &str = "\
Examples:
  twinspire stats movies.twin
  twinspire stats movies.twin --json | jq .items";

/// Show what a database holds: items, spaces, files.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct StatsArgs {
    #[command(flatten)]
    target: DatabaseArg,
}

/// Runs the command.
pub fn run(args: StatsArgs, output: &Output) -> Result<Exit, Failure> {
    let stats = args.target.open_to_read()?.stats()?;
    let document = serde_json::to_value(stats).map_err(Failure::failed)?;
    output.result(&document, || outline(&without_points(&document)))?;
    Ok(Exit::Done)
}

/// The document without the recall at each beam width, which `audit` shows.
fn without_points(document: &Value) -> Value {
    let mut document = document.clone();
    let spaces = document.get_mut("spaces").and_then(Value::as_object_mut);
    for space in spaces.into_iter().flat_map(|spaces| spaces.values_mut()) {
        let samples = space.pointer_mut("/calibration/samples");
        for sample in samples.and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(sample) = sample.as_object_mut() {
                sample.remove("points");
            }
        }
    }
    document
}
