//! Rejects features and layers without a gradient before a training starts.

use crate::error::TrainError;
use crate::error_reason::{SchemaPlace, Untrainable};
use twinspire_towers::Side;
use twinspire_towers::internals::schema::{FeatureKind, LayerKind, Schema};

/// Returns a schema if it is valid and both towers can be trained.
pub(crate) fn checked(schema: Schema) -> Result<Schema, TrainError> {
    schema.validate()?;
    check(&schema)?;
    Ok(schema)
}

/// Rejects a schema with a feature or a layer without a gradient, or without a tower.
fn check(schema: &Schema) -> Result<(), TrainError> {
    let untrainable = |place, reason| Err(TrainError::Untrainable { place, reason });
    for (side, tower) in schema.towers() {
        for (at, feature) in tower.features.iter().enumerate() {
            if let Some(reason) = untrainable_feature(&feature.kind) {
                let field = feature.field().to_owned();
                return untrainable(SchemaPlace::Feature { side, at, field }, reason);
            }
        }
        for (at, layer) in tower.layers.iter().enumerate() {
            if let Some(reason) = untrainable_layer(&layer.kind) {
                return untrainable(SchemaPlace::Layer { side, at }, reason);
            }
        }
    }
    for (side, tower) in [(Side::User, &schema.user), (Side::Item, &schema.item)] {
        if tower.is_none() {
            return untrainable(SchemaPlace::Tower(side), Untrainable::NoTower);
        }
    }
    Ok(())
}

/// Why a feature has no gradient.
fn untrainable_feature(kind: &FeatureKind) -> Option<Untrainable> {
    match kind {
        FeatureKind::Items { .. } => Some(Untrainable::ItemVectors),
        FeatureKind::Index { .. } | FeatureKind::Indices { .. } => Some(Untrainable::RowNumbers),
        FeatureKind::Tokens { .. } => Some(Untrainable::Tokens),
        FeatureKind::Id { .. }
        | FeatureKind::Ids { .. }
        | FeatureKind::Sequence { .. }
        | FeatureKind::Categories { .. }
        | FeatureKind::Cross { .. }
        | FeatureKind::Text { .. }
        | FeatureKind::Number { .. }
        | FeatureKind::Buckets { .. }
        | FeatureKind::Geo { .. }
        | FeatureKind::Distance { .. }
        | FeatureKind::Hour { .. }
        | FeatureKind::Weekday { .. }
        | FeatureKind::Age { .. }
        | FeatureKind::Vector { .. } => None,
    }
}

/// Why a layer has no gradient.
fn untrainable_layer(kind: &LayerKind) -> Option<Untrainable> {
    match kind {
        LayerKind::BatchNorm { .. } => Some(Untrainable::BatchNorm),
        LayerKind::FeatureWeights { .. } => Some(Untrainable::FeatureWeights),
        LayerKind::Onnx { .. } => Some(Untrainable::Onnx),
        LayerKind::Dense { .. }
        | LayerKind::Activation { .. }
        | LayerKind::Bias {}
        | LayerKind::LayerNorm { .. }
        | LayerKind::Add {}
        | LayerKind::Concat {}
        | LayerKind::L2Normalise {}
        | LayerKind::Temperature { .. } => None,
    }
}
