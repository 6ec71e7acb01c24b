//! bincode, pinned to one configuration: little-endian, fixed-width integers, a bounded decoder.
//!
//! A packed value is its fields in order: integers as they are, a string or list as a `u64` count followed
//! by its elements, an option as one byte 0 or 1, an enum as a `u32`.

use bincode::error::DecodeError;
use bincode::{Decode, Encode, config};
use thiserror::Error;

pub use bincode::error::EncodeError;

/// The largest packed value, in memory and in a file: 256 MiB.
const MAX_PACKED_BYTES: usize = 256 << 20;

/// Why bytes are not a packed value.
#[derive(Debug, Error)]
pub enum UnpackError {
    /// The bytes are not a value of this type, or it exceeds the size limit.
    #[error("{0}")]
    Decode(#[source] DecodeError),
    /// Bytes after the value.
    #[error("{left} bytes follow the value")]
    Trailing {
        /// Number of bytes that follow.
        left: usize,
    },
}

/// Encodes a value.
pub fn pack<T: Encode>(value: &T) -> Result<Vec<u8>, EncodeError> {
    bincode::encode_to_vec(value, config::standard().with_fixed_int_encoding())
}

/// Decodes a value that takes up all of `bytes`.
pub fn unpack<T: Decode<()>>(bytes: &[u8]) -> Result<T, UnpackError> {
    let bounded = config::standard()
        .with_fixed_int_encoding()
        .with_limit::<MAX_PACKED_BYTES>();
    let (value, read) = bincode::decode_from_slice(bytes, bounded).map_err(UnpackError::Decode)?;
    match bytes.len() - read {
        0 => Ok(value),
        left => Err(UnpackError::Trailing { left }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_round_trips_and_must_fill_its_bytes() {
        let value = (7u32, String::from("id"), Some(vec![1u8, 2]));
        let mut bytes = pack(&value).unwrap();
        assert_eq!(
            unpack::<(u32, String, Option<Vec<u8>>)>(&bytes).unwrap(),
            value
        );
        bytes.push(0);
        assert!(unpack::<(u32, String, Option<Vec<u8>>)>(&bytes).is_err());
    }

    #[test]
    fn an_absurd_count_is_refused_without_allocating_it() {
        assert!(unpack::<Vec<u64>>(&u64::MAX.to_le_bytes()).is_err());
        assert!(unpack::<Vec<u64>>(&(1u64 << 40).to_le_bytes()).is_err());
    }
}
