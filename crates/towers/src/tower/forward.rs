//! The forward pass. Serving and training share it.

use super::encoded::{Encoded, Input};
use super::error::LayerError;
use super::layer::LayerScratch;
use super::model::{Feature, Table, Tower};
use super::schema::Pooling;
use super::sequence::SequencePass;
use twinspire_core::kernel::{Aligned, Level, Weights};

/// Tables up to this many weights stay in the cache and are not prefetched.
const CACHED_WEIGHTS: usize = 1 << 18;

/// The outputs of all layers for a batch. Reused for the next batch, it allocates nothing unless that batch is
/// larger than all before.
#[derive(Clone, Debug, Default)]
pub struct Pass {
    /// The input and the output of each layer, a row per record.
    outputs: Vec<Aligned>,
    /// The number of layers of the last forward pass.
    layers: usize,
    /// The sequences of each feature that has an encoder.
    sequences: Vec<SequencePass>,
    scratch: LayerScratch,
}

impl Pass {
    /// An output, a row per record: 0 is the input of the tower, N + 1 the output of layer N.
    #[inline]
    pub fn output(&self, at: usize) -> &[f32] {
        self.outputs.get(at).map_or(&[], |output| &**output)
    }

    /// The sequences of a feature.
    #[inline]
    pub fn sequence(&self, feature: usize) -> Option<&SequencePass> {
        self.sequences.get(feature)
    }

    /// The last output: the vectors.
    #[inline]
    pub fn last(&self) -> &[f32] {
        self.output(self.layers)
    }
}

impl Tower {
    /// Computes the vectors of a batch, concatenated. Each depends on its own record only, to the bit, unless
    /// the tower runs an ONNX model.
    pub fn forward<'a>(
        &self,
        tables: &[Table],
        batch: impl Iterator<Item = &'a Encoded>,
        pass: &'a mut Pass,
    ) -> Result<&'a [f32], LayerError> {
        pass.layers = self.layers.len();
        if pass.outputs.len() <= self.layers.len() {
            pass.outputs
                .resize_with(self.layers.len() + 1, Aligned::default);
        }
        let has_sequences = self
            .features
            .iter()
            .any(|feature| feature.sequence.is_some());
        if has_sequences && pass.sequences.len() < self.features.len() {
            let count = self.features.len();
            pass.sequences.resize_with(count, SequencePass::default);
        }
        pass.sequences.iter_mut().for_each(SequencePass::clear);
        let mut rows = 0;
        if let Some(input) = pass.outputs.first_mut() {
            input.clear();
            let mut batch = batch.peekable();
            while let Some(encoded) = batch.next() {
                rows += 1;
                if let Some(next) = batch.peek() {
                    self.prefetch(tables, next);
                }
                for (at, (feature, read)) in self.features.iter().zip(encoded.inputs()).enumerate()
                {
                    match (&feature.sequence, pass.sequences.get_mut(at)) {
                        (Some(model), Some(sequences)) => {
                            input.zeros(feature.width);
                            if let Some(table) = feature.table.and_then(|at| tables.get(at)) {
                                sequences.push(model, &table.weights, read.rows);
                            }
                        }
                        _ => feature.append(tables, read, input),
                    }
                }
            }
            let width = input.len().checked_div(rows).unwrap_or_default();
            let mut from = 0;
            for (feature, sequences) in self.features.iter().zip(&mut pass.sequences) {
                if let Some(model) = &feature.sequence {
                    sequences.encode(model, input, (from, width));
                }
                from += feature.width;
            }
        }
        for (at, layer) in self.layers.iter().enumerate() {
            let (earlier, rest) = pass.outputs.split_at_mut(at + 1);
            if let Some(output) = rest.first_mut() {
                layer.forward(rows, earlier, output, &mut pass.scratch)?;
            }
        }
        Ok(pass.last())
    }

    /// Prefetches the rows of large tables that a record will read.
    fn prefetch(&self, tables: &[Table], record: &Encoded) {
        for (feature, read) in self.features.iter().zip(record.inputs()) {
            let table = feature.table.and_then(|at| tables.get(at));
            if let Some(table) = table.filter(|table| table.weights.len() > CACHED_WEIGHTS) {
                let rows = read.rows.iter().filter_map(|row| table.weights.row(*row));
                rows.for_each(Weights::prefetch);
            }
        }
    }
}

impl Feature {
    /// Appends the numbers of one record, pooling the embeddings.
    fn append(&self, tables: &[Table], read: Input<'_>, input: &mut Aligned) {
        let table = self.table.filter(|_| self.schema.numbering().is_none());
        let Some(table) = table.and_then(|at| tables.get(at)) else {
            input.extend_from_slice(read.numbers);
            return;
        };
        let sum = input.zeros(self.width);
        let embeddings = read.rows.iter().filter_map(|row| table.weights.row(*row));
        if self.schema.pooling() == Pooling::Max {
            for (at, embedding) in embeddings.enumerate() {
                for (most, x) in sum.iter_mut().zip(embedding.iter()) {
                    *most = if at == 0 { x } else { most.max(x) };
                }
            }
            return;
        }
        let level = Level::best();
        for (embedding, factor) in embeddings.zip(read.factors) {
            level.add_scaled(sum, *factor, embedding);
        }
    }
}
