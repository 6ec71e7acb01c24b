//! The envelope of a training-state file: magic bytes and version in front, a checksum at the end.

use crate::tower::error::{TowerError, TowerFault};
use twinspire_core::wire::{Reader, WireError, checksum};

/// The version that is read and written.
const VERSION: u32 = 1;

/// Checks the envelope of a file; returns a reader of what is between.
pub(super) fn open<'a>(
    bytes: &'a [u8],
    file: &'static str,
    expected: [u8; 8],
) -> Result<Reader<'a>, TowerError> {
    let wrong = |fault| TowerError::new(file, "file", fault);
    let short = |error| wrong(TowerFault::Length(error));
    let (content, sum) = bytes.split_last_chunk().ok_or_else(|| {
        short(WireError::Short {
            what: "the checksum",
            at: 0,
            needed: size_of::<u64>(),
            left: bytes.len(),
        })
    })?;
    let mut reader = Reader::new(content);
    if reader.array("the magic bytes").map_err(short)? != expected {
        return Err(wrong(TowerFault::Magic { expected }));
    }
    let found = reader.u32("the version").map_err(short)?;
    if found != VERSION {
        let supported = VERSION;
        let fault = TowerFault::Version { found, supported };
        return Err(TowerError::new(file, "header", fault));
    }
    if checksum(content) != u64::from_le_bytes(*sum) {
        return Err(wrong(TowerFault::Checksum));
    }
    Ok(reader)
}

/// The front of the envelope.
pub(super) fn begin(magic: [u8; 8]) -> Vec<u8> {
    let mut bytes = magic.to_vec();
    bytes.extend(VERSION.to_le_bytes());
    bytes
}

/// Appends the checksum.
pub(super) fn seal(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.extend(checksum(&bytes).to_le_bytes());
    bytes
}
