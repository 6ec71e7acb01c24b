//! Backward passes of single operations.

use super::slope::slope;
use ndarray::{Array2, ArrayView2, Axis};
use twinspire_towers::internals::schema::Activation;

/// An output of a pass as a matrix, one row for each record.
pub(crate) fn view(output: &[f32], rows: usize) -> ArrayView2<'_, f32> {
    let width = output.len() / rows.max(1);
    let all = ArrayView2::from_shape((rows, width), output);
    all.unwrap_or_else(|_| ArrayView2::from(&[] as &[[f32; 0]]))
}

/// Adds the gradients of all rows to those of a bias.
pub(super) fn add_columns(sums: &mut [f32], gradient: &Array2<f32>) {
    for (sum, column) in sums.iter_mut().zip(gradient.sum_axis(Axis(0))) {
        *sum += column;
    }
}

/// Backward pass of an activation.
pub(super) fn activation_backward(
    activation: Activation,
    input: ArrayView2<'_, f32>,
    output: ArrayView2<'_, f32>,
    gradient: &mut Array2<f32>,
) {
    if activation == Activation::Linear {
        return;
    }
    let each = gradient.iter_mut().zip(input).zip(output);
    each.for_each(|((g, x), y)| *g *= slope(activation, *x, *y));
}

/// Backward pass of y = x / |x|: the component of the gradient orthogonal to y, divided by |x|. Zero vectors stay
/// zero and get no gradient.
pub(super) fn normalise_backward(
    input: ArrayView2<'_, f32>,
    output: ArrayView2<'_, f32>,
    gradient: &mut Array2<f32>,
) {
    let rows = gradient.rows_mut().into_iter().zip(input.rows());
    for ((mut g, x), y) in rows.zip(output.rows()) {
        let length = x.dot(&x).sqrt();
        if length > 0.0 {
            let along = g.dot(&y);
            g.scaled_add(-along, &y);
            g /= length;
        } else {
            g.fill(0.0);
        }
    }
}

/// Backward pass of y = w · (x − mean) / deviation + b.
pub(super) fn layer_norm_backward(
    weight: &[f32],
    epsilon: f32,
    input: ArrayView2<'_, f32>,
    gradient: &mut Array2<f32>,
    weights: &mut [f32],
    biases: &mut [f32],
) {
    let count = weight.len().max(1) as f32;
    let mut centred = vec![0.0; weight.len()];
    for (mut g, x) in gradient.rows_mut().into_iter().zip(input.rows()) {
        let mean = x.sum() / count;
        let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / count;
        let factor = 1.0 / (variance + epsilon).sqrt();
        let (mut all, mut along) = (0.0, 0.0);
        for (at, (g, x)) in g.iter_mut().zip(x).enumerate() {
            let normal = (x - mean) * factor;
            weights[at] += *g * normal;
            biases[at] += *g;
            *g *= weight[at];
            centred[at] = normal;
            all += *g;
            along += *g * normal;
        }
        for (g, normal) in g.iter_mut().zip(&centred) {
            *g = factor * (*g - (all + normal * along) / count);
        }
    }
}
