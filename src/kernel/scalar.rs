//! The reference kernels: eight running sums, so that the compiler can keep them in one register.

const LANES: usize = 8;

/// The inner product over the shorter length of the two.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    sum(a, b, |x, y| x * y)
}

/// The squared Euclidean distance over the shorter length of the two.
pub(super) fn l2_squared(a: &[f32], b: &[f32]) -> f32 {
    sum(a, b, |x, y| (x - y) * (x - y))
}

fn sum(a: &[f32], b: &[f32], term: impl Fn(f32, f32) -> f32) -> f32 {
    let length = a.len().min(b.len());
    let (a, b) = (&a[..length], &b[..length]);
    let mut lanes = [0.0f32; LANES];
    let (whole_a, whole_b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest = whole_a.remainder().iter().zip(whole_b.remainder());
    let tail: f32 = rest.map(|(x, y)| term(*x, *y)).sum();
    for (x, y) in whole_a.zip(whole_b) {
        for (lane, (x, y)) in lanes.iter_mut().zip(x.iter().zip(y)) {
            *lane += term(*x, *y);
        }
    }
    lanes.iter().sum::<f32>() + tail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dimension_agrees_with_sums_in_double_precision() {
        for dimension in (0..=130).chain([255, 1000, 4096]) {
            let a: Vec<f32> = (0..dimension)
                .map(|i| ((i * 37 % 101) as f32 - 50.0) / 50.0)
                .collect();
            let b: Vec<f32> = (0..dimension)
                .map(|i| ((i * 53 % 97) as f32 - 48.0) / 48.0)
                .collect();
            let pairs = || {
                a.iter()
                    .zip(&b)
                    .map(|(x, y)| (f64::from(*x), f64::from(*y)))
            };
            let exact_dot: f64 = pairs().map(|(x, y)| x * y).sum();
            let exact_l2: f64 = pairs().map(|(x, y)| (x - y) * (x - y)).sum();
            let allowed = 1e-6 * (1.0 + dimension as f64);
            assert!(
                (f64::from(dot(&a, &b)) - exact_dot).abs() < allowed,
                "dot, {dimension}"
            );
            assert!(
                (f64::from(l2_squared(&a, &b)) - exact_l2).abs() < allowed,
                "l2, {dimension}"
            );
        }
    }
}
