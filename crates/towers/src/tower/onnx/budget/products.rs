//! Operators that multiply and add: much more work than elements.

use super::call::{Call, Outcome, Problem, at, size};
use super::extent::{Extent, broadcast, product};
use std::collections::BTreeMap;

/// Products of sizes, which saturate.
fn times(sizes: &[u64]) -> u64 {
    product(sizes)
}

/// `MatMul`, `MatMulInteger`.
pub(super) fn matmul(call: &Call<'_>) -> Result<Outcome, Problem> {
    let (a, b) = (call.dims(0)?, call.dims(1)?);
    let (row, column) = ([&[1], a].concat(), [b, &[1]].concat());
    let left = if a.len() == 1 { &row[..] } else { a };
    let right = if b.len() == 1 { &column[..] } else { b };
    let ([batch_a @ .., m, k], [batch_b @ .., l, n]) = (left, right) else {
        return Err(Problem::DoesNotFit);
    };
    if k != l {
        return Err(Problem::DoesNotFit);
    }
    let mut dims = broadcast(batch_a, batch_b).ok_or(Problem::DoesNotFit)?;
    // The runtime gives products of many matrices with a vector one dimension too many, and empty ones with any.
    let is_empty = [&*dims, &[*m, *n]].concat().contains(&0);
    let with_vector = a.len() == 1 || b.len() == 1;
    if with_vector && is_empty || b.len() == 1 && times(batch_a) > 1 {
        return Err(Problem::DoesNotFit);
    }
    let work = times(&[times(&dims), *m, *n, *k]);
    dims.extend((a.len() > 1).then_some(*m));
    dims.extend((b.len() > 1).then_some(*n));
    Ok(Outcome {
        outputs: vec![Extent::of(dims)],
        scratch: 0,
        work,
    })
}

/// `Gemm`.
pub(super) fn gemm(call: &Call<'_>) -> Result<Outcome, Problem> {
    let matrix = |at: usize, turned: &str| match *call.dims(at)? {
        [rows, columns] if call.node.flag(turned, false) => Ok((columns, rows)),
        [rows, columns] => Ok((rows, columns)),
        _ => Err(Problem::DoesNotFit),
    };
    let ((m, k), (l, n)) = (matrix(0, "transA")?, matrix(1, "transB")?);
    if k != l {
        return Err(Problem::DoesNotFit);
    }
    Ok(Outcome {
        outputs: vec![Extent::of(vec![m, n])],
        scratch: 0,
        work: times(&[m, n, k]),
    })
}

/// `Conv`.
pub(super) fn conv(call: &Call<'_>) -> Result<Outcome, Problem> {
    let (input, weights) = (call.dims(0)?, call.dims(1)?);
    let ([images, channels, sizes @ ..], [units, inner, kernel @ ..]) = (input, weights) else {
        return Err(Problem::DoesNotFit);
    };
    if sizes.len() != kernel.len() {
        return Err(Problem::DoesNotFit);
    }
    let ints = |name: &str| call.node.ints(name);
    let one = |list: Option<&[i64]>, place: usize, default: i64| match list {
        Some(list) => at(list, place),
        None => Ok(default),
    };
    let mut places = Vec::with_capacity(sizes.len());
    for (place, (own, kernel)) in sizes.iter().zip(kernel).enumerate() {
        let stride = one(ints("strides"), place, 1)?;
        let dilation = one(ints("dilations"), place, 1)?;
        if stride < 1 || dilation < 1 {
            return Err(Problem::DoesNotFit);
        }
        let pads = ints("pads");
        let (before, after) = (one(pads, place, 0)?, one(pads, place + sizes.len(), 0)?);
        let covered = i128::from(dilation) * (i128::from(*kernel) - 1);
        let padded = i128::from(*own) + i128::from(before) + i128::from(after);
        let count = match call.node.text("auto_pad") {
            Some("SAME_UPPER" | "SAME_LOWER") => {
                i128::from(*own).unsigned_abs().div_ceil(stride as u128) as i128
            }
            Some("VALID") => (i128::from(*own) - covered - 1).div_euclid(i128::from(stride)) + 1,
            _ => (padded - covered - 1).div_euclid(i128::from(stride)) + 1,
        };
        places.push(u64::try_from(count).map_err(|_| Problem::DoesNotFit)?);
    }
    let (places_all, kernel_all) = (times(&places), times(kernel));
    let dims = [&[*images, *units], &places[..]].concat();
    Ok(Outcome {
        scratch: times(&[*channels, kernel_all, places_all]),
        work: times(&[times(&dims), *inner, kernel_all]),
        outputs: vec![Extent::of(dims)],
    })
}

/// `Einsum`. It is contracted pair by pair, so no step is larger than the product of all indices.
pub(super) fn einsum(call: &Call<'_>) -> Result<Outcome, Problem> {
    let equation = call.node.text("equation").ok_or(Problem::DoesNotFit)?;
    let equation: String = equation.chars().filter(|c| !c.is_whitespace()).collect();
    let (terms, output) = match equation.split_once("->") {
        Some((terms, output)) => (terms, Some(output)),
        None => (&*equation, None),
    };
    let mut sizes: BTreeMap<char, u64> = BTreeMap::new();
    let mut counts: BTreeMap<char, usize> = BTreeMap::new();
    for (place, term) in terms.split(',').enumerate() {
        let dims = call.dims(place)?;
        if term.chars().count() != dims.len() || !term.chars().all(char::is_alphabetic) {
            return Err(Problem::DoesNotFit);
        }
        for (index, size) in term.chars().zip(dims) {
            let known = sizes.entry(index).or_insert(*size);
            *known = (*known).max(*size);
            *counts.entry(index).or_default() += 1;
        }
    }
    let implicit: String = counts
        .iter()
        .filter(|(_, count)| **count == 1)
        .map(|(index, _)| *index)
        .collect();
    let output = output.unwrap_or(&implicit);
    let dims = output.chars().map(|index| sizes.get(&index).copied());
    let dims = dims
        .collect::<Option<Vec<_>>>()
        .ok_or(Problem::DoesNotFit)?;
    let all: Vec<u64> = sizes.into_values().collect();
    Ok(Outcome {
        outputs: vec![Extent::of(dims)],
        scratch: times(&[times(&all), 2]),
        work: times(&[times(&all), call.inputs.len() as u64]),
    })
}

/// `LSTM` and `GRU`, with this many gates.
pub(super) fn recurrent(call: &Call<'_>, gates: u64) -> Result<Outcome, Problem> {
    let ([steps, batch, width], [directions, all, inner], [other, rows, hidden]) =
        (call.dims(0)?, call.dims(1)?, call.dims(2)?)
    else {
        return Err(Problem::DoesNotFit);
    };
    let units = call.node.int("hidden_size").map(size).transpose()?;
    let fits = inner == width
        && all == rows
        && directions == other
        && *all == times(&[gates, *hidden])
        && units.is_none_or(|units| units == *hidden)
        && !call.node.flag("layout", false);
    if !fits {
        return Err(Problem::DoesNotFit);
    }
    let state = Extent::of(vec![*directions, *batch, *hidden]);
    let outputs = Extent::of(vec![*steps, *directions, *batch, *hidden]);
    Ok(Outcome {
        scratch: times(&[*steps, *directions, *batch, *all, 2]),
        work: times(&[
            *steps,
            *directions,
            *batch,
            *all,
            width.saturating_add(*hidden),
        ]),
        outputs: vec![outputs, state.clone(), state],
    })
}
