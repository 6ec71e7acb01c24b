use thiserror::Error;

/// The bytes end before the value does, or after it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum WireError {
    /// Fewer bytes than the value needs.
    #[error("{what} needs {needed} bytes at offset {at}, but {left} are left")]
    Short {
        /// The value.
        what: &'static str,
        /// The offset at which it starts.
        at: usize,
        /// Bytes it takes.
        needed: usize,
        /// Bytes that are left.
        left: usize,
    },
    /// Bytes after the last value.
    #[error("{left} bytes follow the last value")]
    Trailing {
        /// Number of bytes that follow.
        left: usize,
    },
}

/// Reads values from the front of a byte slice, each checked against the bytes that are left.
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Reads from the start of `bytes`.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The next `count` bytes; `what` names them in an error.
    #[inline]
    pub fn take(&mut self, count: usize, what: &'static str) -> Result<&'a [u8], WireError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let taken = rest.get(..count).ok_or(WireError::Short {
            what,
            at: self.at,
            needed: count,
            left: rest.len(),
        })?;
        self.at += count;
        Ok(taken)
    }

    /// The next `N` bytes as an array.
    #[inline]
    pub fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], WireError> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N, what)?);
        Ok(out)
    }

    /// The next `u32`.
    #[inline]
    pub fn u32(&mut self, what: &'static str) -> Result<u32, WireError> {
        self.array(what).map(u32::from_le_bytes)
    }

    /// The next `u64`.
    #[inline]
    pub fn u64(&mut self, what: &'static str) -> Result<u64, WireError> {
        self.array(what).map(u64::from_le_bytes)
    }

    /// Fails if bytes are left.
    #[inline]
    pub fn finish(self) -> Result<(), WireError> {
        match self.bytes.len() - self.at {
            0 => Ok(()),
            left => Err(WireError::Trailing { left }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_read_names_the_value_its_offset_and_its_size() {
        let mut reader = Reader::new(&[1, 0, 0, 0, 9]);
        assert_eq!(reader.u32("count").unwrap(), 1);
        let error = reader.u64("offset").unwrap_err();
        assert_eq!(
            error.to_string(),
            "offset needs 8 bytes at offset 4, but 1 are left"
        );
        assert_eq!(reader.take(1, "byte").unwrap(), &[9]);
        reader.finish().unwrap();
    }

    #[test]
    fn trailing_bytes_are_an_error() {
        assert_eq!(
            Reader::new(&[1, 2]).finish(),
            Err(WireError::Trailing { left: 2 })
        );
    }
}
