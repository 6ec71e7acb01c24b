//! The size of a tensor, and its values where shapes may depend on them.

/// The largest number of elements whose values are followed.
pub(super) const MAX_VALUES: usize = 1 << 10;

/// The shape of a tensor, and its values if they are known and few.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Extent {
    pub(super) dims: Vec<u64>,
    /// Numbers that the runtime has too: integers of 32 bits, or floats of 32 bits.
    values: Option<Vec<f64>>,
    /// Whether the values are integers.
    pub(super) integer: bool,
}

impl Extent {
    /// A tensor whose values are unknown.
    pub(super) fn of(dims: Vec<u64>) -> Self {
        Self {
            dims,
            values: None,
            integer: false,
        }
    }

    /// A tensor whose values are known.
    pub(super) fn known(dims: Vec<u64>, values: Vec<f64>, integer: bool) -> Self {
        Self::of(dims).with_values(values, integer)
    }

    /// The same tensor with values. They are dropped if they are too many, or another number than its elements; or if
    /// one is no number that the runtime could have, such as an integer that overflows: nothing is known then.
    pub(super) fn with_values(mut self, mut values: Vec<f64>, integer: bool) -> Self {
        let range = f64::from(i32::MIN)..=f64::from(i32::MAX);
        let mut fits = values.len() <= MAX_VALUES && values.len() as u64 == self.elements();
        for value in &mut values {
            match integer {
                true => fits &= range.contains(value) && value.fract() == 0.0,
                false => *value = f64::from(*value as f32),
            }
            fits &= value.is_finite();
        }
        self.values = fits.then_some(values);
        self.integer = integer;
        self
    }

    /// Number of elements.
    pub(super) fn elements(&self) -> u64 {
        product(&self.dims)
    }

    /// The values, if they are known.
    pub(super) fn values(&self) -> Option<&[f64]> {
        self.values.as_deref()
    }

    /// The values as integers, if they are known.
    pub(super) fn integers(&self) -> Option<Vec<i64>> {
        let values = self.values().filter(|_| self.integer)?;
        Some(values.iter().map(|value| *value as i64).collect())
    }

    /// The only value, if it is known.
    pub(super) fn scalar(&self) -> Option<f64> {
        match self.values()? {
            [value] => Some(*value),
            _ => None,
        }
    }
}

/// The product of sizes; the largest number if it overflows.
pub(super) fn product(dims: &[u64]) -> u64 {
    if dims.contains(&0) {
        return 0;
    }
    dims.iter().fold(1, |all, size| all.saturating_mul(*size))
}

/// The shape that two shapes are broadcast to; `None` if they do not fit.
pub(super) fn broadcast(a: &[u64], b: &[u64]) -> Option<Vec<u64>> {
    let rank = a.len().max(b.len());
    let size = |dims: &[u64], at: usize| {
        let missing = rank - dims.len();
        at.checked_sub(missing)
            .and_then(|at| dims.get(at))
            .copied()
            .unwrap_or(1)
    };
    let dims = (0..rank).map(|at| match (size(a, at), size(b, at)) {
        (a, b) if a == b || b == 1 => Some(a),
        (1, b) => Some(b),
        _ => None,
    });
    dims.collect()
}

/// The index of an element of a broadcast tensor in the tensor of shape `dims`. `at` counts the elements of
/// shape `all`.
pub(super) fn broadcast_index(dims: &[u64], all: &[u64], at: usize) -> usize {
    let (mut rest, mut index, mut stride) = (at, 0, 1);
    for (back, size) in all.iter().rev().enumerate() {
        let place = rest % (*size).max(1) as usize;
        rest /= (*size).max(1) as usize;
        if let Some(own) = dims.len().checked_sub(back + 1).and_then(|at| dims.get(at)) {
            if *own > 1 {
                index += place * stride;
            }
            stride *= *own as usize;
        }
    }
    index
}

/// The place of an axis that may be counted from the end.
pub(super) fn axis(axis: i64, rank: usize) -> Option<usize> {
    let from_end = if axis < 0 { rank as i64 } else { 0 };
    let axis = usize::try_from(axis.checked_add(from_end)?).ok()?;
    (axis < rank).then_some(axis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_broadcast_as_numpy_says() {
        assert_eq!(broadcast(&[3, 1], &[4]), Some(vec![3, 4]));
        assert_eq!(broadcast(&[], &[2, 5]), Some(vec![2, 5]));
        assert_eq!(broadcast(&[0], &[1]), Some(vec![0]));
        assert_eq!(broadcast(&[2], &[3]), None);
        let all = [2, 3];
        let column: Vec<_> = (0..6)
            .map(|at| broadcast_index(&[2, 1], &all, at))
            .collect();
        assert_eq!(column, [0, 0, 0, 1, 1, 1]);
        let row: Vec<_> = (0..6).map(|at| broadcast_index(&[3], &all, at)).collect();
        assert_eq!(row, [0, 1, 2, 0, 1, 2]);
        assert_eq!(product(&[u64::MAX, 3, 0]), 0);
        assert_eq!(product(&[u64::MAX, 3]), u64::MAX);
        assert_eq!(
            (axis(-1, 3), axis(3, 3), axis(i64::MIN, 3)),
            (Some(2), None, None)
        );
    }
}
