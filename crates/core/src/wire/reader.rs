use thiserror::Error;

/// The bytes ended before the value did, or went on after it.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum WireError {
    /// Fewer bytes than the value needs.
    #[error("{what} needs {needed} bytes at offset {at}, but {left} are left")]
    Short {
        what: &'static str,
        at: usize,
        needed: usize,
        left: usize,
    },
    /// Bytes after the last value.
    #[error("{left} bytes follow the last value")]
    Trailing { left: usize },
}

/// Takes values off the front of a byte slice; every step is checked against what is left.
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

    /// The next four bytes as a number.
    #[inline]
    pub fn u32(&mut self, what: &'static str) -> Result<u32, WireError> {
        self.array(what).map(u32::from_le_bytes)
    }

    /// The next eight bytes as a number.
    #[inline]
    pub fn u64(&mut self, what: &'static str) -> Result<u64, WireError> {
        self.array(what).map(u64::from_le_bytes)
    }

    /// Insists that nothing is left.
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
    fn a_short_read_says_what_where_and_how_much() {
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
