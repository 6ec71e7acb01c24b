//! How weights follow their gradients.
//!
//! Adagrad (Duchi, Hazan and Singer, JMLR 2011): each weight's step shrinks with the squares of its own
//! past gradients. Adam (Kingma and Ba, ICLR 2015): steps of about the learning rate, by running means
//! of the gradient and of its square. Both are lazy: a row of a table that was not read is not touched
//! (under Adam its means rest meanwhile), so a rare item's embedding still moves far when it is seen
//! at last.

mod state;

use super::network::{Gradients, side_index};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use twinspire_core::kernel::prefetch;
use twinspire_towers::internals::{Matrix, Model, Side};

/// Keeps the first steps of Adagrad from being as large as the rate whatever the gradient.
const INITIAL: f32 = 1e-8;
/// How much of Adam's running mean of the gradients is kept at each step.
const KEPT: f32 = 0.9;
/// How much of its running mean of their squares is.
const KEPT_SQUARES: f32 = 0.999;
/// Keeps Adam from dividing by zero.
const EPSILON: f32 = 1e-8;
/// Rows of a table that one thread changes at a time.
const ROWS: usize = 64;
/// How many rows before it is changed a row is asked for.
const AHEAD: usize = 4;
/// Weights of a layer that one thread changes at a time.
const WEIGHTS: usize = 4096;

/// How weights follow their gradients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Steps that shrink with the squares of a weight's own past gradients (Duchi, Hazan and Singer,
    /// JMLR 2011).
    #[default]
    Adagrad,
    /// Steps by running means of the gradient and of its square (Kingma and Ba, ICLR 2015); rows of
    /// tables rest where they are not read.
    Adam,
}

/// A method and its numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rule {
    pub(crate) method: Method,
    /// The learning rate.
    pub(crate) rate: f32,
    /// Pulls the rows of tables towards zero when they are read.
    pub(crate) decay: f32,
    /// Whether steps begin anew, too, where a training goes on from earlier towers.
    pub(crate) fresh: bool,
}

/// The optimiser, with what it keeps for every weight.
pub(crate) struct Optimiser {
    rule: Rule,
    steps: i32,
    tables: Vec<Kept>,
    layers: [Vec<Vec<Kept>>; 2],
}

/// What is kept for each weight of a tensor: under Adagrad the sum of squares, under Adam the running
/// means of squares and of gradients.
struct Kept {
    squares: Vec<f32>,
    means: Vec<f32>,
}

impl Kept {
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

/// A rule at one step.
#[derive(Clone, Copy)]
struct Now {
    method: Method,
    rate: f32,
    /// Adam's corrections for means that began at zero.
    corrections: [f32; 2],
}

impl Optimiser {
    /// An optimiser for a model.
    pub(crate) fn new(model: &Model, rule: Rule) -> Self {
        let new = |weights| Kept::new(rule.method, weights);
        let tables = model.tables.iter();
        Self {
            rule,
            steps: 0,
            tables: tables.map(|table| new(table.weights.len())).collect(),
            layers: [Side::User, Side::Item].map(|side| {
                let layers = model.tower(side).layers.iter();
                let layers = layers.map(|layer| {
                    let tensors = layer.weights().into_iter();
                    tensors.map(|(_, all)| new(all.len())).collect()
                });
                layers.collect()
            }),
        }
    }

    /// Takes one step down the gradients.
    pub(crate) fn step(&mut self, model: &mut Model, gradients: &Gradients) {
        self.steps = self.steps.saturating_add(1);
        let correction = |kept: f32| 1.0 - kept.powi(self.steps);
        let now = Now {
            method: self.rule.method,
            rate: self.rule.rate,
            corrections: [correction(KEPT), correction(KEPT_SQUARES)],
        };
        let decay = self.rule.decay;
        let tables = model.tables.par_iter_mut().zip(&mut self.tables);
        let tables = tables.zip(&gradients.tables);
        tables.for_each(|((table, kept), gradients)| {
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
                now.rows(weights, kept.all(), of, decay);
            }
        });
        for side in [Side::User, Side::Item] {
            let at = side_index(side);
            let layers = model.tower_mut(side).layers.iter_mut();
            let kept = self.layers[at].iter_mut().zip(&gradients.layers[at]);
            for (layer, (kept, gradients)) in layers.zip(kept) {
                let tensors = layer.weights_mut().into_iter().zip(kept).zip(gradients);
                for ((weights, kept), gradient) in tensors {
                    now.tensor(weights, kept.all(), gradient);
                }
            }
        }
    }
}

/// What is kept for some weights: squares, and means if there are any.
type KeptPart<'a> = [&'a mut [f32]; 2];

impl Kept {
    fn all(&mut self) -> KeptPart<'_> {
        [&mut self.squares, &mut self.means]
    }
}

/// Both sides of a place in what is kept; lists that are not there are empty on both.
fn split([squares, means]: KeptPart<'_>, at: usize) -> [KeptPart<'_>; 2] {
    let (squares, later_squares) = squares.split_at_mut(at.min(squares.len()));
    let (means, later_means) = means.split_at_mut(at.min(means.len()));
    [[squares, means], [later_squares, later_means]]
}

/// Rows of a table that have a gradient.
#[derive(Clone, Copy)]
struct Rows<'a> {
    width: usize,
    /// The row that the weights begin with.
    first: usize,
    /// In order.
    rows: &'a [u32],
    /// Of each of them, back to back.
    gradients: &'a [f32],
}

impl Now {
    /// Changes the rows of a table that have a gradient, halves of them side by side.
    fn rows(self, weights: &mut [f32], kept: KeptPart<'_>, of: Rows<'_>, decay: f32) {
        let width = of.width;
        if of.rows.len() <= ROWS {
            let [squares, means] = kept;
            let place = |row: u32| {
                let from = (row as usize - of.first) * width;
                from..from + width
            };
            for (at, gradient) in of.gradients.chunks_exact(width).enumerate() {
                // Rows lie anywhere in memory; those of a large table have to be waited for.
                if let Some(row) = of.rows.get(at + AHEAD) {
                    prefetch(&weights[place(*row)]);
                    prefetch(&squares[place(*row)]);
                }
                let row = place(of.rows[at]);
                let means = means.get_mut(row.clone()).unwrap_or_default();
                let (weights, squares) = (&mut weights[row.clone()], &mut squares[row]);
                self.change(weights, squares, means, gradient, decay);
            }
            return;
        }
        let (rows, later_rows) = of.rows.split_at(of.rows.len() / 2);
        let (gradients, later_gradients) = of.gradients.split_at(rows.len() * width);
        let middle = later_rows[0] as usize;
        let at = (middle - of.first) * width;
        let (weights, later_weights) = weights.split_at_mut(at);
        let [kept, later_kept] = split(kept, at);
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
            || self.rows(weights, kept, before, decay),
            || self.rows(later_weights, later_kept, after, decay),
        );
    }

    /// Changes the weights of a layer, halves of them side by side.
    fn tensor(self, weights: &mut [f32], kept: KeptPart<'_>, gradient: &[f32]) {
        if weights.len() <= WEIGHTS {
            let [squares, means] = kept;
            self.change(weights, squares, means, gradient, 0.0);
            return;
        }
        let at = weights.len() / 2;
        let (weights, later_weights) = weights.split_at_mut(at);
        let [kept, later_kept] = split(kept, at);
        let (gradient, later_gradient) = gradient.split_at(at);
        rayon::join(
            || self.tensor(weights, kept, gradient),
            || self.tensor(later_weights, later_kept, later_gradient),
        );
    }

    /// Changes weights.
    fn change(
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
                    *mean += (1.0 - KEPT) * (gradient - *mean);
                    *square += (1.0 - KEPT_SQUARES) * (gradient * gradient - *square);
                    *weight -= self.rate * (*mean / first) / ((*square / second).sqrt() + EPSILON);
                }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now(method: Method, steps: i32) -> Now {
        Now {
            method,
            rate: 0.1,
            corrections: [1.0 - KEPT.powi(steps), 1.0 - KEPT_SQUARES.powi(steps)],
        }
    }

    #[test]
    fn the_steps_are_those_worked_out_by_hand() {
        for (method, expected) in [
            // 0.1 · 2 / √4, then 0.1 · 1 / √5.
            (Method::Adagrad, [-0.1, -0.144_721_4]),
            // Of the first step the corrected means are g and g²: a step of the rate.
            (Method::Adam, [-0.1, -0.193_217_9]),
        ] {
            let mut kept = Kept::new(method, 1);
            let mut weight = [0.0];
            for (at, gradient) in [2.0, 1.0].into_iter().enumerate() {
                let means = &mut kept.means;
                let now = now(method, at as i32 + 1);
                now.change(&mut weight, &mut kept.squares, means, &[gradient], 0.0);
                let error = (weight[0] - expected[at]).abs();
                assert!(error < 1e-5, "{method:?} {at}: {weight:?}");
            }
        }
    }

    #[test]
    fn rows_without_a_gradient_rest_and_all_others_change() {
        let (rows, width) = (9 * ROWS + 5, 2);
        let touched: Vec<u32> = (0..rows as u32).filter(|row| row % 3 != 1).collect();
        let gradients = [1.0f32, -2.0].repeat(touched.len());
        for method in [Method::Adagrad, Method::Adam] {
            let mut weights = vec![0.5; rows * width];
            let mut kept = Kept::new(method, rows * width);
            let of = Rows {
                width,
                first: 0,
                rows: &touched,
                gradients: &gradients,
            };
            now(method, 1).rows(&mut weights, kept.all(), of, 0.0);
            for (row, weights) in weights.chunks(width).enumerate() {
                let moved = weights[0] < 0.5 && weights[1] > 0.5;
                assert_eq!(moved, row % 3 != 1, "{method:?} {row}");
                assert!(moved || weights == [0.5, 0.5]);
            }
        }
    }

    #[test]
    fn the_weights_of_a_layer_change_alike_in_one_piece_and_in_many() {
        let count = 5 * WEIGHTS + 3;
        let gradient: Vec<f32> = (0..count).map(|n| (n as f32).sin()).collect();
        for method in [Method::Adagrad, Method::Adam] {
            let (mut whole, mut cut) = (vec![0.5; count], vec![0.5; count]);
            let mut kept = [Kept::new(method, count), Kept::new(method, count)];
            let [of_whole, of_cut] = kept.each_mut().map(Kept::all);
            let [squares, means] = of_whole;
            now(method, 1).change(&mut whole, squares, means, &gradient, 0.0);
            now(method, 1).tensor(&mut cut, of_cut, &gradient);
            assert_eq!(whole, cut);
            assert!(whole.iter().skip(1).all(|weight| *weight != 0.5));
        }
    }
}
