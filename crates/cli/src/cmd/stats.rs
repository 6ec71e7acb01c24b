//! `twinspire stats`: what a database holds.

use clap::Args;
use serde_json::Value;

use crate::args::DatabaseArg;
use crate::output::{Exit, Failure, Output, outline};

const EXAMPLES: &str = "\
Examples:
  twinspire stats movies.twin
  twinspire stats movies.twin --json | jq .items

In the directory of `follow` it also shows the epoch that is served and how far it is behind the store.";

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
    #[cfg_attr(
        not(feature = "remote"),
        expect(unused_mut, reason = "followers are remote")
    )]
    let mut document = serde_json::to_value(stats).map_err(Failure::failed)?;
    #[cfg(feature = "remote")]
    add_follower(&args.target.database, &mut document)?;
    output.result(&document, || outline(&without_points(&document)))?;
    Ok(Exit::Done)
}

/// Adds what a follower serves in this directory, and how far it is behind.
#[cfg(feature = "remote")]
fn add_follower(directory: &std::path::Path, document: &mut Value) -> Result<(), Failure> {
    if let Some(state) = twinspire_remote::FollowState::read(directory)?
        && let Some(document) = document.as_object_mut()
    {
        let follow = serde_json::json!({
            "store": state.store,
            "epoch": state.epoch,
            "newest": state.newest,
            "lag": state.lag(),
        });
        document.insert("follow".to_owned(), follow);
    }
    Ok(())
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
