//! Initial weights: small random numbers, or the weights of earlier towers.

use crate::error::TrainError;
use crate::error_reason::{SchemaPlace, WarmStartFault};
use ndarray::Array2;
use rand::RngExt;
use rand_pcg::Pcg64Mcg;
use std::collections::HashMap;
use std::convert::Infallible;
use twinspire_towers::internals::schema::{
    EncoderTensor, FeatureKind, FeatureSchema, LayerKind, LookupSchema, Schema, TableSchema,
};
use twinspire_towers::internals::{
    Layer, Lookup, Matrix, Model, SequenceModel, Step, Table, Tower,
};

/// A model with random weights, of a schema that was [checked](super::trainable::checked). Embeddings are uniform
/// with a norm of about 0.1; dense layers follow Glorot and Bengio (AISTATS 2010), ±√(6 / (inputs + units)).
pub(crate) fn random(schema: Schema, rng: &mut Pcg64Mcg) -> Result<Model, TrainError> {
    let mut uniform = |rows: usize, columns: usize, bound: f32| {
        let number = || rng.random_range(-bound..=bound);
        Matrix::from(Array2::from_shape_simple_fn((rows, columns), number))
    };
    let mut tables = Vec::new();
    for (name, table) in &schema.tables {
        let lookup = Lookup::new(name, &table.lookup)?;
        let dimension = table.dimension.unwrap_or(0) as usize;
        let bound = (3.0 / dimension.max(1) as f32).sqrt() * 0.1;
        tables.push(Table {
            name: name.clone(),
            weights: uniform(lookup.rows(), dimension, bound),
            lookup,
        });
    }
    Model::assemble(schema, tables, |side, description, schema, _| {
        let wirings = schema.wiring(side, description)?;
        let layers = description.layers.iter().zip(wirings);
        let layers = layers.map(|(layer, wiring)| {
            let (inputs, width) = (wiring.inputs, wiring.outputs);
            let step = match layer.kind {
                LayerKind::Dense {
                    activation, bias, ..
                } => Step::Dense {
                    weight: uniform(width, inputs, (6.0 / (inputs + width) as f32).sqrt()),
                    bias: bias.then(|| vec![0.0; width]),
                    activation,
                },
                LayerKind::Activation { activation } => Step::Activation(activation),
                LayerKind::Bias {} => Step::Bias(vec![0.0; width]),
                LayerKind::LayerNorm { epsilon } => Step::LayerNorm {
                    weight: vec![1.0; width],
                    bias: vec![0.0; width],
                    epsilon,
                },
                LayerKind::Add {} => Step::Add,
                LayerKind::Concat {} => Step::Concat,
                LayerKind::Temperature { value } => Step::Scale(1.0 / value),
                LayerKind::L2Normalise {}
                // Rejected when the schema was checked.
                | LayerKind::BatchNorm { .. }
                | LayerKind::FeatureWeights { .. }
                | LayerKind::Onnx { .. } => Step::L2Normalise,
            };
            Layer {
                from: wiring.from,
                width,
                step,
            }
        });
        let layers = layers.collect();
        let features = description.features.iter();
        let sequences = features.map(|feature| random_sequence(feature, schema, &mut uniform));
        let sequences = sequences.collect();
        Ok(Tower::new(side, description, sequences, layers, schema))
    })
}

/// A random encoder of a feature, if it has one: matrices as those of dense layers, positions as embeddings, factors of
/// normalisations 1 and all biases 0.
fn random_sequence(
    feature: &FeatureSchema,
    schema: &Schema,
    uniform: &mut impl FnMut(usize, usize, f32) -> Matrix,
) -> Option<SequenceModel> {
    let (FeatureKind::Sequence { limit, encoder, .. }, Some(table)) =
        (&feature.kind, feature.table())
    else {
        return None;
    };
    let input = schema.tables.get(table)?.dimension? as usize;
    let read = |tensor: &EncoderTensor| {
        Ok::<_, Infallible>(match tensor.shape[..] {
            [rows, columns] if tensor.name == "positions" => {
                uniform(rows, columns, (3.0 / columns.max(1) as f32).sqrt() * 0.1)
            }
            [rows, columns] => uniform(rows, columns, (6.0 / (rows + columns) as f32).sqrt()),
            _ => {
                let factor = tensor.name.contains("norm") && tensor.name.ends_with("weight");
                let count = tensor.shape.iter().product();
                Array2::from_elem((1, count), f32::from(u8::from(factor))).into()
            }
        })
    };
    let Ok(model) = SequenceModel::new(*encoder, *limit as usize, input, read);
    Some(model)
}

/// Copies the weights of `before`: the layers, and the rows of tables, those of a vocabulary by their strings.
/// A new string starts as a copy of the row that it shared with other unknown strings, if there was one.
///
/// # Errors
/// [`TrainError::WarmStart`] if the features or layers of a tower differ, or the width or lookup of a table.
pub(super) fn copy_weights(model: &mut Model, before: &Model) -> Result<(), TrainError> {
    let differs = |place, fault| Err(TrainError::WarmStart { place, fault });
    for (side, tower) in model.schema.towers() {
        let earlier = before.schema.towers().find(|(of, _)| *of == side);
        // Ranges are those of the data at hand: they say what is refused, not what is computed.
        let computed = |features: &[FeatureSchema]| {
            let mut features = features.to_vec();
            features.iter_mut().for_each(|feature| feature.range = None);
            features
        };
        let same = earlier.is_some_and(|(_, earlier)| {
            computed(&earlier.features) == computed(&tower.features)
                && earlier.layers == tower.layers
        });
        if !same {
            return differs(SchemaPlace::Tower(side), WarmStartFault::Tower);
        }
    }
    let before = before.in_memory();
    for table in &mut model.tables {
        let place = SchemaPlace::Table(table.name.clone());
        let earlier = before
            .tables
            .iter()
            .find(|earlier| earlier.name == table.name);
        let lookups = [&model.schema, &before.schema].map(|schema| schema.tables.get(&table.name));
        let (Some(earlier), [Some(now), Some(then)]) = (earlier, lookups) else {
            return differs(place, WarmStartFault::NewTable);
        };
        if now.dimension != then.dimension {
            return differs(place, WarmStartFault::Width);
        }
        let Some(rows) = same_rows([now, then], [table, earlier], true) else {
            return differs(place, WarmStartFault::Lookup);
        };
        let (Matrix::Owned(to), Matrix::Owned(from)) = (&mut table.weights, &earlier.weights)
        else {
            continue;
        };
        for (row, earlier) in rows {
            to.row_mut(row).assign(&from.row(earlier));
        }
    }
    for (now, before) in [
        (&mut model.user, before.user),
        (&mut model.item, before.item),
    ] {
        now.layers = before.layers;
        for (now, before) in now.features.iter_mut().zip(before.features) {
            now.sequence = before.sequence;
        }
    }
    Ok(())
}

/// Pairs of rows, now and then, that belong to the same string, and pairs of rows of unknown strings. With `all`,
/// a new string is paired with the row that it shared with unknown strings. `None` if the lookup differs.
pub(super) fn same_rows(
    [now, then]: [&TableSchema; 2],
    [table, earlier]: [&Table; 2],
    all: bool,
) -> Option<Vec<(usize, usize)>> {
    let (now, then) = match (&now.lookup, &then.lookup) {
        (LookupSchema::Vocabulary { ids: now, .. }, LookupSchema::Vocabulary { ids: then, .. }) => {
            (now, then)
        }
        (now, then) if now == then => {
            return Some((0..table.lookup.rows()).map(|row| (row, row)).collect());
        }
        _ => return None,
    };
    let [[known_now, unknown_now], [known_then, unknown_then]] = [
        table.lookup.vocabulary_rows()?,
        earlier.lookup.vocabulary_rows()?,
    ];
    let rows: HashMap<&String, usize> = then.iter().zip(known_then).collect();
    let row = |id: &String| {
        let unknown = || earlier.lookup.row_of_unknown(id).map(|row| row as usize);
        rows.get(id).copied().or_else(|| all.then(unknown)?)
    };
    let known = now.iter().zip(known_now);
    let known = known.filter_map(|(id, at)| Some((at, row(id)?)));
    Some(known.chain(unknown_now.zip(unknown_then)).collect())
}
