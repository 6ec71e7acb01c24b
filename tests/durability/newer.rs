//! Databases of a made-up next version: every kind of file one step newer, in a form that must be
//! understood and in one that may be ignored.
//!
//! The first is unsupported for readers, writers and repairs, and not a byte changes. The second is read as if
//! nothing had been added.
mod files;

use files::{Files, Section, with_header, with_last_call, with_sections};
use serde_json::{Value, json};
use std::path::Path;
use twinspire::{Database, Error, ErrorKind, GenerationNo};
use twinspire_testkit::open_without_background;

const SPACE: &str = "things";
const HALVES: &str = "halves";
/// A fused space of the two.
const FUSED: &str = "both";
/// Flags of a newer build: one that must be understood, and one that may be ignored.
const MUST: u32 = 0x0008;
const MAY: u32 = 0x0008_0000;

/// A change to a file, by the part of its path that chooses it, and the words for it.
type Case = (&'static str, &'static str, fn(&mut Vec<u8>));

/// Adds a section that this build does not know.
fn add(bytes: &mut Vec<u8>, flags: u32) {
    with_sections(bytes, |sections| {
        sections.push((60, flags, b"new".to_vec()));
    });
}

fn section(sections: &mut [Section], id: u32) -> &mut Section {
    sections.iter_mut().find(|section| section.0 == id).unwrap()
}

/// Sets the number of a kind, which begins a packed section.
fn set_kind(bytes: &mut Vec<u8>, id: u32, at: usize, kind: u32) {
    with_sections(bytes, |sections| {
        section(sections, id).2[at..at + 4].copy_from_slice(&kind.to_le_bytes());
    });
}

/// Files that only a newer build understands.
const NEWER: [Case; 22] = [
    ("manifest", "version 2", |b| with_header(b, 8, &[2])),
    ("manifest", "version 2, sealed otherwise", |b| {
        b[8] = 2;
    }),
    ("manifest", "a feature", |b| {
        with_header(b, 40, &MUST.to_le_bytes());
    }),
    ("manifest", "a section", |b| add(b, 1)),
    ("manifest", "a section with another rule", |b| add(b, MUST)),
    ("segments/items-", "version 2", |b| with_header(b, 8, &[2])),
    ("segments/items-", "version 2, sealed otherwise", |b| {
        b[8] = 2;
    }),
    ("segments/items-", "a feature", |b| {
        with_header(b, 40, &MUST.to_le_bytes());
    }),
    ("segments/items-", "a section", |b| add(b, 1)),
    ("segments/space-", "version 2", |b| with_header(b, 8, &[2])),
    ("segments/space-", "version 2, sealed otherwise", |b| {
        b[8] = 2;
    }),
    ("segments/space-", "a feature", |b| {
        with_header(b, 40, &MUST.to_le_bytes());
    }),
    ("segments/space-", "a section", |b| add(b, 1)),
    ("segments/space-", "a known section packed otherwise", |b| {
        with_sections(b, |sections| section(sections, 12).1 = MUST);
    }),
    ("segments/space-", "another index", |b| set_kind(b, 1, 0, 2)),
    ("segments/space-", "another metric", |b| {
        // The shape of the index comes before the last six numbers; the metric is the second of them.
        with_sections(b, |sections| {
            let shape = &mut section(sections, 1).2;
            let at = shape.len() - 20;
            shape[at..at + 4].copy_from_slice(&9u32.to_le_bytes());
        });
    }),
    ("segments/space-", "other codes", |b| set_kind(b, 11, 0, 2)),
    ("journal/", "version 2", |b| with_header(b, 8, &[2])),
    ("journal/", "version 2, sealed otherwise", |b| {
        b[8] = 2;
    }),
    ("journal/", "a feature", |b| {
        with_header(b, 40, &MUST.to_le_bytes());
    }),
    ("journal/", "another kind of call", |b| {
        with_last_call(b, MUST, b"");
    }),
    ("CURRENT", "a rule", |b| b.extend(b"!rule 7\n")),
];

/// Files with what may be ignored.
const EXTENDED: [Case; 12] = [
    ("manifest", "a feature", |b| {
        with_header(b, 40, &MAY.to_le_bytes());
    }),
    ("manifest", "a section", |b| add(b, 0)),
    ("manifest", "a section with a flag", |b| add(b, MAY)),
    ("segments/items-", "a feature", |b| {
        with_header(b, 40, &MAY.to_le_bytes());
    }),
    ("segments/items-", "a section", |b| add(b, MAY)),
    ("segments/space-", "a feature", |b| {
        with_header(b, 40, &MAY.to_le_bytes());
    }),
    ("segments/space-", "a section", |b| add(b, 0)),
    ("segments/space-", "a flag of a known section", |b| {
        with_sections(b, |sections| section(sections, 12).1 = MAY | 1);
    }),
    ("journal/", "a feature", |b| {
        with_header(b, 40, &MAY.to_le_bytes());
    }),
    ("journal/", "more in a call", |b| {
        with_last_call(b, MAY, b"more");
    }),
    ("CURRENT", "a note", |b| b.extend(b"+note 7\n")),
    ("towers/things-000001/tower.json", "extensions", |b| {
        insert(b, r#""extensions": {"note": [1]}, "#);
    }),
];

/// Inserts a member at the front of the object in `tower.json`.
fn insert(bytes: &mut Vec<u8>, member: &str) {
    let brace = bytes.iter().position(|byte| *byte == b'{').unwrap();
    bytes.splice(brace + 1..=brace, member.bytes());
}

/// The golden database with this change.
fn changed((part, _, edit): &Case) -> Files {
    let golden = Files::golden();
    let name = match *part {
        "manifest" => golden.manifest(),
        part => golden.first(part),
    };
    golden.with(&name, edit)
}

/// A version is tried in every space file and items file, anything else in the first.
fn all_changed(case: &Case) -> Vec<Files> {
    let (part, change, edit) = case;
    if !part.starts_with("segments/") || *change != "version 2" {
        return vec![changed(case)];
    }
    let golden = Files::golden();
    let names = golden.0.keys().filter(|name| name.contains(part));
    names.map(|name| golden.clone().with(name, edit)).collect()
}

/// The ids and scores of a recall.
fn recall(db: &Database, space: &str) -> Result<Vec<(String, f32)>, Error> {
    let user = json!({"user_id": 7, "age": 31, "likes": "red"});
    let recall = db.recall(space);
    let hits = match space {
        FUSED => recall.similar("B001").top(5)?,
        _ => recall.user(&user).top(5)?,
    };
    Ok(hits.iter().map(|hit| (hit.id.clone(), hit.score)).collect())
}

fn item(id: &str) -> Value {
    json!({"id": id, "title": "red lamp", "tags": ["red"], "price": 3})
}

#[test]
fn a_file_that_must_be_understood_is_unsupported_and_nothing_is_changed() {
    for case in &NEWER {
        for files in all_changed(case) {
            let (_guard, path) = files.write();
            let story = format!("{}: {}", case.0, case.1);
            let refuse = |what: &str, error: Option<Error>| {
                let error = error.unwrap_or_else(|| panic!("{story}: {what} succeeds"));
                assert_eq!(
                    error.kind(),
                    ErrorKind::Unsupported,
                    "{story}: {what}: {error}"
                );
            };
            refuse("opening to write", Database::open(&path).err());
            refuse("opening to read", Database::open_read_only(&path).err());
            refuse("a repair", Database::repair(&path).err());
            let left = Files::read(&path);
            assert!(left.0 == files.0, "{story}: a file was changed");
        }
    }
}

#[test]
fn a_file_with_what_may_be_ignored_is_read_and_written_as_ever() {
    let (_guard, path) = Files::golden().write();
    let golden = open_without_background(&path);
    let expected = [SPACE, HALVES, FUSED].map(|space| recall(&golden, space).unwrap());
    for case in &EXTENDED {
        let story = format!("{}: {}", case.0, case.1);
        let files = changed(case);
        let (_guard, path) = files.write();
        let reader = Database::open_read_only(&path).unwrap_or_else(|e| panic!("{story}: {e}"));
        let found = [SPACE, HALVES, FUSED].map(|space| recall(&reader, space).unwrap());
        assert_eq!(found, expected, "{story}");
        let report = reader.check().unwrap();
        assert!(
            report.is_clean() && report.unsupported.is_empty(),
            "{story}: {report:?}"
        );
        drop(reader);
        assert!(Database::repair(&path).unwrap().is_clean(), "{story}");
        assert!(Files::read(&path).0 == files.0, "{story}");
        let db = open_without_background(&path);
        db.items().put(&item("B300")).unwrap();
        db.seal().unwrap();
        assert!(db.check().unwrap().is_clean(), "{story}");
    }
}

/// The golden database in which only a newer build can use a generation of [`SPACE`].
fn with_unknown_key(generation: u32) -> Files {
    let name = format!("towers/{SPACE}-{generation:06}/tower.json");
    Files::golden().with(&name, |bytes| insert(bytes, r#""sharpness": 3, "#))
}

#[test]
fn towers_of_a_newer_build_make_one_generation_unusable_and_nothing_else() {
    let files = with_unknown_key(1);
    let (_guard, path) = files.write();
    let usable = |db: &Database| {
        assert_eq!(recall(db, HALVES).unwrap().len(), 5);
        for space in [SPACE, "home"] {
            let error = recall(db, space).unwrap_err();
            let Error::Unsupported { path, .. } = &error else {
                panic!("{space}: {error}");
            };
            assert!(path.ends_with("things-000001"), "{error}");
            assert!(error.to_string().contains("sharpness"), "{error}");
        }
        assert!(db.export().run().unwrap().all(|item| item.is_ok()));
        let report = db.check().unwrap();
        assert!(report.is_clean(), "{report:?}");
        assert!(!report.unsupported.is_empty());
    };
    usable(&Database::open_read_only(&path).unwrap());
    assert!(Database::repair(&path).unwrap().is_clean());
    assert!(Files::read(&path).0 == files.0, "a repair changes nothing");
    let db = open_without_background(&path);
    usable(&db);
    db.items().put(&item("B300")).unwrap();
    db.items().delete("B001").unwrap();
    db.seal().unwrap();
    db.merge().unwrap();
    db.items().put(&item("B301")).unwrap();
    usable(&db);
    drop(db);
    usable(&open_without_background(&path));

    // The build that wrote the towers finds what was written meanwhile.
    let name = format!("towers/{SPACE}-000001/tower.json");
    let original = Files::golden().0.remove(&name).unwrap();
    let (_other, path) = Files::read(&path).with(&name, |b| *b = original).write();
    let db = open_without_background(&path);
    let all = db
        .recall(SPACE)
        .user(&json!({}))
        .exact()
        .top(1_000)
        .unwrap();
    let holds = |id: &str| all.iter().any(|hit| hit.id == id);
    assert!(holds("B300") && holds("B301") && !holds("B001"));
    assert!(db.check().unwrap().is_clean());
}

#[test]
fn a_space_leaves_a_generation_that_it_cannot_use_by_a_rollback_or_a_publish() {
    let (_guard, path) = with_unknown_key(1).write();
    let db = open_without_background(&path);
    db.rollback(SPACE).to(GenerationNo(2)).run().unwrap();
    assert_eq!(recall(&db, SPACE).unwrap().len(), 5);
    let error = db.rollback(SPACE).to(GenerationNo(1)).run().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert_eq!(recall(&db, SPACE).unwrap().len(), 5, "as before");

    let (_guard, path) = with_unknown_key(1).write();
    let db = open_without_background(&path);
    let towers = db.towers(HALVES).unwrap();
    db.publish(SPACE).towers(towers).run().unwrap();
    assert_eq!(recall(&db, SPACE).unwrap().len(), 5);
}

#[test]
fn an_unusable_generation_that_is_not_active_shows_only_when_asked_for() {
    let (_guard, path) = with_unknown_key(2).write();
    let db = open_without_background(&path);
    for space in [SPACE, HALVES, FUSED] {
        assert_eq!(recall(&db, space).unwrap().len(), 5);
    }
    let error = db.rollback(SPACE).to(GenerationNo(2)).run().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
}

/// The problems that a check finds in the golden database with one file changed.
fn problems(name: &str, edit: impl FnOnce(&mut Vec<u8>)) -> Vec<String> {
    let (_guard, path) = Files::golden().with(name, edit).write();
    let report = open_without_background(&path).check().unwrap();
    let named = report.problems.iter();
    let named = named.filter(|problem| problem.file.ends_with(Path::new(name)));
    named.map(|problem| problem.what.clone()).collect()
}

#[test]
fn a_check_looks_at_reserved_bytes_and_at_the_database_of_every_file() {
    let golden = Files::golden();
    let parts = ["segments/items-", "segments/space-", "journal/"];
    let names = parts.map(|part| golden.first(part)).into_iter();
    for name in names.chain([golden.manifest()]) {
        for at in [44, 55] {
            let found = problems(&name, |bytes| with_header(bytes, at, &[1]));
            assert!(
                found.iter().any(|what| what.contains("reserved")),
                "{name}: {found:?}"
            );
        }
    }
    for part in &parts[..2] {
        let name = golden.first(part);
        let found = problems(&name, |bytes| with_header(bytes, 24, &[1, 2, 3]));
        assert_eq!(found, ["belongs to another database"], "{name}");
    }
}

#[test]
fn a_segment_of_another_database_is_told_from_an_older_copy() {
    let golden = Files::golden();
    for part in ["segments/items-", "segments/space-"] {
        let name = golden.first(part);
        let mut copied = golden.clone();
        let bytes = copied.0.get_mut(&name).unwrap();
        with_header(bytes, 16, &[1, 2, 3]);
        with_sections(bytes, |_| ());
        let refused = |files: &Files| {
            let (_guard, path) = files.write();
            Database::open(&path).err().unwrap().to_string()
        };
        let error = refused(&copied);
        assert!(error.contains("an older copy"), "{error}");
        with_header(copied.0.get_mut(&name).unwrap(), 24, &[1, 2, 3]);
        let error = refused(&copied);
        assert!(error.contains("belongs to another database"), "{error}");
    }
}
