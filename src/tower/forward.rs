//! The forward pass, for serving and for training alike.

use super::encode::{Encoded, Input};
use super::model::{Layer, Table, Tower};
use super::schema::Activation;
use ndarray::{Array2, Axis, s};

/// What a batch became on its way, a row a record.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    /// The input of each layer, which training needs.
    #[cfg_attr(
        not(feature = "train"),
        expect(dead_code, reason = "serving needs the output alone")
    )]
    pub(crate) inputs: Vec<Array2<f32>>,
    /// The vectors, `[records, dimension]`.
    pub(crate) output: Array2<f32>,
}

impl Tower {
    /// Computes the vectors of a batch. Each row depends on its own record alone.
    pub(crate) fn forward(&self, tables: &[Table], batch: &[&Encoded]) -> Trace {
        let mut inputs = Vec::with_capacity(self.layers.len());
        let mut output = self.embed_features(tables, batch);
        for layer in &self.layers {
            let next = layer.forward(&output);
            inputs.push(std::mem::replace(&mut output, next));
        }
        Trace { inputs, output }
    }

    /// The outputs of the features, side by side.
    fn embed_features(&self, tables: &[Table], batch: &[&Encoded]) -> Array2<f32> {
        let width = self.features.iter().map(|feature| feature.width).sum();
        let mut input = Array2::zeros((batch.len(), width));
        for (mut row, encoded) in input.axis_iter_mut(Axis(0)).zip(batch) {
            let mut from = 0;
            for (feature, input) in self.features.iter().zip(&encoded.0) {
                let mut part = row.slice_mut(s![from..from + feature.width]);
                from += feature.width;
                match (input, feature.table.and_then(|at| tables.get(at))) {
                    (Input::Number(number), _) => part.fill(*number),
                    (Input::Rows(rows), Some(table)) => {
                        let scale = feature.schema.pooling().scale(rows.len());
                        for at in rows {
                            part.scaled_add(scale, &table.weights.row(*at as usize));
                        }
                    }
                    (Input::Rows(_), None) => {}
                }
            }
        }
        input
    }
}

impl Layer {
    fn forward(&self, input: &Array2<f32>) -> Array2<f32> {
        match self {
            Self::Dense {
                weight,
                bias,
                activation,
            } => {
                let mut output = input.dot(&weight.t());
                output += bias;
                match activation {
                    Activation::Linear => {}
                    Activation::Relu => output.mapv_inplace(|x| x.max(0.0)),
                    Activation::Tanh => output.mapv_inplace(f32::tanh),
                }
                output
            }
            Self::L2Normalise => {
                let mut output = input.clone();
                for mut row in output.axis_iter_mut(Axis(0)) {
                    let length = row.dot(&row).sqrt();
                    if length > 0.0 {
                        row /= length;
                    }
                }
                output
            }
        }
    }
}
