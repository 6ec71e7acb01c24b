//! Sections that are arrays, read in place.

use super::container::Sections;
use super::damage::Damage;
use super::error::FormatError;
use std::ops::Range;

#[cfg(target_endian = "big")]
compile_error!(
    "stored arrays are little-endian and read in place: big-endian machines are not supported"
);

/// The range of a section that is an array of `count` elements of type `T`.
pub(super) fn array_range<T>(
    sections: &Sections,
    id: u32,
    name: &'static str,
    count: u64,
) -> Result<Range<usize>, FormatError> {
    let range = sections.range(id, name)?;
    let expected = count.checked_mul(size_of::<T>() as u64);
    if expected != Some(range.len() as u64) {
        let (bytes, size) = (range.len(), size_of::<T>());
        return Err(FormatError::bad(
            name,
            Damage::Length { bytes, count, size },
        ));
    }
    Ok(range)
}

/// The elements in a range found by [`array_range`]. Empty if the bytes are not aligned for them; a
/// [`Blob`](twinspire_core::files::Blob) always is.
#[inline]
pub(super) fn array<'a, T: bytemuck::AnyBitPattern>(
    bytes: &'a [u8],
    range: &Range<usize>,
) -> &'a [T] {
    let part = bytes.get(range.clone()).unwrap_or_default();
    bytemuck::try_cast_slice(part).unwrap_or_default()
}
