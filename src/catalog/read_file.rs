//! How far a journal file was read.

use crate::format::container::HEADER_BYTES;
use std::path::{Path, PathBuf};
use twinspire_core::ids::Revision;

/// Bytes from the start of the last frame by which the file is known again: the frame's header, with its
/// revision and checksum. Of a file without frames it is the file's header, with its identity.
const MARK_BYTES: usize = HEADER_BYTES;

/// How far one file was read.
#[derive(Clone, Debug)]
pub(super) struct ReadFile {
    /// The file.
    pub(super) path: PathBuf,
    /// Its last revision.
    pub(super) last: Revision,
    /// Offset of its last whole frame; 0 if it has none.
    pub(super) last_frame: u64,
    /// The bytes from `last_frame` on, a few of them.
    pub(super) mark: Vec<u8>,
}

impl ReadFile {
    /// A file whose content was read up to `end`, the end of its last whole frame.
    pub(super) fn new(
        path: &Path,
        bytes: &[u8],
        last_frame: usize,
        end: usize,
        last: Revision,
    ) -> Self {
        let mark = last_frame..end.min(last_frame.saturating_add(MARK_BYTES));
        Self {
            path: path.to_owned(),
            last,
            last_frame: last_frame as u64,
            mark: bytes.get(mark).unwrap_or_default().to_vec(),
        }
    }
}
