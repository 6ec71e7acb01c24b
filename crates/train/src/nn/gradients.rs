//! Gradients of every weight, and how those of several parts of a batch become one.
//!
//! Rows of tables are not added to as they are read. A part of a batch keeps the gradient of each sum of
//! rows, and a list of who read which row; when the step is taken, the reads of each row are found by
//! counting, and each row is summed at once, in the order of the batch, whichever thread does it.

use rayon::prelude::*;
use twinspire_core::kernel::{Level, Weights};
use twinspire_towers::internals::{Model, Side};

/// Numbers of the shape of one layer's weights, tensor by tensor.
pub(crate) type Tensors = Vec<Vec<f32>>;

/// Rows of a table that one thread sums at a time.
const ROWS: usize = 32;
/// Weights of a layer that one thread sums at a time.
const WEIGHTS: usize = 4096;

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
    /// The rows, in order.
    rows: Vec<u32>,
    /// The gradients of `rows`, back to back.
    values: Vec<f32>,
    /// Who read them, row after row: the part of the batch, and which of its reads.
    readers: Vec<(u32, u32)>,
    /// Where the readers of each of `rows` end.
    ends: Vec<u32>,
    /// For each row of the table, how many read it, then where the next reader goes; 0 in between.
    places: Vec<u32>,
}

/// What a part of a batch adds to the gradients.
pub(super) struct Part {
    /// In the order of the model's tables.
    pub(super) tables: Vec<Reads>,
    /// As in [`Gradients::layers`].
    pub(super) layers: [Vec<Tensors>; 2],
}

/// Reads of the rows of a table.
#[derive(Default)]
pub(super) struct Reads {
    /// The gradients of the sums that were made of rows, back to back.
    sums: Vec<f32>,
    reads: Vec<Read>,
}

/// A row in a sum.
struct Read {
    row: u32,
    /// What it was multiplied by.
    factor: f32,
    /// Where the gradient of the sum begins.
    from: usize,
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
    pub(super) fn new(model: &Model) -> Self {
        let tables = model.tables.iter().map(|table| RowGradients {
            dimension: table.weights.columns(),
            rows: Vec::new(),
            values: Vec::new(),
            readers: Vec::new(),
            ends: Vec::new(),
            places: vec![0; table.weights.rows()],
        });
        Self {
            tables: tables.collect(),
            layers: like_layers(model),
        }
    }

    /// Becomes what the parts of a batch come to together. They are added up in their order, so that
    /// the sum is the same to the bit however many threads there are.
    pub(super) fn sum(&mut self, parts: &[Part]) {
        let tables = self.tables.par_iter_mut().enumerate();
        tables.for_each(|(at, table)| {
            let parts: Vec<_> = parts.iter().map(|part| &part.tables[at]).collect();
            table.sum(&parts);
        });
        for (side, layers) in self.layers.iter_mut().enumerate() {
            for (layer, tensors) in layers.iter_mut().enumerate() {
                for (tensor, sums) in tensors.iter_mut().enumerate() {
                    let parts = parts.iter().map(|part| &part.layers[side][layer][tensor]);
                    let parts: Vec<_> = parts.collect();
                    sum_tensors(sums, &parts);
                }
            }
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
}

/// The sum of tensors of one shape.
fn sum_tensors(sums: &mut [f32], parts: &[&Vec<f32>]) {
    let chunks = sums.par_chunks_mut(WEIGHTS).enumerate();
    chunks.for_each(|(chunk, sums)| {
        sums.fill(0.0);
        for part in parts {
            let part = &part[chunk * WEIGHTS..];
            sums.iter_mut().zip(part).for_each(|(sum, x)| *sum += x);
        }
    });
}

impl Part {
    /// A part that adds nothing yet.
    pub(super) fn new(model: &Model) -> Self {
        Self {
            tables: model.tables.iter().map(|_| Reads::default()).collect(),
            layers: like_layers(model),
        }
    }

    /// Back to nothing, keeping the memory.
    pub(super) fn clear(&mut self) {
        for table in &mut self.tables {
            table.sums.clear();
            table.reads.clear();
        }
        for tensor in self.layers.iter_mut().flatten().flatten() {
            tensor.fill(0.0);
        }
    }
}

impl Reads {
    /// Takes in the gradient of a sum of rows, each multiplied by a factor.
    pub(super) fn add(&mut self, rows: &[u32], factors: &[f32], gradient: &[f32]) {
        let from = self.sums.len();
        self.sums.extend_from_slice(gradient);
        let reads = rows.iter().zip(factors);
        self.reads.extend(reads.map(|(row, factor)| Read {
            row: *row,
            factor: *factor,
            from,
        }));
    }
}

impl RowGradients {
    /// Becomes what the reads come to.
    fn sum(&mut self, parts: &[&Reads]) {
        self.find_readers(parts);
        let dimension = self.dimension;
        self.values.resize(self.rows.len() * dimension, 0.0);
        if dimension == 0 {
            return;
        }
        let level = Level::best();
        let (readers, ends) = (&self.readers, &self.ends);
        let chunks = self.values.par_chunks_mut(ROWS * dimension).enumerate();
        chunks.for_each(|(chunk, values)| {
            let first = chunk * ROWS;
            let mut from = first.checked_sub(1).map_or(0, |before| ends[before]);
            for (sum, end) in values.chunks_exact_mut(dimension).zip(&ends[first..]) {
                sum.fill(0.0);
                for (part, read) in &readers[from as usize..*end as usize] {
                    let part = parts[*part as usize];
                    let read = &part.reads[*read as usize];
                    let gradient = &part.sums[read.from..read.from + dimension];
                    level.add_scaled(sum, read.factor, Weights::F32(gradient));
                }
                from = *end;
            }
        });
    }

    /// Finds the rows that were read, and who read each.
    fn find_readers(&mut self, parts: &[&Reads]) {
        let (rows, places) = (&mut self.rows, &mut self.places);
        rows.clear();
        for read in parts.iter().flat_map(|part| &part.reads) {
            let count = &mut places[read.row as usize];
            if *count == 0 {
                rows.push(read.row);
            }
            *count += 1;
        }
        rows.sort_unstable();
        self.ends.clear();
        let mut end = 0;
        for row in &*rows {
            let place = &mut places[*row as usize];
            let count = std::mem::replace(place, end);
            end += count;
            self.ends.push(end);
        }
        self.readers.resize(end as usize, (0, 0));
        for (part, of_part) in parts.iter().enumerate() {
            for (at, read) in of_part.reads.iter().enumerate() {
                let place = &mut places[read.row as usize];
                self.readers[*place as usize] = (part as u32, at as u32);
                *place += 1;
            }
        }
        rows.iter().for_each(|row| places[*row as usize] = 0);
    }

    /// The rows that were read, in order, and their gradients, back to back.
    pub(crate) fn parts(&self) -> (&[u32], &[f32]) {
        (&self.rows, &self.values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn a_row_gets_the_gradients_of_all_sums_it_was_read_for(
            batches in prop::collection::vec(
                prop::collection::vec(
                    prop::collection::vec((prop::collection::vec(0u32..90, 0..5), -4i8..4), 0..30),
                    0..9,
                ),
                1..4,
            )
        ) {
            let mut found = RowGradients {
                dimension: 2,
                rows: Vec::new(),
                values: Vec::new(),
                readers: Vec::new(),
                ends: Vec::new(),
                places: vec![0; 90],
            };
            // The memory of one step is used again for the next.
            for batch in batches {
                let mut plain: BTreeMap<u32, [f32; 2]> = BTreeMap::new();
                let parts = batch.iter().map(|part| {
                    let mut reads = Reads::default();
                    for (rows, gradient) in part {
                        let gradient = f32::from(*gradient);
                        let factors: Vec<f32> = (1..=rows.len()).map(|n| n as f32).collect();
                        reads.add(rows, &factors, &[gradient, 1.0]);
                        for (row, factor) in rows.iter().zip(factors) {
                            let sum = plain.entry(*row).or_default();
                            sum[0] += factor * gradient;
                            sum[1] += factor;
                        }
                    }
                    reads
                });
                let parts: Vec<_> = parts.collect();
                found.sum(&parts.iter().collect::<Vec<_>>());
                let (rows, values) = found.parts();
                // Sums of small whole numbers are exact.
                prop_assert_eq!(rows, plain.keys().copied().collect::<Vec<_>>());
                prop_assert_eq!(values, plain.into_values().flatten().collect::<Vec<_>>());
            }
        }
    }
}
