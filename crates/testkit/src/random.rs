//! Draws that several data sets are made of.

use rand::RngExt;
use rand_pcg::Pcg64Mcg;

/// An approximate draw from the standard normal distribution: the sum of twelve uniform draws.
pub fn normal(random: &mut Pcg64Mcg) -> f32 {
    (0..12).map(|_| random.random::<f32>()).sum::<f32>() - 6.0
}

/// Uniform draws between `-bound` and `bound`.
pub fn uniform(random: &mut Pcg64Mcg, count: usize, bound: f32) -> Vec<f32> {
    (0..count)
        .map(|_| random.random_range(-bound..bound))
        .collect()
}

/// The vector scaled to length 1.
pub fn unit(vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    vector.into_iter().map(|x| x / length).collect()
}
