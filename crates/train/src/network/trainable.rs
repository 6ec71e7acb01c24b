//! What can be differentiated: anything else is refused before the training begins.

use super::super::error::TrainError;
use twinspire_towers::internals::Side;
use twinspire_towers::internals::schema::{FeatureKind, LayerKind, Schema};

/// That a description is one of towers, and of towers that can be trained.
pub(crate) fn checked(schema: Schema) -> Result<Schema, TrainError> {
    schema.validate()?;
    check(&schema)?;
    Ok(schema)
}

/// Refuses a description with a feature or a layer that no gradient goes through.
fn check(schema: &Schema) -> Result<(), TrainError> {
    for (side, tower) in schema.towers() {
        for (at, feature) in tower.features.iter().enumerate() {
            if let Some(why) = feature_without(&feature.kind) {
                let place = format!("{side} feature {at} ({:?})", feature.field());
                return Err(TrainError::Untrainable { place, why });
            }
        }
        for (at, layer) in tower.layers.iter().enumerate() {
            if let Some(why) = layer_without(&layer.kind) {
                let place = format!("{side} layer {at}");
                return Err(TrainError::Untrainable { place, why });
            }
        }
    }
    let missing = [Side::User, Side::Item].into_iter().find(|side| {
        let tower = match side {
            Side::User => &schema.user,
            Side::Item => &schema.item,
        };
        tower.is_none()
    });
    missing.map_or(Ok(()), |side| {
        let place = format!("{side} tower");
        let why = "it is missing; two towers are trained together";
        Err(TrainError::Untrainable { place, why })
    })
}

/// Why a feature cannot be trained.
fn feature_without(kind: &FeatureKind) -> Option<&'static str> {
    match kind {
        FeatureKind::Items { .. } => {
            Some("the vectors of items are known once there is a generation; use `ids`")
        }
        FeatureKind::Index { .. } | FeatureKind::Indices { .. } => {
            Some("numbers of rows are for ONNX models, which are trained elsewhere; use `ids`")
        }
        FeatureKind::Id { .. }
        | FeatureKind::Ids { .. }
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

/// Why a layer cannot be trained.
fn layer_without(kind: &LayerKind) -> Option<&'static str> {
    match kind {
        LayerKind::BatchNorm { .. } => {
            Some("batch normalisation is learnt elsewhere; use `layer_norm`")
        }
        LayerKind::FeatureWeights { .. } => Some("feature weights are learnt elsewhere"),
        LayerKind::Onnx { .. } => Some("an ONNX model is learnt elsewhere"),
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
