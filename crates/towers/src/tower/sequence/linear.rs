//! What the encoders share.

use twinspire_core::kernel::{Aligned, Level, Weights};

/// Rows of a matrix of `width` columns, one after the other, in the given order.
pub(super) fn gather(from: &[f32], rows: &[u32], width: usize, into: &mut Aligned) {
    into.clear();
    for row in rows {
        let at = *row as usize * width;
        into.extend_from_slice(from.get(at..at + width).unwrap_or_default());
    }
}

/// `weight · x + bias` for every row of `input`; `rows` of the weight, from the first on, are used.
pub(super) fn linear(
    input: &[f32],
    weight: Weights<'_>,
    bias: &[f32],
    width: usize,
    into: &mut Aligned,
) {
    let units = bias.len();
    into.clear();
    into.zeros(input.len() / width.max(1) * units);
    Level::best().multiply(input, weight, width, into);
    for row in into.chunks_exact_mut(units.max(1)) {
        row.iter_mut().zip(bias).for_each(|(x, bias)| *x += bias);
    }
}
