//! What the tests of losses share.

use super::scores::Loss;
use ndarray::{Array2, ArrayView2};

/// Vectors with small distinct components.
pub(crate) fn vectors(rows: usize, columns: usize, seed: f32) -> Array2<f32> {
    Array2::from_shape_fn((rows, columns), |(row, column)| {
        ((row * columns + column) as f32 * 1.3 + seed).sin()
    })
}

/// Compares the gradients of a loss with finite differences.
pub(crate) fn check(
    users: &Array2<f32>,
    items: &Array2<f32>,
    loss: impl Fn(ArrayView2<'_, f32>, ArrayView2<'_, f32>) -> Loss,
) {
    let found = loss(users.view(), items.view());
    let step = 1e-2;
    let mut large = 0;
    for side in 0..2 {
        let gradients = [&found.users, &found.items][side];
        for (place, gradient) in gradients.indexed_iter() {
            let at = |delta: f32| {
                let mut changed = [users.clone(), items.clone()];
                changed[side][place] += delta;
                f64::from(loss(changed[0].view(), changed[1].view()).value)
            };
            let expected = (at(step) - at(-step)) / f64::from(2.0 * step);
            let error = (f64::from(*gradient) - expected).abs();
            assert!(
                error < 2e-3 + 0.02 * expected.abs(),
                "{side} {place:?}: {gradient}, should be {expected}"
            );
            large += usize::from(expected.abs() > 1e-2);
        }
    }
    assert!(large > 10, "few gradients are large enough: {large}");
}
