//! Decoding by the `parquet` crate, with its input checked first.
//!
//! The crate is written for well-formed files. On others it may panic, reserve unbounded memory or overflow the
//! stack. So the numbers that a file declares are checked before the crate sees them: `footer` and `thrift` check
//! the metadata, `input` the headers of pages, `pages` their content. `guard` turns the panics that are left
//! into errors.

mod footer;
mod guard;
mod input;
mod pages;
mod thrift;

pub(crate) use footer::{check_groups, footer, metadata};
pub(crate) use guard::guarded;
pub(crate) use input::{Input, ReadSeek};
pub(crate) use pages::{MAX_LIST_LENGTH, open_pages};
