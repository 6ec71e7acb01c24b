//! Operators that select elements.

use super::call::{Call, Outcome, Problem, at, size};
use super::extent::Extent;

/// `Gather`.
pub(super) fn gather(call: &Call<'_>) -> Result<Outcome, Problem> {
    let (data, indices) = (call.input(0)?, call.input(1)?);
    let axis = call.axis(0, data.dims.len())?;
    let (before, after) = data.dims.split_at(axis);
    let after = after.get(1..).unwrap_or_default();
    let output = Extent::of([before, &indices.dims, after].concat());
    let selected = data
        .values()
        .zip(indices.integers())
        .filter(|_| data.dims.len() == 1);
    let selected = selected.and_then(|(values, indices)| {
        let each = indices.iter().map(|index| {
            let from_end = if *index < 0 { values.len() as i64 } else { 0 };
            let place = usize::try_from(index.checked_add(from_end)?).ok()?;
            values.get(place).copied()
        });
        each.collect::<Option<Vec<f64>>>()
    });
    Ok(Outcome::of(vec![match selected {
        Some(values) => output.with_values(values, data.integer),
        None => output,
    }]))
}

/// `GatherND`.
pub(super) fn gather_nd(call: &Call<'_>) -> Result<Outcome, Problem> {
    let (data, indices) = (call.dims(0)?, call.dims(1)?);
    let batch = size(call.node.int("batch_dims").unwrap_or(0))?;
    let (depth, outer) = indices.split_last().ok_or(Problem::DoesNotFit)?;
    let from = batch
        .checked_add(*depth)
        .and_then(|from| usize::try_from(from).ok());
    let inner = from
        .and_then(|from| data.get(from..))
        .ok_or(Problem::DoesNotFit)?;
    Ok(Outcome::shaped([outer, inner].concat()))
}

/// `OneHot`.
pub(super) fn one_hot(call: &Call<'_>) -> Result<Outcome, Problem> {
    let mut dims = call.dims(0)?.to_vec();
    let depth = call.input(1)?.scalar().ok_or(Problem::DependsOnData)?;
    let axis = call.axis(-1, dims.len() + 1)?;
    dims.insert(axis, size(depth as i64)?);
    Ok(Outcome::shaped(dims))
}

/// `Slice`.
pub(super) fn slice(call: &Call<'_>) -> Result<Outcome, Problem> {
    let input = call.input(0)?;
    let starts = call.integers(1, "starts")?.ok_or(Problem::DoesNotFit)?;
    let ends = call.integers(2, "ends")?.ok_or(Problem::DoesNotFit)?;
    let axes = match call.integers(3, "axes")? {
        Some(named) => Call::distinct_axes(&named, input.dims.len())?,
        None => (0..starts.len()).collect(),
    };
    let steps = call.integers(4, "steps")?;
    let steps = steps.unwrap_or_else(|| vec![1; starts.len()]);
    let mut dims = input.dims.clone();
    let mut places = None;
    for (which, axis) in axes.iter().enumerate() {
        let size = dims.get_mut(*axis).ok_or(Problem::DoesNotFit)?;
        let bounds = (at(&starts, which)?, at(&ends, which)?, at(&steps, which)?);
        let (first, count, step) = range(*size, bounds)?;
        *size = count;
        places = Some((first, count, step));
    }
    let output = Extent::of(dims);
    let Some(((first, count, step), values)) = places.zip(input.values()) else {
        return Ok(Outcome::of(vec![output]));
    };
    // A vector has one axis.
    let selected = (0..count as i64).filter(|_| input.dims.len() == 1 && axes.len() == 1);
    let selected = selected.filter_map(|at| values.get(usize::try_from(first + at * step).ok()?));
    let selected: Vec<f64> = selected.copied().collect();
    Ok(Outcome::of(vec![match input.dims.len() {
        1 => output.with_values(selected, input.integer),
        _ => output,
    }]))
}

/// The first place of a slice, the number of places, and the step between them.
fn range(size: u64, bounds: (i64, i64, i64)) -> Result<(i64, u64, i64), Problem> {
    let size = i64::try_from(size).map_err(|_| Problem::DoesNotFit)?;
    let (start, end, step) = bounds;
    let from_start = |bound: i64| {
        if bound < 0 {
            bound.saturating_add(size)
        } else {
            bound
        }
    };
    let (least, most) = if step > 0 { (0, size) } else { (-1, size - 1) };
    let start = from_start(start).clamp(least.max(0), most.max(0));
    let end = from_start(end).clamp(least, most);
    let distance = i128::from(end) - i128::from(start);
    let count = match step {
        0 => return Err(Problem::DoesNotFit),
        step if (distance > 0) != (step > 0) => 0,
        step => (distance.unsigned_abs()).div_ceil(u128::from(step.unsigned_abs())),
    };
    Ok((start, count as u64, step))
}

/// `Split`.
pub(super) fn split(call: &Call<'_>) -> Result<Outcome, Problem> {
    let input = call.input(0)?;
    let axis = call.axis(0, input.dims.len())?;
    let all = at(&input.dims, axis)?;
    let parts = call.node.outputs.len() as u64;
    let sizes = match call.integers(1, "split")? {
        Some(sizes) => {
            let sizes = sizes.iter().map(|number| size(*number));
            sizes.collect::<Result<Vec<_>, _>>()?
        }
        None => {
            let each = all.div_ceil(parts.max(1));
            let left = |at: u64| all.saturating_sub(at.saturating_mul(each));
            (0..parts).map(|at| left(at).min(each)).collect()
        }
    };
    let sum = sizes
        .iter()
        .fold(0u64, |sum, size| sum.saturating_add(*size));
    let declared = call.node.int("num_outputs").map(size).transpose()?;
    let fits = sizes.len() as u64 == parts && declared.is_none_or(|declared| declared == parts);
    if sum != all || !fits {
        return Err(Problem::DoesNotFit);
    }
    let mut from = 0;
    let outputs = sizes.iter().map(|size| {
        let mut dims = input.dims.clone();
        if let Some(own) = dims.get_mut(axis) {
            *own = *size;
        }
        let part = from..from + *size as usize;
        from = part.end;
        let values = input.values().filter(|_| dims.len() == 1);
        match values.and_then(|values| values.get(part)) {
            Some(values) => Extent::known(dims, values.to_vec(), input.integer),
            None => Extent::of(dims),
        }
    });
    Ok(Outcome::of(outputs.collect()))
}

/// `TopK`.
pub(super) fn top_k(call: &Call<'_>) -> Result<Outcome, Problem> {
    let mut dims = call.dims(0)?.to_vec();
    let k = match call.optional(1) {
        Some(k) => k.scalar().ok_or(Problem::DependsOnData)? as i64,
        None => call.node.int("k").ok_or(Problem::DoesNotFit)?,
    };
    let axis = call.axis(-1, dims.len())?;
    let own = dims.get_mut(axis).ok_or(Problem::DoesNotFit)?;
    let k = size(k)?;
    if k > *own {
        return Err(Problem::DoesNotFit);
    }
    *own = k;
    let elements = call.input(0)?.elements();
    Ok(Outcome {
        outputs: vec![Extent::of(dims.clone()), Extent::of(dims)],
        scratch: elements.saturating_mul(4),
        work: elements.saturating_mul(32),
    })
}

#[cfg(test)]
mod tests {
    use super::range;

    #[test]
    fn slices_count_as_python_does() {
        for (size, bounds, expected) in [
            (5, (0, 5, 1), (0, 5, 1)),
            (5, (-2, i64::MAX, 1), (3, 2, 1)),
            (5, (4, i64::MIN, -1), (4, 5, -1)),
            (5, (-1, -6, -2), (4, 3, -2)),
            (5, (3, 1, 1), (3, 0, 1)),
            (0, (0, 9, 1), (0, 0, 1)),
        ] {
            assert_eq!(range(size, bounds), Ok(expected), "{size} {bounds:?}");
        }
    }
}
