//! Structs to bytes and back: one file here for each kind of stored file.
//!
//! `storage-format.md` describes the same bytes for readers in other languages, a chapter for each
//! file here; the two change together. Nothing here touches a file system.
//!
//! Every stored file but CURRENT begins with the same [header](container); segments and manifests
//! go on as [sections with a table and a footer](container), journals as [frames](journal).

pub(crate) mod columns;
pub(crate) mod container;
pub(crate) mod current;
mod damage;
mod error;
pub(crate) mod ids;
pub(crate) mod items;
pub(crate) mod journal;
pub(crate) mod manifest;
mod search;
pub(crate) mod space;

pub use damage::Damage;
pub(crate) use error::FormatError;
pub(crate) use search::{guess_dense, search_dense};

use error::within;
use std::ops::Range;

#[cfg(target_endian = "big")]
compile_error!(
    "stored arrays are little-endian and read in place: big-endian machines are not supported"
);

/// The format version this build writes, and the only one it reads.
pub const FORMAT_VERSION: u32 = 1;

/// A section that is an array of `T`: where it lies and that it has `count` elements.
fn array_range<T>(
    sections: &container::Sections,
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

/// The elements in a range found by [`array_range`]; empty if the blob is not aligned for it,
/// which no [`Blob`](twinspire_core::files::Blob) is.
fn array<'a, T: bytemuck::AnyBitPattern>(bytes: &'a [u8], range: &Range<usize>) -> &'a [T] {
    let part = bytes.get(range.clone()).unwrap_or_default();
    bytemuck::try_cast_slice(part).unwrap_or_default()
}
