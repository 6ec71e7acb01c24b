//! Snapshots, at every stage of the script and with the power cut at every operation.

use super::*;

const COPY: &str = "copy.twin";

fn open_copy(files: &MemoryFiles) -> Result<Database, Error> {
    let options = Database::options().background(false);
    options.open_on(Arc::new(files.clone()), Path::new(COPY))
}

#[test]
fn a_snapshot_holds_every_acknowledged_write_and_is_independent() {
    for done in 0..=SCRIPT.len() {
        let files = MemoryFiles::default();
        let db = open(&files).unwrap();
        SCRIPT[..done]
            .iter()
            .for_each(|step| step.run(&db).unwrap());
        let expected = contents(&db);
        // By the writer, and by a reader beside it.
        for by_reader in [true, false] {
            let story = format!("after {done} steps, by a reader: {by_reader}");
            let _story = Story(&story);
            let files = match by_reader {
                true => files.after_power_cut(Loss::None),
                false => files.clone(),
            };
            if by_reader {
                let options = Database::options().read_only(true);
                let reader = options.open_on(Arc::new(files.clone()), Path::new(ROOT));
                reader.unwrap().snapshot(COPY).unwrap();
            } else {
                db.snapshot(COPY).unwrap();
            }
            let copy = open_copy(&files).unwrap();
            assert_eq!(contents(&copy), expected);
            assert_eq!(copy.check().unwrap().problems, []);
            let mut gone_on = expected.clone();
            for step in GOING_ON {
                step.run(&copy).unwrap();
                step.apply(&mut gone_on);
            }
            drop(copy);
            assert_eq!(contents(&open_copy(&files).unwrap()), gone_on);
        }
        let again = db.snapshot(COPY);
        assert!(matches!(again, Err(Error::NotEmpty { .. })));
        assert_eq!(contents(&db), expected, "the copy shares no state");
        assert_eq!(db.check().unwrap().problems, []);
    }
}

#[test]
fn an_interrupted_snapshot_is_no_database_and_harms_nothing() {
    let begin = || {
        let files = MemoryFiles::default();
        let db = open(&files).unwrap();
        SCRIPT.iter().for_each(|step| step.run(&db).unwrap());
        (files, db)
    };
    let (files, db) = begin();
    let expected = contents(&db);
    files.set_fault(None);
    db.snapshot(COPY).unwrap();
    let cuts = each_case(files.operations().len() + 1, |at| {
        let (files, db) = begin();
        files.set_fault(Some(Fault::PowerCut { at }));
        let done = db.snapshot(COPY).is_ok();
        drop(db);
        let cuts = cuts(&files, at);
        for (loss, files) in &cuts {
            let story = format!("a snapshot cut at operation {at}, lost: {loss:?}");
            let _story = Story(&story);
            match open_copy(files) {
                Ok(copy) => {
                    let found = contents(&copy);
                    let begun_anew = !done && found == Model::default();
                    assert!(found == expected || begun_anew, "{found:?}");
                }
                Err(error) => assert!(!done, "{error}"),
            }
            let db = open(files).unwrap();
            assert_eq!(contents(&db), expected);
        }
        cuts.len()
    });
    println!("{} snapshots cut short", grouped(cuts));
}
