//! The towers: what they read, how they are built, and their first weights.

use super::config::Config;
use crate::error::TrainError;
use crate::nn::checked;
use crate::schema::hashed;
use rand::RngExt;
use rand_pcg::Pcg64Mcg;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;
use twinspire_core::kernel::Metric;
use twinspire_towers::internals::Model;
use twinspire_towers::internals::schema::{
    FORMAT, FeatureKind, FeatureSchema, Grams, LayerKind, LayerSchema, Missing, OtherFields,
    Pooling, Schema, TableSchema, TowerSchema, Unreadable,
};

/// The schema of the two towers.
pub(super) fn describe(config: &Config) -> Result<Schema, TrainError> {
    let first = config.hidden.first().copied();
    let table = |_| TableSchema {
        dimension: Some(first.unwrap_or(config.dimension) as u32),
        lookup: hashed(config.buckets),
    };
    let names = if config.shared {
        ["grams", "grams"]
    } else {
        ["query", "document"]
    };
    let tables: BTreeMap<String, _> = names.map(|name| (name.to_owned(), table(name))).into();
    let grams = match config.words {
        0 => Grams::Letters(config.letters),
        words => Grams::Both {
            letters: config.letters,
            words: [1, words as u32],
        },
    };
    let activation = config.activation.of_layers();
    let mut layers = Vec::new();
    let mut layer = |kind| layers.push(LayerSchema::of(kind));
    if first.is_some() {
        layer(LayerKind::Bias {});
    }
    layer(LayerKind::Activation { activation });
    let after = config.hidden.iter().skip(1).copied();
    let last = first.map(|_| config.dimension);
    for units in after.chain(last) {
        layer(LayerKind::Dense {
            units: units as u32,
            activation,
            bias: true,
        });
    }
    layer(LayerKind::L2Normalise {});
    let tower = |fields: &[String], table: &str, other_fields| TowerSchema {
        features: vec![FeatureSchema {
            missing: Missing::Error,
            unreadable: Unreadable::Error,
            range: None,
            kind: FeatureKind::Text {
                field: fields.first().cloned().unwrap_or_default(),
                also: fields.iter().skip(1).cloned().collect(),
                table: table.to_owned(),
                pooling: Pooling::Sqrtn,
                grams,
                limit: None,
            },
        }],
        layers: layers.clone(),
        other_fields,
    };
    let known = OtherFields::Allow(vec!["user_id".to_owned()]);
    checked(Schema {
        format: FORMAT,
        name: "dssm".to_owned(),
        dimension: config.dimension as u32,
        metric: Metric::Cosine,
        user: Some(tower(&config.query, names[0], Some(known))),
        item: Some(tower(&config.document, names[1], None)),
        tables,
        extensions: IgnoredAny,
    })
}

/// Initialises the tables, which are the first layer, uniformly in ±√(6 / (inputs + units)) (section
/// 3.4). Grams that are never learnt stay small and hardly count.
pub(super) fn init_tables(model: &mut Model, rng: &mut Pcg64Mcg) {
    for table in &mut model.tables {
        if let Some(weights) = table.weights.owned_mut() {
            let bound = (6.0 / (weights.nrows() + weights.ncols()) as f32).sqrt();
            weights.mapv_inplace(|_| rng.random_range(-bound..=bound));
        }
    }
}
