//! The backward pass: from the gradient of the vectors to those of all weights.
//!
//! [`backward`] walks the layers of one forward pass in reverse and adds to [`Gradients`]. Tables
//! get a gradient for the rows that were read and no others.

use crate::tower::schema::Activation;
use crate::tower::{Encoded, Layer, Matrix, Model, Pass, Side, Step};
use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, s};

/// Numbers of the shape of a tower's dense layers, weight and bias; none for other layers.
pub(crate) type LikeLayers = Vec<Option<(Array2<f32>, Array1<f32>)>>;

/// The gradient of the loss by every weight.
pub(crate) struct Gradients {
    /// In the order of the model's tables.
    pub(crate) tables: Vec<RowGradients>,
    /// Those of the user tower's layers, then those of the item tower's.
    pub(crate) layers: [LikeLayers; 2],
}

/// The gradients of the rows of a table that were read.
pub(crate) struct RowGradients {
    dimension: usize,
    /// The rows, in the order they were first read.
    rows: Vec<u32>,
    /// The gradients of `rows`, back to back.
    values: Vec<f32>,
    /// For each row of the table, its place in `rows` and one, or 0.
    places: Vec<u32>,
}

/// Which of the two in [`Gradients::layers`].
pub(crate) fn side_index(side: Side) -> usize {
    match side {
        Side::User => 0,
        Side::Item => 1,
    }
}

impl Gradients {
    /// Gradients of zero.
    pub(crate) fn new(model: &Model) -> Self {
        let of = |layers: &[Layer]| {
            let zero = |layer: &Layer| match &layer.step {
                Step::Dense { weight, .. } => {
                    let (units, inputs) = (weight.rows(), weight.columns());
                    Some((Array2::zeros((units, inputs)), Array1::zeros(units)))
                }
                _ => None,
            };
            layers.iter().map(zero).collect()
        };
        let tables = model.tables.iter().map(|table| RowGradients {
            dimension: table.weights.columns(),
            rows: Vec::new(),
            values: Vec::new(),
            places: vec![0; table.weights.rows()],
        });
        Self {
            tables: tables.collect(),
            layers: [of(&model.user.layers), of(&model.item.layers)],
        }
    }

    /// Back to zero, keeping the memory.
    pub(crate) fn clear(&mut self) {
        for table in &mut self.tables {
            for row in table.rows.drain(..) {
                table.places[row as usize] = 0;
            }
            table.values.clear();
        }
        for (weight, bias) in self.layers.iter_mut().flatten().flatten() {
            weight.fill(0.0);
            bias.fill(0.0);
        }
    }
}

impl RowGradients {
    /// Adds `scale · gradient` to a row's.
    fn add(&mut self, row: u32, scale: f32, gradient: ArrayView1<'_, f32>) {
        let place = &mut self.places[row as usize];
        if *place == 0 {
            self.rows.push(row);
            *place = self.rows.len() as u32;
            self.values.resize(self.rows.len() * self.dimension, 0.0);
        }
        let from = (*place as usize - 1) * self.dimension;
        let sums = &mut self.values[from..from + self.dimension];
        for (sum, x) in sums.iter_mut().zip(gradient) {
            *sum += scale * x;
        }
    }

    /// The rows that were read, each with its gradient.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &[f32])> {
        let gradients = self.values.chunks_exact(self.dimension);
        self.rows.iter().copied().zip(gradients)
    }
}

/// Adds the gradients of one tower, given those of its output.
pub(crate) fn backward(
    model: &Model,
    side: Side,
    batch: &[&Encoded],
    pass: &Pass,
    mut gradient: Array2<f32>,
    into: &mut Gradients,
) {
    let tower = model.tower(side);
    let layers = &mut into.layers[side_index(side)];
    let rows = batch.len();
    for (at, (layer, sums)) in tower.layers.iter().zip(layers).enumerate().rev() {
        let (input, output) = (view(pass.output(at), rows), view(pass.output(at + 1), rows));
        gradient = match (&layer.step, sums) {
            (
                Step::Dense {
                    weight: Matrix::Owned(weight),
                    activation,
                    ..
                },
                Some((weights, biases)),
            ) => {
                match activation {
                    Activation::Relu => gradient.zip_mut_with(&output, |g, y| {
                        if *y <= 0.0 {
                            *g = 0.0;
                        }
                    }),
                    Activation::Tanh => gradient.zip_mut_with(&output, |g, y| *g *= 1.0 - y * y),
                    // The recipe makes no others.
                    _ => {}
                }
                general_mat_mul(1.0, &gradient.t(), &input, 1.0, weights);
                *biases += &gradient.sum_axis(Axis(0));
                gradient.dot(weight)
            }
            _ => normalise_backward(input, output, gradient),
        };
    }
    let mut from = 0;
    for (at, feature) in tower.features.iter().enumerate() {
        let part = gradient.slice(s![.., from..from + feature.width]);
        from += feature.width;
        let Some(table) = feature.table else { continue };
        let sums = &mut into.tables[table];
        for (encoded, gradient) in batch.iter().zip(part.rows()) {
            for input in encoded.inputs().skip(at).take(1) {
                for (row, factor) in input.rows.iter().zip(input.factors) {
                    sums.add(*row, *factor, gradient);
                }
            }
        }
    }
}

/// An output of a pass, a row for each record.
pub(crate) fn view(output: &[f32], rows: usize) -> ArrayView2<'_, f32> {
    let width = output.len() / rows.max(1);
    let all = ArrayView2::from_shape((rows, width), output);
    all.unwrap_or_else(|_| ArrayView2::from(&[] as &[[f32; 0]]))
}

/// Through y = x / |x|: what of the gradient is across y, divided by |x|.
fn normalise_backward(
    input: ArrayView2<'_, f32>,
    output: ArrayView2<'_, f32>,
    mut gradient: Array2<f32>,
) -> Array2<f32> {
    let rows = gradient.rows_mut().into_iter().zip(input.rows());
    for ((mut g, x), y) in rows.zip(output.rows()) {
        let length = x.dot(&x).sqrt();
        if length > 0.0 {
            let along = g.dot(&y);
            g.scaled_add(-along, &y);
            g /= length;
        }
    }
    gradient
}
