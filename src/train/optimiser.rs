//! Adagrad (Duchi, Hazan and Singer, JMLR 2011): each weight's step shrinks with the squares of its
//! own past gradients. A row of a table that was not read is not touched, so a rare item's
//! embedding still moves far when it is seen at last.

use super::backward::{Gradients, LikeLayers, side_index};
use crate::tower::{Matrix, Model, Side, Step};
use ndarray::{Array2, ArrayViewMut1, Zip};

/// Keeps the first steps from being as large as the rate whatever the gradient.
const INITIAL: f32 = 1e-8;

/// The optimiser, with the sums of squares it keeps for every weight.
pub(crate) struct Adagrad {
    rate: f32,
    decay: f32,
    tables: Vec<Array2<f32>>,
    layers: [LikeLayers; 2],
}

impl Adagrad {
    /// For a model, with a learning rate, and a weight decay for the rows of tables.
    pub(crate) fn new(model: &Model, rate: f32, decay: f32) -> Self {
        let mut layers = Gradients::new(model).layers;
        for (weight, bias) in layers.iter_mut().flatten().flatten() {
            weight.fill(INITIAL);
            bias.fill(INITIAL);
        }
        let tables = model.tables.iter();
        Self {
            rate,
            decay,
            tables: tables
                .map(|table| {
                    let shape = (table.weights.rows(), table.weights.columns());
                    Array2::from_elem(shape, INITIAL)
                })
                .collect(),
            layers,
        }
    }

    /// Takes one step down the gradients.
    pub(crate) fn step(&mut self, model: &mut Model, gradients: &Gradients) {
        let (rate, decay) = (self.rate, self.decay);
        let update = |weight: &mut f32, gradient: f32, squares: &mut f32| {
            *squares += gradient * gradient;
            *weight -= rate * gradient / squares.sqrt();
        };
        let tables = model.tables.iter_mut().zip(&mut self.tables);
        for ((table, squares), gradients) in tables.zip(&gradients.tables) {
            let Some(weights) = table.weights.owned_mut() else {
                continue;
            };
            for (row, gradient) in gradients.iter() {
                let weights = weights.row_mut(row as usize);
                let squares = squares.row_mut(row as usize);
                for ((weight, squares), gradient) in weights.into_iter().zip(squares).zip(gradient)
                {
                    update(weight, gradient + decay * *weight, squares);
                }
            }
        }
        for side in [Side::User, Side::Item] {
            let tower = match side {
                Side::User => &mut model.user,
                Side::Item => &mut model.item,
            };
            let at = side_index(side);
            let kept = self.layers[at].iter_mut().zip(&gradients.layers[at]);
            for (layer, kept) in tower.layers.iter_mut().zip(kept) {
                if let (
                    Step::Dense {
                        weight: Matrix::Owned(weight),
                        bias: Some(bias),
                        ..
                    },
                    (Some(squares), Some(gradient)),
                ) = (&mut layer.step, kept)
                {
                    let bias = ArrayViewMut1::from(bias);
                    Zip::from(weight)
                        .and(&gradient.0)
                        .and(&mut squares.0)
                        .for_each(|w, g, s| update(w, *g, s));
                    Zip::from(bias)
                        .and(&gradient.1)
                        .and(&mut squares.1)
                        .for_each(|w, g, s| update(w, *g, s));
                }
            }
        }
    }
}
