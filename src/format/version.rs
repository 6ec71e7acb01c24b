//! The version of the format, and what a file says about newer ones.

use super::damage::Damage;
use super::error::FormatError;
use super::unsupported::Unsupported;

/// The format version that this build writes, and the only one that it reads.
pub const FORMAT_VERSION: u32 = 1;

/// Bits of this half of a field of flags must be understood; the others may be ignored.
pub(super) const MUST_UNDERSTAND: u32 = 0xffff;

/// The largest version that is believed although the checksum of this version does not fit.
const PLAUSIBLE: u32 = 1024;

/// Judges the version of a file. `fits(version)` is whether the checksum of the header fits with that
/// version in its place.
///
/// A newer version may compute its checksum in another way, so its number is believed without one. The
/// exception is a number that differs from this version in one bit and whose checksum fits with this version:
/// a flipped bit.
pub(super) fn check_version(found: u32, fits: impl Fn(u32) -> bool) -> Result<(), FormatError> {
    if found == FORMAT_VERSION {
        return Ok(());
    }
    let is_sealed = fits(found);
    let is_flipped = (found ^ FORMAT_VERSION).is_power_of_two() && fits(FORMAT_VERSION);
    let is_newer = found > FORMAT_VERSION && (is_sealed || found <= PLAUSIBLE && !is_flipped);
    Err(match (is_newer, is_sealed) {
        (true, _) => FormatError::unsupported(
            "header",
            Unsupported::Version {
                found,
                supported: FORMAT_VERSION,
            },
        ),
        (false, true) => FormatError::bad("header", format!("there is no format version {found}")),
        (false, false) => FormatError::bad("header", Damage::Checksum),
    })
}

/// Refuses flags that must be understood and are not among `known`.
pub(super) fn check_flags(
    section: &'static str,
    flags: u32,
    known: u32,
) -> Result<(), FormatError> {
    match flags & MUST_UNDERSTAND & !known {
        0 => Ok(()),
        bits => Err(FormatError::unsupported(
            section,
            Unsupported::Features { bits },
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_version_is_believed_and_a_flipped_bit_is_damage() {
        let unsupported = |found, fits: fn(u32) -> bool| {
            let result = check_version(found, fits);
            result.is_err_and(|error| error.is_unsupported())
        };
        assert!(check_version(1, |_| false).is_ok());
        for newer in [2, 3, 7, 1000] {
            assert!(unsupported(newer, |_| false), "a checksum of a newer kind");
        }
        assert!(unsupported(u32::MAX, |version| version > 1), "sealed");
        for bit in 0..32 {
            assert!(!unsupported(1 ^ 1 << bit, |version| version == 1));
        }
        assert!(!unsupported(0, |version| version == 0));
        assert!(!unsupported(0x5a5a_5a5a, |_| false), "garbage");
    }
}
