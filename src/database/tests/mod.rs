//! Power cuts and failures at every operation, against a plain model.
//!
//! This file has the model, the script and the checks of a database that was interrupted. Each submodule
//! interrupts it in another way.

mod collection;
mod copies;
mod crash;
mod doubts;
mod equal_vectors;
mod errors;
mod fields;
mod filters;
mod flips;
mod fresh;
mod group;
mod partitions;
mod pin;
mod removal;
mod repair;
mod reuse;

use super::*;
use crate::ensemble::WeightedSum;
use crate::error::{Error, ErrorKind};
use crate::index::{IndexChoice, IndexKind};
use crate::lexical::{Language, Lexical};
use crate::snapshot::Base;
use crate::store::{self, Directory};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use twinspire_core::files::{Fault, FileSystem, Loss, MemoryFiles, Operation, names};
use twinspire_towers::Towers;
use twinspire_towers::internals::{Reading, Side};
use xxhash_rust::xxh3::xxh3_64;

use twinspire_testkit::towers;

const ROOT: &str = "shop.twin";
const SPACE: &str = "by-price";
const ENSEMBLE: &str = "home";
const WORDS: &str = "words";

/// What a database should hold: items, and the scale of each generation that was published, the
/// active one's place among them.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    items: BTreeMap<String, Value>,
    scales: Vec<f32>,
    active: usize,
    /// The weight of the space in the one ensemble, if it is defined.
    ensemble: Option<f32>,
    /// The boost of the lexical space's second field, if the space is defined.
    words: Option<f32>,
}

/// Towers whose vectors are the fields v0, v1 and so on.
fn vector_towers(dimension: usize, metric: &str) -> Towers {
    let names: Vec<String> = (0..dimension).map(|at| format!("v{at}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    towers::field_towers(metric, &names)
}

fn open(files: &MemoryFiles) -> Result<Database, Error> {
    let options = Database::options().background(false);
    options.open_on(Arc::new(files.clone()), Path::new(ROOT))
}

fn item(id: usize, price: usize) -> Value {
    json!({"id": format!("B{id:02}"), "price": price})
}

fn long(id: usize) -> Value {
    let text: String = (0..2_000).map(|n| format!("{n:05}")).collect();
    json!({"id": format!("B{id:02}"), "price": 90, "text": text})
}

/// One step of the script, done to the model.
#[derive(Clone, Copy, Debug)]
enum Step {
    Put(usize, usize),
    PutMany(usize),
    Delete(usize),
    Seal,
    Merge,
    Define(f32),
    Undefine,
    Words(f32),
    Retain,
    PutLong(usize),
    Publish(f32),
    Calibrate,
    Rollback,
}

/// The script that is interrupted. The long record spans blocks of a disk; the last publish drops a
/// generation that a rollback had skipped.
const SCRIPT: [Step; 30] = [
    Step::Put(1, 10),
    Step::PutMany(5),
    Step::Delete(2),
    Step::Seal,
    Step::Words(1.0),
    Step::Put(1, 11),
    Step::Delete(3),
    Step::Publish(1.0),
    Step::Put(2, 20),
    Step::Seal,
    Step::Publish(3.0),
    Step::Define(0.5),
    Step::PutLong(9),
    Step::Delete(4),
    Step::Rollback,
    Step::Calibrate,
    Step::Put(8, 80),
    Step::Publish(2.0),
    Step::Undefine,
    Step::Define(2.0),
    Step::Put(5, 50),
    Step::Rollback,
    Step::Put(4, 40),
    Step::Seal,
    Step::Delete(5),
    Step::Seal,
    Step::Merge,
    Step::Put(3, 30),
    Step::Words(2.0),
    Step::Retain,
];

/// What is done after a recovery, to see that everything still works.
const GOING_ON: [Step; 6] = [
    Step::Put(7, 70),
    Step::Seal,
    Step::Publish(5.0),
    Step::Delete(7),
    Step::Merge,
    Step::Put(8, 81),
];

/// Generations a space keeps.
const RETAIN: usize = 2;

impl Step {
    fn apply(self, model: &mut Model) {
        let Model {
            items,
            scales,
            active,
            ensemble,
            words,
        } = model;
        let mut put = |item: Value| items.insert(item["id"].as_str().unwrap().to_owned(), item);
        match self {
            Self::Put(id, price) => drop(put(item(id, price))),
            Self::PutMany(count) => (0..count).for_each(|id| drop(put(item(id, 100 + id)))),
            Self::PutLong(id) => drop(put(long(id))),
            Self::Delete(id) => drop(items.remove(&format!("B{id:02}"))),
            Self::Seal | Self::Merge | Self::Calibrate => {}
            Self::Define(weight) => *ensemble = Some(weight),
            Self::Undefine => *ensemble = None,
            Self::Words(boost) => *words = Some(boost),
            Self::Retain => {
                *scales = scales.get(*active).copied().into_iter().collect();
                *active = 0;
            }
            Self::Publish(scale) => {
                let before = std::mem::replace(active, scales.len());
                scales.push(scale);
                if scales.len() > RETAIN {
                    // The oldest goes, but not the one that could be gone back to.
                    scales.remove(usize::from(before == 0));
                    *active -= 1;
                }
            }
            Self::Rollback => *active = active.saturating_sub(1),
        }
    }

    fn run(self, db: &Database) -> Result<(), Error> {
        let items = db.items();
        match self {
            Self::Put(id, price) => items.put(&item(id, price)).map(drop),
            Self::PutMany(count) => items
                .put_many(&(0..count).map(|id| item(id, 100 + id)).collect::<Vec<_>>())
                .map(drop),
            Self::PutLong(id) => items.put(&long(id)).map(drop),
            Self::Delete(id) => items.delete(&format!("B{id:02}")).map(drop),
            Self::Seal => db.seal().map(drop),
            Self::Merge => db.merge(),
            Self::Define(weight) => {
                let ensemble = WeightedSum::new().space(SPACE, weight);
                db.ensembles().define(ENSEMBLE, ensemble)
            }
            Self::Undefine => db.ensembles().remove(ENSEMBLE).map(drop),
            Self::Words(boost) => db.lexical().define(WORDS, words(boost)).map(drop),
            Self::Retain => db.retain(SPACE, 1),
            Self::Publish(scale) => {
                let towers = Towers::from_bytes(towers::scaled(scale)).unwrap();
                let index = match scale > 2.5 {
                    true => IndexKind::Partitions,
                    false => IndexKind::Graph,
                };
                db.publish(SPACE)
                    .towers(towers)
                    .retain(RETAIN)
                    .index(IndexChoice::Only(index))
                    .run()
                    .map(drop)
            }
            Self::Calibrate => db.calibrate(SPACE).map(drop),
            Self::Rollback => db.rollback(SPACE).run().map(drop),
        }
    }
}

/// A lexical space of the ids; another boost of a field that no item has is another index.
fn words(boost: f32) -> Lexical {
    let ids = Lexical::new().field("id", 1.0).field("none", boost.into());
    ids.language(Language::None)
}

/// The ids of the items that a recall of the lexical space finds.
fn found_by_words(db: &Database) -> BTreeSet<String> {
    let ids = Vec::from_iter((0..10).map(|id| format!("B{id:02}")));
    let hits = db.recall(WORDS).text(&ids.join(" ")).top(100).unwrap();
    hits.iter().map(|hit| hit.id.clone()).collect()
}

/// Everything a database holds: by id, and, as one generation sees it, by recall.
fn contents(db: &Database) -> Model {
    let ids = (0..10).map(|id| format!("B{id:02}"));
    let items = ids.filter_map(|id| Some((id.clone(), db.items().get(&id).unwrap()?)));
    let mut model = Model {
        items: items.collect(),
        ..Model::default()
    };
    if let Some(ensemble) = db.ensembles().get(ENSEMBLE) {
        model.ensemble = ensemble.weights().next().map(|(_, weight)| weight);
    }
    let lexical = db.lexical().get(WORDS);
    model.words = [1.0, 2.0]
        .into_iter()
        .find(|boost| lexical == Some(words(*boost)));
    if model.words.is_some() {
        let found = found_by_words(db);
        assert!(
            found.iter().eq(model.items.keys()),
            "words find all: {found:?}"
        );
    }
    if let Ok(generations) = db.generations(SPACE) {
        for generation in generations {
            if generation.active {
                model.active = model.scales.len();
            }
            // The towers say what the scale was.
            let live = db.live();
            let base = live.snapshot.load().kept(SPACE).unwrap().clone();
            let kept = base.generation(generation.number).unwrap();
            let opened = Base::open(&live.directory, SPACE, kept, None).unwrap();
            let vector = opened
                .model()
                .unwrap()
                .embed(Side::Item, &item(0, 1), Reading::default())
                .unwrap();
            model.scales.push(vector[0]);
        }
        let scale = model.scales[model.active];
        for exact in [false, true] {
            let user = json!({"price": 15});
            let recall = db.recall(SPACE).user(&user).records();
            let recall = if exact { recall.exact() } else { recall };
            let mut found = BTreeMap::new();
            let fused = db.recall(ENSEMBLE).user(&user).top(100);
            for hit in fused
                .ok()
                .filter(|_| model.ensemble.is_some())
                .into_iter()
                .flatten()
            {
                let weight = model.ensemble.unwrap();
                assert_eq!(hit.score, weight * hit.channels[SPACE]);
            }
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

/// Does steps on what may be one of several states, whatever fails; gives what it may be then.
///
/// A failed call leaves a handle that can no longer write, and then either nothing or all of the
/// call is on the disk; or one that can, and then what it shows is also what the disk holds.
fn run(files: &MemoryFiles, steps: &[Step], mut possible: Vec<Model>) -> Vec<Model> {
    let Ok(db) = open(files) else {
        return possible;
    };
    for step in steps {
        let poisoned = is_poisoned(&db);
        let done = possible.iter().cloned().map(|mut model| {
            step.apply(&mut model);
            model
        });
        let done: Vec<_> = done.collect();
        let result = step.run(&db);
        if poisoned {
            let refused = matches!(result, Err(Error::Poisoned { .. }));
            let nothing_to_do = result.is_ok() && {
                let shown = contents(&db);
                let mut done = shown.clone();
                step.apply(&mut done);
                done == shown
            };
            assert!(refused || nothing_to_do, "{step:?}: {result:?}");
            continue;
        }
        match result {
            Ok(()) => possible = done,
            Err(_) => {
                possible.extend(done);
                let shown = contents(&db);
                assert!(
                    possible.contains(&shown),
                    "{shown:?} after a failed {step:?}"
                );
                if !is_poisoned(&db) {
                    possible = vec![shown];
                }
            }
        }
    }
    possible
}

/// The whole script from an empty directory on.
fn run_script(files: &MemoryFiles) -> Vec<Model> {
    run(files, &SCRIPT, vec![Model::default()])
}

/// The changing operations of the script when nothing fails.
fn operations() -> Vec<Operation> {
    let files = MemoryFiles::default();
    assert_eq!(run_script(&files).len(), 1);
    files.operations()
}

fn is_poisoned(db: &Database) -> bool {
    db.writing().unwrap().is_poisoned()
}

/// Whether to try every combination of what can go wrong, which takes minutes.
fn tries_all() -> bool {
    std::env::var_os("TWINSPIRE_ALL_LOSSES").is_some()
}

/// Opens what is left and finds one of the possible states. In a third of the cases, chosen by the story,
/// also goes on working, and leaves nothing behind.
fn assert_recovers(files: &MemoryFiles, possible: &[Model], story: &str) {
    let _story = Story(story);
    let db = open(files).unwrap();
    let found = contents(&db);
    assert!(
        possible.contains(&found),
        "found {found:?}, possible {possible:?}"
    );
    drop(db);
    if !tries_all() && !xxh3_64(story.as_bytes()).is_multiple_of(3) {
        return;
    }
    let gone_on = run(files, &GOING_ON, vec![found.clone()]);
    let mut expected = found;
    for step in GOING_ON {
        step.apply(&mut expected);
    }
    assert_eq!(gone_on, [expected.clone()], "going on");
    assert_nothing_leaked(files);
    let db = open(files).unwrap();
    assert_eq!(contents(&db), expected, "after going on");
    assert_eq!(db.check().unwrap().problems, []);
    drop(db);
    assert_nothing_leaked(files);
}

/// The files are those that the current manifest names, the manifest before it and one journal.
fn assert_nothing_leaked(files: &MemoryFiles) {
    let directory = Directory {
        files: Arc::new(files.clone()),
        root: ROOT.into(),
    };
    let manifest = store::load(&directory).unwrap().unwrap();
    let mut named: Vec<String> = vec![
        names::LOCK.into(),
        names::READERS.into(),
        names::CURRENT.into(),
    ];
    named.extend([manifest.number - 1, manifest.number].map(names::manifest));
    let segment = |name| format!("{}/{name}", names::SEGMENTS);
    let items = manifest.items.iter();
    named.extend(items.map(|items| segment(names::items(items.file.number))));
    for (name, space) in &manifest.spaces {
        for generation in &space.generations {
            let spaces = generation.segments.iter();
            named.extend(spaces.map(|space| segment(names::space(space.file.number))));
            let towers = names::towers(name, generation.number);
            let files = generation.towers.iter();
            named.extend(files.map(|file| format!("{}/{towers}/{}", names::TOWERS, file.name)));
        }
    }
    let mut named: Vec<_> = named
        .iter()
        .map(|name| Path::new(ROOT).join(name))
        .collect();
    named.sort();
    let (journals, others): (Vec<_>, Vec<_>) = files
        .paths()
        .into_iter()
        .partition(|path| path.starts_with(Path::new(ROOT).join(names::JOURNAL)));
    assert_eq!(others, named, "what the manifest names");
    assert_eq!(journals.len(), 1, "{journals:?}");
}

/// Losses to try with this number of pending changes: all, none, random subsets and torn blocks, and each
/// change alone lost and alone kept (eight of them if there are more).
fn losses(pending: usize, seed: u64) -> Vec<Loss> {
    let mut losses = vec![Loss::All, Loss::None, Loss::Zeroed];
    losses.extend([512, 4096].map(|block| Loss::Torn { block, seed }));
    losses.extend((0..4).map(|n| Loss::Random(seed * 4 + n)));
    let first = if pending > 8 {
        seed as usize % pending
    } else {
        0
    };
    for at in (first..).take(pending.min(8)) {
        losses.extend([Loss::OnlyKept(at % pending), Loss::OnlyLost(at % pending)]);
    }
    losses
}

/// One in so many power cuts is tried after two interruptions, unless all are asked for.
const TURNS: usize = 3;

/// The power cuts to try: a loss for each different disk that is left.
fn cuts(files: &MemoryFiles, seed: u64) -> Vec<(Loss, MemoryFiles)> {
    files.after_power_cuts(&losses(files.pending(), seed))
}

/// Some of the power cuts, by turns.
fn some_cuts(files: &MemoryFiles, seed: u64) -> Vec<(Loss, MemoryFiles)> {
    let cuts = cuts(files, seed);
    if tries_all() {
        return cuts;
    }
    let turn = seed as usize % TURNS;
    cuts.into_iter().skip(turn).step_by(TURNS).collect()
}

/// The operation at which something happens, for stories.
fn place(operations: &[Operation], at: u64) -> String {
    let operation = operations.get(at as usize - 1);
    operation.map_or("the end".to_owned(), |operation| {
        format!("{at} of {}, {operation}", operations.len())
    })
}

/// Does cases `1..=count` on all cores; gives the sum of what they give.
fn each_case(count: usize, case: impl Fn(u64) -> usize + Sync) -> usize {
    let next = AtomicU64::new(1);
    let work = || {
        let mut sum = 0;
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at > count as u64 {
                break sum;
            }
            sum += case(at);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let sums = workers.into_iter().map(std::thread::ScopedJoinHandle::join);
        sums.map(|sum| sum.unwrap_or_else(|panic| resume_unwind(panic)))
            .sum()
    })
}

/// `12,345`.
fn grouped(number: usize) -> String {
    match number {
        0..1000 => number.to_string(),
        _ => format!("{},{:03}", grouped(number / 1000), number % 1000),
    }
}

/// Tells the story when the test fails while this is there.
struct Story<'a>(&'a str);

impl Drop for Story<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the story: {}", self.0);
        }
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
        (0, 2, 2),
        "{left:?}"
    );
}

#[test]
fn a_directory_with_data_but_no_current_is_refused() {
    let files = MemoryFiles::default();
    let db = open(&files).unwrap();
    db.items().put(&item(1, 1)).unwrap();
    drop(db);
    files.remove(&Path::new(ROOT).join(names::CURRENT)).unwrap();
    let error = open(&files).err().unwrap();
    assert!(matches!(error, Error::Corrupt { .. }), "{error}");
}

#[test]
fn a_seal_after_a_rollback_adds_the_missing_items_to_the_generation() {
    let files = MemoryFiles::default();
    let db = open(&files).unwrap();
    let steps = [
        Step::PutMany(5),
        Step::Publish(1.0),
        Step::Publish(2.0),
        Step::Put(7, 70),
        Step::Delete(1),
        Step::Seal,
        Step::Rollback,
    ];
    let mut model = Model::default();
    for step in steps {
        step.run(&db).unwrap();
        step.apply(&mut model);
    }
    assert_eq!(db.stats().unwrap().spaces[SPACE].late, 2);
    db.seal().unwrap();
    assert_eq!(db.stats().unwrap().spaces[SPACE].late, 0);
    assert_eq!(contents(&db), model);
    assert_eq!(db.check().unwrap().problems, []);
    drop(db);
    let db = open(&files).unwrap();
    assert_eq!(db.stats().unwrap().spaces[SPACE].late, 0);
    assert_eq!(contents(&db), model);
}
