//! Backward pass of the encoders of sequences.

use super::gradients::{Reads, Tensors};
use super::operations::{activation_backward, add_columns, layer_norm_backward, view};
use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, s};
use twinspire_core::kernel::Weights;
use twinspire_towers::internals::schema::{AttentionSchema, GruSchema, Positions, SequenceEncoder};
use twinspire_towers::internals::{BlockPass, SequenceModel, SequencePass};

/// Tensors of a block of an attention, and of a layer of a GRU.
const BLOCK_TENSORS: usize = 12;
const GRU_TENSORS: usize = 4;

/// Adds the gradients of an encoder, given those of its output for each record that has a sequence.
pub(super) fn sequence_backward(
    model: &SequenceModel,
    pass: &SequencePass,
    gradient: Array2<f32>,
    sums: &mut Tensors,
    reads: &mut Reads,
) {
    let (of_input, scale) = match &model.schema {
        SequenceEncoder::Attention(of) => {
            let of_input = attention_backward(model, of, pass, gradient, sums);
            if of.positions != Positions::None
                && let Some(sums) = sums.first_mut()
            {
                for (position, gradient) in pass.positions.iter().zip(of_input.rows()) {
                    let from = *position as usize * model.input;
                    let row = sums[from..from + model.input].iter_mut();
                    row.zip(gradient).for_each(|(sum, x)| *sum += x);
                }
            }
            (of_input, of.scale)
        }
        SequenceEncoder::Gru(of) => (gru_backward(model, *of, pass, gradient, sums), 1.0),
    };
    for (row, gradient) in pass.rows.iter().zip(of_input.rows()) {
        reads.add(&[*row], &[scale], gradient.to_slice().unwrap_or_default());
    }
}

/// Tensor `at` of the encoder as a matrix with `columns` columns.
fn matrix(model: &SequenceModel, at: usize, columns: usize) -> ArrayView2<'_, f32> {
    let all = match model.tensor(at) {
        Weights::F32(all) => all,
        // Weights under training are in memory, in single precision.
        Weights::F16(_) | Weights::Bf16(_) => &[],
    };
    view(all, all.len() / columns.max(1))
}

/// Backward pass of `weight · x + bias`: adds the gradients of both and returns that of x. The weight and the bias are
/// the tensors `at` and `at + 1`, from the row `from` on.
fn linear_backward(
    weight: ArrayView2<'_, f32>,
    (at, from): (usize, usize),
    input: ArrayView2<'_, f32>,
    gradient: &Array2<f32>,
    sums: &mut Tensors,
) -> Array2<f32> {
    let (rows, columns) = weight.dim();
    let of_weight = &mut sums[at][from * columns..(from + rows) * columns];
    if let Ok(mut sums) = ArrayViewMut2::from_shape((rows, columns), of_weight) {
        general_mat_mul(1.0, &gradient.t(), &input, 1.0, &mut sums);
    }
    add_columns(&mut sums[at + 1][from..from + rows], gradient);
    gradient.dot(&weight)
}

fn norm_backward(
    model: &SequenceModel,
    at: usize,
    epsilon: f32,
    input: ArrayView2<'_, f32>,
    gradient: &mut Array2<f32>,
    sums: &mut Tensors,
) {
    if let Some([weights, biases]) = sums.get_mut(at..at + 2) {
        layer_norm_backward(model.list(at), epsilon, input, gradient, weights, biases);
    }
}

/// Adds each row to the row of `to` that `rows` names.
fn scatter(to: &mut Array2<f32>, rows: &[u32], from: &Array2<f32>) {
    for (row, from) in rows.iter().zip(from.rows()) {
        let mut to = to.row_mut(*row as usize);
        to += &from;
    }
}

fn attention_backward(
    model: &SequenceModel,
    of: &AttentionSchema,
    pass: &SequencePass,
    mut gradient: Array2<f32>,
    sums: &mut Tensors,
) -> Array2<f32> {
    let (width, blocks) = (model.input, of.blocks as usize);
    let tokens = pass.rows.len();
    let first = usize::from(of.positions != Positions::None);
    let last = view(&pass.last, pass.queries.len());
    let norm = first + BLOCK_TENSORS * blocks;
    norm_backward(model, norm, of.epsilon, last, &mut gradient, sums);
    for (block, found) in pass.blocks[..blocks].iter().enumerate().rev() {
        let first = first + BLOCK_TENSORS * block;
        let input = match block.checked_sub(1) {
            Some(before) => &pass.blocks[before].output,
            None => &pass.input,
        };
        let queries = match block + 1 == blocks {
            true => &pass.queries[..],
            false => &pass.all[..tokens],
        };
        let by_query = |all| view(all, queries.len());

        let units = of.units as usize;
        let weight = matrix(model, first + 10, units);
        let hidden = by_query(&found.hidden);
        let mut of_hidden = linear_backward(weight, (first + 10, 0), hidden, &gradient, sums);
        let before = by_query(&found.hidden_before);
        activation_backward(of.activation, before, hidden, &mut of_hidden);
        let weight = matrix(model, first + 8, width);
        let normal = by_query(&found.middle_normal);
        let mut of_middle = linear_backward(weight, (first + 8, 0), normal, &of_hidden, sums);
        let middle = by_query(&found.middle);
        norm_backward(model, first + 6, of.epsilon, middle, &mut of_middle, sums);
        of_middle += &gradient;

        let weight = matrix(model, first + 4, width);
        let attended = by_query(&found.attended);
        let of_attended = linear_backward(weight, (first + 4, 0), attended, &of_middle, sums);
        let heads = of.heads as usize;
        let [of_queries, of_keys] =
            attend_backward(heads, (&pass.places, queries), found, &of_attended);
        let projection = matrix(model, first + 2, width);
        let (queries_part, keys_part) = (s![..width, ..], s![width.., ..]);
        let normal = view(&found.normal, tokens);
        let mut of_input = linear_backward(
            projection.slice(keys_part),
            (first + 2, width),
            normal,
            &of_keys,
            sums,
        );
        let of_query_input = linear_backward(
            projection.slice(queries_part),
            (first + 2, 0),
            by_query(&found.query_input),
            &of_queries,
            sums,
        );
        scatter(&mut of_input, queries, &of_query_input);
        norm_backward(
            model,
            first,
            of.epsilon,
            view(input, tokens),
            &mut of_input,
            sums,
        );
        scatter(&mut of_input, queries, &of_middle);
        gradient = of_input;
    }
    gradient
}

/// Backward pass of the attention: the gradients of the queries, and of keys and values side by side.
fn attend_backward(
    heads: usize,
    (places, queries): (&[u32], &[u32]),
    pass: &BlockPass,
    gradient: &Array2<f32>,
) -> [Array2<f32>; 2] {
    let width = gradient.ncols();
    let size = width / heads.max(1);
    let factor = 1.0 / (size.max(1) as f32).sqrt();
    let mut of_queries = vec![0.0; queries.len() * width];
    let mut of_keys = vec![0.0; places.len() * 2 * width];
    let (mut rest, mut of_weights) = (&pass.weights[..], Vec::new());
    for (at, token) in queries.iter().enumerate() {
        let token = *token as usize;
        let count = places[token] as usize + 1;
        let start = token + 1 - count;
        let rows = start * 2 * width..(token + 1) * 2 * width;
        let (keys, of_keys) = (&pass.keys_values[rows.clone()], &mut of_keys[rows]);
        let of_attended = gradient.row(at);
        let of_attended = of_attended.to_slice().unwrap_or_default();
        for head in 0..heads {
            let (weights, after) = rest.split_at(count);
            rest = after;
            let part = head * size..(head + 1) * size;
            let query = &pass.queries[at * width..][part.clone()];
            let of_query = &mut of_queries[at * width..][part.clone()];
            let of_attended = &of_attended[part.clone()];
            of_weights.clear();
            let mut sum = 0.0;
            let values = width + part.start..width + part.end;
            for (weight, (row, of_row)) in weights.iter().zip(
                keys.chunks_exact(2 * width)
                    .zip(of_keys.chunks_exact_mut(2 * width)),
            ) {
                let mut dot = 0.0;
                let each = row[values.clone()].iter().zip(&mut of_row[values.clone()]);
                for ((value, of_value), x) in each.zip(of_attended) {
                    dot += value * x;
                    *of_value += weight * x;
                }
                of_weights.push(dot);
                sum += weight * dot;
            }
            for ((weight, of_weight), (row, of_row)) in weights.iter().zip(&of_weights).zip(
                keys.chunks_exact(2 * width)
                    .zip(of_keys.chunks_exact_mut(2 * width)),
            ) {
                let of_score = factor * weight * (of_weight - sum);
                let keys = row[part.clone()].iter().zip(&mut of_row[part.clone()]);
                for ((key, of_key), (query, of_query)) in keys.zip(query.iter().zip(&mut *of_query))
                {
                    *of_query += of_score * key;
                    *of_key += of_score * query;
                }
            }
        }
    }
    [
        (of_queries, queries.len(), width),
        (of_keys, places.len(), 2 * width),
    ]
    .map(|(all, rows, columns)| {
        // Their length is rows times columns.
        Array2::from_shape_vec((rows, columns), all).unwrap_or_default()
    })
}

fn gru_backward(
    model: &SequenceModel,
    of: GruSchema,
    pass: &SequencePass,
    gradient: Array2<f32>,
    sums: &mut Tensors,
) -> Array2<f32> {
    let (units, depth) = (of.units as usize, of.layers as usize);
    let tokens = pass.rows.len();
    let mut of_states = Array2::zeros((tokens, units));
    scatter(&mut of_states, &pass.queries, &gradient);
    let place = |token: u32| pass.places[token as usize];
    for (layer, found) in pass.layers[..depth].iter().enumerate().rev() {
        let first = GRU_TENSORS * layer;
        let (input, width) = match layer.checked_sub(1) {
            Some(before) => (view(&pass.layers[before].state, tokens), units),
            None => (view(&pass.input, tokens), model.input),
        };
        let states = view(&found.state, tokens);
        let (gates, recurrent) = (view(&found.gates, tokens), view(&found.recurrent, tokens));
        let recurrent_weight = matrix(model, first + 1, units);
        let mut of_input = Array2::zeros((tokens, 3 * units));
        let mut of_recurrent = Array2::zeros((tokens, 3 * units));
        let mut before = Array2::zeros((tokens, units));
        for (token, _) in pass
            .places
            .iter()
            .enumerate()
            .filter(|(_, place)| **place > 0)
        {
            before.row_mut(token).assign(&states.row(token - 1));
        }
        // From the last place to the first: the gradient of a state comes from the output and from the next state.
        for group in pass.all[..tokens]
            .chunk_by(|a, b| place(*a) == place(*b))
            .rev()
        {
            let mut of_group = Array2::zeros((group.len(), 3 * units));
            for (token, mut of_group) in group.iter().zip(of_group.rows_mut()) {
                let token = *token as usize;
                for unit in 0..units {
                    let of_state: f32 = of_states[[token, unit]];
                    let [reset, update, candidate] =
                        [0, 1, 2].map(|gate| gates[[token, gate * units + unit]]);
                    let earlier: f32 = before[[token, unit]];
                    let of_candidate = of_state * (1.0 - update) * (1.0 - candidate * candidate);
                    let of_update = of_state * (earlier - candidate) * update * (1.0 - update);
                    let of_reset = of_candidate * recurrent[[token, unit]] * reset * (1.0 - reset);
                    of_input[[token, unit]] = of_reset;
                    of_input[[token, units + unit]] = of_update;
                    of_input[[token, 2 * units + unit]] = of_candidate;
                    of_group[unit] = of_reset;
                    of_group[units + unit] = of_update;
                    of_group[2 * units + unit] = of_candidate * reset;
                }
                of_recurrent.row_mut(token).assign(&of_group);
            }
            if group.first().is_none_or(|token| place(*token) == 0) {
                continue;
            }
            let of_before = of_group.dot(&recurrent_weight);
            for (token, of_before) in group.iter().zip(of_before.rows()) {
                let token = *token as usize;
                for unit in 0..units {
                    let kept = of_states[[token, unit]] * gates[[token, units + unit]];
                    of_states[[token - 1, unit]] += of_before[unit] + kept;
                }
            }
        }
        recurrent_sums(
            recurrent_weight.dim(),
            first,
            before.view(),
            &of_recurrent,
            sums,
        );
        let weight = matrix(model, first, width);
        of_states = input_sums(weight, first, input, &of_input, sums);
    }
    of_states
}

/// Adds the gradients of the weight and the bias of the state before.
fn recurrent_sums(
    shape: (usize, usize),
    first: usize,
    before: ArrayView2<'_, f32>,
    gradient: &Array2<f32>,
    sums: &mut Tensors,
) {
    if let Ok(mut sums) = ArrayViewMut2::from_shape(shape, &mut sums[first + 1]) {
        general_mat_mul(1.0, &gradient.t(), &before, 1.0, &mut sums);
    }
    add_columns(&mut sums[first + 3], gradient);
}

/// Adds the gradients of the weight and the bias of the input and returns that of the input.
fn input_sums(
    weight: ArrayView2<'_, f32>,
    first: usize,
    input: ArrayView2<'_, f32>,
    gradient: &Array2<f32>,
    sums: &mut Tensors,
) -> Array2<f32> {
    if let Ok(mut sums) = ArrayViewMut2::from_shape(weight.dim(), &mut sums[first]) {
        general_mat_mul(1.0, &gradient.t(), &input, 1.0, &mut sums);
    }
    add_columns(&mut sums[first + 2], gradient);
    gradient.dot(&weight)
}
