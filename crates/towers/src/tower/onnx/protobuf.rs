//! Protocol buffers, as far as ONNX files need them.

use super::refusal::Refusal;

/// Iterates over the fields of a message, each with its number.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

/// The value of a field.
pub(super) enum Value<'a> {
    Number(u64),
    /// A message, a string or packed numbers.
    Bytes(&'a [u8]),
    /// A number of 4 or 8 bytes.
    Fixed(&'a [u8]),
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Option<(u64, Value<'a>)> {
        let key = varint(&mut self.0)?;
        let value = match key & 7 {
            0 => Value::Number(varint(&mut self.0)?),
            1 => self.take(8).map(Value::Fixed)?,
            2 => {
                let length = varint(&mut self.0)?;
                Value::Bytes(self.take(usize::try_from(length).ok()?)?)
            }
            5 => self.take(4).map(Value::Fixed)?,
            _ => return None,
        };
        Some((key >> 3, value))
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Value<'a>), Refusal>;

    fn next(&mut self) -> Option<Self::Item> {
        (!self.0.is_empty()).then(|| self.field().ok_or_else(broken))
    }
}

/// Reads a number in groups of seven bits, the lowest first.
pub(super) fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for at in 0..10 {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 127) << (7 * at);
        if *byte < 128 {
            return Some(number);
        }
    }
    None
}

/// A string.
pub(super) fn string(bytes: &[u8]) -> Result<&str, Refusal> {
    std::str::from_utf8(bytes).map_err(|_| broken())
}

/// The refusal of a file that does not parse.
pub(super) fn broken() -> Refusal {
    Refusal::file("is not an ONNX model, or is truncated")
}
