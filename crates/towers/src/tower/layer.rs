//! The layers of a tower, with their weights.

use super::matrix::Matrix;
use super::onnx::OnnxModel;
use super::schema::Activation;
use thiserror::Error;
use twinspire_core::kernel::{Aligned, Level, Weights};

/// One layer: what it reads, and what it makes of it.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Outputs it reads: 0 is the input, N + 1 that of layer N; all of earlier ones.
    pub from: Vec<usize>,
    /// Numbers it gives for a record.
    pub width: usize,
    /// What it computes.
    pub step: Step,
}

/// What a layer computes.
#[expect(
    missing_docs,
    reason = "storage-format.md describes the fields once, for all kinds"
)]
#[derive(Clone, Debug)]
pub enum Step {
    /// `activation(weight · x + bias)`.
    Dense {
        /// `[units, inputs]`.
        weight: Matrix,
        /// `[units]`, if anything is added.
        bias: Option<Vec<f32>>,
        /// What is done to each component.
        activation: Activation,
    },
    /// Each component for itself.
    Activation(Activation),
    /// Adds a number to each component.
    Bias(Vec<f32>),
    /// Brings the components to mean 0 and variance 1, then scales and shifts each.
    LayerNorm {
        weight: Vec<f32>,
        bias: Vec<f32>,
        epsilon: f32,
    },
    /// Scales and shifts each component: what batch normalisation is once it has been learnt.
    Affine { scale: Vec<f32>, shift: Vec<f32> },
    /// Adds outputs up.
    Add,
    /// Lays outputs side by side.
    Concat,
    /// Multiplies each feature by a weight computed from all of them (squeeze and excitation, Hu et al.,
    /// 2018, on features as in FiBiNET, Huang et al., 2019).
    FeatureWeights(Box<FeatureWeights>),
    /// Scales to length 1; zeros stay zeros.
    L2Normalise,
    /// Multiplies.
    Scale(f32),
    /// What an ONNX model computes.
    Onnx(OnnxModel),
}

/// What a layer could not compute, and of which record of the batch.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{file} cannot be run: {what}")]
pub struct LayerError {
    /// The row of the batch, from 0.
    pub row: usize,
    /// The model's file in the towers directory.
    pub file: &'static str,
    /// What the runtime says.
    pub what: String,
}

/// The weights of [`Step::FeatureWeights`].
#[derive(Clone, Debug)]
pub struct FeatureWeights {
    /// Numbers of each feature.
    pub widths: Vec<usize>,
    /// `[units, features]` and `[units]`.
    pub squeeze: (Matrix, Vec<f32>),
    /// What is done in between.
    pub activation: Activation,
    /// `[features, units]` and `[features]`.
    pub excite: (Matrix, Vec<f32>),
    /// What makes weights of that.
    pub gate: Activation,
}

/// Memory for what a layer computes on its way.
#[derive(Clone, Debug, Default)]
pub(super) struct Between([Aligned; 3]);

impl Layer {
    /// Computes the output for so many records; `earlier` are the outputs before this one.
    pub(super) fn forward(
        &self,
        rows: usize,
        earlier: &[Aligned],
        output: &mut Aligned,
        between: &mut Between,
    ) -> Result<(), LayerError> {
        let read = |at: usize| -> &[f32] {
            let slot = self.from.get(at).and_then(|slot| earlier.get(*slot));
            slot.map_or(&[], |output| &**output)
        };
        let input = read(0);
        output.clear();
        if let Step::Dense {
            weight,
            bias,
            activation,
        } = &self.step
        {
            dense(input, weight, bias.as_deref(), *activation, rows, output);
            return Ok(());
        }
        if let Step::Onnx(model) = &self.step {
            return model.forward(rows, input, output);
        }
        if let Step::Concat = &self.step {
            for row in 0..rows {
                for at in 0..self.from.len() {
                    let part = read(at);
                    let width = part.len() / rows;
                    output.extend_from_slice(
                        part.get(row * width..(row + 1) * width).unwrap_or_default(),
                    );
                }
            }
            return Ok(());
        }
        output.extend_from_slice(input);
        let each = output.chunks_exact_mut(self.width);
        match &self.step {
            Step::Dense { .. } | Step::Concat | Step::Onnx(_) => {}
            Step::Activation(activation) => activation.apply(output),
            Step::Bias(bias) => each.for_each(|row| add(row, bias)),
            Step::LayerNorm {
                weight,
                bias,
                epsilon,
            } => each.for_each(|row| layer_norm(row, weight, bias, *epsilon)),
            Step::Affine { scale, shift } => each.for_each(|row| affine(row, scale, shift)),
            Step::Add => (1..self.from.len()).for_each(|at| add(output, read(at))),
            Step::FeatureWeights(weights) => weights.weigh(rows, output, between),
            Step::L2Normalise => each.for_each(|row| {
                let length = Level::best().dot(row, row).sqrt();
                if length > 0.0 {
                    row.iter_mut().for_each(|x| *x /= length);
                }
            }),
            Step::Scale(factor) => output.iter_mut().for_each(|x| *x *= factor),
        }
        Ok(())
    }

    /// How many numbers were learnt.
    pub(super) fn parameters(&self) -> usize {
        match &self.step {
            Step::Onnx(model) => model.parameters(),
            _ => self.weights().iter().map(|(_, all)| all.len()).sum(),
        }
    }

    /// What a dense layer computes before its activation; nothing of other layers.
    pub fn before_activation(&self, rows: usize, input: &[f32]) -> Vec<f32> {
        let mut output = Aligned::default();
        if let Step::Dense { weight, bias, .. } = &self.step {
            let bias = bias.as_deref();
            dense(input, weight, bias, Activation::Linear, rows, &mut output);
        }
        output.to_vec()
    }

    /// All that can be learnt, in the order of [`weights`](Self::weights): what is in memory.
    pub fn weights_mut(&mut self) -> Vec<&mut [f32]> {
        fn all(matrix: &mut Matrix) -> Option<&mut [f32]> {
            matrix.owned_mut().and_then(|all| all.as_slice_mut())
        }
        match &mut self.step {
            Step::Dense { weight, bias, .. } => {
                let bias = bias.iter_mut().map(Vec::as_mut_slice);
                all(weight).into_iter().chain(bias).collect()
            }
            Step::Bias(bias) => vec![bias],
            Step::LayerNorm { weight, bias, .. }
            | Step::Affine {
                scale: weight,
                shift: bias,
            } => vec![weight, bias],
            Step::FeatureWeights(weights) => {
                let FeatureWeights {
                    squeeze, excite, ..
                } = &mut **weights;
                let squeezed = all(&mut squeeze.0).into_iter().chain([&mut *squeeze.1]);
                let excited = all(&mut excite.0).into_iter().chain([&mut *excite.1]);
                squeezed.chain(excited).collect()
            }
            Step::Activation(_)
            | Step::Add
            | Step::Concat
            | Step::L2Normalise
            | Step::Scale(_)
            | Step::Onnx(_) => Vec::new(),
        }
    }

    /// The same layer with all that can be learnt in memory, in 32 bits.
    pub(super) fn in_memory(&self) -> Self {
        let mut layer = self.clone();
        match &mut layer.step {
            Step::Dense { weight, .. } => *weight = weight.in_memory(),
            Step::FeatureWeights(weights) => {
                weights.squeeze.0 = weights.squeeze.0.in_memory();
                weights.excite.0 = weights.excite.0.in_memory();
            }
            _ => {}
        }
        layer
    }

    /// All that was learnt, by the names of the tensors; an ONNX model keeps its own to itself.
    pub fn weights(&self) -> Vec<(&'static str, Weights<'_>)> {
        match &self.step {
            Step::Dense { weight, bias, .. } => {
                let bias = bias.iter().map(|bias| ("bias", Weights::F32(bias)));
                std::iter::once(("weight", weight.weights()))
                    .chain(bias)
                    .collect()
            }
            Step::Bias(bias) => vec![("bias", Weights::F32(bias))],
            Step::LayerNorm { weight, bias, .. } => {
                vec![
                    ("weight", Weights::F32(weight)),
                    ("bias", Weights::F32(bias)),
                ]
            }
            Step::Affine { scale, shift } => {
                vec![
                    ("weight", Weights::F32(scale)),
                    ("bias", Weights::F32(shift)),
                ]
            }
            Step::FeatureWeights(weights) => {
                let (squeeze, excite) = (&weights.squeeze, &weights.excite);
                vec![
                    ("squeeze.weight", squeeze.0.weights()),
                    ("squeeze.bias", Weights::F32(&squeeze.1)),
                    ("excite.weight", excite.0.weights()),
                    ("excite.bias", Weights::F32(&excite.1)),
                ]
            }
            Step::Activation(_)
            | Step::Add
            | Step::Concat
            | Step::L2Normalise
            | Step::Scale(_)
            | Step::Onnx(_) => Vec::new(),
        }
    }
}

impl FeatureWeights {
    fn weigh(&self, rows: usize, output: &mut [f32], Between(between): &mut Between) {
        let [means, hidden, gates] = between;
        let width = output.len() / rows.max(1);
        means.clear();
        for mut row in output.chunks_exact(width.max(1)) {
            for width in &self.widths {
                let (feature, rest) = row.split_at(row.len().min(*width));
                means.extend_from_slice(&[feature.iter().sum::<f32>() / *width as f32]);
                row = rest;
            }
        }
        let (squeeze, excite) = (&self.squeeze, &self.excite);
        dense(
            means,
            &squeeze.0,
            Some(&squeeze.1),
            self.activation,
            rows,
            hidden,
        );
        dense(hidden, &excite.0, Some(&excite.1), self.gate, rows, gates);
        let gates = gates.chunks_exact(self.widths.len().max(1));
        for (mut row, gates) in output.chunks_exact_mut(width.max(1)).zip(gates) {
            for (width, gate) in self.widths.iter().zip(gates) {
                let (feature, rest) = row.split_at_mut(row.len().min(*width));
                feature.iter_mut().for_each(|x| *x *= gate);
                row = rest;
            }
        }
    }
}

/// `activation(weight · x + bias)` of so many records.
fn dense(
    input: &[f32],
    weight: &Matrix,
    bias: Option<&[f32]>,
    activation: Activation,
    rows: usize,
    output: &mut Aligned,
) {
    let units = weight.rows();
    output.clear();
    output.zeros(rows * units);
    Level::best().multiply(input, weight.weights(), weight.columns(), output);
    for row in output.chunks_exact_mut(units.max(1)) {
        if let Some(bias) = bias {
            add(row, bias);
        }
        activation.apply(row);
    }
}

fn add(row: &mut [f32], other: &[f32]) {
    row.iter_mut().zip(other).for_each(|(x, y)| *x += y);
}

fn affine(row: &mut [f32], scale: &[f32], shift: &[f32]) {
    for ((x, scale), shift) in row.iter_mut().zip(scale).zip(shift) {
        *x = *x * scale + shift;
    }
}

/// Ba, Kiros and Hinton, 2016.
fn layer_norm(row: &mut [f32], weight: &[f32], bias: &[f32], epsilon: f32) {
    let count = row.len().max(1) as f32;
    let mean = row.iter().sum::<f32>() / count;
    row.iter_mut().for_each(|x| *x -= mean);
    let variance = Level::best().dot(row, row) / count;
    let factor = 1.0 / (variance + epsilon).sqrt();
    row.iter_mut().for_each(|x| *x *= factor);
    affine(row, weight, bias);
}
