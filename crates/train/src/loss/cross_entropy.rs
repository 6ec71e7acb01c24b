//! Softmax and cross entropy.

use twinspire_towers::internals::exp;

/// Logits that are processed side by side.
const LANES: usize = 16;

/// Cross entropy of a softmax over logits, given the index of the right one. Each logit is replaced by the
/// derivative of the loss. A logit of minus infinity is not a candidate.
pub(super) fn cross_entropy(logits: &mut [f32], right: usize) -> f32 {
    let own = logits[right];
    let (most, sum) = softmax(logits);
    logits[right] -= 1.0;
    sum.ln() + most - own
}

/// Replaces logits by their softmax. Returns the largest logit, and the sum of the exponentials of the
/// distances from it. Sums are kept in lanes, so that the compiler can vectorise them.
fn softmax(logits: &mut [f32]) -> (f32, f32) {
    /// Below this the exponential is subnormal.
    const MIN_EXPONENT: f32 = -87.0;
    let mut most = [f32::NEG_INFINITY; LANES];
    let (chunks, rest) = logits.as_chunks::<LANES>();
    for chunk in chunks {
        for (most, x) in most.iter_mut().zip(chunk) {
            *most = if *x > *most { *x } else { *most };
        }
    }
    let most = most.iter().chain(rest).copied();
    let most = most.fold(f32::NEG_INFINITY, f32::max);
    let power = |x: f32| {
        let x = x - most;
        let power = exp(x);
        if x < MIN_EXPONENT { 0.0 } else { power }
    };
    let mut sums = [0.0; LANES];
    let (chunks, rest) = logits.as_chunks_mut::<LANES>();
    for chunk in chunks {
        for (sum, x) in sums.iter_mut().zip(chunk) {
            *x = power(*x);
            *sum += *x;
        }
    }
    for (sum, x) in sums.iter_mut().zip(rest) {
        *x = power(*x);
        *sum += *x;
    }
    let sum: f32 = sums.iter().sum();
    let factor = 1.0 / sum;
    logits.iter_mut().for_each(|power| *power *= factor);
    (most, sum)
}

#[cfg(test)]
mod tests {
    use super::super::testing::vectors;
    use super::*;

    #[test]
    fn a_softmax_of_any_length_agrees_with_its_definition() {
        for count in 1..70 {
            let logits = vectors(1, count, 5.0)
                .mapv(|x| 40.0 * x)
                .into_raw_vec_and_offset();
            let mut found = logits.0.clone();
            let (most, sum) = softmax(&mut found);
            let exact = |x: &f32| f64::from(*x - most).exp();
            let total: f64 = logits.0.iter().map(exact).sum();
            assert!((f64::from(sum) - total).abs() < 1e-6 * total);
            for (found, x) in found.iter().zip(&logits.0) {
                let error = f64::from(*found) - exact(x) / total;
                assert!(error.abs() < 1e-6, "{count}: {found} of {x}");
            }
            // NaN is not hidden.
            found[count / 2] = f32::NAN;
            assert!(softmax(&mut found).1.is_nan(), "{count}");
        }
    }

    #[test]
    fn cross_entropy_agrees_with_a_calculation_by_hand() {
        let mut logits = [0.0, 2.0f32.ln(), f32::NEG_INFINITY];
        let loss = cross_entropy(&mut logits, 0);
        assert!((loss - 3.0f32.ln()).abs() < 1e-6);
        let expected = [1.0 / 3.0 - 1.0, 2.0 / 3.0, 0.0];
        for (found, expected) in logits.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{logits:?}");
        }
    }
}
