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
pub(crate) mod ids;
pub(crate) mod items;
pub(crate) mod journal;
pub(crate) mod manifest;
mod search;
pub(crate) mod space;

pub(crate) use search::{guess_dense, search_dense};

use std::ops::Range;
use thiserror::Error;
use twinspire_core::wire::WireError;

#[cfg(target_endian = "big")]
compile_error!(
    "stored arrays are little-endian and read in place: big-endian machines are not supported"
);

/// The format version this build writes, and the only one it reads.
pub(crate) const FORMAT_VERSION: u32 = 1;

/// Bytes that are not what they should be.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum FormatError {
    /// The file was written by another version of the format.
    #[error("format version {found}, but this build reads version {FORMAT_VERSION}")]
    Version {
        /// The version in the header.
        found: u32,
    },
    /// Anything else.
    #[error("{section}: {what}")]
    Bad {
        /// The part of the file.
        section: &'static str,
        /// What is wrong with it.
        what: String,
    },
}

impl FormatError {
    /// Something wrong with `section`.
    pub(crate) fn bad(section: &'static str, what: impl Into<String>) -> Self {
        Self::Bad {
            section,
            what: what.into(),
        }
    }

    /// The part of the file that is wrong.
    pub(crate) fn section(&self) -> &'static str {
        match self {
            Self::Version { .. } => "header",
            Self::Bad { section, .. } => section,
        }
    }
}

/// Makes a wire error one about `section`.
fn within(section: &'static str) -> impl Fn(WireError) -> FormatError {
    move |error| FormatError::bad(section, error.to_string())
}

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
        let what = format!(
            "{} bytes long, but {count} elements of {} bytes are due",
            range.len(),
            size_of::<T>()
        );
        return Err(FormatError::bad(name, what));
    }
    Ok(range)
}

/// The elements in a range found by [`array_range`]; empty if the blob is not aligned for it,
/// which no [`Blob`](twinspire_core::files::Blob) is.
fn array<'a, T: bytemuck::AnyBitPattern>(bytes: &'a [u8], range: &Range<usize>) -> &'a [T] {
    let part = bytes.get(range.clone()).unwrap_or_default();
    bytemuck::try_cast_slice(part).unwrap_or_default()
}
