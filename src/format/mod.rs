//! Structs to bytes and back, with a file here for each kind of stored file.
//!
//! `storage-format.md` describes the same bytes for readers in other languages, with a chapter for each
//! file here. The two change together. Nothing here touches a file system.
//!
//! Every stored file but CURRENT begins with the same [header](container). Segments and manifests
//! continue with [sections, a section table and a footer](container), journals with [frames](journal).
//!
//! A file of a newer format is [unsupported](Unsupported), never damaged: headers, sections, frames and
//! enums say what must be understood, and what may be ignored.
//!
//! Bytes are not trusted: every offset and count is checked before it is used, and errors name the
//! [damage](Damage) and its section.
#![warn(clippy::indexing_slicing)]

mod array;
pub(crate) mod columns;
pub(crate) mod container;
pub(crate) mod current;
mod damage;
mod dense;
mod error;
pub(crate) mod id_table;
pub(crate) mod items;
pub(crate) mod journal;
pub(crate) mod lexical;
pub(crate) mod manifest;
mod node_items;
pub(crate) mod partitions;
pub(crate) mod space;
mod unsupported;
mod version;

pub use damage::Damage;
pub(crate) use dense::{guess_dense, search_dense};
pub(crate) use error::{Fault, FormatError};
pub(crate) use node_items::NodeItems;
pub use unsupported::Unsupported;
pub use version::FORMAT_VERSION;
