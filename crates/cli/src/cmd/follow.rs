//! `twinspire follow`: a replica of a database in an object store.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use twinspire_remote::{Follower, Remote};

use crate::output::{Exit, Failure, Output};

const EXAMPLES: &str = "\
Examples:
  twinspire follow s3://bucket/shop /var/cache/shop
  twinspire follow s3://bucket/shop /var/cache/shop --once
  twinspire recall /var/cache/shop movies --user '{\"user_id\":\"42\"}'
  twinspire stats  /var/cache/shop --json | jq .follow

Keeps a directory at the newest epoch of a store, until it is stopped with Ctrl-C, and prints each epoch. Only new
files travel, and every byte is verified before an epoch is opened. If the store is away or an object is damaged, the
last epoch stays and the reason is printed. Commands that read a database read the directory.

Credentials and settings of s3 come from the environment, as for `push`.";

/// How often to look for something to print.
const SHORTEST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_millis(200);

/// Keep a directory at the newest epoch of an object store.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct FollowArgs {
    /// The store: s3://bucket/prefix, file:///path or a path
    #[arg(value_name = "URL")]
    url: String,
    /// The directory of the replica; made when absent
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Fetch the newest epoch and end
    #[arg(long)]
    once: bool,
    /// Seconds between looks for a new epoch
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 10.0,
        allow_negative_numbers = true
    )]
    interval: f64,
}

/// Runs the command.
pub fn run(args: FollowArgs, output: &Output) -> Result<Exit, Failure> {
    let interval = Duration::try_from_secs_f64(args.interval).map_err(|_| {
        let message = format!(
            "--interval: {} is no time; give seconds above 0",
            args.interval
        );
        Failure::usage(message)
    })?;
    let remote = Remote::open(&args.url)?;
    let follower = remote.follow(&args.directory).manual().start()?;
    print(&follower, &args, output)?;
    if args.once {
        return match follower.lag().error {
            None => Ok(Exit::Done),
            Some(error) => Err(Failure::operation(error).hint(
                "the epoch in the directory is an earlier one; run it again once the store is well",
            )),
        };
    }
    drop(follower);
    let follower = remote.follow(&args.directory).interval(interval).start()?;
    let (mut epoch, mut error) = (follower.epoch(), None);
    loop {
        std::thread::sleep(interval.clamp(SHORTEST, LONGEST));
        if follower.epoch() != epoch {
            epoch = follower.epoch();
            print(&follower, &args, output)?;
        }
        let now = follower.lag().error;
        if now != error {
            match &now {
                Some(now) => output.note(now),
                None => output.note("the store is well again"),
            }
            error = now;
        }
    }
}

fn print(follower: &Follower, args: &FollowArgs, output: &Output) -> Result<(), Failure> {
    let now = follower.current();
    let (epoch, lag) = (now.number(), follower.lag());
    let document = json!({
        "epoch": epoch,
        "database": now.path().display().to_string(),
        "store": follower.store(),
        "lag": lag,
    });
    output.result(&document, || {
        let directory = args.directory.display();
        format!("{directory} is at epoch {epoch} of {}", follower.store())
    })
}
