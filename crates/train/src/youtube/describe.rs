//! What the towers read and how they are built.

use super::super::dataset::Dataset;
use super::super::error::TrainError;
use super::super::sampler::Logs;
use super::super::schema::{Draft, Ids, Widths, to_unit_vector};
use super::Config;
use twinspire_towers::internals::Side;
use twinspire_towers::internals::schema::Schema;

/// Buckets of the table of letter trigrams.
const TRIGRAM_BUCKETS: u32 = 8192;

/// The schema of the two towers.
pub(super) fn describe(data: &Dataset, logs: &Logs, config: &Config) -> Result<Schema, TrainError> {
    let widths = Widths {
        category: config.category_dimension,
        text: config.text_dimension,
        words: 0,
        buckets: TRIGRAM_BUCKETS,
    };
    let ids = Ids {
        items: config.dimension,
        users: config.user_dimension,
        history: &config.history,
        unknown: config.unknown_buckets as u32,
    };
    let mut draft = Draft::new(&config.schema, widths);
    let [mut user, mut item] = draft.of_log(data, logs, ids)?;
    let layers = || to_unit_vector(&config.hidden, config.dimension);
    user.layers = draft.layers(Side::User, layers())?;
    item.layers = draft.layers(Side::Item, layers())?;
    draft.finish("youtube two-tower", config.dimension, user, item)
}
