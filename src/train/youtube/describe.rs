//! What the towers read and how they are built.

use super::super::dataset::Dataset;
use super::super::error::TrainError;
use super::super::sampler::Logs;
use super::super::schema::{Draft, Widths, known, optional};
use super::{Config, HISTORY, ITEMS};
use crate::tower::Side;
use crate::tower::schema::{
    Activation, FeatureKind, FeatureSchema, LayerKind, LayerSchema, Missing, OtherFields, Pooling,
    Schema, TowerSchema,
};
use serde_json::Value;

/// The feature of a user's id, and its table.
pub(super) const USER_ID: &str = "user_id";
/// Buckets of the table of letter trigrams.
const TRIGRAM_BUCKETS: u32 = 8192;

/// The schema of the two towers.
pub(super) fn describe(data: &Dataset, logs: &Logs, config: &Config) -> Result<Schema, TrainError> {
    let widths = Widths {
        category: config.category_dimension,
        text: config.text_dimension,
        buckets: TRIGRAM_BUCKETS,
    };
    let ids = |named: &[(String, Value)]| named.iter().map(|(id, _)| id.clone()).collect();
    let buckets = config.unknown_buckets as u32;
    let mut draft = Draft::new(&config.schema, widths);
    let shared = draft.table(ITEMS, config.dimension, known(ids(&logs.items), buckets));
    let histories = config.history.iter().map(|items| {
        optional(FeatureKind::Ids {
            field: HISTORY.to_owned(),
            table: shared.clone(),
            pooling: Pooling::Mean,
            limit: *items as u32,
            recency: None,
        })
    });
    // First, so that the sampler knows where they are.
    let mut user: Vec<_> = histories.collect();
    if config.user_dimension > 0 {
        user.push(optional(FeatureKind::Id {
            field: USER_ID.to_owned(),
            table: draft.table(
                USER_ID,
                config.user_dimension,
                known(ids(&logs.users), buckets),
            ),
        }));
    }
    let mut item = vec![FeatureSchema {
        missing: Missing::Error,
        kind: FeatureKind::Id {
            field: "id".to_owned(),
            table: shared,
        },
    }];
    let of_users = draft.features(Side::User, &data.users, &[USER_ID, HISTORY])?;
    user.extend(of_users.read);
    item.extend(draft.features(Side::Item, &data.items, &["id"])?.read);
    let mut unread = of_users.unread;
    unread.insert(0, USER_ID.to_owned());
    let user = TowerSchema {
        features: user,
        layers: draft.layers(Side::User, layers(config))?,
        other_fields: Some(OtherFields::Allow(unread)),
    };
    let item = TowerSchema {
        features: item,
        layers: draft.layers(Side::Item, layers(config))?,
        other_fields: None,
    };
    draft.finish("youtube two-tower", config.dimension, user, item)
}

/// The layers of either tower.
fn layers(config: &Config) -> Vec<LayerSchema> {
    let dense = |units: usize, activation| {
        LayerSchema::of(LayerKind::Dense {
            units: units as u32,
            activation,
            bias: true,
        })
    };
    let hidden = config.hidden.iter();
    let mut layers: Vec<_> = hidden
        .map(|units| dense(*units, Activation::Relu))
        .collect();
    layers.push(dense(config.dimension, Activation::Linear));
    layers.push(LayerSchema::of(LayerKind::L2Normalise {}));
    layers
}
