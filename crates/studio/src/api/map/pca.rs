//! The plane through the vectors in which they vary most: the two leading principal components.
//!
//! Orthogonal iteration on a sample, without the covariance matrix: the time is linear in the dimension. The result is
//! deterministic.

use super::random::Random;

/// Seed of the directions to begin with: equal vectors give equal planes.
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;
/// Vectors that are iterated together: more than are kept, so that the kept ones converge.
const BLOCK: usize = 4;
/// Number of iterations. Principal components whose variances are nearly equal are any two of their plane.
const ITERATIONS: usize = 40;

/// A plane in the space of the vectors.
#[derive(Debug, Clone, PartialEq)]
pub struct Plane {
    mean: Vec<f32>,
    axes: [Vec<f32>; 2],
    /// The share of the variance along each axis.
    pub explained: [f32; 2],
}

impl Plane {
    /// The plane of vectors of a dimension, concatenated.
    pub fn of(vectors: &[f32], dimension: usize) -> Self {
        let dimension = dimension.max(1);
        let count = (vectors.len() / dimension).max(1) as f64;
        let rows = || vectors.chunks_exact(dimension);
        let mut sums = vec![0.0f64; dimension];
        for row in rows() {
            for (sum, one) in sums.iter_mut().zip(row) {
                *sum += f64::from(*one);
            }
        }
        let mean: Vec<f32> = sums.iter().map(|sum| (sum / count) as f32).collect();
        let centred: Vec<f32> = rows()
            .flat_map(|row| row.iter().zip(&mean).map(|(one, mean)| one - mean))
            .collect();
        let variance: f64 = centred.iter().map(|one| f64::from(*one).powi(2)).sum();
        let mut block = start(dimension);
        let mut spread = vec![0.0; block.len()];
        for _ in 0..ITERATIONS {
            let mut next = vec![vec![0.0f32; dimension]; block.len()];
            for row in centred.chunks_exact(dimension) {
                for (axis, sum) in block.iter().zip(&mut next) {
                    let along = dot(row, axis);
                    for (sum, one) in sum.iter_mut().zip(row) {
                        *sum += along * one;
                    }
                }
            }
            spread = orthonormalise(&mut next);
            block = next;
        }
        let mut order: Vec<usize> = (0..block.len()).collect();
        order.sort_by(|one, other| {
            let spread = |at: &usize| spread.get(*at).copied().unwrap_or(0.0f32);
            spread(other).total_cmp(&spread(one))
        });
        let axis = |rank: usize| {
            let found = order.get(rank).and_then(|at| block.get(*at));
            found.cloned().unwrap_or_else(|| vec![0.0; dimension])
        };
        let axes = [axis(0), axis(1)];
        let explained = axes.each_ref().map(|axis| {
            let along = centred
                .chunks_exact(dimension)
                .map(|row| f64::from(dot(row, axis)).powi(2));
            (along.sum::<f64>() / variance.max(f64::MIN_POSITIVE)) as f32
        });
        Self {
            mean,
            axes,
            explained,
        }
    }

    /// The place of a vector in the plane.
    pub fn project(&self, vector: &[f32]) -> [f32; 2] {
        self.axes.each_ref().map(|axis| {
            let parts = vector.iter().zip(&self.mean).zip(axis);
            parts.map(|((one, mean), axis)| (one - mean) * axis).sum()
        })
    }
}

/// Directions to begin with, the same every time.
fn start(dimension: usize) -> Vec<Vec<f32>> {
    let mut random = Random(SEED);
    let mut block: Vec<Vec<f32>> = Vec::new();
    for _ in 0..BLOCK.min(dimension) {
        block.push((0..dimension).map(|_| random.signed()).collect());
    }
    orthonormalise(&mut block);
    block
}

/// Gram-Schmidt. Returns the length that each vector had beyond those before it.
fn orthonormalise(block: &mut [Vec<f32>]) -> Vec<f32> {
    let mut lengths = Vec::with_capacity(block.len());
    for at in 0..block.len() {
        let (before, rest) = block.split_at_mut(at);
        let Some(vector) = rest.first_mut() else {
            break;
        };
        // Twice: once loses digits where vectors are nearly parallel.
        for _ in 0..2 {
            for other in before.iter() {
                let along = dot(vector, other);
                for (one, other) in vector.iter_mut().zip(other) {
                    *one -= along * other;
                }
            }
        }
        let length = dot(vector, vector).sqrt();
        let scale = if length > 1e-12 { 1.0 / length } else { 0.0 };
        vector.iter_mut().for_each(|one| *one *= scale);
        lengths.push(length);
    }
    lengths
}

fn dot(one: &[f32], other: &[f32]) -> f32 {
    // Eight sums at a time, which the compiler keeps in one register.
    let mut sums = [0.0f32; 8];
    let (ones, others) = (one.chunks_exact(8), other.chunks_exact(8));
    let rest = ones.remainder().iter().zip(others.remainder());
    let rest: f32 = rest.map(|(one, other)| one * other).sum();
    for (one, other) in ones.zip(others) {
        for ((sum, one), other) in sums.iter_mut().zip(one).zip(other) {
            *sum += one * other;
        }
    }
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axes_are_those_along_which_points_vary_most() {
        // Wide along the third component, less along the first, hardly along the second.
        let mut vectors = Vec::new();
        for at in 0..200 {
            let turn = at as f32 * 0.7;
            vectors.extend([
                2.0 + 3.0 * turn.sin(),
                0.1 * (3.0 * turn).cos(),
                9.0 * turn.cos() - 5.0,
            ]);
        }
        let plane = Plane::of(&vectors, 3);
        assert!(plane.axes[0][2].abs() > 0.999, "{plane:?}");
        assert!(plane.axes[1][0].abs() > 0.999, "{plane:?}");
        let sum: f32 = plane.explained.iter().sum();
        assert!(
            plane.explained[0] > 0.85 && sum > 0.999 && sum < 1.001,
            "{plane:?}"
        );
        let [x, y] = plane.project(&[2.0, 0.0, -5.0]);
        assert!(
            x.abs() < 0.2 && y.abs() < 0.2,
            "the middle is the middle: {x} {y}"
        );
        assert_eq!(plane, Plane::of(&vectors, 3), "the same every time");
    }

    #[test]
    fn few_or_equal_vectors_have_a_plane_too() {
        for (vectors, dimension) in [
            (vec![], 4),
            (vec![1.0, 2.0], 2),
            (vec![1.0; 12], 3),
            (vec![1.0, 5.0], 1),
        ] {
            let plane = Plane::of(&vectors, dimension);
            let point = plane.project(&vec![1.0; dimension]);
            assert!(
                point.iter().all(|one| one.is_finite()),
                "{vectors:?}: {plane:?}"
            );
            assert!(plane.explained.iter().all(|one| one.is_finite()));
        }
    }
}
