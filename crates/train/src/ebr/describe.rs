//! The towers: what they read and how they are built.

use super::config::Config;
use crate::dataset::Dataset;
use crate::error::TrainError;
use crate::sampler::Logs;
use crate::schema::{Draft, Ids, Widths};
use twinspire_towers::internals::schema::Schema;

/// The schema of the two towers.
pub(super) fn describe(data: &Dataset, logs: &Logs, config: &Config) -> Result<Schema, TrainError> {
    let widths = Widths::new(&config.log, config.words, config.buckets);
    let ids = Ids::new(&config.log, config.item_dimension, 1);
    let draft = Draft::new(&config.log.schema, widths);
    let layers = (&*config.log.hidden, config.dimension);
    draft.two_towers("ebr", layers, data, logs, ids)
}
