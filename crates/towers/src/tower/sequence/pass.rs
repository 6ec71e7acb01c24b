//! The sequences of a batch.

use super::model::SequenceModel;
use crate::tower::matrix::Matrix;
use crate::tower::schema::Positions;
use twinspire_core::kernel::{Aligned, Level};

/// The sequences of a batch, and what an encoder computes for them. An element is a *token* here.
#[derive(Clone, Debug, Default)]
pub struct SequencePass {
    /// The row of each token in the table.
    pub rows: Vec<u32>,
    /// The place of each token in its sequence, from 0. Its sequence starts that many tokens before it.
    pub places: Vec<u32>,
    /// The position of each token, if the encoder has positions.
    pub positions: Vec<u32>,
    /// The last token of each record that has a sequence.
    pub queries: Vec<u32>,
    /// For each record, whether it has a sequence.
    pub present: Vec<bool>,
    /// The input of the encoder, a row for each token.
    pub input: Aligned,
    /// What each block of an attention computes.
    pub blocks: Vec<BlockPass>,
    /// What each layer of a GRU computes.
    pub layers: Vec<GruPass>,
    /// The output of the last block for each query, before it is normalised.
    pub last: Aligned,
    /// The output for each query.
    pub output: Aligned,
    /// The start of the last sequence.
    start: usize,
    /// All tokens; after a GRU in order of their places.
    pub all: Vec<u32>,
}

impl SequencePass {
    /// Removes all sequences and keeps the allocations.
    pub(crate) fn clear(&mut self) {
        self.rows.clear();
        self.places.clear();
        self.positions.clear();
        self.queries.clear();
        self.present.clear();
        self.input.clear();
        self.start = 0;
    }

    /// Adds the sequence of the next record.
    pub(crate) fn push(&mut self, model: &SequenceModel, table: &Matrix, rows: &[u32]) {
        self.present.push(!rows.is_empty());
        if rows.is_empty() {
            return;
        }
        let (positions, scale) = model.positions();
        let before = self.rows.get(self.start..).unwrap_or_default();
        let both = before.len().min(rows.len());
        // Positions from the newest change with every new element.
        let continues =
            positions != Positions::Newest && both > 0 && before.get(..both) == rows.get(..both);
        let known = if continues { before.len() } else { 0 };
        if !continues {
            self.start = self.rows.len();
        }
        let level = Level::best();
        for (place, row) in rows.iter().enumerate().skip(known) {
            self.rows.push(*row);
            self.places.push(place as u32);
            let token = self.input.zeros(model.input);
            if let Some(embedding) = table.row(*row) {
                level.add_scaled(token, scale, embedding);
            }
            let position = match positions {
                Positions::Oldest => place,
                Positions::Newest => rows.len() - 1 - place,
                Positions::None => continue,
            };
            self.positions.push(position as u32);
            if let Some(position) = model.tensor(0).part(position * model.input, model.input) {
                level.add_scaled(token, 1.0, position);
            }
        }
        self.queries.push((self.start + rows.len() - 1) as u32);
    }
}

/// What a block computes. A row of `keys_values` and `normal` for each token, of all others for each query.
#[derive(Clone, Debug, Default)]
pub struct BlockPass {
    /// The normalised input.
    pub normal: Aligned,
    /// Keys and values, side by side.
    pub keys_values: Aligned,
    /// The normalised input of the queries.
    pub query_input: Aligned,
    /// Queries.
    pub queries: Aligned,
    /// The weights of the tokens up to the query, head by head.
    pub weights: Aligned,
    /// The weighted values.
    pub attended: Aligned,
    /// The input of the queries plus what attention gives.
    pub middle: Aligned,
    /// `middle`, normalised.
    pub middle_normal: Aligned,
    /// The hidden layer before its activation.
    pub hidden_before: Aligned,
    /// The hidden layer.
    pub hidden: Aligned,
    /// The output.
    pub output: Aligned,
}

/// What a layer of a GRU computes, a row for each token.
#[derive(Clone, Debug, Default)]
pub struct GruPass {
    /// What the input gives for the gates and the candidate.
    pub from_input: Aligned,
    /// The reset gate, the update gate and the candidate, side by side.
    pub gates: Aligned,
    /// What the state before gives for the candidate, before the reset gate.
    pub recurrent: Aligned,
    /// The state.
    pub state: Aligned,
    /// The states before, of tokens in one place.
    pub(super) before: Aligned,
    /// What these give for the gates and the candidate.
    pub(super) from_state: Aligned,
}
