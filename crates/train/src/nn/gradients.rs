//! Gradients of every weight, summed over the chunks of a batch.
//!
//! Rows of tables are not updated as they are read. Each chunk ([`Part`]) records the gradient of each pooled
//! sum, and which rows it was pooled from. At the optimiser step, a counting sort groups the reads by row. Each
//! row is then summed at once, in the order of the batch, so the result does not depend on the threads.

use rayon::prelude::*;
use twinspire_core::kernel::{Level, Weights};
use twinspire_towers::internals::{Model, Side};

/// Numbers in the shape of the weights of one feature or layer, by tensor.
pub(crate) type Tensors = Vec<Vec<f32>>;

/// Rows of a table that one task sums.
const ROWS: usize = 32;
/// Weights of a layer that one task sums.
const WEIGHTS: usize = 4096;

/// Gradients of the loss by every weight.
pub(crate) struct Gradients {
    /// In the order of the model's tables.
    pub(crate) tables: Vec<RowGradients>,
    /// Parts of the user tower and of the item tower: first its features, then its layers.
    pub(crate) layers: [Vec<Tensors>; 2],
}

/// The gradients of the rows of a table that were read.
pub(crate) struct RowGradients {
    dimension: usize,
    /// The rows, in ascending order.
    rows: Vec<u32>,
    /// The gradients of `rows`, back to back.
    values: Vec<f32>,
    /// Reads of the rows, grouped by row: the chunk, and the index of its read.
    readers: Vec<(u32, u32)>,
    /// End of the reads of each of `rows` in `readers`.
    ends: Vec<u32>,
    /// Scratch of the counting sort, by row of the table; 0 between steps.
    places: Vec<u32>,
}

/// What one chunk of a batch adds to the gradients.
pub(super) struct Part {
    /// In the order of the model's tables.
    pub(super) tables: Vec<Reads>,
    /// As in [`Gradients::layers`].
    pub(super) layers: [Vec<Tensors>; 2],
}

/// Reads of the rows of a table.
#[derive(Default)]
pub(super) struct Reads {
    /// Gradients of the pooled sums, back to back.
    sums: Vec<f32>,
    reads: Vec<Read>,
}

/// A row that was pooled into a sum.
struct Read {
    row: u32,
    /// Factor of the row in the sum.
    factor: f32,
    /// Start of the gradient of the sum.
    from: usize,
}

/// Index of a side in [`Gradients::layers`].
pub(crate) fn side_index(side: Side) -> usize {
    match side {
        Side::User => 0,
        Side::Item => 1,
    }
}

/// Zeros in the shape of the weights of each feature and layer.
pub(super) fn like_layers(model: &Model) -> [Vec<Tensors>; 2] {
    [Side::User, Side::Item].map(|side| {
        let zeros = |weights: Vec<(&str, Weights<'_>)>| {
            let each = weights.into_iter();
            each.map(|(_, all)| vec![0.0; all.len()]).collect()
        };
        let parts = model.tower(side).weights().into_iter();
        parts.map(zeros).collect()
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

    /// Becomes the sum over the chunks of a batch. They are added in order, so the sum is the same to the bit on
    /// any number of threads.
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

    /// Replaces the gradients of the layers of both towers by their sum.
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
    /// Gradients of zero.
    pub(super) fn new(model: &Model) -> Self {
        Self {
            tables: model.tables.iter().map(|_| Reads::default()).collect(),
            layers: like_layers(model),
        }
    }

    /// Resets to zero and keeps the memory.
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
    /// Adds the gradient of a sum of rows, each multiplied by a factor.
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
    /// Becomes the sum over the reads of all chunks.
    fn sum(&mut self, parts: &[&Reads]) {
        self.group_reads(parts);
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

    /// Groups the reads by row, by a counting sort.
    fn group_reads(&mut self, parts: &[&Reads]) {
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

    /// The rows that were read, in ascending order, and their gradients, back to back.
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
        fn a_row_gets_the_gradients_of_all_sums_it_was_pooled_into(
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
            // Buffers are reused from step to step.
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
