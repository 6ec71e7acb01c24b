//! Flags that recipes share.

use clap::{Arg, Args};
use serde::Serialize;
use serde_json::Value;
use twinspire::train::{HoldOut, LogParams, TrainParams};

/// Flags of the training loop, which every recipe has.
#[derive(Debug, Args)]
pub struct TrainFlags {
    /// Epochs: passes over the training examples
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Examples in a batch
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// The learning rate
    #[arg(long, value_name = "X")]
    learning_rate: Option<f32>,
    /// Early stopping: epochs without a better validation metric before training ends; 0 holds nothing
    /// out
    #[arg(long, value_name = "N")]
    patience: Option<usize>,
    /// Seed of the random numbers
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Largest share of events that may name items or users without a record; more stops the training
    #[arg(long, value_name = "SHARE", value_parser = crate::args::share)]
    max_unknown_ids: Option<f64>,
}

impl TrainFlags {
    /// Overrides settings by the flags that are given. Returns whether one of them is a setting of the model: neither
    /// the seed nor the limit of unknown ids.
    pub fn apply(self, params: &mut TrainParams) -> bool {
        set(&mut params.seed, self.seed);
        let share = self.max_unknown_ids.map(|share| share as f32);
        set(&mut params.max_unknown_ids, share);
        set(&mut params.epochs, self.epochs)
            | set(&mut params.batch, self.batch)
            | set(&mut params.learning_rate, self.learning_rate)
            | set(&mut params.patience, self.patience)
    }
}

/// Flags of the recipes that learn from users, items and events.
#[derive(Debug, Args)]
pub struct LogFlags {
    /// Units of each hidden layer, as in 128,64
    #[arg(long, value_name = "UNITS", value_delimiter = ',')]
    hidden: Option<Vec<usize>>,
    /// Lengths of the history: that many most recent items are averaged, for each number given
    #[arg(long, value_name = "N", value_delimiter = ',')]
    history: Option<Vec<usize>>,
    /// Weight of an item of a history relative to the next newer one; 1 averages all alike
    #[arg(long, value_name = "X")]
    history_decay: Option<f32>,
    /// Whether an item that occurs several times in a history counts once, in its newest place
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    history_distinct: Option<bool>,
    /// Whether users are to be given what they had before
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    repeats: Option<bool>,
    /// Width of a user's embedding by its id; 0 for none
    #[arg(long, value_name = "N")]
    user_dimension: Option<usize>,
    /// The holdout for --patience: `last`, the last event of each user, or a share, the latest of all
    /// events
    #[arg(long, value_name = "last|SHARE", value_parser = hold_out)]
    hold_out: Option<HoldOut>,
}

impl LogFlags {
    /// Overrides settings by the flags that are given. Returns whether one of them is a setting of the model, which the
    /// holdout and what is to be found are not.
    pub fn apply(self, params: &mut LogParams) -> bool {
        set(&mut params.hold_out, self.hold_out);
        set(&mut params.repeats, self.repeats);
        set(&mut params.hidden, self.hidden)
            | set(&mut params.history, self.history)
            | set(&mut params.history_decay, self.history_decay)
            | set(&mut params.history_distinct, self.history_distinct)
            | set(&mut params.user_dimension, self.user_dimension)
    }
}

/// Overrides a setting by a flag. Returns whether it is given.
pub fn set<T>(setting: &mut T, flag: Option<T>) -> bool {
    let is_given = flag.is_some();
    if let Some(flag) = flag {
        *setting = flag;
    }
    is_given
}

/// Parses a holdout: `last`, or a share of the latest events.
fn hold_out(text: &str) -> Result<HoldOut, String> {
    match text.parse() {
        _ if text == "last" => Ok(HoldOut::Last),
        Ok(share) => Ok(HoldOut::Latest(share)),
        Err(_) => Err("`last` or a share such as 0.1 expected".to_owned()),
    }
}

/// Appends the default of the setting with a flag's name to its help, unless the help states one.
pub fn show_default<C: Default + Serialize>(flag: Arg) -> Arg {
    let settings = serde_json::to_value(C::default()).unwrap_or_default();
    let default = settings.get(flag.get_id().as_str()).and_then(shown);
    let help = flag.get_help().map(ToString::to_string).unwrap_or_default();
    match default {
        Some(default) if !help.contains("[default: ") => {
            flag.help(format!("{help} [default: {default}]"))
        }
        _ => flag,
    }
}

/// A default as a flag spells it.
fn shown(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if number.is_f64() => {
            // Settings are of single precision: 0.05 and not 0.05000000074505806.
            number.as_f64().map(|number| (number as f32).to_string())
        }
        Value::Number(number) => Some(number.to_string()),
        Value::Array(list) if list.is_empty() => Some("none".to_owned()),
        Value::Array(list) => {
            let each: Option<Vec<String>> = list.iter().map(shown).collect();
            Some(each?.join(","))
        }
        Value::Null | Value::Bool(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holdout_is_last_or_a_share() {
        assert_eq!(hold_out("last"), Ok(HoldOut::Last));
        assert_eq!(hold_out("0.25"), Ok(HoldOut::Latest(0.25)));
        assert!(hold_out("latest").is_err());
    }
}
