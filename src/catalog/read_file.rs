//! How far a journal file was read.

use std::path::{Path, PathBuf};
use twinspire_core::ids::Revision;

/// Bytes before the end of what was read, by which the file is known again: the end of a frame, and its
/// checksum unless the frame is long.
const MARK_BYTES: usize = 64;

/// How far one file was read.
#[derive(Clone, Debug)]
pub(super) struct ReadFile {
    /// The file.
    pub(super) path: PathBuf,
    /// Its last revision.
    pub(super) last: Revision,
    /// Offset of the end of its last whole frame.
    pub(super) end: u64,
    /// The bytes before that offset.
    pub(super) mark: Vec<u8>,
}

impl ReadFile {
    /// A file whose content was read, up to `end`, the end of its last whole frame.
    pub(super) fn new(path: &Path, bytes: &[u8], end: usize, last: Revision) -> Self {
        let from = end.saturating_sub(MARK_BYTES);
        Self {
            path: path.to_owned(),
            last,
            end: end as u64,
            mark: bytes.get(from..end).unwrap_or_default().to_vec(),
        }
    }
}
