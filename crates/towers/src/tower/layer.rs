//! The layers of a tower with their weights, and how each computes its output.

use super::error::LayerError;
use super::matrix::Matrix;
use super::onnx::OnnxModel;
use super::schema::Activation;
use twinspire_core::kernel::{Aligned, Level, Weights};

/// One layer: what it reads, and what it computes.
#[derive(Clone, Debug)]
pub struct Layer {
    /// The outputs that it reads: 0 is the input of the tower, N + 1 the output of layer N.
    pub from: Vec<usize>,
    /// Width of its output.
    pub width: usize,
    /// What it computes.
    pub step: Step,
}

/// What a layer computes, with its weights.
#[derive(Clone, Debug)]
pub enum Step {
    /// `activation(weight · x + bias)`.
    Dense {
        /// `[units, inputs]`.
        weight: Matrix,
        /// `[units]`, if a bias is added.
        bias: Option<Vec<f32>>,
        /// Applied to each component.
        activation: Activation,
    },
    /// An activation function, applied to each component.
    Activation(Activation),
    /// Adds a learned number to each component.
    Bias(Vec<f32>),
    /// Layer normalisation: standardises the components of a record, then scales and shifts each.
    LayerNorm {
        /// The factor of each component.
        weight: Vec<f32>,
        /// Added to each component.
        bias: Vec<f32>,
        /// Added to the variance.
        epsilon: f32,
    },
    /// Scales and shifts each component: batch normalisation with fixed statistics, folded.
    Affine {
        /// The factor of each component.
        scale: Vec<f32>,
        /// Added to each component.
        shift: Vec<f32>,
    },
    /// Adds several outputs, component by component.
    Add,
    /// Concatenates several outputs.
    Concat,
    /// Multiplies each feature by a weight that is computed from all features (squeeze and excitation, Hu et
    /// al., 2018, on features as in FiBiNET, Huang et al., 2019).
    FeatureWeights(Box<FeatureWeights>),
    /// Normalises to length 1; a zero vector stays zero.
    L2Normalise,
    /// Multiplies all components by a factor.
    Scale(f32),
    /// Runs an ONNX model.
    Onnx(OnnxModel),
}

/// The weights of [`Step::FeatureWeights`].
#[derive(Clone, Debug)]
pub struct FeatureWeights {
    /// The width of each feature.
    pub widths: Vec<usize>,
    /// Weight `[units, features]` and bias `[units]` of the hidden layer.
    pub squeeze: (Matrix, Vec<f32>),
    /// Applied to the hidden layer.
    pub activation: Activation,
    /// Weight `[features, units]` and bias `[features]` of the gates.
    pub excite: (Matrix, Vec<f32>),
    /// Applied to the gates.
    pub gate: Activation,
}

/// Scratch buffers for intermediate results of a layer.
#[derive(Clone, Debug, Default)]
pub(super) struct LayerScratch([Aligned; 3]);

impl Layer {
    /// Computes the output for `rows` records; `earlier` holds the outputs of all earlier layers.
    pub(super) fn forward(
        &self,
        rows: usize,
        earlier: &[Aligned],
        output: &mut Aligned,
        scratch: &mut LayerScratch,
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
            Step::FeatureWeights(weights) => weights.apply(rows, output, scratch),
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

    /// Number of learned weights.
    pub(super) fn parameters(&self) -> usize {
        match &self.step {
            Step::Onnx(model) => model.parameters(),
            _ => self.weights().iter().map(|(_, all)| all.len()).sum(),
        }
    }

    /// The output of a dense layer before its activation; empty for other layers.
    pub fn before_activation(&self, rows: usize, input: &[f32]) -> Vec<f32> {
        let mut output = Aligned::default();
        if let Step::Dense { weight, bias, .. } = &self.step {
            let bias = bias.as_deref();
            dense(input, weight, bias, Activation::Linear, rows, &mut output);
        }
        output.to_vec()
    }

    /// The trainable weights, in the order of [`weights`](Self::weights): those that are in memory.
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

    /// The same layer with all trainable weights in memory, in 32 bits.
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

    /// The learned weights by tensor name. Those inside an ONNX model are not listed.
    pub fn weights(&self) -> Vec<(&str, Weights<'_>)> {
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
    fn apply(&self, rows: usize, output: &mut [f32], LayerScratch(scratch): &mut LayerScratch) {
        let [means, hidden, gates] = scratch;
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

/// `activation(weight · x + bias)` for `rows` records.
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
pub(super) fn layer_norm(row: &mut [f32], weight: &[f32], bias: &[f32], epsilon: f32) {
    let count = row.len().max(1) as f32;
    let mean = row.iter().sum::<f32>() / count;
    row.iter_mut().for_each(|x| *x -= mean);
    let variance = Level::best().dot(row, row) / count;
    let factor = 1.0 / (variance + epsilon).sqrt();
    row.iter_mut().for_each(|x| *x *= factor);
    affine(row, weight, bias);
}
