//! `twinspire train ebr`.
#![expect(
    clippy::disallowed_methods,
    reason = "pairs are not a file of a database and can be written again"
)]

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use twinspire::import::jsonl;
use twinspire::train::{Dataset, ebr};
use twinspire::{MinedPair, TrainingPair};

use super::data::DataArgs;
use super::flags::{LogFlags, TrainFlags, set, show_default};
use super::run::{How, RunArgs, SAMPLES};
use crate::output::{Exit, Failure, Output, thousands};
use crate::reading::read;

const EXAMPLES: &str = "\
Examples:
  twinspire train ebr --movielens ml-100k --out models/easy
  twinspire train ebr --items places.jsonl --users people.jsonl --events visits.csv --out models/easy
  twinspire train ebr --items docs.jsonl --users queries.jsonl --events clicks.csv --out models/search \\
      --item-dimension 0 --user-dimension 0

Files (JSON lines, CSV or Parquet, by extension):
  items   one object each, with an `id`; every other field becomes a feature of the item tower
  users   one object each, with a `user_id`; every other field becomes a feature of the user tower
  events  `user` (or `query`), `item`, `at` (seconds since 1970) and optionally `weight`
  --hard  JSON lines as `twinspire mine` writes them: `user`, `positive`, `negatives`, `hard_positive`

From random negatives to an ensemble:
  twinspire train ebr --movielens ml-100k --out models/easy --pairs pairs.jsonl
  twinspire import movies.twin ml-100k
  twinspire publish movies.twin easy models/easy
  twinspire mine movies.twin easy --pairs pairs.jsonl --known-by user_id --ranks 101..500 --out hard.jsonl
  twinspire train ebr --movielens ml-100k --out models/hard --hard hard.jsonl
  twinspire publish movies.twin hard models/hard
  twinspire ensembles movies.twin --define both \\
      '{\"method\":\"weighted\",\"spaces\":{\"easy\":0.5,\"hard\":0.5}}'
  twinspire ensembles movies.twin --define staged '{\"method\":\"cascade\",\"stages\":[
      {\"space\":\"easy\",\"take\":500},{\"space\":\"hard\",\"take\":100}]}'

Hard negatives first, then random ones: --hard hard.jsonl --mix 0:1 --out models/first, followed by
--warm-start models/first; or in one training, --hard-passes N.

A query has the fields of a user and `history`, the ids of the most recent items, newest last. Missing
fields count as unknown. Settings without a flag go into the --config file.";

/// Unified features, triplets with random and mined negatives.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, mut_args(show_default::<ebr::Config>))]
pub struct EbrArgs {
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    run: RunArgs,
    /// Mined negatives and hard positives of an earlier model
    #[arg(long = "hard", value_name = "FILE")]
    mined: Option<PathBuf>,
    /// Write the training events as pairs, for `twinspire mine`
    #[arg(long, value_name = "FILE")]
    pairs: Option<PathBuf>,
    /// Proportion of random to mined negatives; 0:1 for mined ones alone [default: 100:1]
    #[arg(long, value_name = "EASY:HARD", value_parser = mix)]
    mix: Option<(u32, u32)>,
    /// Negatives of each example, random and mined ones together
    #[arg(long, value_name = "N")]
    negatives: Option<usize>,
    /// In-batch hard negatives: this many of the nearest positives of other examples, 0 to 2
    #[arg(long, value_name = "N")]
    nearest: Option<usize>,
    /// Warm-up epochs with mined negatives alone
    #[arg(long, value_name = "N")]
    hard_passes: Option<usize>,
    /// Weight of an example that was mined as a hard positive
    #[arg(long, value_name = "X")]
    hard_positive_weight: Option<f32>,
    /// Margin of the triplet loss: how much farther than the positive a negative has to be
    #[arg(long, value_name = "X")]
    margin: Option<f32>,
    /// Width of the vectors
    #[arg(long, value_name = "N")]
    dimension: Option<usize>,
    /// Width of an item's embedding by its id; 0 for no ids and no history
    #[arg(long, value_name = "N")]
    item_dimension: Option<usize>,
    #[command(flatten)]
    log: LogFlags,
    #[command(flatten)]
    training: TrainFlags,
}

impl EbrArgs {
    /// Runs the recipe.
    pub fn run(self, output: &Output) -> Result<Exit, Failure> {
        let mut config: ebr::Config = self.run.config()?;
        let is_given = self.log.apply(&mut config.log)
            | self.training.apply(&mut config.training)
            | set(&mut config.easy, self.mix.map(|(easy, _)| easy))
            | set(&mut config.hard, self.mix.map(|(_, hard)| hard))
            | set(&mut config.negatives, self.negatives)
            | set(&mut config.nearest, self.nearest)
            | set(&mut config.hard_passes, self.hard_passes)
            | set(&mut config.hard_positive_weight, self.hard_positive_weight)
            | set(&mut config.margin, self.margin)
            | set(&mut config.dimension, self.dimension)
            | set(&mut config.item_dimension, self.item_dimension);
        if self.pairs.is_some() && self.run.asks_for_auto() {
            let message = "--pairs writes the histories of given settings, and --auto chooses them";
            return Err(Failure::usage(message).hint("--no-auto trains with the defaults"));
        }
        let is_auto = self.run.is_auto(is_given || self.pairs.is_some());
        self.run.set_checkpoint(&mut config.training);
        let data = self.run.read(&self.data, &mut config.log.ties, output)?;
        let mined = match &self.mined {
            Some(path) => mined(path, self.data.skip_bad(), output)?,
            None => Vec::new(),
        };
        if let Some(path) = &self.pairs {
            write_pairs(path, &data, &config)?;
        }
        let queries = ebr::queries(&data, &config, SAMPLES);
        self.run.run(
            "ebr",
            &config,
            &data,
            &queries,
            is_auto,
            output,
            |how, progress| {
                let mined = mined.iter().cloned();
                match how {
                    How::Auto(params) => ebr::train_auto(&data, mined, &config, params, progress),
                    How::Given(earlier) => {
                        ebr::train_mined(earlier, &data, mined, &config, progress)
                    }
                }
            },
        )
    }
}

/// Parses two numbers with a colon between them, not both 0.
fn mix(text: &str) -> Result<(u32, u32), String> {
    let parts = text.split_once(':');
    let parts = parts.and_then(|(easy, hard)| Some((easy.parse().ok()?, hard.parse().ok()?)));
    let parts = parts.filter(|parts| *parts != (0, 0));
    parts.ok_or_else(|| "two numbers expected, such as 100:1, not both 0".to_owned())
}

/// Reads mined pairs, with a progress bar.
fn mined(path: &Path, skip_bad: bool, output: &Output) -> Result<Vec<MinedPair>, Failure> {
    let mut all = Vec::new();
    let pairs = jsonl::mined(path)?.into();
    let tally = read(pairs, "mined pairs", skip_bad, output, |pair, _| {
        all.push(pair);
        Ok(())
    })?;
    let remarks = tally.remarks();
    if !remarks.is_empty() {
        output.note(&format!(
            "mined pairs: {} read{remarks}",
            thousands(tally.read)
        ));
    }
    Ok(all)
}

/// Writes the training events as pairs, in JSON lines. The other known positives of a user are in the file too,
/// so a pair does not repeat them.
fn write_pairs(path: &Path, data: &Dataset, config: &ebr::Config) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::writing(&path.display().to_string(), error);
    let pairs = ebr::pairs(data, config).map_err(Failure::failed)?;
    let mut out = BufWriter::with_capacity(1 << 16, File::create(path).map_err(failed)?);
    for pair in pairs {
        line(&mut out, &pair.without_known()).map_err(failed)?;
    }
    out.flush().map_err(failed)
}

fn line(out: &mut impl Write, pair: &TrainingPair) -> std::io::Result<()> {
    serde_json::to_writer(&mut *out, pair)?;
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmd::train::run::check_defaults;

    #[test]
    fn the_help_shows_the_defaults() {
        let config = ebr::Config::default();
        check_defaults::<EbrArgs>(&[
            ("--mix", format!("{}:{}", config.easy, config.hard)),
            ("--negatives", config.negatives.to_string()),
            ("--nearest", config.nearest.to_string()),
            ("--hard-passes", config.hard_passes.to_string()),
            (
                "--hard-positive-weight",
                config.hard_positive_weight.to_string(),
            ),
            ("--margin", config.margin.to_string()),
            ("--dimension", config.dimension.to_string()),
            ("--item-dimension", config.item_dimension.to_string()),
            ("--user-dimension", config.log.user_dimension.to_string()),
            ("--epochs", config.training.epochs.to_string()),
            ("--batch", config.training.batch.to_string()),
            ("--learning-rate", config.training.learning_rate.to_string()),
            ("--patience", config.training.patience.to_string()),
            ("--seed", config.training.seed.to_string()),
        ]);
        assert!(config.log.hidden.is_empty());
    }

    #[test]
    fn a_mix_is_two_numbers_with_a_colon() {
        assert_eq!(mix("100:1"), Ok((100, 1)));
        assert_eq!(mix("0:1"), Ok((0, 1)));
        for text in ["", "3", "0:0", "a:1", "1:-1", "1:2:3"] {
            assert!(mix(text).is_err(), "{text}");
        }
    }
}
