//! Contributions and statistics as bytes, for other processes of the same version.

use crate::error::{Error, ShardsError};
use bincode::{Decode, Encode};
use twinspire_core::wire::{pack, unpack};

/// Version of the format, written first. Changes with every change of the encoded types.
const VERSION: u32 = 1;

/// Encodes the version and a value.
pub(super) fn encode<T: Encode>(value: &T) -> Result<Vec<u8>, Error> {
    pack(&(VERSION, value)).map_err(|_| Error::Shards(ShardsError::Bytes))
}

/// Decodes a value of this version.
pub(super) fn decode<T: Decode<()>>(bytes: &[u8]) -> Result<T, Error> {
    match unpack(bytes) {
        Ok((VERSION, value)) => Ok(value),
        _ => Err(Error::Shards(ShardsError::Bytes)),
    }
}
