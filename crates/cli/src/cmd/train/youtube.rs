//! `twinspire train youtube`.

use clap::Args;
use twinspire::train::{HoldOut, youtube};

use super::data::DataArgs;
use super::run::{RunArgs, SHOWN, hold_out, set};
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
#[command(after_help = EXAMPLES)]
pub struct YoutubeArgs {
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    run: RunArgs,
    /// Components of the vectors [default: 64]
    #[arg(long, value_name = "N")]
    dimension: Option<usize>,
    /// Units of each hidden layer, as in 128,64 [default: none]
    #[arg(long, value_name = "UNITS", value_delimiter = ',')]
    hidden: Option<Vec<usize>>,
    /// How many of the items met last are averaged, for each of these numbers [default: 1,3,20]
    #[arg(long, value_name = "N", value_delimiter = ',')]
    history: Option<Vec<usize>>,
    /// Passes over the events [default: 5]
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Events in a batch, whose items are each other's negatives [default: 512]
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// What scores are divided by before the softmax [default: 0.1]
    #[arg(long, value_name = "X")]
    temperature: Option<f32>,
    /// The learning rate [default: 0.05]
    #[arg(long, value_name = "X")]
    learning_rate: Option<f32>,
    /// How quickly the estimate of an item's frequency follows; 0 leaves the correction out
    /// [default: 0.02]
    #[arg(long, value_name = "X")]
    frequency_rate: Option<f32>,
    /// Learn window after window of so many seconds, in order of time; 0 shuffles all [default: 0]
    #[arg(long, value_name = "SECONDS")]
    window: Option<u64>,
    /// Learn only from events from this moment on (seconds since 1970); older ones make histories
    #[arg(long, value_name = "SECONDS", allow_hyphen_values = true)]
    since: Option<i64>,
    /// Passes without a better hit@10 of held-out events after which to end; 0 to hold none out
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

impl YoutubeArgs {
    /// Runs the recipe.
    pub fn run(self, output: &Output) -> Result<Exit, Failure> {
        let mut config: youtube::Config = self.run.config()?;
        set(&mut config.dimension, self.dimension);
        set(&mut config.hidden, self.hidden);
        set(&mut config.history, self.history);
        set(&mut config.epochs, self.epochs);
        set(&mut config.batch, self.batch);
        set(&mut config.temperature, self.temperature);
        set(&mut config.learning_rate, self.learning_rate);
        set(&mut config.frequency_rate, self.frequency_rate);
        set(&mut config.window, self.window);
        set(&mut config.since, self.since.map(Some));
        set(&mut config.patience, self.patience);
        set(&mut config.hold_out, self.hold_out);
        set(&mut config.seed, self.seed);
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
            ("--epochs", config.epochs.to_string()),
            ("--batch", config.batch.to_string()),
            ("--temperature", config.temperature.to_string()),
            ("--learning-rate", config.learning_rate.to_string()),
            ("--frequency-rate", config.frequency_rate.to_string()),
            ("--window", config.window.to_string()),
            ("--patience", config.patience.to_string()),
            ("--seed", config.seed.to_string()),
        ]);
        assert_eq!(config.history, [1, 3, 20]);
    }
}
