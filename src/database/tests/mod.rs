//! Power cuts and failures at every operation, against a plain model.

use super::*;
use crate::files::{Failure, Fault, FileSystem, Loss, MemoryFiles, names};
use crate::snapshot::Base;
use crate::tower::Side;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

#[path = "../../tests/common/towers.rs"]
mod towers;

const ROOT: &str = "shop.twin";
const SPACE: &str = "by-price";

/// What a database should hold: items, and the scale of each generation that was published, the
/// active one's place among them.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    items: BTreeMap<String, Value>,
    scales: Vec<f32>,
    active: usize,
}

fn open(files: &MemoryFiles) -> Result<Database, Error> {
    Database::options().open_on(Arc::new(files.clone()), Path::new(ROOT))
}

fn item(id: usize, price: usize) -> Value {
    json!({"id": format!("B{id:02}"), "price": price})
}

/// One step of the script, done to the model.
#[derive(Clone, Copy, Debug)]
enum Step {
    Put(usize, usize),
    PutMany(usize),
    Delete(usize),
    Seal,
    Publish(f32),
    Rollback,
}

const SCRIPT: [Step; 14] = [
    Step::Put(1, 10),
    Step::PutMany(5),
    Step::Delete(2),
    Step::Seal,
    Step::Put(1, 11),
    Step::Delete(3),
    Step::Publish(1.0),
    Step::Put(2, 20),
    Step::Seal,
    Step::Publish(3.0),
    Step::Put(9, 90),
    Step::Delete(4),
    Step::Rollback,
    Step::Put(8, 80),
];

impl Step {
    fn apply(self, model: &mut Model) {
        let Model {
            items,
            scales,
            active,
        } = model;
        let mut put = |item: Value| items.insert(item["id"].as_str().unwrap().to_owned(), item);
        match self {
            Self::Put(id, price) => drop(put(item(id, price))),
            Self::PutMany(count) => (0..count).for_each(|id| drop(put(item(id, 100 + id)))),
            Self::Delete(id) => drop(items.remove(&format!("B{id:02}"))),
            Self::Seal => {}
            Self::Publish(scale) => {
                *active = scales.len();
                scales.push(scale);
            }
            Self::Rollback => *active -= 1,
        }
    }

    fn run(self, db: &Database) -> Result<(), Error> {
        let items = db.items();
        match self {
            Self::Put(id, price) => items.put(&item(id, price)).map(drop),
            Self::PutMany(count) => items
                .put_many(&(0..count).map(|id| item(id, 100 + id)).collect::<Vec<_>>())
                .map(drop),
            Self::Delete(id) => items.delete(&format!("B{id:02}")).map(drop),
            Self::Seal => db.seal().map(drop),
            Self::Publish(scale) => {
                let towers = Towers::from_parts(towers::scaled(scale)).unwrap();
                db.publish(SPACE, towers).map(drop)
            }
            Self::Rollback => db.rollback(SPACE).map(drop),
        }
    }
}

/// Everything a database holds: by id, and, as one generation sees it, by recall.
fn contents(db: &Database) -> Model {
    let ids = (0..10).map(|id| format!("B{id:02}"));
    let items = ids.filter_map(|id| Some((id.clone(), db.items().get(&id).unwrap()?)));
    let mut model = Model {
        items: items.collect(),
        ..Model::default()
    };
    if let Ok(generations) = db.generations(SPACE) {
        for generation in generations {
            if generation.active {
                model.active = model.scales.len();
            }
            // The towers say what the scale was.
            let base = db.live.snapshot.load().kept(SPACE).unwrap().clone();
            let kept = base.generation(generation.number).unwrap();
            let opened = Base::open(&db.live.directory, SPACE, kept).unwrap();
            let vector = opened.model.embed(Side::Item, &item(0, 1)).unwrap();
            model.scales.push(vector[0]);
        }
        let scale = model.scales[model.active];
        for exact in [false, true] {
            let user = json!({"price": 15});
            let recall = db.recall(SPACE).user(&user).records();
            let recall = if exact { recall.exact() } else { recall };
            let mut found = BTreeMap::new();
            for hit in recall.top(100).unwrap() {
                let record = hit.record.unwrap();
                let distance = scale * (record["price"].as_f64().unwrap() as f32 - 15.0);
                assert_eq!(hit.score, -distance * distance, "vectors of one generation");
                found.insert(hit.id, record);
            }
            assert_eq!(
                found, model.items,
                "a recall of all finds all, exact: {exact}"
            );
        }
    }
    model
}

/// Runs the script until a step fails: what was acknowledged, and what it may be besides.
fn run_script(files: &MemoryFiles) -> (Model, Model) {
    let mut sure = Model::default();
    let Ok(db) = open(files) else {
        return (sure.clone(), sure);
    };
    for step in SCRIPT {
        let mut next = sure.clone();
        step.apply(&mut next);
        match step.run(&db) {
            Ok(()) => sure = next,
            Err(_) => return (sure, next),
        }
    }
    (sure.clone(), sure)
}

/// Opens what is left, finds one of the two states, and goes on working.
fn assert_recovers(files: &MemoryFiles, sure: &Model, open_outcome: &Model, story: &str) {
    let db = open(files).unwrap_or_else(|error| panic!("{story}: {error}"));
    let mut found = contents(&db);
    assert!(
        found == *sure || found == *open_outcome,
        "{story}: {found:?}, acknowledged {sure:?}"
    );
    for step in [
        Step::Put(7, 70),
        Step::Seal,
        Step::Delete(7),
        Step::Put(8, 80),
    ] {
        step.run(&db)
            .unwrap_or_else(|error| panic!("{story}: {step:?}: {error}"));
        step.apply(&mut found);
    }
    drop(db);
    assert_eq!(
        contents(&open(files).unwrap()),
        found,
        "{story}: after going on"
    );
}

#[test]
fn a_power_cut_at_any_operation_loses_nothing_acknowledged() {
    let files = MemoryFiles::default();
    files.set_fault(None);
    let (sure, outcome) = run_script(&files);
    assert_eq!(sure, outcome, "the script runs through without faults");
    let total = files.operations().len() as u64;
    for at in 1..=total {
        for torn in [false, true] {
            let files = MemoryFiles::default();
            files.set_fault(Some(Fault::PowerCut { at }));
            let (sure, outcome) = run_script(&files);
            let story = format!("power cut at operation {at} of {total}, torn: {torn}");
            assert_recovers(
                &files.after_power_cut(if torn {
                    Loss::Torn {
                        block: 512,
                        seed: at,
                    }
                } else {
                    Loss::All
                }),
                &sure,
                &outcome,
                &story,
            );
        }
    }
    println!("{} power cuts, nothing lost", 2 * total);
}

#[test]
fn a_second_power_cut_while_recovering_loses_nothing_either() {
    let files = MemoryFiles::default();
    let (sure, _) = run_script(&files);
    let files = files.after_power_cut(Loss::All);
    let probe = files.after_power_cut(Loss::All);
    probe.set_fault(None);
    drop(open(&probe).unwrap());
    for at in 1..=probe.operations().len() as u64 {
        let files = files.after_power_cut(Loss::All);
        files.set_fault(Some(Fault::PowerCut { at }));
        drop(open(&files));
        assert_recovers(
            &files.after_power_cut(Loss::All),
            &sure,
            &sure,
            &format!("second cut at {at}"),
        );
    }
}

#[test]
fn a_failure_at_any_operation_is_an_error_and_loses_nothing() {
    let files = MemoryFiles::default();
    files.set_fault(None);
    run_script(&files);
    for at in 1..=files.operations().len() as u64 {
        let files = MemoryFiles::default();
        files.set_fault(Some(Fault::Fail {
            at,
            forever: false,
            failure: Failure::Io,
        }));
        let (sure, outcome) = run_script(&files);
        files.set_fault(None);
        assert_recovers(
            &files,
            &sure,
            &outcome,
            &format!("operation {at} fails once"),
        );
    }
}

#[test]
fn sealing_leaves_no_journal_and_no_orphans_behind() {
    let files = MemoryFiles::default();
    let db = open(&files).unwrap();
    for step in SCRIPT {
        step.run(&db).unwrap();
    }
    db.seal().unwrap();
    drop(db);
    drop(open(&files).unwrap());
    let left = files.paths();
    let count = |part: &str| {
        left.iter()
            .filter(|path| path.to_string_lossy().contains(part))
            .count()
    };
    assert_eq!(
        (count("journal-"), count("items-"), count("manifest-")),
        (0, 4, 2),
        "{left:?}"
    );
}

#[test]
fn a_database_that_lost_current_is_refused_and_not_begun_anew() {
    let files = MemoryFiles::default();
    let db = open(&files).unwrap();
    db.items().put(&item(1, 1)).unwrap();
    drop(db);
    files.remove(&Path::new(ROOT).join(names::CURRENT)).unwrap();
    let error = open(&files).err().unwrap();
    assert!(matches!(error, Error::Corrupt { .. }), "{error}");
}

#[test]
fn a_flip_of_any_byte_of_a_stored_file_is_found_by_check_or_refused_at_open() {
    let files = MemoryFiles::default();
    let db = open(&files).unwrap();
    db.items().put_many(&[item(1, 1), item(2, 2)]).unwrap();
    Step::Publish(2.0).run(&db).unwrap();
    drop(db);
    for part in ["items-", "space-", "tower.json", "user.safetensors"] {
        assert_flips_are_found(&files, part);
    }
}

fn assert_flips_are_found(files: &MemoryFiles, part: &str) {
    let is_it = |path: &PathBuf| path.to_string_lossy().contains(part);
    let path = files.paths().into_iter().find(is_it).unwrap();
    let whole = files.read(&path).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        files.put(&path, &bytes);
        let found = match open(files) {
            Err(error) => matches!(error, Error::Corrupt { .. }),
            Ok(db) => db
                .check()
                .unwrap()
                .problems
                .iter()
                .any(|problem| problem.file == path),
        };
        assert!(
            found,
            "the flip of byte {at} of {} in {part} went unnoticed",
            whole.len()
        );
    }
    files.put(&path, &whole);
}
