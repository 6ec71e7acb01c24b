//! Arrays read in place.

use super::container::Sections;
use super::damage::Damage;
use super::error::FormatError;
use std::ops::Range;

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

/// The elements in a range from [`array_range`]; empty if `bytes` is misaligned, which a
/// [`Blob`](twinspire_core::files::Blob) never is.
pub(super) fn array<'a, T: bytemuck::AnyBitPattern>(
    bytes: &'a [u8],
    range: &Range<usize>,
) -> &'a [T] {
    let part = bytes.get(range.clone()).unwrap_or_default();
    bytemuck::try_cast_slice(part).unwrap_or_default()
}
