//! `twinspire push`: a new epoch of a database in an object store.

use clap::Args;
use twinspire_remote::{DEFAULT_KEEP, Remote};

use crate::args::{DatabaseArg, check_exists};
use crate::output::{Exit, Failure, Output, counted, thousands};

const EXAMPLES: &str = "\
Examples:
  twinspire push shop.twin s3://bucket/shop
  twinspire push shop.twin /mnt/replicas/shop --keep 3

Uploads the files that the store lacks, then commits them as the next epoch with one object that must not exist
yet: of two pushes one wins, and the other fails. Every write acknowledged so far is part of it, also while another
process writes. `follow` serves it elsewhere.

Credentials and settings of s3 come from the environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
AWS_SESSION_TOKEN, AWS_REGION, AWS_ENDPOINT, AWS_ALLOW_HTTP, or the role of the machine.";

/// Push a database to an object store, for followers.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct PushArgs {
    #[command(flatten)]
    target: DatabaseArg,
    /// The store: s3://bucket/prefix, file:///path or a path
    #[arg(value_name = "URL")]
    url: String,
    /// Number of epochs that the store keeps
    #[arg(long, value_name = "N", default_value_t = DEFAULT_KEEP)]
    keep: usize,
    /// Let this database take the place of another one in the store
    #[arg(long)]
    replace: bool,
    /// Upload every file again, which repairs damaged objects
    #[arg(long)]
    all: bool,
}

/// Runs the command.
pub fn run(args: PushArgs, output: &Output) -> Result<Exit, Failure> {
    let path = &args.target.database;
    check_exists(path)?;
    let remote = Remote::create(&args.url)?;
    let push = remote.push_directory(path).keep(args.keep);
    let pushed = push.replace(args.replace).upload_all(args.all).run()?;
    let document = serde_json::to_value(&pushed).map_err(Failure::failed)?;
    output.result(&document, || {
        let store = remote.name();
        match pushed.unchanged {
            true => format!("{store} has this state as epoch {}", pushed.epoch),
            false => format!(
                "epoch {} of {store}: {} of {} uploaded, {} of {} bytes",
                pushed.epoch,
                pushed.uploaded_files,
                counted(pushed.files as u64, "file"),
                thousands(pushed.uploaded_bytes),
                thousands(pushed.bytes)
            ),
        }
    })?;
    Ok(Exit::Done)
}
