//! The names of all objects of a store.
//!
//! ```text
//! heads/00000000000000000042.json            what epoch 42 consists of; creating it commits the epoch
//! objects/99aa06d3014798d86001c324468d497f   the bytes with this checksum
//! ```

use crate::checksum::Checksum;
use object_store::path::Path as ObjectPath;

/// The prefix of heads.
pub(crate) fn heads() -> ObjectPath {
    ObjectPath::from("heads")
}

/// The head of an epoch. All numbers have 20 digits, so that lists are in order.
pub(crate) fn head(epoch: u64) -> ObjectPath {
    heads().join(format!("{epoch:020}.json"))
}

/// The epoch of a head; `None` for anything else.
pub(crate) fn epoch_of(path: &ObjectPath) -> Option<u64> {
    let digits = path.filename()?.strip_suffix(".json")?;
    let plain = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

/// The prefix of the contents of files.
pub(crate) fn objects() -> ObjectPath {
    ObjectPath::from("objects")
}

/// The object with these bytes.
pub(crate) fn object(checksum: Checksum) -> ObjectPath {
    objects().join(checksum.to_string())
}

/// The checksum in the name of an object; `None` for anything else.
pub(crate) fn checksum_of(path: &ObjectPath) -> Option<Checksum> {
    path.filename()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_strangers_are_not() {
        assert_eq!(epoch_of(&head(42)), Some(42));
        assert_eq!(head(42).as_ref(), "heads/00000000000000000042.json");
        assert_eq!(epoch_of(&head(u64::MAX)), Some(u64::MAX));
        let checksum = Checksum::of(b"x");
        assert_eq!(checksum_of(&object(checksum)), Some(checksum));
        for stray in [
            "heads/42.json",
            "heads/0000000000000000004x.json",
            "heads/x",
            "heads/99999999999999999999.json",
        ] {
            assert_eq!(epoch_of(&ObjectPath::from(stray)), None, "{stray}");
        }
    }
}
