//! The optimisers Adagrad and Adam.
//!
//! - Adagrad (Duchi, Hazan and Singer, JMLR 2011): the step of each weight shrinks with the sum of squares
//!   of its past gradients.
//! - Adam (Kingma and Ba, ICLR 2015): steps of about the learning rate, by running means of the gradient
//!   and of its square.
//!
//! Both are lazy: rows of tables that were not read are not touched, and under Adam their means stay as
//! they are. So the embedding of a rare item still takes long steps when it is finally seen.

use super::gradients::{Gradients, side_index};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use twinspire_core::kernel::prefetch;
use twinspire_towers::internals::{Matrix, Model, Side};

/// Initial sum of squares of Adagrad, so that the first step depends on the size of the gradient.
pub(super) const INITIAL: f32 = 1e-8;
/// Decay of Adam's running mean of gradients (β₁).
const BETA_1: f32 = 0.9;
/// Decay of its running mean of squares (β₂).
const BETA_2: f32 = 0.999;
/// Keeps Adam from dividing by zero.
const EPSILON: f32 = 1e-8;
/// Rows of a table that one task updates.
const ROWS: usize = 64;
/// Prefetch distance, in rows.
const AHEAD: usize = 4;
/// Weights of a layer that one task updates.
const WEIGHTS: usize = 4096;

/// The optimiser.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Adagrad: the step of each weight shrinks with the sum of squares of its past gradients (Duchi, Hazan
    /// and Singer, JMLR 2011).
    #[default]
    Adagrad,
    /// Adam: steps by running means of the gradient and of its square (Kingma and Ba, ICLR 2015). Lazy: rows
    /// of tables that were not read keep their means.
    Adam,
}

/// Settings of an optimiser.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct OptimiserParams {
    pub(crate) method: Method,
    /// The learning rate.
    pub(crate) rate: f32,
    /// Weight decay of rows of tables, applied when they are read.
    pub(crate) decay: f32,
    /// Whether a warm start resets the optimiser state.
    pub(crate) fresh: bool,
}

/// The optimiser, with its state for every weight.
pub(crate) struct Optimiser {
    pub(super) params: OptimiserParams,
    pub(super) steps: i32,
    pub(super) tables: Vec<Moments>,
    pub(super) layers: [Vec<Vec<Moments>>; 2],
}

/// State of each weight of a tensor: the sum of squares for Adagrad, the running means of squares and of
/// gradients for Adam.
pub(super) struct Moments {
    pub(super) squares: Vec<f32>,
    means: Vec<f32>,
}

impl Moments {
    fn new(method: Method, weights: usize) -> Self {
        match method {
            Method::Adagrad => Self {
                squares: vec![INITIAL; weights],
                means: Vec::new(),
            },
            Method::Adam => Self {
                squares: vec![0.0; weights],
                means: vec![0.0; weights],
            },
        }
    }
}

/// The update of one step.
#[derive(Clone, Copy)]
struct Update {
    method: Method,
    rate: f32,
    /// Adam's bias corrections, as means start at zero.
    corrections: [f32; 2],
}

impl Optimiser {
    /// An optimiser for a model.
    pub(crate) fn new(model: &Model, params: OptimiserParams) -> Self {
        let new = |weights| Moments::new(params.method, weights);
        let tables = model.tables.iter();
        Self {
            params,
            steps: 0,
            tables: tables.map(|table| new(table.weights.len())).collect(),
            layers: [Side::User, Side::Item].map(|side| {
                let parts = model.tower(side).weights().into_iter();
                let parts = parts.map(|part| {
                    let tensors = part.into_iter();
                    tensors.map(|(_, all)| new(all.len())).collect()
                });
                parts.collect()
            }),
        }
    }

    /// Takes one step.
    pub(crate) fn step(&mut self, model: &mut Model, gradients: &Gradients) {
        self.steps = self.steps.saturating_add(1);
        let correction = |beta: f32| 1.0 - beta.powi(self.steps);
        let update = Update {
            method: self.params.method,
            rate: self.params.rate,
            corrections: [correction(BETA_1), correction(BETA_2)],
        };
        let decay = self.params.decay;
        let tables = model.tables.par_iter_mut().zip(&mut self.tables);
        let tables = tables.zip(&gradients.tables);
        tables.for_each(|((table, moments), gradients)| {
            let Matrix::Owned(weights) = &mut table.weights else {
                return;
            };
            let width = weights.ncols();
            if let Some(weights) = weights.as_slice_mut().filter(|_| width > 0) {
                let (rows, gradients) = gradients.parts();
                let of = Rows {
                    width,
                    first: 0,
                    rows,
                    gradients,
                };
                update.rows(weights, moments.all(), of, decay);
            }
        });
        for side in [Side::User, Side::Item] {
            let at = side_index(side);
            let parts = model.tower_mut(side).weights_mut().into_iter();
            let moments = self.layers[at].iter_mut().zip(&gradients.layers[at]);
            for (part, (moments, gradients)) in parts.zip(moments) {
                let tensors = part.into_iter().zip(moments).zip(gradients);
                for ((weights, moments), gradient) in tensors {
                    update.tensor(weights, moments.all(), gradient);
                }
            }
        }
    }
}

/// State of some weights: squares, and means if the optimiser has them.
type MomentsSlice<'a> = [&'a mut [f32]; 2];

impl Moments {
    /// Squares and means, for a checkpoint.
    pub(super) fn copy(&self) -> [Vec<f32>; 2] {
        [self.squares.clone(), self.means.clone()]
    }

    /// Continues from a copy. Returns whether it was one of as many weights.
    pub(super) fn restore(&mut self, [squares, means]: [Vec<f32>; 2]) -> bool {
        let fits = (squares.len(), means.len()) == (self.squares.len(), self.means.len());
        if fits {
            (self.squares, self.means) = (squares, means);
        }
        fits
    }

    fn all(&mut self) -> MomentsSlice<'_> {
        [&mut self.squares, &mut self.means]
    }
}

/// Splits the state at a weight. Absent means are empty on both sides.
fn split([squares, means]: MomentsSlice<'_>, at: usize) -> [MomentsSlice<'_>; 2] {
    let (squares, later_squares) = squares.split_at_mut(at.min(squares.len()));
    let (means, later_means) = means.split_at_mut(at.min(means.len()));
    [[squares, means], [later_squares, later_means]]
}

/// Rows of a table that have a gradient.
#[derive(Clone, Copy)]
struct Rows<'a> {
    width: usize,
    /// The row at which the weights start.
    first: usize,
    /// The rows, in ascending order.
    rows: &'a [u32],
    /// Their gradients, back to back.
    gradients: &'a [f32],
}

impl Update {
    /// Updates the rows of a table that have a gradient, in parallel by halving.
    fn rows(self, weights: &mut [f32], moments: MomentsSlice<'_>, of: Rows<'_>, decay: f32) {
        let width = of.width;
        if of.rows.len() <= ROWS {
            let [squares, means] = moments;
            let place = |row: u32| {
                let from = (row as usize - of.first) * width;
                from..from + width
            };
            for (at, gradient) in of.gradients.chunks_exact(width).enumerate() {
                // Rows are scattered over memory: those of a large table are not in the cache.
                if let Some(row) = of.rows.get(at + AHEAD) {
                    prefetch(&weights[place(*row)]);
                    prefetch(&squares[place(*row)]);
                }
                let row = place(of.rows[at]);
                let means = means.get_mut(row.clone()).unwrap_or_default();
                let (weights, squares) = (&mut weights[row.clone()], &mut squares[row]);
                self.apply(weights, squares, means, gradient, decay);
            }
            return;
        }
        let (rows, later_rows) = of.rows.split_at(of.rows.len() / 2);
        let (gradients, later_gradients) = of.gradients.split_at(rows.len() * width);
        let middle = later_rows[0] as usize;
        let at = (middle - of.first) * width;
        let (weights, later_weights) = weights.split_at_mut(at);
        let [moments, later_moments] = split(moments, at);
        let before = Rows {
            rows,
            gradients,
            ..of
        };
        let after = Rows {
            first: middle,
            rows: later_rows,
            gradients: later_gradients,
            ..of
        };
        rayon::join(
            || self.rows(weights, moments, before, decay),
            || self.rows(later_weights, later_moments, after, decay),
        );
    }

    /// Updates the weights of a layer, in parallel by halving.
    fn tensor(self, weights: &mut [f32], moments: MomentsSlice<'_>, gradient: &[f32]) {
        if weights.len() <= WEIGHTS {
            let [squares, means] = moments;
            self.apply(weights, squares, means, gradient, 0.0);
            return;
        }
        let at = weights.len() / 2;
        let (weights, later_weights) = weights.split_at_mut(at);
        let [moments, later_moments] = split(moments, at);
        let (gradient, later_gradient) = gradient.split_at(at);
        rayon::join(
            || self.tensor(weights, moments, gradient),
            || self.tensor(later_weights, later_moments, later_gradient),
        );
    }

    /// Updates weights and their state.
    fn apply(
        self,
        weights: &mut [f32],
        squares: &mut [f32],
        means: &mut [f32],
        gradient: &[f32],
        decay: f32,
    ) {
        let weights = weights.iter_mut().zip(squares).zip(gradient);
        match self.method {
            Method::Adagrad => weights.for_each(|((weight, squares), gradient)| {
                let gradient = gradient + decay * *weight;
                *squares += gradient * gradient;
                *weight -= self.rate * gradient / squares.sqrt();
            }),
            Method::Adam => weights
                .zip(means)
                .for_each(|(((weight, square), gradient), mean)| {
                    let [first, second] = self.corrections;
                    let gradient = gradient + decay * *weight;
                    *mean += (1.0 - BETA_1) * (gradient - *mean);
                    *square += (1.0 - BETA_2) * (gradient * gradient - *square);
                    *weight -= self.rate * (*mean / first) / ((*square / second).sqrt() + EPSILON);
                }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn update(method: Method, steps: i32) -> Update {
        Update {
            method,
            rate: 0.1,
            corrections: [1.0 - BETA_1.powi(steps), 1.0 - BETA_2.powi(steps)],
        }
    }

    #[test]
    fn steps_agree_with_a_calculation_by_hand() {
        for (method, expected) in [
            // 0.1 · 2 / √4, then 0.1 · 1 / √5.
            (Method::Adagrad, [-0.1, -0.144_721_4]),
            // Of the first step the corrected means are g and g²: a step of the rate.
            (Method::Adam, [-0.1, -0.193_217_9]),
        ] {
            let mut moments = Moments::new(method, 1);
            let mut weight = [0.0];
            for (at, gradient) in [2.0, 1.0].into_iter().enumerate() {
                let means = &mut moments.means;
                let update = update(method, at as i32 + 1);
                update.apply(&mut weight, &mut moments.squares, means, &[gradient], 0.0);
                let error = (weight[0] - expected[at]).abs();
                assert!(error < 1e-5, "{method:?} {at}: {weight:?}");
            }
        }
    }

    #[test]
    fn only_rows_with_a_gradient_change() {
        let (rows, width) = (9 * ROWS + 5, 2);
        let touched: Vec<u32> = (0..rows as u32).filter(|row| row % 3 != 1).collect();
        let gradients = [1.0f32, -2.0].repeat(touched.len());
        for method in [Method::Adagrad, Method::Adam] {
            let mut weights = vec![0.5; rows * width];
            let mut moments = Moments::new(method, rows * width);
            let of = Rows {
                width,
                first: 0,
                rows: &touched,
                gradients: &gradients,
            };
            update(method, 1).rows(&mut weights, moments.all(), of, 0.0);
            for (row, weights) in weights.chunks(width).enumerate() {
                let moved = weights[0] < 0.5 && weights[1] > 0.5;
                assert_eq!(moved, row % 3 != 1, "{method:?} {row}");
                assert!(moved || weights == [0.5, 0.5]);
            }
        }
    }

    #[test]
    fn parallel_and_sequential_updates_agree() {
        let count = 5 * WEIGHTS + 3;
        let gradient: Vec<f32> = (0..count).map(|n| (n as f32).sin()).collect();
        for method in [Method::Adagrad, Method::Adam] {
            let (mut whole, mut cut) = (vec![0.5; count], vec![0.5; count]);
            let mut moments = [Moments::new(method, count), Moments::new(method, count)];
            let [of_whole, of_cut] = moments.each_mut().map(Moments::all);
            let [squares, means] = of_whole;
            update(method, 1).apply(&mut whole, squares, means, &gradient, 0.0);
            update(method, 1).tensor(&mut cut, of_cut, &gradient);
            assert_eq!(whole, cut);
            assert!(whole.iter().skip(1).all(|weight| *weight != 0.5));
        }
    }
}
