//! The towers of a log: what users met last, the ids of both sides, and every column there is.

use super::{Draft, Overrides, go_on, known, optional};
use crate::dataset::Dataset;
use crate::error::TrainError;
use crate::sampler::{HISTORY, Logs};
use serde_json::Value;
use twinspire_towers::Towers;
use twinspire_towers::internals::Side;
use twinspire_towers::internals::schema::{
    Activation, FeatureKind, FeatureSchema, LayerKind, LayerSchema, Missing, OtherFields, Pooling,
    Schema, TowerSchema,
};

/// The field of a user's id, and its table.
pub(crate) const USER_ID: &str = "user_id";
/// The field of an item's id.
const ITEM_ID: &str = "id";
/// The table of items, shared by histories and item ids.
pub(crate) const ITEMS: &str = "item_id";

/// What is learnt of ids.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ids<'a> {
    /// Components of an item's embedding; 0 leaves item ids and histories out.
    pub(crate) items: usize,
    /// Components of a user's embedding; 0 leaves user ids out.
    pub(crate) users: usize,
    /// How many of the items met last make a history, for each.
    pub(crate) history: &'a [usize],
    /// Rows that unknown ids are hashed into, in each table.
    pub(crate) unknown: u32,
}

impl Draft<'_> {
    /// What the user tower and the item tower read, without layers. Histories come first, then a user's
    /// id; of items the id comes first.
    ///
    /// # Errors
    /// [`TrainError::Override`] names the field whose override cannot be followed.
    pub(crate) fn of_log(
        &mut self,
        data: &Dataset,
        logs: &Logs,
        ids: Ids<'_>,
    ) -> Result<[TowerSchema; 2], TrainError> {
        let all = |named: &[(String, Value)]| named.iter().map(|(id, _)| id.clone()).collect();
        let (mut user, mut item) = (Vec::new(), Vec::new());
        if ids.items > 0 {
            let table = self.table(ITEMS, ids.items, known(all(&logs.items), ids.unknown));
            user.extend(ids.history.iter().map(|items| {
                optional(FeatureKind::Ids {
                    field: HISTORY.to_owned(),
                    table: table.clone(),
                    pooling: Pooling::Mean,
                    limit: *items as u32,
                    recency: None,
                })
            }));
            item.push(FeatureSchema {
                missing: Missing::Error,
                kind: FeatureKind::Id {
                    field: ITEM_ID.to_owned(),
                    table,
                },
            });
        }
        if ids.users > 0 {
            let users = known(all(&logs.users), ids.unknown);
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

/// A description that goes on from that of earlier towers, if there are any, as [`go_on`] says.
///
/// # Errors
/// [`TrainError::Override`] for overrides that cannot be followed.
pub(crate) fn going_on(
    schema: Schema,
    earlier: Option<&Towers>,
    overrides: &Overrides,
) -> Result<Schema, TrainError> {
    let Some(earlier) = earlier else {
        return Ok(schema);
    };
    let own = [HISTORY, USER_ID, ITEM_ID];
    go_on(schema, &earlier.model().schema, overrides, &own)
}

/// A dense layer.
fn dense(units: usize, activation: Activation) -> LayerSchema {
    LayerSchema::of(LayerKind::Dense {
        units: units as u32,
        activation,
        bias: true,
    })
}

/// Hidden layers of so many units.
pub(crate) fn hidden(units: &[usize]) -> Vec<LayerSchema> {
    let each = units.iter();
    each.map(|units| dense(*units, Activation::Relu)).collect()
}

/// Hidden layers, a linear one, and the vector of length 1.
pub(crate) fn to_unit_vector(units: &[usize], dimension: usize) -> Vec<LayerSchema> {
    let mut layers = hidden(units);
    layers.push(dense(dimension, Activation::Linear));
    layers.push(LayerSchema::of(LayerKind::L2Normalise {}));
    layers
}
