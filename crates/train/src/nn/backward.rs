//! The backward pass: from the gradients of the vectors to those of all weights.
//!
//! [`backward`] walks the layers of one forward pass in reverse and adds to a [`Part`]. Only the rows of a table
//! that were read get a gradient. Features and layers without a gradient are rejected before training
//! ([`trainable`](super::trainable)).

use super::gradients::{Part, Reads, Tensors, side_index};
use super::operations::{
    activation_backward, add_columns, layer_norm_backward, normalise_backward, view,
};
use super::sequence::sequence_backward;
use super::slope::depends_on_output_only;
use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, s};
use std::borrow::Borrow;
use twinspire_towers::internals::schema::Pooling;
use twinspire_towers::internals::{
    Encoded, Feature, Input, Layer, Matrix, Model, Pass, Side, Step, Table,
};

/// Adds the gradients of one tower, given the gradients of its outputs for the records of a pass.
pub(crate) fn backward<E: Borrow<Encoded>>(
    model: &Model,
    side: Side,
    batch: &[E],
    pass: &Pass,
    gradient: Array2<f32>,
    into: &mut Part,
) {
    let tower = model.tower(side);
    let (of_features, tensors) = into.layers[side_index(side)].split_at_mut(tower.features.len());
    let rows = batch.len();
    // Gradient of each output, summed over the layers that read it.
    let mut gradients: Vec<Option<Array2<f32>>> = vec![None; tower.layers.len() + 1];
    gradients[tower.layers.len()] = Some(gradient);
    for (at, (layer, sums)) in tower.layers.iter().zip(tensors).enumerate().rev() {
        let Some(gradient) = gradients[at + 1].take() else {
            continue;
        };
        let inputs = || layer.from.iter().map(|from| view(pass.output(*from), rows));
        let output = view(pass.output(at + 1), rows);
        match &layer.step {
            Step::Add => {
                for from in &layer.from {
                    accumulate(&mut gradients[*from], gradient.clone());
                }
            }
            Step::Concat => {
                let mut start = 0;
                for (from, input) in layer.from.iter().zip(inputs()) {
                    let end = start + input.ncols();
                    let part = gradient.slice(s![.., start..end]).to_owned();
                    accumulate(&mut gradients[*from], part);
                    start = end;
                }
            }
            _ => {
                let from = layer.from.first().copied().unwrap_or(at);
                let input = view(pass.output(from), rows);
                let gradient = layer_backward(layer, input, output, gradient, sums);
                accumulate(&mut gradients[from], gradient);
            }
        }
    }
    let Some(gradient) = &gradients[0] else {
        return;
    };
    let mut from = 0;
    for (at, (feature, sums)) in tower.features.iter().zip(of_features).enumerate() {
        if let (Some(model), Some(table), Some(pass)) =
            (&feature.sequence, feature.table, pass.sequence(at))
        {
            let present = pass.present.iter().enumerate().filter(|(_, there)| **there);
            let present: Vec<usize> = present.map(|(row, _)| row).collect();
            if !present.is_empty() {
                let columns = gradient.slice(s![.., from..from + feature.width]);
                let own = columns.select(Axis(0), &present);
                sequence_backward(model, pass, own, sums, &mut into.tables[table]);
            }
        }
        from += feature.width;
    }
    for (record, gradient) in batch.iter().zip(gradient.rows()) {
        let mut rest = gradient.to_slice().unwrap_or_default();
        for (feature, input) in tower.features.iter().zip(record.borrow().inputs()) {
            let (part, after) = rest.split_at(feature.width.min(rest.len()));
            rest = after;
            if let Some(table) = feature.table.filter(|_| feature.sequence.is_none()) {
                let reads = &mut into.tables[table];
                feature_backward(feature, &model.tables[table], input, part, reads);
            }
        }
    }
}

fn accumulate(sum: &mut Option<Array2<f32>>, gradient: Array2<f32>) {
    match sum {
        Some(sum) => *sum += &gradient,
        None => *sum = Some(gradient),
    }
}

/// Backward pass of a layer with one input: adds the gradients of its weights, returns that of its input.
fn layer_backward(
    layer: &Layer,
    input: ArrayView2<'_, f32>,
    output: ArrayView2<'_, f32>,
    mut gradient: Array2<f32>,
    sums: &mut Tensors,
) -> Array2<f32> {
    match &layer.step {
        Step::Dense {
            weight: Matrix::Owned(weight),
            activation,
            ..
        } => {
            if depends_on_output_only(*activation) {
                activation_backward(*activation, output, output, &mut gradient);
            } else {
                let before = input.as_slice().unwrap_or_default();
                let before = layer.before_activation(input.nrows(), before);
                let before = view(&before, input.nrows());
                activation_backward(*activation, before, output, &mut gradient);
            }
            if let [weights, biases @ ..] = &mut sums[..] {
                let shape = (weight.nrows(), weight.ncols());
                if let Ok(mut weights) = ArrayViewMut2::from_shape(shape, weights) {
                    general_mat_mul(1.0, &gradient.t(), &input, 1.0, &mut weights);
                }
                for bias in biases {
                    add_columns(bias, &gradient);
                }
            }
            return gradient.dot(weight);
        }
        Step::Activation(activation) => {
            activation_backward(*activation, input, output, &mut gradient);
        }
        Step::Bias(_) => sums
            .iter_mut()
            .for_each(|bias| add_columns(bias, &gradient)),
        Step::LayerNorm {
            weight, epsilon, ..
        } => {
            if let [weights, biases] = &mut sums[..] {
                layer_norm_backward(weight, *epsilon, input, &mut gradient, weights, biases);
            }
        }
        Step::L2Normalise => normalise_backward(input, output, &mut gradient),
        Step::Scale(factor) => gradient *= *factor,
        // Layers of several inputs are handled by the caller, the others are rejected before training.
        Step::Dense { .. }
        | Step::Affine { .. }
        | Step::Add
        | Step::Concat
        | Step::FeatureWeights(_)
        | Step::Onnx(_) => {}
    }
    gradient
}

/// Adds the gradients of the rows that a feature read.
fn feature_backward(
    feature: &Feature,
    table: &Table,
    input: Input<'_>,
    gradient: &[f32],
    reads: &mut Reads,
) {
    if feature.schema.pooling() != Pooling::Max {
        reads.add(input.rows, input.factors, gradient);
        return;
    }
    let Matrix::Owned(weights) = &table.weights else {
        return;
    };
    // Each component goes to the first row with the largest value, as in the forward pass.
    let value = |row: u32, column: usize| weights[[row as usize, column]];
    let largest = |column: usize| {
        let rows = input.rows.iter().copied();
        rows.reduce(|most, row| match value(row, column) > value(most, column) {
            true => row,
            false => most,
        })
    };
    let winners: Vec<_> = (0..gradient.len()).map(largest).collect();
    let mut own = vec![0.0; gradient.len()];
    for (at, row) in input.rows.iter().enumerate() {
        if input.rows[..at].contains(row) || !winners.contains(&Some(*row)) {
            continue;
        }
        for ((own, gradient), winner) in own.iter_mut().zip(gradient).zip(&winners) {
            *own = if *winner == Some(*row) {
                *gradient
            } else {
                0.0
            };
        }
        reads.add(&[*row], &[1.0], &own);
    }
}
