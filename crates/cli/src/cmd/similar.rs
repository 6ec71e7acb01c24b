//! `twinspire similar`: items like another item.

use clap::Args;

use super::{open_to_read, recall};
use crate::args::{SearchArgs, ShowArgs, SpaceArgs};
use crate::output::{Exit, Failure, Output};

const EXAMPLES: &str = "\
Examples:
  twinspire similar movies.twin movies 50 --top 5 --records
  twinspire similar movies.twin movies 50 --filter \"genres has 'Comedy'\"";

/// Find items like another item, by their vectors in the space.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct SimilarArgs {
    #[command(flatten)]
    target: SpaceArgs,
    /// The item
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    search: SearchArgs,
    #[command(flatten)]
    show: ShowArgs,
}

/// Runs the command.
pub fn run(args: SimilarArgs, output: &Output) -> Result<Exit, Failure> {
    let db = open_to_read(&args.target.database)?;
    let recall = recall::with(db.recall(&args.target.space), &args.search);
    let recall = recall::shown(recall, &args.show);
    let hits = recall.similar(&args.id).top(args.search.top)?;
    recall::print_one(&args.target.space, &hits, args.show.records, output)?;
    Ok(Exit::Done)
}
