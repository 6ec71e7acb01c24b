//! Components in two bytes: the binary16 of IEEE 754, kept as its bits in a `u16`.
//!
//! A number has eleven binary digits, from 2^-14 to 65,504; below that digits are lost one by one
//! down to 2^-24, and above it there is only infinity, which [`fits_f16`] looks out for. Numbers
//! are rounded to the nearest, of two equally near ones to the even one, as processors do it: all
//! levels agree to the bit, NaN's bits included.

/// The exponent bits of a binary16, which only infinities and NaN have all set.
const EXPONENT: u16 = 0x7c00;
/// The bit that makes a NaN a quiet one.
const QUIET: u16 = 0x0200;
/// What a binary32 has more digits.
const DIGITS: u32 = 23 - 10;
/// What the exponents of a binary32 count from more than those of a binary16.
const BIAS: u32 = 127 - 15;
/// The least number that is rounded up to infinity, the middle between 65,504 and 65,536.
const TOO_LARGE: f32 = 65_520.0;
/// The least number that has all its digits.
const NORMAL: f32 = 1.0 / (1 << 14) as f32;

/// Whether all components are numbers that binary16 has in its range.
#[inline]
pub fn fits_f16(vector: &[f32]) -> bool {
    vector.iter().all(|x| x.abs() < TOO_LARGE)
}

/// Whether a binary16 is a number.
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
        // From a half to one floats are 2^-24 apart, as these numbers are: adding a half rounds.
        ((amount + 0.5).to_bits() - 0.5f32.to_bits()) as u16
    } else {
        // Half of what is cut off carries, and less by a bit where the last digit kept is even. A
        // carry out of the digits makes the next power of two, as it should.
        let odd = bits >> DIGITS & 1;
        let rounded = bits + (1 << (DIGITS - 1)) - 1 + odd;
        ((rounded >> DIGITS) - (BIAS << 10)) as u16
    };
    sign | half
}

/// The number that is meant, which a binary32 always has.
pub(super) fn decode(half: u16) -> f32 {
    let sign = u32::from(half & 0x8000) << 16;
    let bits = u32::from(half & 0x7fff) << DIGITS;
    // The exponent in its new place is too small by the difference of the biases. To multiply makes
    // up for it, and is exact for the small numbers that do without the leading digit, too.
    let scale = f32::from_bits((127 + BIAS) << 23);
    let number = (f32::from_bits(bits) * scale).to_bits();
    let quiet = u32::from(QUIET) << DIGITS;
    let special = f32::INFINITY.to_bits() | bits | if half & 0x03ff == 0 { 0 } else { quiet };
    f32::from_bits(sign | if is_finite(half) { number } else { special })
}
