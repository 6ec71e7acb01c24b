//! Half precision: the binary16 of IEEE 754, kept as its bits in a `u16`.
//!
//! Normal numbers have eleven binary digits and range from 2^-14 to 65,504. Subnormal ones lose a digit
//! at a time down to 2^-24. Anything larger becomes infinity, which [`fits_f16`] detects. Rounding is to
//! nearest, ties to even, as in hardware: all levels agree to the bit, NaN payloads included.

/// The exponent bits of a binary16; all set means infinity or NaN.
const EXPONENT: u16 = 0x7c00;
/// The quiet bit of a NaN.
const QUIET: u16 = 0x0200;
/// Mantissa bits that a binary32 has more than a binary16.
const DIGITS: u32 = 23 - 10;
/// Difference of the exponent biases of binary32 and binary16.
const BIAS: u32 = 127 - 15;
/// The smallest number that rounds to infinity: the middle between 65,504 and 65,536.
const TOO_LARGE: f32 = 65_520.0;
/// The smallest normal number.
const NORMAL: f32 = 1.0 / (1 << 14) as f32;

/// Whether all components are finite as binary16.
#[inline]
pub(super) fn fits_f16(vector: &[f32]) -> bool {
    vector.iter().all(|x| x.abs() < TOO_LARGE)
}

/// Whether a binary16 is finite.
pub(super) fn is_finite(half: u16) -> bool {
    half & EXPONENT != EXPONENT
}

/// The nearest binary16.
pub(super) fn encode(x: f32) -> u16 {
    let sign = (x.to_bits() >> 16) as u16 & 0x8000;
    let amount = x.abs();
    let bits = amount.to_bits();
    let half = if amount.is_nan() {
        EXPONENT | QUIET | (bits >> DIGITS & 0x03ff) as u16
    } else if amount >= TOO_LARGE {
        EXPONENT
    } else if amount < NORMAL {
        // Subnormal: floats between 0.5 and 1 are 2^-24 apart, like these numbers, so adding 0.5 rounds.
        ((amount + 0.5).to_bits() - 0.5f32.to_bits()) as u16
    } else {
        // Round to nearest, ties to even, by adding just under half of the last digit kept. A carry out
        // of the mantissa increments the exponent, as it should.
        let odd = bits >> DIGITS & 1;
        let rounded = bits + (1 << (DIGITS - 1)) - 1 + odd;
        ((rounded >> DIGITS) - (BIAS << 10)) as u16
    };
    sign | half
}

/// The `f32` of the same value, which always exists.
pub(super) fn decode(half: u16) -> f32 {
    let sign = u32::from(half & 0x8000) << 16;
    let bits = u32::from(half & 0x7fff) << DIGITS;
    // The shifted exponent is too small by the difference of the biases. Multiplying by a power of two
    // corrects it, exactly for subnormal numbers too.
    let scale = f32::from_bits((127 + BIAS) << 23);
    let number = (f32::from_bits(bits) * scale).to_bits();
    let quiet = u32::from(QUIET) << DIGITS;
    let special = f32::INFINITY.to_bits()
        | bits
        | if half.trailing_zeros() >= 10 {
            0
        } else {
            quiet
        };
    f32::from_bits(sign | if is_finite(half) { number } else { special })
}
