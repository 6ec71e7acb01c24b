//! A head: the object that commits an epoch. It names every file of the database, with length and checksum.
//!
//! Bytes in, values out: nothing here reads a store. storage-format.md describes the bytes.

use crate::checksum::Checksum;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use twinspire_core::files::names;

/// The format of heads that this build writes and reads.
pub const HEAD_FORMAT: u32 = 1;
/// Maximum number of files of a head.
const MAX_FILES: usize = 1 << 20;
/// Maximum size of a head in bytes: a million files of 200 bytes each.
pub(crate) const MAX_BYTES: u64 = 256 << 20;

/// An epoch of a store: one consistent state of a database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Head {
    /// Its number; the next push commits the next one.
    pub epoch: u64,
    /// The identity of the database, the same in all its files.
    #[serde(with = "hex")]
    pub database: u64,
    /// When it was pushed, in milliseconds since 1970-01-01 00:00 UTC, by the clock of the pusher.
    pub created_unix_ms: u64,
    /// The state of the database: pushes of one state have the same.
    #[serde(with = "hex")]
    pub state: u64,
    /// Drawn anew by every push, so that a pusher knows its own head.
    #[serde(with = "hex")]
    pub push: u64,
    /// What each space serves, by name.
    pub spaces: BTreeMap<String, HeadSpace>,
    /// The files of the database, by path.
    pub files: Vec<HeadFile>,
}

/// What a space serves in an epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HeadSpace {
    /// The active generation.
    pub generation: u64,
    /// The hash of its towers.
    #[serde(with = "hex")]
    pub towers: u64,
}

/// A file of the database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HeadFile {
    /// Its path within the database directory, such as `segments/items-000007`.
    pub path: String,
    /// Its length in bytes.
    pub length: u64,
    /// The checksum of its bytes, which is also the name of its object.
    pub checksum: Checksum,
    /// The XXH3, 64 bits, of its first and last 64 bytes, of a segment: it has a random identity and the checksum of
    /// its content there. By this the next push knows the file without reading it.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "hex::option")]
    pub ends: Option<u64>,
}

/// Why bytes are no head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HeadFault {
    /// They are of this newer format.
    Newer(u32),
    /// They are damaged.
    Damaged(String),
}

fn damaged(what: impl Into<String>) -> HeadFault {
    HeadFault::Damaged(what.into())
}

/// The first line: what can be judged before the rest is read.
#[derive(Serialize, Deserialize)]
struct FirstLine {
    format: u32,
    checksum: String,
}

impl Head {
    /// Number of bytes of all files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.length).sum()
    }

    /// The head as bytes: a JSON object whose first line has the format and the checksum of all later bytes.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, HeadFault> {
        let body =
            serde_json::to_string_pretty(self).map_err(|error| damaged(error.to_string()))?;
        // The body without its opening brace and line end.
        let rest = body.get(2..).unwrap_or_default();
        let checksum = Checksum::of(rest.as_bytes());
        let first = format!("{{\"format\": {HEAD_FORMAT}, \"checksum\": \"{checksum}\",\n");
        Ok([first.as_bytes(), rest.as_bytes()].concat())
    }

    /// Reads a head. Every path of it stays within the directory of a database.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, HeadFault> {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let (first, rest) = end
            .and_then(|end| bytes.split_at_checked(end + 1))
            .ok_or_else(|| damaged("it has no first line"))?;
        let line = std::str::from_utf8(first).map_err(|_| damaged("its first line is no text"))?;
        let line = line.trim_end().strip_suffix(',').unwrap_or_default();
        let first: FirstLine = serde_json::from_str(&format!("{line}}}"))
            .map_err(|error| damaged(format!("its first line is no object: {error}")))?;
        if first.format > HEAD_FORMAT {
            return Err(HeadFault::Newer(first.format));
        }
        if first.format != HEAD_FORMAT {
            return Err(damaged(format!("there is no format {}", first.format)));
        }
        let found = Checksum::of(rest);
        if first.checksum != found.to_string() {
            let expected = first.checksum;
            return Err(damaged(format!("its checksum is {found}, not {expected}")));
        }
        let body = [b"{", rest].concat();
        let head: Self = serde_json::from_slice(&body)
            .map_err(|error| damaged(format!("it is no head: {error}")))?;
        head.check()?;
        Ok(head)
    }

    /// Refuses paths that a database does not have, or has twice.
    fn check(&self) -> Result<(), HeadFault> {
        if self.files.len() > MAX_FILES {
            return Err(damaged(format!("it names more than {MAX_FILES} files")));
        }
        let mut paths = BTreeSet::new();
        for file in &self.files {
            if !is_database_file(&file.path) {
                let path = &file.path;
                return Err(damaged(format!("{path:?} is no file of a database")));
            }
            if !paths.insert(&file.path) {
                return Err(damaged(format!("it names {:?} twice", file.path)));
            }
        }
        match paths.contains(&names::CURRENT.to_owned()) {
            true => Ok(()),
            false => Err(damaged("it does not name CURRENT")),
        }
    }
}

/// Whether a database directory has files of this path: nothing else is ever written.
pub(crate) fn is_database_file(path: &str) -> bool {
    let numbered = |name: &str, kinds: &[&str]| {
        kinds
            .iter()
            .any(|kind| names::number_of(name, kind).is_some())
    };
    let mut parts = path.split('/');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(name), None, None, None) => name == names::CURRENT || numbered(name, &["manifest"]),
        (Some(names::JOURNAL), Some(name), None, None) => numbered(name, &["journal"]),
        (Some(names::SEGMENTS), Some(name), None, None) => numbered(name, &["items", "space"]),
        (Some(names::TOWERS), Some(towers), Some(name), None) => {
            names::is_towers(towers) && is_tower_file(name)
        }
        _ => false,
    }
}

/// Whether a name is plain: letters, digits and `._-`, without a leading dot.
fn is_tower_file(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=128).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(plain)
}

/// Numbers of 64 bits as 16 hexadecimal digits: JSON readers of many languages round larger numbers.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    clippy::ref_option,
    reason = "serde calls them so"
)]
pub(crate) mod hex {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(value: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{value:016x}"))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse(&text).ok_or_else(|| Error::custom("a number has 16 lower-case hexadecimal digits"))
    }

    fn parse(text: &str) -> Option<u64> {
        let digit = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
        let fits = text.len() == 16 && text.bytes().all(digit);
        fits.then(|| u64::from_str_radix(text, 16).ok()).flatten()
    }

    pub(crate) mod option {
        use serde::{Deserialize, Deserializer, Serializer, de::Error};

        pub(crate) fn serialize<S: Serializer>(
            value: &Option<u64>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            match value {
                Some(value) => super::serialize(value, serializer),
                None => serializer.serialize_none(),
            }
        }

        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<u64>, D::Error> {
            let text = Option::<String>::deserialize(deserializer)?;
            let wrong = || Error::custom("a number has 16 lower-case hexadecimal digits");
            text.map(|text| super::parse(&text).ok_or_else(wrong))
                .transpose()
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a golden file is no database")]
pub(crate) mod tests {
    use super::*;

    /// A head with a file of every kind.
    pub(crate) fn example() -> Head {
        let file = |path: &str, ends| HeadFile {
            path: path.to_owned(),
            length: 4096,
            checksum: Checksum::of(path.as_bytes()),
            ends,
        };
        let space = HeadSpace {
            generation: 7,
            towers: 0x0123_4567_89ab_cdef,
        };
        Head {
            epoch: 42,
            database: 0xfeed,
            created_unix_ms: 1_700_000_000_000,
            state: 1,
            push: 2,
            spaces: BTreeMap::from([("movies".to_owned(), space)]),
            files: vec![
                file("CURRENT", None),
                file("journal/journal-000031", None),
                file("manifest-000001", None),
                file("segments/items-000007", Some(9)),
                file("segments/space-000012", Some(10)),
                file("towers/movies-000007/tower.json", None),
            ],
        }
    }

    /// The bytes of [`example`], as storage-format.md describes them. Written once, by the build of its time.
    fn golden() -> Vec<u8> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/head.json");
        if !std::path::Path::new(path).exists() {
            std::fs::write(path, example().encode().unwrap()).unwrap();
        }
        std::fs::read(path).unwrap()
    }

    #[test]
    fn the_golden_head_is_read_and_written() {
        let golden = golden();
        assert_eq!(Head::decode(&golden), Ok(example()));
        assert_eq!(example().encode(), Ok(golden.clone()));
        let json: serde_json::Value = serde_json::from_slice(&golden).unwrap();
        assert_eq!(json["epoch"], 42, "the whole is one JSON object");
    }

    #[test]
    fn every_flipped_bit_and_every_cut_of_a_head_is_found() {
        let (head, golden) = (example(), golden());
        for at in 0..golden.len() {
            for bit in 0..8 {
                let mut bytes = golden.clone();
                bytes[at] ^= 1 << bit;
                // White space of the first line has no meaning.
                if let Ok(found) = Head::decode(&bytes) {
                    assert_eq!(found, head, "byte {at}, bit {bit}");
                }
            }
            assert!(Head::decode(&golden[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_newer_format_is_unsupported_not_damaged() {
        let newer = br#"{"format": 2, "checksum": "of another kind","#;
        let newer = [&newer[..], b"\n\"what\": []}"].concat();
        assert_eq!(Head::decode(&newer), Err(HeadFault::Newer(2)));
    }

    #[test]
    fn a_head_cannot_name_a_file_outside_of_a_database() {
        for path in [
            "",
            "..",
            "/etc/passwd",
            "../CURRENT",
            "segments/../CURRENT",
            "segments/items-7",
            "LOCK",
            "catalog/db",
            "towers/movies-000007/../x",
            "towers/movies-000007/.hidden",
            "towers/movies-000007/a/b",
            "CURRENT/",
            "segments\\items-000007",
            "journal/items-000007",
            "towers/movies-000007/",
            "damaged/x",
        ] {
            assert!(!is_database_file(path), "{path:?}");
            let mut head = example();
            head.files[3].path = path.to_owned();
            let bytes = head.encode().unwrap();
            assert!(
                matches!(Head::decode(&bytes), Err(HeadFault::Damaged(_))),
                "{path:?}"
            );
        }
        for file in example().files {
            assert!(is_database_file(&file.path), "{}", file.path);
        }
    }

    #[test]
    fn a_head_without_current_or_with_a_file_twice_is_damaged() {
        let mut head = example();
        head.files.remove(0);
        assert!(Head::decode(&head.encode().unwrap()).is_err());
        let mut head = example();
        head.files[2] = head.files[1].clone();
        assert!(Head::decode(&head.encode().unwrap()).is_err());
    }
}
