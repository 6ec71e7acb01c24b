//! The journal and sled's index of it, damaged on a real disk.
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use twinspire::{Database, Error, Revision, Towers};
use twinspire_testkit::towers::scaled;
use twinspire_testkit::{directory, item, write_file};

/// Three items put one by one, and the database closed.
fn three(path: &Path) -> PathBuf {
    let db = Database::open(path).unwrap();
    for id in 0..3 {
        db.items().put(&item(id, 10 + id)).unwrap();
    }
    drop(db);
    let mut journals = fs::read_dir(path.join("journal")).unwrap();
    journals.next().unwrap().unwrap().path()
}

fn cut(path: &Path, length: usize) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(length as u64).unwrap();
}

/// Where each frame of a journal begins.
fn frames(journal: &Path) -> Vec<usize> {
    let bytes = fs::read(journal).unwrap();
    let found = bytes
        .windows(4)
        .enumerate()
        .filter(|(_, four)| four == b"TWJF");
    found.map(|(at, _)| at).collect()
}

#[test]
fn a_journal_that_lost_its_end_is_noticed_by_the_index_and_made_up_for_from_it() {
    let (_dir, path) = directory();
    let journal = three(&path);
    cut(&journal, frames(&journal)[1]);
    let error = Database::open(&path).err().unwrap();
    let lost = match &error {
        Error::Lost { lost, .. } => lost.unwrap(),
        other => panic!("{other}"),
    };
    assert_eq!(lost, (Revision(2), Revision(3)), "{error}");
    assert!(error.to_string().contains("revisions 2 to 3"), "{error}");
    let reader = Database::open_read_only(&path).unwrap();
    assert!(
        reader.items().get("B000").unwrap().is_some(),
        "what is left is served"
    );
    drop(reader);

    let report = Database::repair(&path).unwrap();
    assert_eq!(
        report.lost_revisions,
        [],
        "the index still had them: {report:?}"
    );
    let db = Database::open(&path).unwrap();
    for id in 0..3 {
        let found = db.items().get(&format!("B00{id}")).unwrap();
        assert_eq!(found, Some(item(id, 10 + id)));
    }
    assert_eq!(
        db.items().put(&item(4, 4)).unwrap(),
        Revision(4),
        "no revision is given twice"
    );
    assert!(db.check().unwrap().is_clean());
}

#[test]
fn a_flip_in_the_last_call_of_a_closed_journal_is_damage_and_no_torn_end() {
    let (_dir, path) = directory();
    let journal = three(&path);
    fs::remove_dir_all(path.join("catalog")).unwrap();
    let mut bytes = fs::read(&journal).unwrap();
    bytes[frames(&journal)[2] + 40] ^= 1;
    fs::remove_file(&journal).unwrap();
    fs::write(&journal, &bytes).unwrap();
    let error = Database::open(&path).err().unwrap();
    assert!(
        matches!(error, Error::Lost { lost: Some((from, to)), .. }
        if from == to && from == Revision(3)),
        "{error}"
    );
    let report = Database::repair(&path).unwrap();
    assert_eq!(report.lost_revisions, [(Revision(3), Revision(3))]);
    let db = Database::open(&path).unwrap();
    assert_eq!(db.stats().unwrap().items, 2);
    assert_eq!(fs::read(&report.quarantined[0]).unwrap(), bytes);
}

#[test]
fn whatever_befalls_the_index_nothing_is_lost() {
    let (_dir, path) = directory();
    three(&path);
    let many: Vec<_> = (3..300).map(|id| item(id, 10 + id)).collect();
    Database::open(&path)
        .unwrap()
        .items()
        .put_many(&many)
        .unwrap();
    let catalog = path.join("catalog");
    let mut tried = 0;
    let mut check = |what: &str| {
        let db = Database::open(&path).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(db.stats().unwrap().items, 300, "{what}");
        for id in 0..300 {
            let found = db.items().get(&format!("B{id:03}")).unwrap();
            assert_eq!(found, Some(item(id, 10 + id)), "{what}");
        }
        tried += 1;
    };
    check("untouched");
    fs::remove_dir_all(&catalog).unwrap();
    check("removed");
    fs::write(catalog.join("snap.0000000000000000.generating"), b"stray").unwrap();
    check("a stray snapshot");
    for name in ["db", "conf"] {
        let file = catalog.join(name);
        let whole = fs::read(&file).unwrap();
        for length in (0..whole.len()).step_by((whole.len() / 12).max(1)) {
            cut(&file, length);
            check(&format!("{name} cut at {length}"));
        }
        for at in (0..whole.len()).step_by((whole.len() / 12).max(1)) {
            let mut bytes = fs::read(&file).unwrap();
            let end = bytes.len().min(at + 4096);
            if at < end {
                bytes[at..end].fill(0);
                fs::write(&file, &bytes).unwrap();
            }
            check(&format!("{name} zeroed at {at}"));
        }
        fs::remove_file(&file).unwrap();
        check(&format!("{name} removed"));
    }
    // The index of another database.
    let (_other, other) = directory();
    let db = Database::open(&other).unwrap();
    db.items()
        .put_many(&(0..9).map(|id| item(id, 1)).collect::<Vec<_>>())
        .unwrap();
    drop(db);
    fs::remove_dir_all(&catalog).unwrap();
    fs::rename(other.join("catalog"), &catalog).unwrap();
    check("another database's");
    println!("{tried} faults of the index, nothing lost");
}

#[test]
fn damaged_towers_of_one_space_stop_its_own_recalls_and_no_other() {
    let (_dir, path) = directory();
    let db = Database::open(&path).unwrap();
    db.items().put(&item(1, 10)).unwrap();
    for space in ["whole", "torn"] {
        let towers = Towers::from_bytes(scaled(2.0)).unwrap();
        db.publish(space).towers(towers).run().unwrap();
    }
    drop(db);
    let towers = path.join("towers/torn-000001");
    for entry in fs::read_dir(&towers).unwrap() {
        let file = entry.unwrap().path();
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        let sound = fs::read(&file).unwrap();
        let mut bytes = sound.clone();
        *bytes.last_mut().unwrap() ^= 1;
        write_file(&towers, &name, &bytes);
        let reader = Database::open_read_only(&path).unwrap();
        let user = serde_json::json!({"price": 15});
        assert_eq!(reader.recall("whole").user(&user).top(1).unwrap().len(), 1);
        for _ in 0..2 {
            let error = reader.recall("torn").user(&user).top(1).unwrap_err();
            assert!(matches!(error, Error::Corrupt { .. }), "{error}");
            assert!(error.to_string().contains(&name), "{error}");
        }
        let problems = reader.check().unwrap().problems;
        assert!(
            problems.iter().all(|problem| problem.file == file),
            "{problems:?}"
        );
        assert!(!problems.is_empty());
        let error = Database::open(&path).err().unwrap();
        assert!(
            error.to_string().contains(&name),
            "a writer embeds in every space: {error}"
        );
        write_file(&towers, &name, &sound);
    }
    assert!(Database::open(&path).unwrap().check().unwrap().is_clean());
}
