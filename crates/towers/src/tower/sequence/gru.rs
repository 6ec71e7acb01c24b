//! The gated recurrent unit.

use super::linear::{gather, linear};
use super::model::SequenceModel;
use super::pass::{GruPass, SequencePass};
use crate::tower::schema::{Activation, GruSchema};

/// Runs all layers, all sequences side by side.
pub(super) fn forward(model: &SequenceModel, of: GruSchema, pass: &mut SequencePass) {
    let (units, depth) = (of.units as usize, of.layers as usize);
    let SequencePass {
        places,
        queries,
        input,
        layers,
        output,
        all,
        ..
    } = pass;
    // The tokens in order of their places, those of one place in order.
    all.clear();
    all.extend(0..places.len() as u32);
    let place = |token: &u32| places.get(*token as usize).copied().unwrap_or_default();
    all.sort_unstable_by_key(|token| (place(token), *token));
    layers.resize_with(depth.max(layers.len()), GruPass::default);
    for layer in 0..depth {
        let (before, after) = layers.split_at_mut(layer);
        let Some(pass) = after.first_mut() else {
            return;
        };
        let (input, width) = match before.last() {
            Some(before) => (&*before.state, units),
            None => (&**input, model.input),
        };
        let first = 4 * layer;
        linear(
            input,
            model.tensor(first),
            model.list(first + 2),
            width,
            &mut pass.from_input,
        );
        for (buffer, width) in [
            (&mut pass.gates, 3 * units),
            (&mut pass.recurrent, units),
            (&mut pass.state, units),
        ] {
            buffer.clear();
            buffer.zeros(places.len() * width);
        }
        for tokens in all.chunk_by(|a, b| place(a) == place(b)) {
            pass.before.clear();
            match tokens.first().map(place) {
                Some(0) | None => {
                    pass.before.zeros(tokens.len() * units);
                }
                // The token before is that of the place before, in the same sequence.
                Some(_) => {
                    for token in tokens {
                        let at = (*token as usize - 1) * units;
                        let state = pass.state.get(at..at + units).unwrap_or_default();
                        pass.before.extend_from_slice(state);
                    }
                }
            }
            let (weight, bias) = (model.tensor(first + 1), model.list(first + 3));
            linear(&pass.before, weight, bias, units, &mut pass.from_state);
            let before = pass.before.chunks_exact(units);
            let rows = pass.from_state.chunks_exact(3 * units).zip(before);
            for (token, (from_state, before)) in tokens.iter().zip(rows) {
                let token = *token as usize;
                let part = |width: usize| token * width..(token + 1) * width;
                let (Some(from_input), Some(gates), Some(recurrent), Some(state)) = (
                    pass.from_input.get(part(3 * units)),
                    pass.gates.get_mut(part(3 * units)),
                    pass.recurrent.get_mut(part(units)),
                    pass.state.get_mut(part(units)),
                ) else {
                    continue;
                };
                step(
                    units,
                    (from_input, from_state, before),
                    gates,
                    recurrent,
                    state,
                );
            }
        }
    }
    if let Some(pass) = depth.checked_sub(1).and_then(|at| layers.get(at)) {
        gather(&pass.state, queries, units, output);
    }
}

/// One step of one sequence: the gates, and the state as their mixture of the candidate and the state before.
fn step(
    units: usize,
    (from_input, from_state, before): (&[f32], &[f32], &[f32]),
    gates: &mut [f32],
    recurrent: &mut [f32],
    state: &mut [f32],
) {
    let (open, candidate) = gates.split_at_mut(2 * units);
    for ((gate, x), y) in open.iter_mut().zip(from_input).zip(from_state) {
        *gate = x + y;
    }
    Activation::Sigmoid.apply(open);
    let (reset, update) = open.split_at(units);
    recurrent.copy_from_slice(from_state.get(2 * units..).unwrap_or_default());
    let from_input = from_input.get(2 * units..).unwrap_or_default();
    for (((to, x), reset), y) in candidate
        .iter_mut()
        .zip(from_input)
        .zip(reset)
        .zip(&*recurrent)
    {
        *to = x + reset * y;
    }
    Activation::Tanh.apply(candidate);
    let each = state.iter_mut().zip(&*candidate).zip(update).zip(before);
    for (((state, candidate), update), before) in each {
        *state = (1.0 - update) * candidate + update * before;
    }
}
