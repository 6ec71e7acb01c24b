//! Settings of the recipes that learn from users, items and events.

use super::dataset::Dataset;
use super::error::TrainError;
use super::evaluate::TieOrder;
use super::history_encoder::HistoryEncoder;
use super::hold_out::{HeldOut, HoldOut};
use super::range::{MAX_COUNT, check_range};
use super::sampler::Logs;
use super::schema::Overrides;
use super::train_params::TrainParams;
use serde::{Deserialize, Serialize};

/// What the towers read from a log, and which part of it is the holdout: settings of [`youtube`](crate::youtube),
/// [`ebr`](crate::ebr) and [`mobius`](crate::mobius). In JSON they are keys of the same object as
/// those of the recipe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogParams {
    /// Units of hidden layers (relu) in each tower; none by default, which does best on small data.
    pub hidden: Vec<usize>,
    /// Width of a user's embedding; 0 leaves user ids out.
    pub user_dimension: usize,
    /// Width of the embedding of a category, and of a cell of a place.
    pub category_dimension: usize,
    /// Width of the embedding of a gram of a text.
    pub text_dimension: usize,
    /// Lengths of the history: for each number given, the mean of the embeddings of that many most recent
    /// items is an input of its own. The default takes the last item, the last few, and the long run.
    pub history: Vec<usize>,
    /// Weight of an item of a history relative to the next newer one, above 0; 1 averages all alike.
    pub history_decay: f32,
    /// Whether an item that occurs several times in a history counts once, in its newest place.
    pub history_distinct: bool,
    /// How the order of the history is read, beside the means.
    pub history_encoder: HistoryEncoder,
    /// Whether users are to be given what they had before, as households are in a grocery. Then the item to be found
    /// may be in the history, held-out events with known items count, nothing is hidden from rankings, and the
    /// user's own counts are one more baseline. By default the towers are for items that are new to their user,
    /// and a recall should exclude the others.
    pub repeats: bool,
    /// Order of one user's events of the same time, such as the items of a basket. Random by default, as in an
    /// [evaluation](crate::evaluate::SplitBy). In a log that is sorted by item, the last item of a basket would be a new
    /// or rare one.
    pub ties: TieOrder,
    /// Share of ids replaced by an unknown one during training, so that unknown ids get an embedding.
    pub id_dropout: f32,
    /// Which events are held out for validation, if [`patience`](crate::TrainParams::patience) is
    /// above 0.
    pub hold_out: HoldOut,
    /// Overrides of what is derived from the data: how fields are read and how towers are built.
    pub schema: Overrides,
}

impl Default for LogParams {
    fn default() -> Self {
        Self {
            hidden: Vec::new(),
            user_dimension: 32,
            category_dimension: 8,
            text_dimension: 16,
            history: vec![1, 3, 20],
            history_decay: 1.0,
            history_distinct: false,
            history_encoder: HistoryEncoder::Mean,
            repeats: false,
            ties: TieOrder::default(),
            id_dropout: 0.1,
            hold_out: HoldOut::Last,
            schema: Overrides::default(),
        }
    }
}

impl LogParams {
    /// Rejects settings outside of their ranges.
    pub(crate) fn check(&self) -> Result<(), TrainError> {
        for units in &self.hidden {
            check_range("hidden", *units, 1..=MAX_COUNT)?;
        }
        check_range("user_dimension", self.user_dimension, 0..=MAX_COUNT)?;
        check_range("category_dimension", self.category_dimension, 1..=MAX_COUNT)?;
        check_range("text_dimension", self.text_dimension, 1..=MAX_COUNT)?;
        for items in &self.history {
            check_range("history", *items, 1..=MAX_COUNT)?;
        }
        check_range("history_decay", self.history_decay, 0.01..=1.0)?;
        self.history_encoder.check()?;
        check_range("id_dropout", self.id_dropout, 0.0..=0.9)?;
        self.hold_out.check()
    }

    /// The logs of `data` with the order of equal times and the repeats of these settings.
    pub(crate) fn logs_of(&self, data: &Dataset) -> Result<Logs, TrainError> {
        Ok(Logs::ordered(data, self.ties)?.with_repeats(self.repeats))
    }

    /// Takes the holdout out of the logs, if the training validates at all. `since` is the start of the
    /// events to learn from.
    pub(crate) fn take_holdout(
        &self,
        logs: &mut Logs,
        training: &TrainParams,
        since: Option<i64>,
    ) -> Vec<HeldOut> {
        match training.patience {
            0 => Vec::new(),
            _ => logs.hold_out(self.hold_out, since),
        }
    }

    /// The number of most recent items that the longest history needs.
    pub(crate) fn longest_history(&self) -> usize {
        let longest = self.history.iter().copied().max().unwrap_or(0);
        longest.max(self.history_encoder.length())
    }
}
