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

impl UnpackError {
    /// The enum and the variant, if the bytes name a variant that this build does not know.
    pub fn unknown_variant(&self) -> Option<(&'static str, u32)> {
        match self {
            Self::Decode(DecodeError::UnexpectedVariant {
                type_name, found, ..
            }) => {
                let name = type_name.rsplit("::").next().unwrap_or(type_name);
                Some((name, *found))
            }
            _ => None,
        }
    }
}

/// Encodes a value.
pub fn pack<T: Encode>(value: &T) -> Result<Vec<u8>, EncodeError> {
    bincode::encode_to_vec(value, config::standard().with_fixed_int_encoding())
}

/// [`pack`] at the end of other bytes. After an error they are as before.
pub fn pack_into<T: Encode>(value: &T, bytes: &mut Vec<u8>) -> Result<(), EncodeError> {
    let before = bytes.len();
    let config = config::standard().with_fixed_int_encoding();
    let packed = bincode::encode_into_std_write(value, bytes, config);
    packed.map(drop).inspect_err(|_| bytes.truncate(before))
}

/// Decodes a value that takes up all of `bytes`.
pub fn unpack<T: Decode<()>>(bytes: &[u8]) -> Result<T, UnpackError> {
    let (value, left) = unpack_front(bytes)?;
    match left {
        0 => Ok(value),
        left => Err(UnpackError::Trailing { left }),
    }
}

/// Decodes the value at the front of `bytes`. Returns the number of bytes after it too.
pub fn unpack_front<T: Decode<()>>(bytes: &[u8]) -> Result<(T, usize), UnpackError> {
    let bounded = config::standard()
        .with_fixed_int_encoding()
        .with_limit::<MAX_PACKED_BYTES>();
    let (value, read) = bincode::decode_from_slice(bytes, bounded).map_err(UnpackError::Decode)?;
    Ok((value, bytes.len() - read))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Value = (u32, String, Option<Vec<u8>>);

    #[test]
    fn a_value_round_trips_and_must_fill_its_bytes() {
        let value = (7u32, String::from("id"), Some(vec![1u8, 2]));
        let mut bytes = pack(&value).unwrap();
        assert_eq!(
            unpack::<(u32, String, Option<Vec<u8>>)>(&bytes).unwrap(),
            value
        );
        bytes.push(0);
        assert!(unpack::<Value>(&bytes).is_err());
        assert_eq!(unpack_front::<Value>(&bytes).unwrap(), (value, 1));
    }

    #[derive(Debug, Decode)]
    enum Light {
        Red,
        Green,
    }

    #[test]
    fn an_unknown_variant_is_told_from_other_faults() {
        assert!(matches!(
            unpack::<Light>(&pack(&0u32).unwrap()),
            Ok(Light::Red)
        ));
        assert!(matches!(
            unpack::<Light>(&pack(&1u32).unwrap()),
            Ok(Light::Green)
        ));
        let newer = unpack::<Light>(&pack(&2u32).unwrap()).unwrap_err();
        assert_eq!(newer.unknown_variant(), Some(("Light", 2)));
        let short = unpack::<Light>(&[0]).unwrap_err();
        assert_eq!(short.unknown_variant(), None);
    }

    #[test]
    fn an_absurd_count_is_refused_without_allocating_it() {
        assert!(unpack::<Vec<u64>>(&u64::MAX.to_le_bytes()).is_err());
        assert!(unpack::<Vec<u64>>(&(1u64 << 40).to_le_bytes()).is_err());
    }
}
