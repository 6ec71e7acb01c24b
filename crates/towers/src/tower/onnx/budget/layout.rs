//! Operators that move, repeat, make and fold elements.

use super::call::{Call, Outcome, Problem, at, size};
use super::extent::{Extent, MAX_VALUES, broadcast, broadcast_index, product};

/// `ArgMax`, `ArgMin`.
pub(super) fn arg_reduce(call: &Call<'_>) -> Result<Outcome, Problem> {
    let dims = call.dims(0)?;
    let axis = call.axis(0, dims.len())?;
    Ok(Outcome::shaped(reduced(call, dims, &[axis])))
}

/// The reductions of floats.
pub(super) fn reduce(call: &Call<'_>) -> Result<Outcome, Problem> {
    let input = call.input(0)?;
    let named = call.integers(1, "axes")?.unwrap_or_default();
    if named.is_empty() && call.node.flag("noop_with_empty_axes", false) {
        return Ok(Outcome::shaped(input.dims.clone()));
    }
    let rank = input.dims.len();
    let axes = match named.is_empty() {
        true => (0..rank).collect(),
        false => Call::axes(&named, rank)?,
    };
    let output = Extent::of(reduced(call, &input.dims, &axes));
    let values = input.values().filter(|_| output.elements() == 1);
    let folded = values.and_then(|values| {
        let values = values.iter().copied();
        // The runtime adds floats in an order of its own.
        match call.node.kind {
            "ReduceProd" if input.integer => Some(values.product()),
            "ReduceSum" if input.integer => Some(values.sum()),
            "ReduceMax" => values.reduce(f64::max),
            "ReduceMin" => values.reduce(f64::min),
            _ => None,
        }
    });
    Ok(Outcome::of(vec![match folded {
        Some(value) => output.with_values(vec![value], input.integer),
        None => output,
    }]))
}

/// The shape without these axes, or with 1 in their places.
fn reduced(call: &Call<'_>, dims: &[u64], axes: &[usize]) -> Vec<u64> {
    let keep = call.node.flag("keepdims", true);
    let dims = dims.iter().enumerate();
    let dims = dims.filter_map(|(at, size)| match axes.contains(&at) {
        true => keep.then_some(1),
        false => Some(*size),
    });
    dims.collect()
}

/// `Concat`.
pub(super) fn concat(call: &Call<'_>) -> Result<Outcome, Problem> {
    let mut dims = call.dims(0)?.to_vec();
    let axis = call.axis(0, dims.len())?;
    let (mut all, mut values) = (0u64, Some(Vec::new()));
    let mut integer = false;
    for place in 0..call.inputs.len() {
        let input = call.input(place)?;
        let differ = |(at, (a, b)): (usize, (&u64, &u64))| at != axis && a != b;
        if input.dims.len() != dims.len() || input.dims.iter().zip(&dims).enumerate().any(differ) {
            return Err(Problem::DoesNotFit);
        }
        all = all.saturating_add(at(&input.dims, axis)?);
        values = values.zip(input.values()).map(|(mut values, more)| {
            values.extend_from_slice(more);
            values
        });
        values = values.filter(|values| values.len() <= MAX_VALUES && dims.len() == 1);
        integer = input.integer;
    }
    if let Some(size) = dims.get_mut(axis) {
        *size = all;
    }
    let output = Extent::of(dims);
    Ok(Outcome::of(vec![match values {
        Some(values) => output.with_values(values, integer),
        None => output,
    }]))
}

/// `ConstantOfShape`.
pub(super) fn constant_of_shape(call: &Call<'_>) -> Result<Outcome, Problem> {
    let shape = call.input(0)?.integers().ok_or(Problem::DependsOnData)?;
    let dims = shape.iter().map(|number| size(*number));
    let output = Extent::of(dims.collect::<Result<_, _>>()?);
    let given = call.node.tensor("value");
    let (value, integer) = match given {
        Some(given) => (given.scalar(), given.integer),
        None => (Some(0.0), false),
    };
    let value = value.filter(|_| output.elements() <= MAX_VALUES as u64);
    Ok(Outcome::of(vec![match value {
        Some(value) => {
            let values = vec![value; output.elements() as usize];
            output.with_values(values, integer)
        }
        None => output,
    }]))
}

/// `Expand`.
pub(super) fn expand(call: &Call<'_>) -> Result<Outcome, Problem> {
    let input = call.input(0)?;
    let shape = call.input(1)?.integers().ok_or(Problem::DependsOnData)?;
    let shape = shape.iter().map(|number| size(*number));
    let shape = shape.collect::<Result<Vec<_>, _>>()?;
    let dims = broadcast(&input.dims, &shape).ok_or(Problem::DoesNotFit)?;
    Ok(Outcome::of(vec![repeated(input, dims, |dims, all, at| {
        broadcast_index(dims, all, at)
    })]))
}

/// A tensor whose elements are those of `input` at the places that `from` says.
fn repeated(
    input: &Extent,
    dims: Vec<u64>,
    from: impl Fn(&[u64], &[u64], usize) -> usize,
) -> Extent {
    let output = Extent::of(dims);
    let count = output.elements();
    let Some(values) = input.values().filter(|_| count <= MAX_VALUES as u64) else {
        return output;
    };
    let values = (0..count as usize).map(|at| {
        let own = from(&input.dims, &output.dims, at);
        values.get(own).copied()
    });
    match values.collect::<Option<Vec<f64>>>() {
        Some(values) => output.with_values(values, input.integer),
        None => output,
    }
}

/// `Flatten`.
pub(super) fn flatten(call: &Call<'_>) -> Result<Outcome, Problem> {
    let dims = call.dims(0)?;
    // The axis may be behind the last one.
    let axis = match call.node.int("axis") {
        Some(axis) if axis == dims.len() as i64 => dims.len(),
        None if dims.is_empty() => 0,
        _ => call.axis(1, dims.len())?,
    };
    let (before, after) = dims.split_at(axis);
    Ok(Outcome::shaped(vec![product(before), product(after)]))
}

/// `Pad`.
pub(super) fn pad(call: &Call<'_>) -> Result<Outcome, Problem> {
    let dims = call.dims(0)?;
    let pads = call.integers(1, "pads")?.ok_or(Problem::DoesNotFit)?;
    let axes = match call.optional(3) {
        Some(axes) => {
            let named = axes.integers().ok_or(Problem::DependsOnData)?;
            Call::distinct_axes(&named, dims.len())?
        }
        None => (0..dims.len()).collect(),
    };
    if pads.len() != 2 * axes.len() {
        return Err(Problem::DoesNotFit);
    }
    let mut padded = dims.to_vec();
    for (place, axis) in axes.iter().enumerate() {
        let (before, after) = (at(&pads, place)?, at(&pads, place + axes.len())?);
        if let Some(size) = padded.get_mut(*axis) {
            let all = i128::from(*size) + i128::from(before) + i128::from(after);
            *size = u64::try_from(all).map_err(|_| Problem::DoesNotFit)?;
        }
    }
    Ok(Outcome::shaped(padded))
}

/// The longest `Range` of floats.
const MAX_FLOAT_RANGE: usize = 1 << 16;
/// The largest number in a `Range` of integers.
const MAX_INTEGER: f64 = (1u32 << 30) as f64;

/// `Range`. The runtime adds the step until it is at the limit. So integers may not come near an overflow, nor
/// floats to where the step is lost: it would never end.
pub(super) fn range(call: &Call<'_>) -> Result<Outcome, Problem> {
    let number = |at| call.input(at)?.scalar().ok_or(Problem::DependsOnData);
    let (start, limit, delta) = (number(0)?, number(1)?, number(2)?);
    let integer = call.input(0)?.integer;
    let mixed = [1, 2].map(|at| call.input(at).map(|input| input.integer));
    if delta == 0.0 || mixed != [Ok(integer), Ok(integer)] {
        return Err(Problem::DoesNotFit);
    }
    let mut values = Vec::new();
    let count = if integer {
        if [start, limit, delta]
            .iter()
            .any(|number| number.abs() > MAX_INTEGER)
        {
            return Err(Problem::DoesNotFit);
        }
        let count = ((limit - start) / delta).ceil().max(0.0) as u64;
        let followed = count.min(MAX_VALUES as u64 + 1);
        values.extend((0..followed).map(|at| start + at as f64 * delta));
        count
    } else {
        let (mut value, limit, delta) = (start as f32, limit as f32, delta as f32);
        while (delta > 0.0 && value < limit) || (delta < 0.0 && value > limit) {
            if values.len() == MAX_FLOAT_RANGE {
                return Err(Problem::DoesNotFit);
            }
            values.push(f64::from(value));
            value += delta;
        }
        values.len() as u64
    };
    let output = Extent::of(vec![count]);
    Ok(Outcome::of(vec![output.with_values(values, integer)]))
}

/// `Reshape`.
pub(super) fn reshape(call: &Call<'_>) -> Result<Outcome, Problem> {
    let input = call.input(0)?;
    let shape = call.integers(1, "shape")?.ok_or(Problem::DoesNotFit)?;
    let copy_zeros = !call.node.flag("allowzero", false);
    let (mut dims, mut rest) = (Vec::with_capacity(shape.len()), None);
    for (place, number) in shape.iter().enumerate() {
        dims.push(match number {
            -1 if rest.is_none() => {
                rest = Some(place);
                1
            }
            0 if copy_zeros => at(&input.dims, place)?,
            number => size(*number)?,
        });
    }
    let (elements, others) = (input.elements(), product(&dims));
    if let Some(size) = rest.and_then(|place| dims.get_mut(place)) {
        *size = elements.checked_div(others).unwrap_or(0);
    }
    if product(&dims) != elements {
        return Err(Problem::DoesNotFit);
    }
    Ok(Outcome::of(vec![with_shape(input, dims)]))
}

/// The same elements in another shape.
fn with_shape(input: &Extent, dims: Vec<u64>) -> Extent {
    match input.values() {
        Some(values) => Extent::known(dims, values.to_vec(), input.integer),
        None => Extent::of(dims),
    }
}

/// `Shape`.
pub(super) fn shape(call: &Call<'_>) -> Result<Outcome, Problem> {
    let dims = call.dims(0)?;
    let rank = dims.len() as i64;
    let place = |named: Option<i64>, default: i64| {
        let named = named.unwrap_or(default);
        let from_end = if named < 0 { rank } else { 0 };
        named.saturating_add(from_end).clamp(0, rank) as usize
    };
    let (start, end) = (call.node.int("start"), call.node.int("end"));
    let (start, end) = (place(start, 0), place(end, rank));
    let sizes = dims.get(start..end).unwrap_or_default();
    let values: Vec<f64> = sizes.iter().map(|size| *size as f64).collect();
    let shape = Extent::known(vec![values.len() as u64], values, true);
    Ok(Outcome::of(vec![shape]))
}

/// `Squeeze`.
pub(super) fn squeeze(call: &Call<'_>) -> Result<Outcome, Problem> {
    let input = call.input(0)?;
    let named = call.integers(1, "axes")?;
    let axes = named
        .map(|named| Call::axes(&named, input.dims.len()))
        .transpose()?;
    let mut dims = Vec::with_capacity(input.dims.len());
    for (place, size) in input.dims.iter().enumerate() {
        match &axes {
            Some(axes) if axes.contains(&place) && *size != 1 => return Err(Problem::DoesNotFit),
            Some(axes) if axes.contains(&place) => {}
            None if *size == 1 => {}
            _ => dims.push(*size),
        }
    }
    Ok(Outcome::of(vec![with_shape(input, dims)]))
}

/// `Unsqueeze`.
pub(super) fn unsqueeze(call: &Call<'_>) -> Result<Outcome, Problem> {
    let input = call.input(0)?;
    let named = call.integers(1, "axes")?.ok_or(Problem::DoesNotFit)?;
    let mut axes = Call::axes(&named, input.dims.len() + named.len())?;
    axes.sort_unstable();
    let mut dims = input.dims.clone();
    for axis in axes {
        if axis > dims.len() {
            return Err(Problem::DoesNotFit);
        }
        dims.insert(axis, 1);
    }
    Ok(Outcome::of(vec![with_shape(input, dims)]))
}

/// `Tile`.
pub(super) fn tile(call: &Call<'_>) -> Result<Outcome, Problem> {
    let input = call.input(0)?;
    let repeats = call.input(1)?.integers().ok_or(Problem::DependsOnData)?;
    if repeats.len() != input.dims.len() {
        return Err(Problem::DoesNotFit);
    }
    let dims = input.dims.iter().zip(&repeats);
    let dims = dims.map(|(own, times)| Ok(own.saturating_mul(size(*times)?)));
    let dims = dims.collect::<Result<Vec<_>, _>>()?;
    Ok(Outcome::of(vec![match dims.len() {
        1 => repeated(input, dims, |dims, _, at| {
            at % dims.iter().product::<u64>().max(1) as usize
        }),
        _ => Extent::of(dims),
    }]))
}

/// `Transpose`.
pub(super) fn transpose(call: &Call<'_>) -> Result<Outcome, Problem> {
    let input = call.input(0)?;
    let rank = input.dims.len();
    let order = match call.node.ints("perm") {
        Some(named) => Call::axes(named, rank)?,
        None => (0..rank).rev().collect(),
    };
    let mut sorted = order.clone();
    sorted.sort_unstable();
    if !sorted.into_iter().eq(0..rank) {
        return Err(Problem::DoesNotFit);
    }
    let dims = order.iter().map(|axis| at(&input.dims, *axis));
    let dims = dims.collect::<Result<_, _>>()?;
    Ok(Outcome::of(vec![match rank {
        0 | 1 => input.clone(),
        _ => Extent::of(dims),
    }]))
}
