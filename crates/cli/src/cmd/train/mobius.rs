//! `twinspire train mobius`.

use std::path::PathBuf;

use clap::Args;
use twinspire::Towers;
use twinspire::train::HoldOut;
use twinspire::train::mobius::{self, Categories, Similarity, Teacher};

use super::data::DataArgs;
use super::run::{RunArgs, SHOWN, hold_out, set};
use crate::output::{Exit, Failure, Output};

const EXAMPLES: &str = "\
Examples:
  twinspire train mobius --movielens ml-100k --click 4 --categories genres --out models/movies
  twinspire train mobius --items ads.jsonl --events log.csv --relevance 0.2 --out models/ads
  twinspire train mobius --items ads.jsonl --users queries.jsonl --events log.csv \\
      --teacher models/text --relevance 0.4 --out models/ads

Files (JSON lines, CSV or Parquet, told by the name):
  items   one object each, with an `id`; every other field becomes a feature of the item tower
  users   one object each, with a `user_id`; every other field becomes a feature of the user tower
  events  what was shown: `user`, `item`, `at` (seconds since 1970) and `weight`; those of --click or
          more are clicks

Then, for items with a number `bid`, score times bid inside of the search:
  twinspire publish shop.twin ads models/ads
  twinspire ensembles shop.twin --define earn '{\"method\": \"weighted\", \"spaces\": {\"ads\": 1}, \\
      \"business\": {\"field\": \"bid\"}}'
  twinspire recall shop.twin earn --user '{\"user_id\": \"7\", \"history\": [\"12\", \"50\"]}'

The towers ask a query for the user's fields and for `history`, the ids of the items clicked last, the
latest at the end. Whatever is missing counts as unknown.";

/// Clicks, unclicks and bad cases that a teacher finds.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct MobiusArgs {
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    run: RunArgs,
    /// Towers whose cosine is the relevance, in place of categories; they read items and users as they
    /// are in the files
    #[arg(long, value_name = "DIR", conflicts_with = "categories")]
    teacher: Option<PathBuf>,
    /// Fields of the items whose categories, compared with those of what the user clicked, are the
    /// relevance [default: all that hold categories]
    #[arg(long, value_name = "FIELDS", value_delimiter = ',')]
    categories: Vec<String>,
    /// Write the towers of all three parts as well, to begin another training with (--warm-start)
    #[arg(long, value_name = "DIR")]
    parts: Option<PathBuf>,
    /// Events of this weight or more are clicks [default: 1]
    #[arg(long, value_name = "X")]
    click: Option<f32>,
    /// Pairs of which the teacher says less are of low relevance [default: 0.3]
    #[arg(long, value_name = "X")]
    relevance: Option<f32>,
    /// Bad cases for each event; 0 learns from clicks and unclicks alone [default: 1]
    #[arg(long, value_name = "X")]
    bad: Option<f32>,
    /// Components of each of the three parts [default: 32]
    #[arg(long, value_name = "N")]
    part: Option<usize>,
    /// What inner products are multiplied by before the softmax [default: 6]
    #[arg(long, value_name = "X")]
    gamma: Option<f32>,
    /// How much of the products of the bad parts the score takes away; above 0 vectors are twice as
    /// wide [default: 0]
    #[arg(long, value_name = "X")]
    less_bad: Option<f32>,
    /// Passes over the events [default: 10]
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Events in a batch, whose users and items are all paired [default: 256]
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// The learning rate [default: 0.05]
    #[arg(long, value_name = "X")]
    learning_rate: Option<f32>,
    /// Passes without a better hit@10 of held-out clicks after which to end; 0 to hold none out
    /// [default: 0]
    #[arg(long, value_name = "N")]
    patience: Option<usize>,
    /// What is held out for it: `last`, the last event of each user, or a share, the latest of all events
    /// [default: last]
    #[arg(long, value_name = "last|SHARE", value_parser = hold_out)]
    hold_out: Option<HoldOut>,
    /// What the random numbers start from [default: 42]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

impl MobiusArgs {
    /// Runs the recipe.
    pub fn run(self, output: &Output) -> Result<Exit, Failure> {
        let mut config: mobius::Config = self.run.config()?;
        set(&mut config.click, self.click);
        set(&mut config.relevance, self.relevance);
        set(&mut config.bad, self.bad);
        set(&mut config.part, self.part);
        set(&mut config.gamma, self.gamma);
        set(&mut config.score.bad, self.less_bad);
        set(&mut config.epochs, self.epochs);
        set(&mut config.batch, self.batch);
        set(&mut config.learning_rate, self.learning_rate);
        set(&mut config.patience, self.patience);
        set(&mut config.hold_out, self.hold_out);
        set(&mut config.seed, self.seed);
        let towers = self.teacher.as_ref().map(Towers::open).transpose()?;
        let data = self.data.read(output)?;
        let teacher: Box<dyn Teacher> = match &towers {
            Some(towers) => Box::new(Similarity::new(towers, &data).map_err(Failure::failed)?),
            None => {
                let teacher = Categories::new(&data, &self.categories, config.click);
                Box::new(teacher.map_err(Failure::failed)?)
            }
        };
        let queries = mobius::queries(&data, &config, SHOWN);
        let mut parts = None;
        let done = self
            .run
            .run("mobius", &config, &data, &queries, output, |from, tell| {
                let student = mobius::train_from(from, &data, &*teacher, &config, tell)?;
                parts = Some(student.parts().clone());
                student.trained()
            })?;
        if let (Some(parts), Some(dir)) = (parts, &self.parts) {
            parts.save(dir)?;
        }
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmd::train::run::check_defaults;

    #[test]
    fn the_help_tells_the_defaults_there_are() {
        let config = mobius::Config::default();
        check_defaults::<MobiusArgs>(&[
            ("--click", config.click.to_string()),
            ("--relevance", config.relevance.to_string()),
            ("--bad", config.bad.to_string()),
            ("--part", config.part.to_string()),
            ("--gamma", config.gamma.to_string()),
            ("--less-bad", config.score.bad.to_string()),
            ("--epochs", config.epochs.to_string()),
            ("--batch", config.batch.to_string()),
            ("--learning-rate", config.learning_rate.to_string()),
            ("--patience", config.patience.to_string()),
            ("--seed", config.seed.to_string()),
        ]);
    }
}
