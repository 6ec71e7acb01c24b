//! Towers of a log: the history, the ids of both sides, and every column of the data.

use super::draft::Draft;
use super::extend::extend;
use super::lookup::{optional, vocabulary};
use super::overrides::Overrides;
use crate::dataset::Dataset;
use crate::error::TrainError;
use crate::history_encoder::HistoryEncoder;
use crate::log_params::LogParams;
use crate::sampler::{HISTORY, Logs};
use serde_json::Value;
use twinspire_towers::Towers;
use twinspire_towers::internals::Side;
use twinspire_towers::internals::schema::{
    Activation, FeatureKind, FeatureSchema, LayerKind, LayerSchema, Missing, OtherFields, Pooling,
    Recency, Schema, TowerSchema, Unreadable,
};

/// The field of a user's id, and the name of its table.
pub(crate) const USER_ID: &str = "user_id";
/// The field of an item's id.
const ITEM_ID: &str = "id";
/// The table of items, shared by histories and item ids.
pub(crate) const ITEMS: &str = "item_id";

/// Embeddings of ids and histories.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ids<'a> {
    /// Width of an item's embedding; 0 leaves item ids and histories out.
    pub(crate) items: usize,
    /// Width of a user's embedding; 0 leaves user ids out.
    pub(crate) users: usize,
    /// Length of each history: the number of most recent items.
    pub(crate) history: &'a [usize],
    /// Weight of an item of a history relative to the next newer one; 1 for a plain mean.
    pub(crate) decay: f32,
    /// Whether an item counts once in a history.
    pub(crate) distinct: bool,
    /// How the order of the history is read.
    pub(crate) encoder: HistoryEncoder,
    /// Rows that unknown ids are hashed into, in each table.
    pub(crate) unknown: u32,
}

impl<'a> Ids<'a> {
    /// The embeddings of the settings.
    pub(crate) fn new(log: &'a LogParams, items: usize, unknown: u32) -> Self {
        Self {
            items,
            users: log.user_dimension,
            history: &log.history,
            decay: log.history_decay,
            distinct: log.history_distinct,
            encoder: log.history_encoder,
            unknown,
        }
    }
}

impl Draft<'_> {
    /// The checked schema of two towers that end in a vector of length 1. `layers` are the units of the
    /// hidden layers and the width of the vector.
    ///
    /// # Errors
    /// [`TrainError::Override`] names the field or layer with an invalid override.
    pub(crate) fn two_towers(
        mut self,
        name: &str,
        layers: (&[usize], usize),
        data: &Dataset,
        logs: &Logs,
        ids: Ids<'_>,
    ) -> Result<Schema, TrainError> {
        let (hidden, dimension) = layers;
        let [mut user, mut item] = self.of_log(data, logs, ids)?;
        user.layers = self.layers(Side::User, to_unit_vector(hidden, dimension))?;
        item.layers = self.layers(Side::Item, to_unit_vector(hidden, dimension))?;
        self.finish(name, dimension, user, item)
    }

    /// The features of the user tower and the item tower, without layers. Histories come first, the encoded
    /// one last of them, then the user's id; in the item tower the id comes first.
    ///
    /// # Errors
    /// [`TrainError::Override`] names the field with an invalid override.
    pub(crate) fn of_log(
        &mut self,
        data: &Dataset,
        logs: &Logs,
        ids: Ids<'_>,
    ) -> Result<[TowerSchema; 2], TrainError> {
        let all = |named: &[(String, Value)]| named.iter().map(|(id, _)| id.clone()).collect();
        let (mut user, mut item) = (Vec::new(), Vec::new());
        if ids.items > 0 {
            let table = self.table(ITEMS, ids.items, vocabulary(all(&logs.items), ids.unknown));
            user.extend(ids.history.iter().map(|items| {
                optional(FeatureKind::Ids {
                    field: HISTORY.to_owned(),
                    table: table.clone(),
                    pooling: Pooling::Mean,
                    limit: *items as u32,
                    recency: (ids.decay < 1.0).then_some(Recency::Decay(ids.decay)),
                    distinct: ids.distinct,
                })
            }));
            if let Some(encoder) = ids.encoder.schema() {
                user.push(optional(FeatureKind::Sequence {
                    field: HISTORY.to_owned(),
                    table: table.clone(),
                    limit: ids.encoder.length() as u32,
                    encoder,
                }));
            }
            item.push(FeatureSchema {
                missing: Missing::Error,
                unreadable: Unreadable::Error,
                range: None,
                kind: FeatureKind::Id {
                    field: ITEM_ID.to_owned(),
                    table,
                },
            });
        }
        if ids.users > 0 {
            let users = vocabulary(all(&logs.users), ids.unknown);
            user.push(optional(FeatureKind::Id {
                field: USER_ID.to_owned(),
                table: self.table(USER_ID, ids.users, users),
            }));
        }
        let of_users = self.features(Side::User, &data.users, &[USER_ID, HISTORY])?;
        let of_items = self.features(Side::Item, &data.items, &[ITEM_ID])?;
        user.extend(of_users.read);
        item.extend(of_items.read);
        let mut unread = of_users.unread;
        unread.insert(0, USER_ID.to_owned());
        let tower = |features, other_fields| TowerSchema {
            features,
            layers: Vec::new(),
            other_fields,
        };
        Ok([
            tower(user, Some(OtherFields::Allow(unread))),
            tower(item, None),
        ])
    }
}

/// Extends the schema of earlier towers, if there are any, as [`extend`] does.
///
/// # Errors
/// [`TrainError::Override`] for an invalid override.
pub(crate) fn extend_schema(
    schema: Schema,
    earlier: Option<&Towers>,
    overrides: &Overrides,
) -> Result<Schema, TrainError> {
    let Some(earlier) = earlier else {
        return Ok(schema);
    };
    let own = [HISTORY, USER_ID, ITEM_ID];
    extend(schema, &earlier.model().schema, overrides, &own)
}

/// A dense layer.
fn dense(units: usize, activation: Activation) -> LayerSchema {
    LayerSchema::of(LayerKind::Dense {
        units: units as u32,
        activation,
        bias: true,
    })
}

/// Hidden relu layers.
pub(crate) fn hidden(units: &[usize]) -> Vec<LayerSchema> {
    let each = units.iter();
    each.map(|units| dense(*units, Activation::Relu)).collect()
}

/// Hidden layers, a linear one, and normalisation to length 1.
pub(crate) fn to_unit_vector(units: &[usize], dimension: usize) -> Vec<LayerSchema> {
    let mut layers = hidden(units);
    layers.push(dense(dimension, Activation::Linear));
    layers.push(LayerSchema::of(LayerKind::L2Normalise {}));
    layers
}
