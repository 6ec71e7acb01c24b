//! The plan of the house, held by a test: rooms name only lower rooms, and no files import in a ring.
//!
//! The compiler holds the order of the crates. Inside a crate nothing stops two modules from importing each
//! other, so this test reads every source file with `syn`, resolves the paths that stand in it to the file
//! that defines what they name (through re-exports), and looks at the resulting graph:
//!
//! - the rooms of the database import only rooms that stand before them in [`ROOMS`];
//! - no crate has an import ring, neither between rooms nor inside one;
//! - the [`FORBIDDEN`] pairs do not import each other in either direction.
//!
//! Test modules (`#[cfg(test)]`) are left out: they may look anywhere.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails may panic"
)]

mod imports;
mod resolve;
mod rings;
mod sources;

use imports::Import;
use sources::Crate;
use std::path::Path;

/// The rooms of the database, lowest first.
const ROOMS: [&str; 18] = [
    "filter",
    "graph",
    "partitions",
    "index",
    "ensemble",
    "lexical",
    "manifest",
    "format",
    "store",
    "catalog",
    "error",
    "snapshot",
    "recall",
    "maintain",
    "database",
    "train",
    "fuzzing",
    "lib",
];

/// Rooms that never meet: reading and writing.
const FORBIDDEN: [(&str, &str); 1] = [("recall", "maintain")];

/// The crates of the workspace: name, and where its sources are.
const CRATES: [(&str, &str); 10] = [
    ("twinspire", "src"),
    ("twinspire_core", "crates/core/src"),
    ("twinspire_towers", "crates/towers/src"),
    ("twinspire_train", "crates/train/src"),
    ("twinspire_import", "crates/import/src"),
    ("twinspire_cli", "crates/cli/src"),
    ("twinspire_remote", "crates/remote/src"),
    ("twinspire_studio", "crates/studio/src"),
    ("twinspire_testkit", "crates/testkit/src"),
    ("_twinspire", "python/src"),
];

fn read(directory: &str) -> Crate {
    Crate::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(directory))
}

/// What breaks the order of `rooms`, or a forbidden pair, one line an import.
fn violations(imports: &[Import], rooms: &[&str], forbidden: &[(&str, &str)]) -> Vec<String> {
    let floor = |room: &str| {
        let at = rooms.iter().position(|known| *known == room);
        at.unwrap_or_else(|| panic!("room {room} is not in the plan"))
    };
    let mut found = Vec::new();
    for import in imports {
        let (from, to) = (import.importing_room(), import.imported_room());
        if from == to {
            continue;
        }
        let pair =
            |(one, other): &&(&str, &str)| [(*one, *other), (*other, *one)].contains(&(from, to));
        if forbidden.iter().any(|apart| pair(&apart)) {
            found.push(format!("{import}: {from} and {to} must not meet"));
        } else if floor(from) < floor(to) {
            found.push(format!("{import}: {to} stands above {from}"));
        }
    }
    found
}

#[test]
fn rooms_import_only_lower_rooms() {
    let database = read("src");
    let imports = database.imports();
    let between = imports
        .iter()
        .filter(|import| import.importing_room() != import.imported_room());
    assert!(between.count() > 50, "imports between rooms were found");
    let found = violations(&imports, &ROOMS, &FORBIDDEN);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn no_crate_has_an_import_ring() {
    let mut files = 0;
    let mut found = Vec::new();
    for (name, directory) in CRATES {
        let sources = read(directory);
        files += sources.files().count();
        for ring in rings::rings(&sources.imports()) {
            found.push(format!("{name}:\n{ring}"));
        }
    }
    assert!(files > 250, "the sources were found: {files} files");
    assert!(
        found.is_empty(),
        "{} rings\n{}",
        found.len(),
        found.join("\n")
    );
}

/// A crate of these files, and what the checks say of it.
fn planted(files: &[(&str, &str)]) -> (Vec<String>, usize) {
    let planted = Crate::of(files);
    let imports = planted.imports();
    let rooms = ["filter", "recall", "maintain", "database", "lib"];
    (
        violations(&imports, &rooms, &FORBIDDEN),
        rings::rings(&imports).len(),
    )
}

const LIB: (&str, &str) = (
    "lib.rs",
    "mod database; mod filter; mod maintain; mod recall; pub use database::Database;",
);

#[test]
fn a_lower_room_that_names_a_higher_one_is_found_in_nested_braces() {
    let (found, rings) = planted(&[
        LIB,
        ("database.rs", "pub struct Database;"),
        (
            "filter.rs",
            "use crate::{database::{self, Database as Db}, filter::Filter}; pub struct Filter;",
        ),
        ("recall.rs", ""),
        ("maintain.rs", ""),
    ]);
    assert_eq!(found.len(), 2, "the room and its type: {found:?}");
    for line in found {
        assert!(line.contains("database stands above filter"), "{line}");
    }
    assert_eq!(rings, 0);
}

#[test]
fn a_forbidden_pair_is_found_through_super_and_in_expressions_and_macros() {
    for source in [
        "use super::super::maintain::seal;",
        "fn f() { crate::maintain::seal(); }",
        "fn f() { assert!(matches!(1, crate::maintain::SEAL)); }",
        "mod inner { use super::super::super::maintain::seal; }",
    ] {
        let (found, _) = planted(&[
            LIB,
            ("database.rs", "pub struct Database;"),
            ("filter.rs", ""),
            ("recall/mod.rs", "mod plan;"),
            ("recall/plan.rs", source),
            ("maintain.rs", "pub fn seal() {} pub const SEAL: i32 = 1;"),
        ]);
        assert_eq!(found.len(), 1, "{source}: {found:?}");
        assert!(found[0].contains("must not meet"), "{found:?}");
    }
}

#[test]
fn a_ring_inside_a_room_is_found() {
    let (found, rings) = planted(&[
        LIB,
        ("database.rs", "pub struct Database;"),
        (
            "filter/mod.rs",
            "mod check; mod parse; pub use check::Checked;",
        ),
        (
            "filter/check.rs",
            "use super::parse::Parsed; pub struct Checked;",
        ),
        ("filter/parse.rs", "use super::Checked; pub struct Parsed;"),
        ("recall.rs", ""),
        ("maintain.rs", ""),
    ]);
    assert!(found.is_empty(), "{found:?}");
    assert_eq!(rings, 1, "through the re-export of mod.rs");
}

#[test]
fn a_child_that_uses_what_its_parent_defines_is_a_ring_if_the_parent_uses_the_child() {
    let (_, rings) = planted(&[
        LIB,
        ("database.rs", "pub struct Database;"),
        (
            "filter/mod.rs",
            "mod check; pub struct Shared; pub fn run() { check::check(); }",
        ),
        ("filter/check.rs", "use super::Shared; pub fn check() {}"),
        ("recall.rs", ""),
        ("maintain.rs", ""),
    ]);
    assert_eq!(rings, 1);
}

#[test]
fn doors_and_tests_are_no_rings() {
    let (found, rings) = planted(&[
        LIB,
        ("database.rs", "pub struct Database;"),
        (
            "filter/mod.rs",
            "mod check; mod parse; #[cfg(test)] mod tests; pub use check::Checked; pub use parse::*;",
        ),
        (
            "filter/check.rs",
            "use super::Parsed; pub struct Checked; #[cfg(test)] mod tests { use crate::database::Database; }",
        ),
        ("filter/parse.rs", "pub struct Parsed;"),
        ("filter/tests.rs", "use super::*; use crate::maintain;"),
        ("recall.rs", ""),
        ("maintain.rs", ""),
    ]);
    assert!(found.is_empty(), "{found:?}");
    assert_eq!(rings, 0);
}
