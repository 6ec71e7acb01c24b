//! An export is what a plain map says the database holds, through everything that moves records and
//! vectors about.
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use twinspire::{Database, ErrorKind, ExportedItem, ExportedItems, Towers};
use twinspire_testkit::towers::{deep, open as open_towers, scaled_towers};
use twinspire_testkit::{directory, item, open_without_background};

const SPACE: &str = "by-all";

/// What may happen to a database.
#[derive(Clone, Debug)]
enum Step {
    Put(Vec<u8>, f64),
    Delete(u8),
    Seal,
    Merge,
    Publish(u8),
    Rollback,
    Reopen,
    /// An export is begun here, and read to its end when everything else is done.
    Export,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let number = -1e6..1e6;
    let step = prop_oneof![
        8 => (prop::collection::vec(0u8..24, 1..6), number).prop_map(|(ids, number)| Step::Put(ids, number)),
        3 => (0u8..24).prop_map(Step::Delete),
        3 => Just(Step::Seal),
        1 => Just(Step::Merge),
        1 => (0u8..4).prop_map(Step::Publish),
        1 => Just(Step::Rollback),
        1 => Just(Step::Reopen),
        2 => Just(Step::Export),
    ];
    prop::collection::vec(step, 1..40)
}

/// The plain model.
#[derive(Clone, Default)]
struct Model {
    items: BTreeMap<String, Value>,
    /// Ids in the order of their first put.
    order: Vec<String>,
    /// Ids that were deleted at any time: their place in the order may be another.
    deleted: BTreeSet<String>,
    /// The towers of each generation.
    towers: Vec<Towers>,
    /// How many of them lie before the active one and the active one.
    active: usize,
}

impl Model {
    fn put(&mut self, item: &Value) {
        let id = item["id"].as_str().unwrap().to_owned();
        if !self.order.contains(&id) {
            self.order.push(id.clone());
        }
        self.items.insert(id, item.clone());
    }

    fn towers(&self) -> Option<&Towers> {
        self.towers.get(self.active.checked_sub(1)?)
    }

    /// Asks for the vectors, where there are any.
    fn export(&self, db: &Database) -> ExportedItems {
        let spaces = self.towers().map(|_| SPACE);
        db.export().vectors(spaces).run().unwrap()
    }

    fn agrees(&self, found: impl Iterator<Item = ExportedItem>) {
        let mut items = BTreeMap::new();
        let mut order = Vec::new();
        for exported in found {
            let id = exported.record["id"].as_str().unwrap().to_owned();
            match self.towers() {
                Some(towers) => {
                    let vector = towers.embed_item(&exported.record).unwrap();
                    assert_eq!(exported.vectors[SPACE], vector, "{id}");
                }
                None => assert!(exported.vectors.is_empty()),
            }
            order.push(id.clone());
            assert_eq!(items.insert(id, exported.record), None, "each item once");
        }
        assert_eq!(items, self.items);
        let stayed = |id: &&String| !self.deleted.contains(*id) && items.contains_key(*id);
        let found: Vec<_> = order.iter().filter(stayed).collect();
        let expected: Vec<_> = self.order.iter().filter(stayed).collect();
        assert_eq!(found, expected, "in the order of the first put");
    }
}

fn record(id: u8, number: f64) -> Value {
    let number = number + f64::from(id);
    let tags = if id.is_multiple_of(2) {
        json!(["even"])
    } else {
        json!([])
    };
    json!({"id": format!("B{id:03}"), "price": number, "weight": number / 3.0, "tags": tags})
}

fn run(steps: &[Step]) {
    let (_dir, path) = directory();
    let mut db = open_without_background(&path);
    let mut model = Model::default();
    let mut begun = Vec::new();
    for step in steps {
        match step {
            Step::Put(ids, number) => {
                let ids: BTreeSet<_> = ids.iter().collect();
                let items: Vec<_> = ids.into_iter().map(|id| record(*id, *number)).collect();
                db.items().put_many(&items).unwrap();
                items.iter().for_each(|item| model.put(item));
            }
            Step::Delete(id) => {
                let id = format!("B{id:03}");
                let there = model.items.remove(&id).is_some();
                assert_eq!(db.items().delete(&id).unwrap(), there);
                model.deleted.extend(there.then_some(id));
            }
            Step::Seal => drop(db.seal().unwrap()),
            Step::Merge => db.merge().unwrap(),
            Step::Publish(seed) if !model.items.is_empty() => {
                let towers = open_towers(&deep(*seed));
                db.publish(SPACE).towers(towers.clone()).run().unwrap();
                // What lies after the active generation is kept, and is a rollback forwards.
                model.towers.push(towers);
                model.active = model.towers.len();
            }
            Step::Publish(_) => {}
            Step::Rollback => {
                let target = model.active.checked_sub(2);
                let number = target.map(|at| twinspire::GenerationNo(at as u64 + 1));
                if let Some(number) = number
                    && db.rollback(SPACE).to(number).run().is_ok()
                {
                    model.active -= 1;
                }
            }
            Step::Reopen => {
                drop(db);
                db = open_without_background(&path);
            }
            Step::Export => begun.push((model.clone(), model.export(&db))),
        }
    }
    model.agrees(model.export(&db).map(Result::unwrap));
    let beside = Database::open_read_only(&path).unwrap();
    model.agrees(model.export(&beside).map(Result::unwrap));
    drop(db);
    for (then, export) in begun {
        then.agrees(export.map(Result::unwrap));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn an_export_is_what_was_put_and_not_deleted_however_it_was_moved(steps in steps()) {
        run(&steps);
    }
}

#[test]
fn an_export_stays_at_its_moment_while_others_write_and_merge() {
    let (_dir, path) = directory();
    let db = open_without_background(&path);
    for round in 0..4 {
        let items: Vec<_> = (0..100).map(|id| item(id, id + round)).collect();
        db.items().put_many(&items).unwrap();
        db.seal().unwrap();
    }
    db.publish(SPACE).towers(scaled_towers(1.0)).run().unwrap();
    let mut export = db.export().vectors([SPACE]).run().unwrap();
    let first: Vec<_> = export.by_ref().take(50).map(Result::unwrap).collect();
    let far = db.export().run().unwrap().nth(70).unwrap().unwrap();
    assert_eq!(far.record, item(70, 73), "items are passed over once each");
    for id in 0..100 {
        db.items().delete(&format!("B{id:03}")).unwrap();
    }
    db.items().put(&item(500, 5)).unwrap();
    db.publish(SPACE).towers(scaled_towers(2.0)).run().unwrap();
    db.retain(SPACE, 1).unwrap();
    db.merge().unwrap();
    assert_eq!(db.export().run().unwrap().count(), 1);
    let left = db.export().run().unwrap().next().unwrap().unwrap();
    assert_eq!(left.record, item(500, 5));
    assert!(
        db.export().run().unwrap().nth(1).is_none(),
        "deleted items do not count"
    );
    let all: Vec<_> = first
        .into_iter()
        .chain(export.map(Result::unwrap))
        .collect();
    assert_eq!(all.len(), 100);
    for (id, exported) in all.iter().enumerate() {
        assert_eq!(exported.record, item(id, id + 3));
        assert_eq!(exported.vectors[SPACE], [(id + 3) as f32]);
    }
}

#[test]
fn records_and_vectors_are_of_one_moment_while_another_thread_writes() {
    let (_dir, path) = directory();
    let db = Database::options().seal_writes(40).open(&path).unwrap();
    let items: Vec<_> = (0..20).map(|id| item(id, id)).collect();
    db.items().put_many(&items).unwrap();
    db.publish(SPACE).towers(scaled_towers(1.0)).run().unwrap();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for price in 1..150 {
                let items: Vec<_> = (0..20).map(|id| item(id, id + price)).collect();
                db.items().put_many(&items).unwrap();
                db.items().put(&item(100 + price, price)).unwrap();
            }
        });
        while !writer.is_finished() {
            let export = db.export().vectors([SPACE]).run().unwrap();
            let all: Vec<_> = export.map(Result::unwrap).collect();
            let price = |at: usize| all[at].record["price"].as_u64().unwrap();
            for (at, exported) in all.iter().enumerate() {
                assert_eq!(exported.vectors[SPACE], [price(at) as f32]);
            }
            for at in 0..20 {
                assert_eq!(price(at), price(0) + at as u64, "a call is seen whole");
            }
        }
    });
}

#[test]
fn a_space_that_is_not_there_is_named_and_an_empty_database_exports_nothing() {
    let (_dir, path) = directory();
    let db = open_without_background(&path);
    assert_eq!(db.export().run().unwrap().count(), 0);
    let error = db.export().vectors(["books"]).run().err().unwrap();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("books"), "{error}");
}
