//! Threads that put at the same time share the syncs of the journal: what they lose, and what they share.

use super::*;
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::thread;
use twinspire_core::files::Failure;

const THREADS: usize = 4;
/// Puts of each thread.
const PUTS: usize = 6;

/// The id of put `at` of a thread.
fn id(thread: usize, at: usize) -> String {
    format!("{thread}-{at}")
}

/// What the threads tried to put, and what was acknowledged.
#[derive(Default)]
struct Told {
    tried: BTreeSet<String>,
    acknowledged: BTreeSet<String>,
}

/// All threads put their items. A thread stops at its first error, unless it is told to go on.
fn put_all(db: &Database, go_on: bool) -> Told {
    let told = Mutex::new(Told::default());
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let told = &told;
            scope.spawn(move || {
                for at in 0..PUTS {
                    let id = id(thread, at);
                    told.lock().unwrap().tried.insert(id.clone());
                    let put = db.items().put(&json!({"id": id, "price": at}));
                    match put {
                        Ok(_) => drop(told.lock().unwrap().acknowledged.insert(id)),
                        Err(_) if go_on => {}
                        Err(_) => break,
                    }
                }
            });
        }
    });
    told.into_inner().unwrap()
}

/// A database with a space, on a file system without a fault so far.
fn begin() -> (MemoryFiles, Database) {
    let files = MemoryFiles::default();
    let db = open(&files).unwrap();
    db.items().put(&json!({"id": "first", "price": 1})).unwrap();
    let towers = Towers::from_bytes(towers::scaled(1.0)).unwrap();
    db.publish(SPACE).towers(towers).run().unwrap();
    files.set_fault(None);
    (files, db)
}

/// The ids that a database holds, by look-up and by recall.
fn held(db: &Database) -> BTreeSet<String> {
    let hits = db
        .recall(SPACE)
        .user(&json!({"price": 1}))
        .top(1_000)
        .unwrap();
    let found: BTreeSet<String> = hits.iter().map(|hit| hit.id.clone()).collect();
    let exported = db.export().run().unwrap();
    let exported = exported.map(|item| item.unwrap().record["id"].as_str().unwrap().to_owned());
    assert_eq!(found, exported.collect::<BTreeSet<_>>());
    found.into_iter().filter(|id| id != "first").collect()
}

fn assert_told(found: &BTreeSet<String>, told: &Told, story: &str) {
    assert!(
        told.acknowledged.is_subset(found),
        "{story}: acknowledged writes are lost"
    );
    assert!(found.is_subset(&told.tried), "{story}: {found:?}");
}

#[test]
fn threads_that_share_syncs_lose_nothing_acknowledged_to_a_power_cut() {
    // Alone in its file, each put takes two operations.
    let most = 2 * THREADS * PUTS + 4;
    let cuts = each_case(most, |at| {
        let (files, db) = begin();
        files.set_fault(Some(Fault::PowerCut { at }));
        let told = put_all(&db, false);
        drop(db);
        let cuts = cuts(&files, at);
        for (loss, files) in &cuts {
            let story = format!("cut at {at}, lost: {loss:?}");
            let db = open(files).unwrap();
            assert_told(&held(&db), &told, &story);
            db.items().put(&json!({"id": "last", "price": 1})).unwrap();
            db.seal().unwrap();
            assert_eq!(db.check().unwrap().problems, [], "{story}");
        }
        cuts.len()
    });
    println!(
        "{} power cuts among {THREADS} threads, nothing lost",
        grouped(cuts)
    );
}

#[test]
fn a_failure_is_an_error_of_its_own_put_and_the_others_are_done_again() {
    for failure in [
        Failure::Io,
        Failure::NoSpace,
        Failure::ShortWrite { kept: 9 },
        Failure::Sync,
    ] {
        for at in 1..20 {
            let (files, db) = begin();
            let forever = false;
            files.set_fault(Some(Fault::Fail {
                at,
                forever,
                failure,
            }));
            let told = put_all(&db, true);
            files.set_fault(None);
            let story = format!("{failure:?} at {at}");
            let shown = held(&db);
            assert_told(&shown, &told, &story);
            if !is_poisoned(&db) {
                assert_eq!(
                    shown, told.acknowledged,
                    "{story}: a failed put left nothing"
                );
                let failed = told.tried.len() - told.acknowledged.len();
                assert!(failed <= 1, "{story}: {failed} puts failed");
            }
            drop(db);
            let db = open(&files).unwrap();
            assert_told(&held(&db), &told, &story);
            assert_eq!(db.check().unwrap().problems, [], "{story}");
        }
    }
}

#[test]
fn puts_seals_and_publishes_of_many_threads_lose_nothing() {
    let (files, db) = begin();
    let told = thread::scope(|scope| {
        let puts = scope.spawn(|| put_all(&db, false));
        for _ in 0..4 {
            db.seal().unwrap();
            let towers = Towers::from_bytes(towers::scaled(1.0)).unwrap();
            db.publish(SPACE).towers(towers).run().unwrap();
        }
        puts.join().unwrap()
    });
    assert_eq!(told.acknowledged.len(), THREADS * PUTS);
    assert_eq!(held(&db), told.acknowledged);
    drop(db);
    assert_eq!(held(&open(&files).unwrap()), told.acknowledged);
}
