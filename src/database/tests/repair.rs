//! Whatever one file of a database suffers, a repair leaves a sound one and says what was lost.

use super::*;
use crate::database::RepairReport;
use crate::format::columns::{COLUMN_TABLE, COLUMNS};
use crate::format::container::{Kind, Sections};

/// A database with several of everything, closed properly.
fn full() -> (MemoryFiles, Model) {
    let files = MemoryFiles::default();
    let mut model = Model::default();
    let db = open(&files).unwrap();
    let steps = [
        Step::PutMany(5),
        Step::Publish(1.0),
        Step::Put(1, 11),
        Step::Delete(2),
        Step::Seal,
        Step::Publish(3.0),
        Step::Put(6, 60),
        Step::Delete(3),
        Step::Seal,
        Step::Put(7, 70),
        Step::PutMany(2),
        Step::Delete(4),
    ];
    for step in steps {
        step.run(&db).unwrap();
        step.apply(&mut model);
    }
    drop(db);
    assert_eq!(contents(&open(&files).unwrap()), model);
    (files, model)
}

fn repair(files: &MemoryFiles) -> Result<RepairReport, Error> {
    Database::repair_on(Arc::new(files.clone()), Path::new(ROOT))
}

fn the_file(files: &MemoryFiles, part: &str) -> PathBuf {
    let is_it = |path: &PathBuf| path.to_string_lossy().contains(part);
    files.paths().into_iter().rfind(is_it).unwrap()
}

/// Repairs, and sees that what is left is a sound database on which one can go on.
fn assert_repairs(files: &MemoryFiles, story: &str) -> RepairReport {
    let _story = Story(story);
    let report = repair(files).unwrap();
    let db = open(files).unwrap();
    assert_eq!(db.check().unwrap().problems, []);
    let mut expected = db_items(&db);
    let put = [Step::Put(7, 71), Step::Seal, Step::Put(8, 81)];
    let mut model = Model::default();
    for step in put {
        step.run(&db).unwrap();
        step.apply(&mut model);
    }
    expected.extend(model.items);
    assert_eq!(db_items(&db), expected);
    db.merge().unwrap();
    assert_eq!(db.check().unwrap().problems, []);
    if db.generations(SPACE).is_ok() {
        let user = json!({"price": 15});
        let found = db.recall(SPACE).user(&user).exact().top(100).unwrap();
        assert_eq!(found.len(), expected.len(), "every item has a vector");
    }
    drop(db);
    assert!(repair(files).unwrap().is_clean(), "nothing is left to do");
    report
}

fn db_items(db: &Database) -> BTreeMap<String, Value> {
    let ids = (0..10).map(|id| format!("B{id:02}"));
    ids.filter_map(|id| Some((id.clone(), db.items().get(&id).unwrap()?)))
        .collect()
}

#[test]
fn a_sound_database_is_left_as_it_is() {
    let (files, model) = full();
    let before = files.paths();
    assert_eq!(repair(&files).unwrap(), RepairReport::default());
    assert_eq!(files.paths(), before);
    assert_eq!(contents(&open(&files).unwrap()), model);
}

#[test]
fn a_hole_in_the_journal_costs_the_calls_in_it_and_names_their_revisions() {
    let (files, mut model) = full();
    let journal = the_file(&files, "journal-");
    let mut bytes = files.read(&journal).unwrap();
    // In the first call's frame: item 7.
    bytes[64 + 40] ^= 1;
    files.put(&journal, &bytes);
    let error = open(&files).err().unwrap();
    let Error::Lost { lost, .. } = &error else {
        panic!("{error}")
    };
    let (from, to) = lost.unwrap();
    assert_eq!(from, to, "one call of one write");
    model.items.remove("B07");
    let reader = Database::options().read_only(true);
    let reader = reader
        .open_on(Arc::new(files.clone()), Path::new(ROOT))
        .unwrap();
    assert_eq!(contents(&reader), model, "the rest is served");
    assert!(!reader.check().unwrap().is_clean());
    drop(reader);
    let report = repair(&files).unwrap();
    assert_eq!(report.lost_revisions, [(from, to)]);
    assert_eq!(contents(&open(&files).unwrap()), model);
    assert_eq!(report.quarantined.len(), 1);
    assert_eq!(
        files.read(&report.quarantined[0]).unwrap(),
        bytes,
        "as it was"
    );
}

#[test]
fn a_lost_current_or_manifest_is_replaced_by_the_newest_readable_manifest() {
    let (files, model) = full();
    let current = the_file(&files, "CURRENT");
    files.put(&current, b"nonsense\n");
    assert!(open(&files).is_err());
    let report = assert_repairs(&files, "CURRENT is nonsense");
    assert_eq!((report.lost_rows, report.lost_revisions.len()), (0, 0));
    assert_eq!(contents(&open(&files).unwrap()).scales, model.scales);

    let (files, _) = full();
    let manifest = the_file(&files, "manifest-");
    files.remove(&manifest).unwrap();
    let report = assert_repairs(&files, "the manifest is missing");
    assert!(!report.is_clean());
}

#[test]
fn damaged_columns_are_rebuilt_from_the_records_without_loss() {
    let (files, model) = full();
    let path = the_file(&files, "items-");
    let whole = files.read(&path).unwrap();
    let sections = Sections::decode(&whole, Kind::Items).unwrap();
    for section in [COLUMN_TABLE, COLUMNS] {
        let range = sections.range(section, "columns").unwrap();
        for at in range.step_by(7) {
            let files = files.after_power_cut(Loss::None);
            let mut bytes = whole.clone();
            bytes[at] ^= 0x10;
            files.put(&path, &bytes);
            let db = open(&files).unwrap();
            assert!(!db.check().unwrap().is_clean());
            assert_eq!(contents(&db), model);
            drop(db);
            let report = assert_repairs(&files, &format!("byte {at} of the columns flipped"));
            assert_eq!((report.lost_rows, report.unverified_rows), (0, 0));
            assert_eq!(report.lost_generations, []);
            assert_eq!(report.quarantined.len(), 2, "the segment, and the journal");
        }
    }
}

#[test]
fn a_repair_of_any_damage_to_one_file_leaves_a_sound_database() {
    let (files, _) = full();
    let directories = ["journal", "segments", "towers"].map(|name| Path::new(ROOT).join(name));
    let paths: Vec<_> = files
        .paths()
        .into_iter()
        .filter(|path| files.read(path).is_ok() && !directories.contains(path))
        .collect();
    let tried = each_case(paths.len(), |at| {
        let path = &paths[at as usize - 1];
        let whole = files.read(path).unwrap();
        let mut tried = 0;
        let mut suffer = |bytes: Option<&[u8]>, what: String| {
            let files = files.after_power_cut(Loss::None);
            match bytes {
                Some(bytes) => files.put(path, bytes),
                None => files.remove(path).unwrap(),
            }
            let story = format!("{}: {what}", path.display());
            assert_repairs(&files, &story);
            tried += 1;
        };
        suffer(None, "missing".to_owned());
        for part in 0..8 {
            let length = whole.len() * part / 8;
            suffer(Some(&whole[..length]), format!("cut at {length}"));
        }
        let step = whole.len().div_ceil(60).max(1);
        for at in (0..whole.len()).step_by(step) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x10;
            suffer(Some(&bytes), format!("byte {at} flipped"));
        }
        tried
    });
    println!("{} damaged files, all repaired", grouped(tried));
}
