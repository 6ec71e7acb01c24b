//! The names of all files and directories in a database directory.

use crate::ids::{FileNo, GenerationNo};
use std::path::{Path, PathBuf};

/// The longest path of a database directory, in bytes: the paths below it must fit into Linux's limit of
/// 4,096.
pub const MAX_ROOT_BYTES: usize = 3_900;
/// Locked by the writing process; its text names that process.
pub const LOCK: &str = "LOCK";
/// Locked shared by readers while they open files, and exclusively by the writer while it unlinks some.
pub const READERS: &str = "READERS";
/// Names the current manifest.
pub const CURRENT: &str = "CURRENT";
/// Replaces CURRENT by a rename.
pub const CURRENT_NEXT: &str = "CURRENT.next";
/// The directory of journal files.
pub const JOURNAL: &str = "journal";
/// The directory of sled's index of the journal.
pub const CATALOG: &str = "catalog";
/// The directory of items and space segments.
pub const SEGMENTS: &str = "segments";
/// The directory of damaged files that a repair moved aside.
pub const DAMAGED: &str = "damaged";
/// The directory of towers, one directory per generation.
pub const TOWERS: &str = "towers";

/// `manifest-000042`.
pub fn manifest(number: u64) -> String {
    format!("manifest-{number:06}")
}

/// `journal-000031`.
pub fn journal(number: FileNo) -> String {
    format!("journal-{:06}", number.0)
}

/// `items-000007`.
pub fn items(number: FileNo) -> String {
    format!("items-{:06}", number.0)
}

/// `space-000012`.
pub fn space(number: FileNo) -> String {
    format!("space-{:06}", number.0)
}

/// `unified-000007`: a directory.
pub fn towers(space: &str, generation: GenerationNo) -> String {
    format!("{space}-{:06}", generation.0)
}

/// The number in a name such as `journal-000031`, given its prefix `journal`.
pub fn number_of(name: &str, kind: &str) -> Option<u64> {
    let digits = name.strip_prefix(kind)?.strip_prefix('-')?;
    let plain = digits.len() >= 6 && digits.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

/// Whether a name is that of a towers directory of some space and generation.
pub fn is_towers(name: &str) -> bool {
    let parts = name.rsplit_once('-');
    parts.is_some_and(|(space, _)| is_space_name(space) && number_of(name, space).is_some())
}

/// `segments/items-000007`: a name with its directory.
pub fn join(directory: &str, name: &str) -> String {
    format!("{directory}/{name}")
}

/// `segments-items-000007`: the name of a file in the directory of damaged files.
pub fn aside(directory: &str, name: &str) -> String {
    if directory.is_empty() {
        return name.to_owned();
    }
    format!("{}-{name}", directory.replace('/', "-"))
}

/// A path below the database directory.
pub fn below(root: &Path, directory: &str, name: &str) -> PathBuf {
    root.join(directory).join(name)
}

/// Whether a space may have this name: it becomes part of a directory name.
pub fn is_space_name(name: &str) -> bool {
    let starts_well = name
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_alphanumeric());
    starts_well
        && name.len() <= 64
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_back_from_names() {
        assert_eq!(number_of(&journal(FileNo(31)), "journal"), Some(31));
        assert_eq!(
            number_of(&items(FileNo(12_345_678)), "items"),
            Some(12_345_678)
        );
        for stray in [
            "journal-31",
            "journal-00003x",
            "journal",
            "items-000001.tmp",
        ] {
            assert_eq!(number_of(stray, "journal"), None, "{stray}");
        }
    }

    #[test]
    fn towers_directories_are_recognised_by_name() {
        assert!(is_towers("by-price-000007") && is_towers("a-b-1234567"));
        for stray in [".DS_Store", "by-price", "by-price-7", "-000007", "000007"] {
            assert!(!is_towers(stray), "{stray}");
        }
    }

    #[test]
    fn a_space_name_cannot_leave_its_directory() {
        assert!(is_space_name("movies") && is_space_name("unified-2_b"));
        for bad in ["", "..", "a/b", "-x", "ü", &"x".repeat(65)] {
            assert!(!is_space_name(bad), "{bad}");
        }
    }
}
