//! `twinspire similar`: items like another item.

use clap::Args;

use crate::args::{SearchArgs, ShowArgs, SpaceArgs};
use crate::output::{Exit, Failure, Output};
use crate::view::hits;

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
    /// The id of the item
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    search: SearchArgs,
    #[command(flatten)]
    show: ShowArgs,
}

/// Runs the command.
pub fn run(args: SimilarArgs, output: &Output) -> Result<Exit, Failure> {
    let db = args.target.open_to_read()?;
    let space = &args.target.space;
    let recall = args.search.apply(db.recall(space));
    let recall = args.show.apply(recall).similar(&args.id);
    let found = recall.top(args.search.top)?;
    hits::print_one(space, &found, args.show.shows_records(), output)?;
    Ok(Exit::Done)
}
