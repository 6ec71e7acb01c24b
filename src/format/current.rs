//! CURRENT: one line of text, `manifest-000042 0123456789abcdef`: the current manifest and the
//! checksum of that file's bytes, in hexadecimal.
//!
//! A newer build may add lines. One that begins with `!` must be understood; one that begins with `+` may be
//! ignored.

use super::error::FormatError;
use super::unsupported::Unsupported;
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
        let (line, more) = text.split_once('\n').ok_or_else(bad)?;
        let (name, sum) = line.split_once(' ').ok_or_else(bad)?;
        let number = names::number_of(name, "manifest").ok_or_else(bad)?;
        let checksum = u64::from_str_radix(sum, 16).map_err(|_| bad())?;
        let current = Self { number, checksum };
        if current.encode().strip_suffix('\n') != Some(line) {
            return Err(bad());
        }
        let is_whole = more.is_empty() || more.ends_with('\n');
        if !is_whole || more.lines().any(|line| !line.starts_with(['!', '+'])) {
            return Err(bad());
        }
        match more.lines().find(|line| line.starts_with('!')) {
            Some(line) => {
                let line = line.to_owned();
                Err(FormatError::unsupported(
                    "CURRENT",
                    Unsupported::Line { line },
                ))
            }
            None => Ok(current),
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
        let with = |more: &str| Current::decode((current.encode() + more).as_bytes());
        assert_eq!(with("+note 1\n").unwrap(), current);
        assert!(with("+note 1\n!rule 2\n").unwrap_err().is_unsupported());
        for more in ["rule 2\n", "!rule 2", "\n", " \n"] {
            assert!(!with(more).unwrap_err().is_unsupported(), "{more:?}");
        }
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
