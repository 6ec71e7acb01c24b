//! `twinspire train youtube`.

use clap::{Args, ValueEnum};
use twinspire::train::youtube;

use super::data::DataArgs;
use super::flags::{LogFlags, TrainFlags, set, show_default};
use super::run::{How, RunArgs, SAMPLES};
use crate::output::{Exit, Failure, Output};

const EXAMPLES: &str = "\
Examples:
  twinspire train youtube --movielens ml-100k --out models/movies
  twinspire train youtube --movielens ml-100k --no-auto --out models/movies
  twinspire train youtube --items items.jsonl --users users.csv --events log.csv --out models/shop
  twinspire train youtube --items items.csv --lists tags --events log.jsonl --out models/shop
  twinspire train youtube --items items.jsonl --events log.csv --out models/shop --window 86400 --epochs 1
  twinspire train youtube --items items.jsonl --events log.csv --out models/shop --epochs 1 \\
      --warm-start models/shop --since 1764115200

Files (JSON lines, CSV or Parquet, by extension):
  items   one object each, with an `id`; every other field becomes a feature of the item tower
  users   one object each, with a `user_id`; every other field becomes a feature of the user tower
  events  `user`, `item`, `at` (seconds since 1970) and perhaps `weight`

Settings without a flag go into the --config file, such as how a field is read:
  {\"schema\": {\"user\": {\"fields\": {\"zip\": \"drop\"}}, \"item\": {\"fields\": {\"note\": \"text\"}}}}

A query has the fields of a user and `history`, the ids of the most recent items, newest last. Missing
fields count as unknown.

The last two examples train incrementally, each event once: all days of a log, then the new events. The
second one continues from the weights and the frequency estimate of the first; new users and items are
added. `twinspire loop` does the same with the towers of a database, and publishes the result.";

/// Two towers, in-batch softmax corrected for sampling bias.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, mut_args(show_default::<youtube::Config>))]
pub struct YoutubeArgs {
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    run: RunArgs,
    /// Width of what is learnt; baselines in the vectors (setting `blend`) come on top
    #[arg(long, value_name = "N")]
    dimension: Option<usize>,
    /// Temperature: scores are divided by it before the softmax
    #[arg(long, value_name = "X")]
    temperature: Option<f32>,
    /// What the weights are before the first step
    #[arg(long, value_name = "START")]
    start: Option<StartArg>,
    /// Negatives drawn uniformly from all items for each batch, in addition to the items of the batch
    #[arg(long, value_name = "N")]
    uniform_negatives: Option<usize>,
    /// Half-life of an example's weight in days before the latest event; 0 weighs old and new events alike
    #[arg(long, value_name = "DAYS")]
    half_life: Option<f32>,
    /// Factor of the weight of examples whose item the user had taken before; 0 leaves them out
    #[arg(long, value_name = "X")]
    repeat_weight: Option<f32>,
    /// Learning rate of the frequency estimate; 0 turns the sampling-bias correction off
    #[arg(long, value_name = "X")]
    frequency_rate: Option<f32>,
    /// Length of a window in seconds: events are learnt window by window, in order of time; 0 shuffles all
    #[arg(long, value_name = "SECONDS")]
    window: Option<u64>,
    /// Start of the new events (a date, a date and time, or a Unix time); older ones only make histories
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = crate::args::moment)]
    since: Option<i64>,
    #[command(flatten)]
    log: LogFlags,
    #[command(flatten)]
    training: TrainFlags,
}

/// What the weights are before the first step.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum StartArg {
    /// Small random numbers
    Random,
    /// Items placed by the users that they share, users at the mean of their items
    Cooccurrence,
}

impl YoutubeArgs {
    /// Runs the recipe.
    pub fn run(self, output: &Output) -> Result<Exit, Failure> {
        let mut config: youtube::Config = self.run.config()?;
        let start = self.start.map(|start| match start {
            StartArg::Random => youtube::Start::Random,
            StartArg::Cooccurrence => youtube::Start::Cooccurrence,
        });
        let is_given = self.log.apply(&mut config.log)
            | self.training.apply(&mut config.training)
            | set(&mut config.dimension, self.dimension)
            | set(&mut config.temperature, self.temperature)
            | set(&mut config.start, start)
            | set(&mut config.uniform_negatives, self.uniform_negatives)
            | set(&mut config.half_life, self.half_life)
            | set(&mut config.repeat_weight, self.repeat_weight)
            | set(&mut config.frequency_rate, self.frequency_rate)
            | set(&mut config.window, self.window)
            | set(&mut config.since, self.since.map(Some));
        self.run.set_checkpoint(&mut config.training);
        let data = self.run.read(&self.data, &mut config.log.ties, output)?;
        let queries = youtube::queries(&data, &config, SAMPLES);
        self.run.run(
            "youtube",
            &config,
            &data,
            &queries,
            self.run.is_auto(is_given),
            output,
            |how, progress| match how {
                How::Auto(params) => youtube::train_auto(&data, &config, params, progress),
                How::Given(earlier) => youtube::train_from(earlier, &data, &config, progress),
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmd::train::run::check_defaults;

    #[test]
    fn the_help_shows_the_defaults() {
        let config = youtube::Config::default();
        check_defaults::<YoutubeArgs>(&[
            ("--dimension", config.dimension.to_string()),
            ("--history", "1,3,20".to_owned()),
            ("--epochs", config.training.epochs.to_string()),
            ("--batch", config.training.batch.to_string()),
            ("--temperature", config.temperature.to_string()),
            ("--learning-rate", config.training.learning_rate.to_string()),
            ("--start", "random".to_owned()),
            ("--uniform-negatives", config.uniform_negatives.to_string()),
            ("--half-life", config.half_life.to_string()),
            ("--repeat-weight", config.repeat_weight.to_string()),
            ("--history-decay", config.log.history_decay.to_string()),
            ("--frequency-rate", config.frequency_rate.to_string()),
            ("--window", config.window.to_string()),
            ("--patience", config.training.patience.to_string()),
            ("--seed", config.training.seed.to_string()),
        ]);
        assert_eq!(config.log.history, [1, 3, 20]);
    }
}
