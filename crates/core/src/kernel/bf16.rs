//! bfloat16: the upper half of an `f32`, kept as its bits in a `u16`.

/// The `f32` of the same value, which always exists.
#[inline]
pub(super) fn decode(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}
