//! Causal self-attention.

use super::linear::{gather, linear};
use super::model::SequenceModel;
use super::pass::{BlockPass, SequencePass};
use crate::tower::activation::exp;
use crate::tower::layer::layer_norm;
use crate::tower::schema::{AttentionSchema, Positions};
use twinspire_core::kernel::{Aligned, Level, Weights};

/// Tensors of a block.
const TENSORS: usize = 12;

/// The index of the first tensor of a block; of the final normalisation behind the last one.
pub(super) fn first_tensor(of: &AttentionSchema, block: usize) -> usize {
    usize::from(of.positions != Positions::None) + TENSORS * block
}

/// Runs all blocks. The last one computes only what the queries need.
pub(super) fn forward(model: &SequenceModel, of: &AttentionSchema, pass: &mut SequencePass) {
    let tokens = pass.rows.len();
    let (width, blocks) = (model.input, of.blocks as usize);
    let SequencePass {
        places,
        queries,
        input,
        blocks: passes,
        last,
        output,
        all,
        ..
    } = pass;
    all.clear();
    all.extend(0..tokens as u32);
    passes.resize_with(blocks.max(passes.len()), BlockPass::default);
    for block in 0..blocks {
        let (before, after) = passes.split_at_mut(block);
        let Some(pass) = after.first_mut() else {
            return;
        };
        let input = before.last().map_or(&**input, |before| &before.output);
        let queries = match block + 1 == blocks {
            true => &**queries,
            false => all.get(..tokens).unwrap_or_default(),
        };
        forward_block(model, of, block, (input, places, queries), pass);
    }
    last.clear();
    if let Some(pass) = blocks.checked_sub(1).and_then(|at| passes.get(at)) {
        last.extend_from_slice(&pass.output);
    }
    let norm = first_tensor(of, blocks);
    output.clear();
    output.extend_from_slice(last);
    for row in output.chunks_exact_mut(width.max(1)) {
        layer_norm(row, model.list(norm), model.list(norm + 1), of.epsilon);
    }
}

fn forward_block(
    model: &SequenceModel,
    of: &AttentionSchema,
    block: usize,
    (input, places, queries): (&[f32], &[u32], &[u32]),
    pass: &mut BlockPass,
) {
    let width = model.input;
    let first = first_tensor(of, block);
    let list = |at: usize| model.list(first + at);
    let norm = |rows: &mut Aligned, weight: usize| {
        for row in rows.chunks_exact_mut(width.max(1)) {
            layer_norm(row, list(weight), list(weight + 1), of.epsilon);
        }
    };
    pass.normal.clear();
    pass.normal.extend_from_slice(input);
    norm(&mut pass.normal, 0);

    let (projection, bias) = (model.tensor(first + 2), list(3));
    let part = |from: usize, rows: usize| {
        let weights = projection.part(from * width, rows * width);
        let bias = bias.get(from..from + rows);
        (
            weights.unwrap_or(Weights::F32(&[])),
            bias.unwrap_or_default(),
        )
    };
    let (weights, bias) = part(width, 2 * width);
    linear(&pass.normal, weights, bias, width, &mut pass.keys_values);
    gather(&pass.normal, queries, width, &mut pass.query_input);
    let (weights, bias) = part(0, width);
    linear(&pass.query_input, weights, bias, width, &mut pass.queries);
    attend(of.heads as usize, width, (places, queries), pass);

    gather(input, queries, width, &mut pass.output);
    linear(
        &pass.attended,
        model.tensor(first + 4),
        list(5),
        width,
        &mut pass.middle,
    );
    add(&mut pass.middle, &pass.output);
    pass.middle_normal.clear();
    pass.middle_normal.extend_from_slice(&pass.middle);
    norm(&mut pass.middle_normal, 6);
    let (hidden, output) = (model.tensor(first + 8), model.tensor(first + 10));
    linear(
        &pass.middle_normal,
        hidden,
        list(9),
        width,
        &mut pass.hidden_before,
    );
    pass.hidden.clear();
    pass.hidden.extend_from_slice(&pass.hidden_before);
    of.activation.apply(&mut pass.hidden);
    linear(
        &pass.hidden,
        output,
        list(11),
        of.units as usize,
        &mut pass.output,
    );
    add(&mut pass.output, &pass.middle);
}

/// Attention of each query to the tokens of its sequence up to itself (Vaswani et al., NIPS 2017).
fn attend(heads: usize, width: usize, (places, queries): (&[u32], &[u32]), pass: &mut BlockPass) {
    let level = Level::best();
    let size = width / heads.max(1);
    let factor = 1.0 / (size.max(1) as f32).sqrt();
    pass.weights.clear();
    pass.attended.clear();
    let each = queries.iter().zip(pass.queries.chunks_exact(width.max(1)));
    for (token, query) in each {
        let token = *token as usize;
        let count = places.get(token).map_or(0, |place| *place as usize + 1);
        let start = (token + 1).saturating_sub(count);
        let rows = pass
            .keys_values
            .get(start * 2 * width..(token + 1) * 2 * width);
        let rows = rows.unwrap_or_default();
        let attended = pass.attended.zeros(width);
        let each = query
            .chunks_exact(size.max(1))
            .zip(attended.chunks_exact_mut(size.max(1)));
        for (head, (query, attended)) in each.enumerate() {
            let of_key = head * size..(head + 1) * size;
            let of_value = width + of_key.start..width + of_key.end;
            let weights = pass.weights.zeros(count);
            let mut most = f32::MIN;
            for (weight, row) in weights.iter_mut().zip(rows.chunks_exact(2 * width)) {
                let key = row.get(of_key.clone()).unwrap_or_default();
                *weight = factor * level.dot(query, key);
                most = most.max(*weight);
            }
            let mut sum = 0.0;
            for weight in &mut *weights {
                *weight = exp(*weight - most);
                sum += *weight;
            }
            for (weight, row) in weights.iter_mut().zip(rows.chunks_exact(2 * width)) {
                *weight /= sum;
                let value = row.get(of_value.clone()).unwrap_or_default();
                level.add_scaled(attended, *weight, Weights::F32(value));
            }
        }
    }
}

fn add(to: &mut Aligned, from: &[f32]) {
    to.iter_mut().zip(from).for_each(|(x, y)| *x += y);
}
