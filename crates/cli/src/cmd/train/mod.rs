//! `twinspire train`: towers from raw logs.
//!
//! - `data`: flags that name the logs.
//! - `display`: progress, and Ctrl-C.
//! - `flags`: flags for the settings that recipes share.
//! - `run`: flags for output, settings file, warm start and report; runs a recipe.
//!
//! Each recipe is a file of its own with its flags.

mod data;
mod display;
mod dssm;
mod ebr;
mod flags;
mod mobius;
mod run;
mod youtube;

pub use data::DataArgs;
pub use display::Display;
pub use flags::set;
pub use run::{config_of, document_of, print_baselines, training_failure};

use clap::{Args, Subcommand};

use crate::output::{Exit, Failure, Output};

const EXAMPLES: &str = "\
Examples:
  twinspire train youtube --movielens ml-100k --out models/movies
  twinspire train youtube --items items.jsonl --events log.csv --out models/shop
  twinspire train dssm --items documents.jsonl --out models/text --report text.html
  twinspire train ebr --movielens ml-100k --out models/hard --hard mined.jsonl
  twinspire train mobius --items ads.jsonl --events log.csv --click 4 --out models/ads

Without settings, they are chosen by validation; --no-auto trains with the defaults.

Then:
  twinspire publish movies.twin movies models/movies";

/// Train towers on raw logs.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct TrainArgs {
    #[command(subcommand)]
    recipe: Recipe,
}

/// The recipes.
#[derive(Debug, Subcommand)]
enum Recipe {
    /// Text to text, softmax over a clicked document and negatives (Huang et al., CIKM 2013)
    Dssm(Box<dssm::DssmArgs>),
    /// Unified features, triplets with random and mined negatives (Huang et al., KDD 2020)
    Ebr(Box<ebr::EbrArgs>),
    /// Clicks, unclicks and bad cases by a teacher of relevance, to rank by bids (Fan et al., KDD 2019)
    Mobius(Box<mobius::MobiusArgs>),
    /// Two towers, in-batch softmax corrected for sampling bias (Yi et al., RecSys 2019)
    Youtube(Box<youtube::YoutubeArgs>),
}

/// Runs the command.
pub fn run(args: TrainArgs, output: &Output) -> Result<Exit, Failure> {
    match args.recipe {
        Recipe::Dssm(args) => args.run(output),
        Recipe::Ebr(args) => args.run(output),
        Recipe::Mobius(args) => args.run(output),
        Recipe::Youtube(args) => args.run(output),
    }
}
