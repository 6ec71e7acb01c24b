//! Structs to bytes and back: one file here for each kind of stored file.
//!
//! `storage-format.md` describes the same bytes for readers in other languages, a chapter for each
//! file here; the two change together. Nothing here touches a file system.
//!
//! Every stored file but CURRENT begins with the same [header](container); segments and manifests
//! go on as [sections with a table and a footer](container), journals as [frames](journal).

mod arrays;
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
mod version;

pub use damage::Damage;
pub(crate) use error::FormatError;
pub(crate) use search::{guess_dense, search_dense};
pub use version::FORMAT_VERSION;

use arrays::{array, array_range};
use error::within;

#[cfg(target_endian = "big")]
compile_error!(
    "stored arrays are little-endian and read in place: big-endian machines are not supported"
);
