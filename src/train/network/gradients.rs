//! Gradients of every weight, and how those of several parts of a batch become one.

use crate::kernel::{Level, Weights};
use crate::tower::{Model, Side};

/// Numbers of the shape of one layer's weights, tensor by tensor.
pub(crate) type Tensors = Vec<Vec<f32>>;

/// The gradient of the loss by every weight.
pub(crate) struct Gradients {
    /// In the order of the model's tables.
    pub(crate) tables: Vec<RowGradients>,
    /// Those of the user tower's layers, then those of the item tower's.
    pub(crate) layers: [Vec<Tensors>; 2],
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

/// Zeros of the shape of each layer's weights.
pub(super) fn like_layers(model: &Model) -> [Vec<Tensors>; 2] {
    [Side::User, Side::Item].map(|side| {
        let layers = model.tower(side).layers.iter();
        let zeros = |weights: Vec<(&str, Weights<'_>)>| {
            let each = weights.into_iter();
            each.map(|(_, all)| vec![0.0; all.len()]).collect()
        };
        layers.map(|layer| zeros(layer.weights())).collect()
    })
}

impl Gradients {
    /// Gradients of zero.
    pub(crate) fn new(model: &Model) -> Self {
        let tables = model.tables.iter().map(|table| RowGradients {
            dimension: table.weights.columns(),
            rows: Vec::new(),
            values: Vec::new(),
            places: vec![0; table.weights.rows()],
        });
        Self {
            tables: tables.collect(),
            layers: like_layers(model),
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
        for tensor in self.layers.iter_mut().flatten().flatten() {
            tensor.fill(0.0);
        }
    }

    /// Gives the layers of both towers what both have together.
    pub(super) fn tie(&mut self) {
        let [users, items] = &mut self.layers;
        for (user, item) in users.iter_mut().flatten().zip(items.iter_mut().flatten()) {
            for (user, item) in user.iter_mut().zip(item) {
                *user += *item;
                *item = *user;
            }
        }
    }

    /// Adds those of another part of the batch.
    fn add(&mut self, other: &Self) {
        for (table, other) in self.tables.iter_mut().zip(&other.tables) {
            for (row, gradient) in other.iter() {
                table.add(row, 1.0, gradient);
            }
        }
        let others = other.layers.iter().flatten().flatten();
        let tensors = self.layers.iter_mut().flatten().flatten().zip(others);
        for (sums, other) in tensors {
            sums.iter_mut().zip(other).for_each(|(sum, x)| *sum += x);
        }
    }
}

/// Adds all parts up in the first. Which is added to which depends on their number alone, so that
/// the sum is the same to the bit however many threads there are.
pub(super) fn sum(parts: &mut [Gradients]) {
    if parts.len() < 2 {
        return;
    }
    let (left, right) = parts.split_at_mut(parts.len().div_ceil(2));
    rayon::join(|| sum(left), || sum(right));
    left[0].add(&right[0]);
}

impl RowGradients {
    /// Adds `scale · gradient` to a row's.
    pub(super) fn add(&mut self, row: u32, scale: f32, gradient: &[f32]) {
        let sums = self.row(row);
        Level::best().add_scaled(sums, scale, Weights::F32(gradient));
    }

    /// The gradient of a row, zeros if it was not read before.
    pub(super) fn row(&mut self, row: u32) -> &mut [f32] {
        let place = &mut self.places[row as usize];
        if *place == 0 {
            self.rows.push(row);
            *place = self.rows.len() as u32;
            self.values.resize(self.rows.len() * self.dimension, 0.0);
        }
        let from = (*place as usize - 1) * self.dimension;
        &mut self.values[from..from + self.dimension]
    }

    /// The rows that were read, each with its gradient.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &[f32])> {
        let gradients = self.values.chunks_exact(self.dimension.max(1));
        self.rows.iter().copied().zip(gradients)
    }

    /// The same, ordered by rows.
    pub(crate) fn in_order(&self) -> Vec<(u32, &[f32])> {
        let mut all: Vec<_> = self.iter().collect();
        all.sort_unstable_by_key(|(row, _)| *row);
        all
    }
}
