//! A fixed orthogonal rotation, which spreads every component over all others.
//!
//! Codes have one scale for all components, in rows and in queries. Where a few components are far larger
//! than the rest, that scale cannot tell small ones apart. Rotated vectors have the same inner products
//! and distances, and components of about one size.

/// Rounds of signs and transforms.
const ROUNDS: u64 = 2;

/// Rotates a vector in place: in each round, signs by a fixed pseudo-random sequence, then a
/// Walsh-Hadamard transform of as many components as the largest power of two that fits, first of the
/// leading components, then of the last ones.
pub(super) fn rotate(vector: &mut [f32]) {
    let length = vector.len();
    let Some(power) = length.checked_ilog2() else {
        return;
    };
    let block = 1usize << power;
    let parts = [0, length - block];
    // Where one block covers all, one transform a round is enough.
    let parts = parts
        .get(usize::from(block == length)..)
        .unwrap_or_default();
    let mut words = SplitMix64(0);
    for _ in 0..ROUNDS {
        for from in parts {
            for chunk in vector.chunks_mut(64) {
                let mut bits = words.next();
                for x in chunk {
                    if bits & 1 == 1 {
                        *x = -*x;
                    }
                    bits >>= 1;
                }
            }
            if let Some(block) = vector.get_mut(*from..from + block) {
                transform(block);
            }
        }
    }
}

/// The orthonormal Walsh-Hadamard transform, in natural order. The length is a power of two.
fn transform(vector: &mut [f32]) {
    let mut half = 1;
    while half < vector.len() {
        for pair in vector.chunks_exact_mut(2 * half) {
            let (low, high) = pair.split_at_mut(half);
            for (a, b) in low.iter_mut().zip(high) {
                (*a, *b) = (*a + *b, *a - *b);
            }
        }
        half *= 2;
    }
    let scale = 1.0 / (vector.len() as f32).sqrt();
    vector.iter_mut().for_each(|x| *x *= scale);
}

/// A generator of pseudo-random words.
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn products_stay_and_one_component_spreads_over_all(
            a in vec(-1.0f32..1.0, 1..200), seed in 0usize..200,
        ) {
            let b: Vec<f32> = (0..a.len()).map(|at| ((at * 7 + seed) as f32).sin()).collect();
            let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
            let (mut c, mut d) = (a.clone(), b.clone());
            rotate(&mut c);
            rotate(&mut d);
            prop_assert!((product(&a, &b) - product(&c, &d)).abs() < 1e-3);
            prop_assert!((product(&a, &a) - product(&c, &c)).abs() < 1e-3);
            let mut one = vec![0.0; a.len()];
            one[seed % a.len()] = 1.0;
            rotate(&mut one);
            let largest = one.iter().fold(0.0f32, |most, x| most.max(x.abs()));
            prop_assert!(a.len() < 8 || largest < 0.95, "{largest} of {}", a.len());
        }
    }
}
