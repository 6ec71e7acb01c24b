//! Activation functions, over whole slices so that the compiler vectorises them.
//!
//! Exponentials are computed here and not by the system's maths library, so results are equal on every machine. The
//! relative error is about 2e-7.

use super::schema::Activation;

/// The constants of SELU (Klambauer et al., 2017).
const SELU_SCALE: f32 = 1.050_701;
const SELU_ALPHA: f32 = 1.673_263_2;

impl Activation {
    /// Applies the function to each component.
    pub(crate) fn apply(self, all: &mut [f32]) {
        match self {
            Self::Linear => {}
            Self::Relu => each(all, |x| x.max(0.0)),
            Self::LeakyRelu(slope) => each(all, |x| x.max(0.0) + slope * x.min(0.0)),
            Self::Gelu => each(all, |x| x * normal(x)),
            Self::GeluTanh => each(all, |x| {
                // Half of 1 + tanh(y) is the sigmoid of 2y.
                const TWICE: f32 = 1.595_769;
                x * sigmoid(TWICE * (x + 0.044_715 * x * x * x))
            }),
            Self::Selu => each(all, |x| {
                let below = SELU_ALPHA * (exp(x.min(0.0)) - 1.0);
                SELU_SCALE * (x.max(0.0) + below)
            }),
            Self::Tanh => each(all, tanh),
            Self::Sigmoid => each(all, sigmoid),
            Self::Swish => each(all, |x| x * sigmoid(x)),
        }
    }
}

fn each(all: &mut [f32], of: impl Fn(f32) -> f32) {
    all.iter_mut().for_each(|x| *x = of(*x));
}

/// eˣ, as 2ⁿ · eʳ with |r| at most ln 2 / 2, where a polynomial suffices. Results are clamped to 2⁻¹²⁶ to 2¹²⁷.
#[inline]
pub fn exp(x: f32) -> f32 {
    /// 1.5 · 2²³: adding it leaves the nearest integer in the last bits.
    const ROUND: f32 = 12_582_912.0;
    /// ln 2 in two parts, the first with so few digits that n times it is exact.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * LN_2[0] - n * LN_2[1];
    let tail = 1.0 / 24.0 + r * (1.0 / 120.0 + r * (1.0 / 720.0 + r * (1.0 / 5_040.0)));
    let series = 1.0 + r * (1.0 + r * (0.5 + r * (1.0 / 6.0 + r * tail)));
    let power = (shifted.to_bits().wrapping_add(127)) << 23;
    series * f32::from_bits(power)
}

#[inline]
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// From the exponential; near zero from the series, because the exponential would lose digits.
#[inline]
fn tanh(x: f32) -> f32 {
    let square = x * x;
    let near = x * (1.0 + square * (-1.0 / 3.0 + square * (2.0 / 15.0 - square * (17.0 / 315.0))));
    let far = 1.0 - 2.0 / (exp(2.0 * x) + 1.0);
    if x.abs() < 0.2 { near } else { far }
}

/// The distribution function of the normal distribution (Abramowitz and Stegun, 7.1.26; wrong by at
/// most 8e-8).
#[inline]
fn normal(x: f32) -> f32 {
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let series = 1.421_413_7 + t * (-1.453_152 + t * 1.061_405_4);
    let series = t * (0.254_829_6 + t * (-0.284_496_74 + t * series));
    let beyond = 0.5 * series * exp(-z * z);
    if x < 0.0 { beyond } else { 1.0 - beyond }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(activation: Activation, x: f64) -> f64 {
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        match activation {
            Activation::Linear => x,
            Activation::Relu => x.max(0.0),
            Activation::LeakyRelu(slope) if x < 0.0 => f64::from(slope) * x,
            Activation::LeakyRelu(_) => x,
            Activation::Gelu => {
                // The integral of the density, by Simpson's rule.
                let density = |x: f64| (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
                let (steps, end) = (2_000, x.clamp(-8.0, 8.0));
                let width = (end + 8.0) / f64::from(steps);
                let weight = |i| {
                    if i == 0 || i == steps {
                        1.0
                    } else {
                        f64::from(2 + 2 * (i % 2))
                    }
                };
                let at = |i| weight(i) * density(-8.0 + f64::from(i) * width);
                x * (0..=steps).map(at).sum::<f64>() * width / 3.0
            }
            Activation::GeluTanh => {
                let y = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3));
                0.5 * x * (1.0 + y.tanh())
            }
            Activation::Selu if x < 0.0 => {
                1.050_700_987_355_480_5 * 1.673_263_242_354_377_2 * x.exp_m1()
            }
            Activation::Selu => 1.050_700_987_355_480_5 * x,
            Activation::Tanh => x.tanh(),
            Activation::Sigmoid => sigmoid(x),
            Activation::Swish => x * sigmoid(x),
        }
    }

    #[test]
    fn activations_match_their_definitions() {
        let xs: Vec<f32> = (-4000..=4000).map(|i| i as f32 / 200.0).collect();
        for activation in [
            Activation::Linear,
            Activation::Relu,
            Activation::LeakyRelu(0.2),
            Activation::Gelu,
            Activation::GeluTanh,
            Activation::Selu,
            Activation::Tanh,
            Activation::Sigmoid,
            Activation::Swish,
        ] {
            let mut found = xs.clone();
            activation.apply(&mut found);
            for (x, y) in xs.iter().zip(found) {
                let exact = plain(activation, f64::from(*x));
                let near = (f64::from(y) - exact).abs() <= 1e-6 * exact.abs().max(1.0);
                assert!(near, "{activation:?} of {x} is {y}, not {exact}");
            }
        }
    }

    #[test]
    fn activations_of_large_numbers_reach_their_limits() {
        let of = |activation: Activation, x: f32| {
            let mut all = [x];
            activation.apply(&mut all);
            all[0]
        };
        for (activation, low, high) in [
            (Activation::Tanh, -1.0, 1.0),
            (Activation::Sigmoid, 0.0, 1.0),
            (Activation::Gelu, 0.0, 1e30),
            (Activation::Swish, 0.0, 1e30),
        ] {
            assert!(
                (of(activation, -1e30) - low).abs() < 1e-6 || of(activation, -1e4).abs() < 1e-6
            );
            assert_eq!(of(activation, 1e30), high, "{activation:?}");
            assert!(of(activation, f32::NAN).is_nan(), "{activation:?}");
        }
    }
}
