//! An encoder with its weights.

use crate::tower::matrix::Matrix;
use crate::tower::schema::{EncoderTensor, Positions, SequenceEncoder};
use twinspire_core::kernel::Weights;

/// An encoder with its weights.
#[derive(Clone, Debug)]
pub struct SequenceModel {
    /// Its description.
    pub schema: SequenceEncoder,
    /// Width of the embeddings.
    pub input: usize,
    /// Maximum length of a sequence.
    pub limit: usize,
    described: Vec<EncoderTensor>,
    /// The tensors in the order of [`SequenceEncoder::tensors`]; lists have one row and are in memory.
    tensors: Vec<Matrix>,
}

impl SequenceModel {
    /// An encoder whose tensors `read` gives.
    pub fn new<E>(
        schema: SequenceEncoder,
        limit: usize,
        input: usize,
        read: impl FnMut(&EncoderTensor) -> Result<Matrix, E>,
    ) -> Result<Self, E> {
        let described = schema.tensors(limit, input);
        let tensors = described.iter().map(read).collect::<Result<_, E>>()?;
        Ok(Self {
            schema,
            input,
            limit,
            described,
            tensors,
        })
    }

    /// The tensors with their names and shapes.
    pub(crate) fn tensors(&self) -> impl Iterator<Item = (&EncoderTensor, &Matrix)> {
        self.described.iter().zip(&self.tensors)
    }

    /// The learned weights by tensor name.
    pub fn weights(&self) -> Vec<(&str, Weights<'_>)> {
        let each = self.tensors();
        each.map(|(described, tensor)| (described.name.as_str(), tensor.weights()))
            .collect()
    }

    /// The trainable weights, in the order of [`weights`](Self::weights).
    pub fn weights_mut(&mut self) -> Vec<&mut [f32]> {
        let each = self.tensors.iter_mut();
        each.filter_map(|tensor| tensor.owned_mut()?.as_slice_mut())
            .collect()
    }

    /// The same encoder with all weights in memory, in 32 bits.
    pub(crate) fn in_memory(&self) -> Self {
        let tensors = self.tensors.iter().map(Matrix::in_memory);
        Self {
            tensors: tensors.collect(),
            ..self.clone()
        }
    }

    /// The weights of a tensor; none beyond the last.
    pub fn tensor(&self, at: usize) -> Weights<'_> {
        let tensor = self.tensors.get(at);
        tensor.map_or(Weights::F32(&[]), Matrix::weights)
    }

    /// A tensor that is a list.
    pub fn list(&self, at: usize) -> &[f32] {
        match self.tensor(at) {
            Weights::F32(list) => list,
            Weights::F16(_) | Weights::Bf16(_) => &[],
        }
    }

    /// Width of the output.
    pub fn width(&self) -> usize {
        self.schema.width(self.input)
    }

    /// How positions are numbered, and the factor of the embeddings.
    pub(super) fn positions(&self) -> (Positions, f32) {
        match self.schema {
            SequenceEncoder::Attention(of) => (of.positions, of.scale),
            SequenceEncoder::Gru(_) => (Positions::None, 1.0),
        }
    }
}
