//! The towers: what they read and how they are built.

use super::config::Config;
use crate::dataset::Dataset;
use crate::error::TrainError;
use crate::sampler::Logs;
use crate::schema::{Draft, Ids, Widths};
use twinspire_towers::internals::schema::Schema;

/// Buckets of the table of letter trigrams.
const TRIGRAM_BUCKETS: u32 = 8192;

/// The schema of the two towers.
pub(super) fn describe(data: &Dataset, logs: &Logs, config: &Config) -> Result<Schema, TrainError> {
    let widths = Widths::new(&config.log, 0, TRIGRAM_BUCKETS);
    let ids = Ids::new(&config.log, config.dimension, config.unknown_buckets as u32);
    let draft = Draft::new(&config.log.schema, widths);
    let layers = (&*config.log.hidden, config.dimension);
    draft.two_towers("youtube two-tower", layers, data, logs, ids)
}
