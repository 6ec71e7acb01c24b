//! Vectors that callers supply, over deletes, puts, publishes and rollbacks: a delete discards the vectors of an
//! item in every generation, whatever is sealed, merged or reopened when.
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use twinspire::{Database, GenerationNo, Metric, Towers};
use twinspire_testkit::{directory, open_without_background};

const SPACE: &str = "given";
const ITEMS: usize = 4;

#[derive(Clone, Copy, Debug)]
enum Step {
    Put(usize),
    Delete(usize),
    Publish,
    /// To the generation this many before the newest.
    Rollback(usize),
    Seal,
    Merge,
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..ITEMS).prop_map(Step::Put),
        4 => (0..ITEMS).prop_map(Step::Delete),
        2 => Just(Step::Publish),
        3 => (0..3usize).prop_map(Step::Rollback),
        2 => Just(Step::Seal),
        1 => Just(Step::Merge),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..40)
}

/// What ought to be there.
#[derive(Default)]
struct Plain {
    /// The life of each item that is there; every life has a number of its own.
    alive: BTreeMap<usize, u64>,
    lives: u64,
    /// The lives that each generation was given vectors for, and its number.
    generations: Vec<(GenerationNo, BTreeMap<usize, u64>)>,
    active: usize,
}

impl Plain {
    /// The items with a vector.
    fn vectors(&self) -> BTreeMap<usize, f32> {
        let Some((number, given)) = self.generations.get(self.active) else {
            return BTreeMap::new();
        };
        let same = |(item, life): &(&usize, &u64)| self.alive.get(item) == Some(life);
        let kept = given.iter().filter(same);
        kept.map(|(item, _)| (*item, component(*item, *number)))
            .collect()
    }
}

/// The vector of an item in a generation has one component, so that it tells whose it is.
fn component(item: usize, generation: GenerationNo) -> f32 {
    (generation.0 * 100) as f32 + item as f32
}

fn found(db: &Database) -> BTreeMap<usize, f32> {
    let Ok(recall) = db.recall(SPACE).vector(&[1.0]).exact().top(100) else {
        return BTreeMap::new();
    };
    let number = |id: &str| id.strip_prefix('B').unwrap().parse().unwrap();
    recall
        .iter()
        .map(|hit| (number(&hit.id), hit.score))
        .collect()
}

fn run(step: Step, db: &mut Option<Database>, path: &Path, plain: &mut Plain) {
    let open = db.as_ref().unwrap();
    let id = |item: usize| format!("B{item}");
    match step {
        Step::Put(item) => {
            open.items().put(&json!({"id": id(item)})).unwrap();
            plain.alive.entry(item).or_insert_with(|| {
                plain.lives += 1;
                plain.lives
            });
        }
        Step::Delete(item) => {
            open.items().delete(&id(item)).unwrap();
            plain.alive.remove(&item);
        }
        Step::Publish if plain.alive.is_empty() => {}
        Step::Publish => {
            let next = plain.generations.last().map_or(1, |(last, _)| last.0 + 1);
            let number = GenerationNo(next);
            let items = plain.alive.keys();
            let vectors = items.map(|item| (id(*item), vec![component(*item, number)]));
            let towers = Towers::vectors_only(SPACE, 1, Metric::InnerProduct).unwrap();
            let publish = open.publish(SPACE).towers(towers).retain(9);
            publish.vectors(vectors).run().unwrap();
            plain.generations.push((number, plain.alive.clone()));
            if plain.generations.len() > 9 {
                plain.generations.remove(0);
            }
            plain.active = plain.generations.len() - 1;
        }
        Step::Rollback(back) => {
            if let Some(at) = plain.generations.len().checked_sub(back + 1) {
                let (number, _) = plain.generations[at];
                open.rollback(SPACE).to(number).run().unwrap();
                plain.active = at;
            }
        }
        Step::Seal => drop(open.seal().unwrap()),
        Step::Merge => open.merge().unwrap(),
        Step::Reopen => {
            drop(db.take());
            *db = Some(open_without_background(path));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]
    #[test]
    fn an_item_has_the_vector_of_its_present_life_whenever_it_is_sealed(steps in steps()) {
        let (_dir, path) = directory();
        let mut db = Some(open_without_background(&path));
        let mut plain = Plain::default();
        for (at, step) in steps.iter().enumerate() {
            run(*step, &mut db, &path, &mut plain);
            prop_assert_eq!(found(db.as_ref().unwrap()), plain.vectors(), "after {} {:?}", at, step);
        }
        // The answer depends on none of these.
        for step in [Step::Reopen, Step::Seal, Step::Merge, Step::Reopen] {
            run(step, &mut db, &path, &mut plain);
            prop_assert_eq!(found(db.as_ref().unwrap()), plain.vectors(), "after {:?}", step);
        }
        prop_assert!(db.as_ref().unwrap().check().unwrap().is_clean());
    }
}

#[test]
fn an_item_put_again_has_no_old_vector_after_a_rollback_and_a_seal() {
    let (_dir, path) = directory();
    let mut db = Some(open_without_background(&path));
    let mut plain = Plain::default();
    let steps = [
        Step::Put(0),
        Step::Put(1),
        Step::Publish,
        Step::Delete(0),
        Step::Put(0),
        Step::Publish,
        Step::Rollback(1),
        Step::Put(0),
        Step::Seal,
        Step::Merge,
    ];
    for step in steps {
        run(step, &mut db, &path, &mut plain);
        let found = found(db.as_ref().unwrap());
        assert_eq!(found, plain.vectors(), "{step:?}");
    }
    assert_eq!(plain.vectors().len(), 1);
}
