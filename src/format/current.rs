//! CURRENT: one line of text, `manifest-000042 0123456789abcdef`: the current manifest and the
//! checksum of that file's bytes, in hexadecimal.

use super::error::FormatError;
use twinspire_core::files::names;

/// The content of CURRENT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Current {
    /// The manifest's number.
    pub(crate) number: u64,
    /// The checksum of the manifest file.
    pub(crate) checksum: u64,
}

impl Current {
    /// The text.
    pub(crate) fn encode(&self) -> String {
        format!("{} {:016x}\n", names::manifest(self.number), self.checksum)
    }

    /// Reads the text.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let bad = || FormatError::bad("CURRENT", "is not `manifest-NUMBER CHECKSUM`");
        let text = std::str::from_utf8(bytes).map_err(|_| bad())?;
        let line = text.strip_suffix('\n').ok_or_else(bad)?;
        let (name, sum) = line.split_once(' ').ok_or_else(bad)?;
        let number = names::number_of(name, "manifest").ok_or_else(bad)?;
        let checksum = u64::from_str_radix(sum, 16).map_err(|_| bad())?;
        let current = Self { number, checksum };
        if current.encode() == text {
            Ok(current)
        } else {
            Err(bad())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn current_is_exactly_one_line() {
        let current = Current {
            number: 42,
            checksum: 0xabc,
        };
        assert_eq!(current.encode(), "manifest-000042 0000000000000abc\n");
        assert_eq!(
            Current::decode(current.encode().as_bytes()).unwrap(),
            current
        );
        for bad in [
            "",
            "manifest-000042",
            "manifest-000042 0000000000000abc",
            "manifest-000042 +000000000000abc\n",
        ] {
            assert!(Current::decode(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }
}
