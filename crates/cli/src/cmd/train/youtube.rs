//! `twinspire train youtube`.

use clap::Args;
use twinspire::train::youtube;

use super::data::DataArgs;
use super::flags::{LogFlags, TrainFlags, set, show_default};
use super::run::{RunArgs, SHOWN};
use crate::output::{Exit, Failure, Output};

const EXAMPLES: &str = "\
Examples:
  twinspire train youtube --movielens ml-100k --out models/movies
  twinspire train youtube --items items.jsonl --users users.csv --events log.csv --out models/shop
  twinspire train youtube --items items.csv --lists tags --events log.jsonl --out models/shop
  twinspire train youtube --items items.jsonl --events log.csv --out models/shop --window 86400 --epochs 1
  twinspire train youtube --items items.jsonl --events log.csv --out models/shop --epochs 1 \\
      --warm-start models/shop --since 1764115200

Files (JSON lines, CSV or Parquet, told by the name):
  items   one object each, with an `id`; every other field becomes a feature of the item tower
  users   one object each, with a `user_id`; every other field becomes a feature of the user tower
  events  `user`, `item`, `at` (seconds since 1970) and perhaps `weight`

Settings that have no flag are those of `--config`, such as what is read of a field:
  {\"schema\": {\"user\": {\"fields\": {\"zip\": \"drop\"}}, \"item\": {\"fields\": {\"note\": \"text\"}}}}

The towers ask a query for the user's fields and for `history`, the ids of the items met last, the
latest at the end. Whatever is missing counts as unknown.

The last two examples learn day by day, each event once: all days of a log, then what came since. The
second begins with the weights of the first and counts on where it ended; new users and items are added.
`twinspire loop` does so with what a database serves, and publishes.";

/// Two towers, in-batch softmax corrected for sampling bias.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, mut_args(show_default::<youtube::Config>))]
pub struct YoutubeArgs {
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    run: RunArgs,
    /// Components of the vectors
    #[arg(long, value_name = "N")]
    dimension: Option<usize>,
    /// What scores are divided by before the softmax
    #[arg(long, value_name = "X")]
    temperature: Option<f32>,
    /// How quickly the estimate of an item's frequency follows; 0 leaves the correction out
    #[arg(long, value_name = "X")]
    frequency_rate: Option<f32>,
    /// Learn window after window of so many seconds, in order of time; 0 shuffles all
    #[arg(long, value_name = "SECONDS")]
    window: Option<u64>,
    /// Learn only from events from this moment on (seconds since 1970); older ones make histories
    #[arg(long, value_name = "SECONDS", allow_hyphen_values = true)]
    since: Option<i64>,
    #[command(flatten)]
    log: LogFlags,
    #[command(flatten)]
    training: TrainFlags,
}

impl YoutubeArgs {
    /// Runs the recipe.
    pub fn run(self, output: &Output) -> Result<Exit, Failure> {
        let mut config: youtube::Config = self.run.config()?;
        self.log.apply(&mut config.log);
        self.training.apply(&mut config.training);
        set(&mut config.dimension, self.dimension);
        set(&mut config.temperature, self.temperature);
        set(&mut config.frequency_rate, self.frequency_rate);
        set(&mut config.window, self.window);
        set(&mut config.since, self.since.map(Some));
        let data = self.data.read(output)?;
        let queries = youtube::queries(&data, &config, SHOWN);
        self.run
            .run("youtube", &config, &data, &queries, output, |from, tell| {
                youtube::train_from(from, &data, &config, tell)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmd::train::run::check_defaults;

    #[test]
    fn the_help_tells_the_defaults_there_are() {
        let config = youtube::Config::default();
        check_defaults::<YoutubeArgs>(&[
            ("--dimension", config.dimension.to_string()),
            ("--history", "1,3,20".to_owned()),
            ("--epochs", config.training.epochs.to_string()),
            ("--batch", config.training.batch.to_string()),
            ("--temperature", config.temperature.to_string()),
            ("--learning-rate", config.training.learning_rate.to_string()),
            ("--frequency-rate", config.frequency_rate.to_string()),
            ("--window", config.window.to_string()),
            ("--patience", config.training.patience.to_string()),
            ("--seed", config.training.seed.to_string()),
        ]);
        assert_eq!(config.log.history, [1, 3, 20]);
    }
}
