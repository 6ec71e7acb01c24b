//! `twinspire train mobius`.

use std::path::PathBuf;

use clap::Args;
use twinspire::Towers;
use twinspire::train::mobius::{self, Categories, Similarity, Teacher};

use super::data::DataArgs;
use super::flags::{LogFlags, TrainFlags, set, show_default};
use super::run::{How, RunArgs, SAMPLES};
use crate::output::{Exit, Failure, Output};

const EXAMPLES: &str = "\
Examples:
  twinspire train mobius --movielens ml-100k --click 4 --categories genres --out models/movies
  twinspire train mobius --items ads.jsonl --events log.csv --relevance 0.2 --out models/ads
  twinspire train mobius --items ads.jsonl --users queries.jsonl --events log.csv \\
      --teacher models/text --relevance 0.4 --out models/ads

Files (JSON lines, CSV or Parquet, by extension):
  items   one object each, with an `id`; every other field becomes a feature of the item tower
  users   one object each, with a `user_id`; every other field becomes a feature of the user tower
  events  impressions: `user`, `item`, `at` (seconds since 1970) and `weight`; those of weight --click
          or more are clicks

Then, for items with a number `bid`, rank by score times bid inside the search:
  twinspire publish shop.twin ads models/ads
  twinspire ensembles shop.twin --define earn '{\"method\": \"weighted\", \"spaces\": {\"ads\": 1}, \\
      \"business\": {\"field\": \"bid\"}}'
  twinspire recall shop.twin earn --user '{\"user_id\": \"7\", \"history\": [\"12\", \"50\"]}'

A query has the fields of a user and `history`, the ids of the most recent clicked items, newest last.
Missing fields count as unknown. Settings without a flag go into the --config file.";

/// Clicks, unclicks and bad cases by a teacher of relevance.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, mut_args(show_default::<mobius::Config>))]
pub struct MobiusArgs {
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    run: RunArgs,
    /// Towers whose cosine is the relevance, instead of categories; they read the items and users of the
    /// files
    #[arg(long, value_name = "DIR", conflicts_with = "categories")]
    teacher: Option<PathBuf>,
    /// Category fields of the items: relevance is their cosine with the categories of the user's clicks
    /// [default: all that hold categories]
    #[arg(long, value_name = "FIELDS", value_delimiter = ',')]
    categories: Vec<String>,
    /// Write the towers of all three parts too, for a later --warm-start
    #[arg(long, value_name = "DIR")]
    parts: Option<PathBuf>,
    /// Events of this weight or more are clicks
    #[arg(long, value_name = "X")]
    click: Option<f32>,
    /// Relevance threshold: pairs below it, by the teacher, may become bad cases
    #[arg(long, value_name = "X")]
    relevance: Option<f32>,
    /// Bad cases for each event; 0 for clicks and unclicks alone
    #[arg(long, value_name = "X")]
    bad: Option<f32>,
    /// Width of each of the three parts
    #[arg(long, value_name = "N")]
    part: Option<usize>,
    /// Sharpness: inner products are multiplied by it before the softmax
    #[arg(long, value_name = "X")]
    gamma: Option<f32>,
    /// Weight of the bad parts, whose product is subtracted from the score; above 0 vectors are twice as
    /// wide [default: 0]
    #[arg(long, value_name = "X")]
    less_bad: Option<f32>,
    #[command(flatten)]
    log: LogFlags,
    #[command(flatten)]
    training: TrainFlags,
}

impl MobiusArgs {
    /// Runs the recipe.
    pub fn run(self, output: &Output) -> Result<Exit, Failure> {
        let mut config: mobius::Config = self.run.config()?;
        // What a click is, and what is relevant, belongs to the data.
        set(&mut config.click, self.click);
        set(&mut config.relevance, self.relevance);
        set(&mut config.score.bad, self.less_bad);
        let is_given = self.log.apply(&mut config.log)
            | self.training.apply(&mut config.training)
            | set(&mut config.bad, self.bad)
            | set(&mut config.part, self.part)
            | set(&mut config.gamma, self.gamma);
        let towers = self.teacher.as_ref().map(Towers::open).transpose()?;
        self.run.set_checkpoint(&mut config.training);
        let data = self.run.read(&self.data, &mut config.log.ties, output)?;
        let teacher: Box<dyn Teacher> = match &towers {
            Some(towers) => Box::new(Similarity::new(towers, &data).map_err(Failure::failed)?),
            None => {
                let teacher = Categories::new(&data, &self.categories, config.click);
                Box::new(teacher.map_err(Failure::failed)?)
            }
        };
        let queries = mobius::queries(&data, &config, SAMPLES);
        let mut parts = None;
        let done = self.run.run(
            "mobius",
            &config,
            &data,
            &queries,
            self.run.is_auto(is_given),
            output,
            |how, progress| {
                let (data, teacher) = (&data, &*teacher);
                let student = match how {
                    How::Auto(params) => {
                        mobius::train_auto(data, teacher, &config, params, progress)?
                    }
                    How::Given(earlier) => {
                        mobius::train_from(earlier, data, teacher, &config, progress)?
                    }
                };
                parts = Some(student.parts().clone());
                student.trained()
            },
        )?;
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
    fn the_help_shows_the_defaults() {
        let config = mobius::Config::default();
        check_defaults::<MobiusArgs>(&[
            ("--click", config.click.to_string()),
            ("--relevance", config.relevance.to_string()),
            ("--bad", config.bad.to_string()),
            ("--part", config.part.to_string()),
            ("--gamma", config.gamma.to_string()),
            ("--less-bad", config.score.bad.to_string()),
            ("--epochs", config.training.epochs.to_string()),
            ("--batch", config.training.batch.to_string()),
            ("--learning-rate", config.training.learning_rate.to_string()),
            ("--patience", config.training.patience.to_string()),
            ("--seed", config.training.seed.to_string()),
        ]);
    }
}
