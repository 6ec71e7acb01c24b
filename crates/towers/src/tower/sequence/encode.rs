//! The choice between encoders.

use super::model::SequenceModel;
use super::pass::SequencePass;
use super::{attention, gru};
use crate::tower::schema::SequenceEncoder;

impl SequencePass {
    /// Runs the encoder, and writes the output of each record to the columns from `from` on of `into`, a row of `width`
    /// numbers for each record.
    pub(crate) fn encode(
        &mut self,
        model: &SequenceModel,
        into: &mut [f32],
        (from, width): (usize, usize),
    ) {
        if self.queries.is_empty() {
            return;
        }
        match &model.schema {
            SequenceEncoder::Attention(of) => attention::forward(model, of, self),
            SequenceEncoder::Gru(of) => gru::forward(model, *of, self),
        }
        let to = from + model.width();
        let mut outputs = self.output.chunks_exact(model.width().max(1));
        for (row, present) in into.chunks_exact_mut(width.max(1)).zip(&self.present) {
            if *present
                && let Some(output) = outputs.next()
                && let Some(row) = row.get_mut(from..to)
            {
                row.copy_from_slice(output);
            }
        }
    }
}
