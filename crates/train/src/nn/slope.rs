//! Derivatives of the activations.

use std::f32::consts::{FRAC_2_SQRT_PI, SQRT_2};
use twinspire_towers::internals::schema::Activation;

/// As in the forward pass (Klambauer et al., 2017).
const SELU_SCALE: f32 = 1.050_701;
const SELU_ALPHA: f32 = 1.673_263_2;

/// Whether the derivative is a function of the output.
pub(super) fn depends_on_output_only(activation: Activation) -> bool {
    use Activation::{Gelu, GeluTanh, Swish};
    !matches!(activation, Gelu | GeluTanh | Swish)
}

/// The derivative at input `x` with output `y`. `x` is ignored if the derivative depends on the output only.
pub(super) fn slope(activation: Activation, x: f32, y: f32) -> f32 {
    let sigmoid = |x: f32| 1.0 / (1.0 + (-x).exp());
    match activation {
        Activation::Linear => 1.0,
        Activation::Relu => f32::from(u8::from(y > 0.0)),
        Activation::LeakyRelu(below) if y < 0.0 => below,
        Activation::LeakyRelu(_) => 1.0,
        Activation::Tanh => 1.0 - y * y,
        Activation::Sigmoid => y * (1.0 - y),
        Activation::Selu if y > 0.0 => SELU_SCALE,
        Activation::Selu => y + SELU_SCALE * SELU_ALPHA,
        Activation::Gelu => {
            let density = FRAC_2_SQRT_PI / (2.0 * SQRT_2) * (-x * x / 2.0).exp();
            let below = if x.abs() > 1e-3 {
                y / x
            } else {
                0.5 + x * density
            };
            below + x * density
        }
        Activation::GeluTanh => {
            const TWICE: f32 = 1.595_769;
            let gate = sigmoid(TWICE * (x + 0.044_715 * x * x * x));
            gate + x * gate * (1.0 - gate) * TWICE * (1.0 + 3.0 * 0.044_715 * x * x)
        }
        Activation::Swish => {
            let gate = sigmoid(x);
            gate + x * gate * (1.0 - gate)
        }
    }
}
