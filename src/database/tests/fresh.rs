//! Fresh items against a plain model: recalls with and without filters, of pinned states, of readers that
//! refresh and of ensembles, while items are put, overwritten, deleted and sealed.

use super::*;
use crate::database::Pinned;
use proptest::prelude::*;
use std::collections::BTreeSet;
use twinspire_core::ids::ItemNo;
use twinspire_core::kernel::{Metric, Row};

/// A space with an item tower: the numbers x, y and z of a record.
const MADE: &str = "made";
/// A space of given vectors, the same numbers at the time of its publish.
const GIVEN: &str = "given";
/// A weighted sum of both.
const BOTH: &str = "both";
const WEIGHTS: [f32; 2] = [2.0, 1.0];

/// An item of the model: its record, its vector, and its vector in the space of given ones.
#[derive(Clone, Debug)]
struct Known {
    record: Value,
    made: [f32; 3],
    given: Option<[f32; 3]>,
}

type Items = BTreeMap<usize, Known>;

#[derive(Clone, Debug)]
enum Change {
    Put {
        from: usize,
        count: usize,
        salt: usize,
    },
    Delete {
        from: usize,
        step: usize,
    },
    Seal,
    Merge,
    PublishGiven,
    PublishMade,
    Rollback,
    Pin,
    Refresh,
    Reopen,
}

fn change() -> impl Strategy<Value = Change> {
    let put = |counts| (0usize..600, counts, 0usize..100);
    let small = put(1usize..4).boxed();
    let large = put(100usize..1_300).boxed();
    prop_oneof![
        8 => prop_oneof![3 => small, 1 => large]
            .prop_map(|(from, count, salt)| Change::Put { from, count, salt }),
        3 => (0usize..600, 1usize..400).prop_map(|(from, step)| Change::Delete { from, step }),
        1 => Just(Change::Seal),
        1 => Just(Change::Merge),
        1 => Just(Change::PublishGiven),
        1 => Just(Change::PublishMade),
        1 => Just(Change::Rollback),
        2 => Just(Change::Pin),
        3 => Just(Change::Refresh),
        1 => Just(Change::Reopen),
    ]
}

fn known(id: usize, salt: usize) -> Known {
    // Small whole numbers, so that scores are exact.
    let number = |n: usize| ((id * 7_919 + salt * 104_729 + n * 31_337) / 7) % 16;
    let made = [0, 1, 2].map(|n| number(n) as f32);
    let mut record = json!({
        "id": format!("{id}"), "x": made[0], "y": made[1], "z": made[2],
        "bucket": number(3), "tags": [number(4), number(5)],
    });
    if id.is_multiple_of(3) {
        record["rare"] = json!(number(6) > 7);
    }
    Known {
        record,
        made,
        given: None,
    }
}

/// A filter, and what it says of a record.
type Case = (Option<&'static str>, fn(&Value) -> bool);

fn filters() -> [Case; 5] {
    [
        (None, |_| true),
        (Some("bucket < 3"), |record| {
            record["bucket"].as_u64() < Some(3)
        }),
        (Some("not tags = 5"), |record| {
            !record["tags"].as_array().unwrap().contains(&json!(5))
        }),
        (Some("rare = true and bucket >= 8"), |record| {
            record["rare"] == json!(true) && record["bucket"].as_u64() >= Some(8)
        }),
        (Some("bucket = 15 or tags = 0"), |record| {
            record["bucket"] == json!(15) || record["tags"].as_array().unwrap().contains(&json!(0))
        }),
    ]
}

fn score(vector: [f32; 3], query: [f32; 3]) -> f32 {
    -vector
        .iter()
        .zip(query)
        .map(|(x, y)| (x - y) * (x - y))
        .sum::<f32>()
}

/// The score of an item in a space or the ensemble; `None` if it has none there.
fn model_score(name: &str, item: &Known, query: [f32; 3]) -> Option<f32> {
    let made = score(item.made, query);
    let given = || item.given.map(|given| score(given, query));
    match name {
        MADE => Some(made),
        GIVEN => given(),
        _ => given().map(|given| WEIGHTS[0] * made + WEIGHTS[1] * given),
    }
}

/// A state that can be asked, with what it holds.
trait State {
    fn ask<'a>(&'a self, name: &'a str) -> crate::Recall<'a>;
}

impl State for Database {
    fn ask<'a>(&'a self, name: &'a str) -> crate::Recall<'a> {
        self.recall(name)
    }
}

impl State for Pinned {
    fn ask<'a>(&'a self, name: &'a str) -> crate::Recall<'a> {
        self.recall(name)
    }
}

fn assert_answers(state: &impl State, items: &Items, at: usize) {
    let query = [at % 16, at / 3 % 16, at / 7 % 16].map(|x| x as f32);
    for name in [MADE, GIVEN, BOTH] {
        let (filter, passes) = filters()[at % 5];
        let k = [1, 10, 64][at / 2 % 3];
        let mut expected = BTreeMap::new();
        for (id, item) in items.iter().filter(|(_, item)| passes(&item.record)) {
            if let Some(score) = model_score(name, item, query) {
                expected.insert(id.to_string(), score);
            }
        }
        let mut best: Vec<f32> = expected.values().copied().collect();
        best.sort_by(|a, b| b.total_cmp(a));
        best.truncate(k);
        let mut recall = state.ask(name).vector(&query).records().ef(5_000);
        if name == BOTH {
            recall = recall.vector_in(MADE, &query).vector_in(GIVEN, &query);
        }
        if at % 4 == 3 {
            recall = recall.exact();
        }
        recall = match filter {
            Some(filter) => recall.filter(filter),
            None => recall,
        };
        // A field that no item has now is refused, and none of these filters matches then.
        let Ok(hits) = recall.top(k) else {
            assert!(expected.is_empty(), "{name} refused {filter:?}");
            continue;
        };
        let found: Vec<f32> = hits.iter().map(|hit| hit.score).collect();
        assert_eq!(found, best, "{name}, {filter:?}, {k} of {}", expected.len());
        let ids: BTreeSet<&str> = hits.iter().map(|hit| hit.id.as_str()).collect();
        assert_eq!(ids.len(), hits.len(), "each item once");
        for hit in &hits {
            assert_eq!(
                Some(&hit.score),
                expected.get(&hit.id),
                "{name}: {}",
                hit.id
            );
            let id: usize = hit.id.parse().unwrap();
            assert_eq!(hit.record.as_ref(), Some(&items[&id].record));
        }
    }
}

/// Look-ups of many ids find what look-ups of each find, deleted and unknown ids included.
fn assert_found_together(db: &Database, items: &Items) {
    let snapshot = db.live().snapshot.load_full();
    let ids: Vec<String> = (0..640).map(|id| (id * 7 % 640).to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut found = vec![None; ids.len()];
    snapshot.find_items(&ids, &mut found).unwrap();
    for (id, found) in ids.iter().zip(&found) {
        assert_eq!(*found, snapshot.find_item(id).unwrap(), "{id}");
        assert!(found.is_some() || !items.contains_key(&id.parse().unwrap()));
    }
    for serving in snapshot.spaces.values() {
        let mut rows = vec![None; ids.len()];
        serving.vectors(&found, &mut rows);
        for (item, row) in found.iter().zip(rows) {
            let alone = item.and_then(|item| serving.vector(item));
            assert_eq!(row.map(Row::to_vec), alone.map(Row::to_vec), "{item:?}");
        }
    }
}

fn made_towers() -> Towers {
    let number = |field| json!({"kind": "number", "field": field, "mean": 0, "deviation": 1});
    let features = ["x", "y", "z"].map(number);
    let tower = json!({"features": features, "layers": []});
    let schema = json!({
        "format": 1, "name": MADE, "dimension": 3, "metric": "l2", "user": tower, "item": tower
    });
    Towers::from_bytes(vec![(
        "tower.json".to_owned(),
        schema.to_string().into_bytes(),
    )])
    .unwrap()
}

/// A database and its model.
struct Play {
    files: MemoryFiles,
    db: Database,
    items: Items,
    reader: (Database, Items),
    pins: Vec<(Pinned, Items)>,
}

impl Play {
    fn new() -> Self {
        let files = MemoryFiles::default();
        let db = open(&files).unwrap();
        let mut items = Items::new();
        for id in (0..600).step_by(2) {
            items.insert(id, known(id, 0));
        }
        let records: Vec<Value> = items.values().map(|item| item.record.clone()).collect();
        db.items().put_many(&records).unwrap();
        db.publish(MADE).towers(made_towers()).run().unwrap();
        let mut play = Self {
            reader: (Self::reading(&files), Items::new()),
            files,
            db,
            items,
            pins: Vec::new(),
        };
        play.publish_given();
        let both = WeightedSum::new()
            .space(MADE, WEIGHTS[0])
            .space(GIVEN, WEIGHTS[1]);
        play.db.ensembles().define(BOTH, both).unwrap();
        play.refresh();
        play
    }

    fn reading(files: &MemoryFiles) -> Database {
        let options = Database::options().read_only(true);
        options
            .open_on(Arc::new(files.clone()), Path::new(ROOT))
            .unwrap()
    }

    fn publish_given(&mut self) {
        for item in self.items.values_mut() {
            item.given = Some(item.made);
        }
        let given = self.items.iter();
        let given = given.map(|(id, item)| (id.to_string(), item.made.to_vec()));
        let towers = Towers::vectors_only(GIVEN, 3, Metric::L2).unwrap();
        self.db
            .publish(GIVEN)
            .towers(towers)
            .vectors(given)
            .run()
            .unwrap();
    }

    fn refresh(&mut self) {
        self.reader.0.refresh().unwrap();
        self.reader.1 = self.items.clone();
    }

    fn run(&mut self, change: &Change) {
        match change {
            Change::Put { from, count, salt } => {
                let mut records = Vec::new();
                for id in *from..from + count {
                    let mut item = known(id, *salt);
                    item.given = self.items.get(&id).and_then(|before| before.given);
                    records.push(item.record.clone());
                    self.items.insert(id, item);
                }
                self.db.items().put_many(&records).unwrap();
            }
            Change::Delete { from, step } => {
                for id in (*from..2_000).step_by(*step).take(8) {
                    let was = self.items.remove(&id).is_some();
                    assert_eq!(self.db.items().delete(&id.to_string()).unwrap(), was);
                }
            }
            Change::Seal => drop(self.db.seal().unwrap()),
            Change::Merge => self.db.merge().unwrap(),
            Change::PublishGiven if !self.items.is_empty() => self.publish_given(),
            Change::PublishMade if !self.items.is_empty() => {
                self.db.publish(MADE).towers(made_towers()).run().unwrap();
            }
            Change::PublishGiven | Change::PublishMade => {}
            // The generation before may be gone.
            Change::Rollback => drop(self.db.rollback(MADE).run()),
            Change::Pin => self.pins.push((self.db.pin(), self.items.clone())),
            Change::Refresh => self.refresh(),
            Change::Reopen => {
                // Its lock has to go first.
                self.db = Self::reading(&self.files);
                self.db = open(&self.files).unwrap();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn recalls_pins_readers_and_ensembles_see_fresh_items_as_a_plain_model_does(
        changes in prop::collection::vec(change(), 1..24), seed in 0usize..1_000
    ) {
        let mut play = Play::new();
        for (at, change) in changes.iter().enumerate() {
            play.run(change);
            assert_answers(&play.db, &play.items, seed + at);
            assert_answers(&play.reader.0, &play.reader.1, seed + 3 * at);
            assert_found_together(&play.db, &play.items);
            assert_found_together(&play.reader.0, &play.reader.1);
            if let Some((pinned, items)) = play.pins.get(at % play.pins.len().max(1)) {
                assert_answers(pinned, items, seed + 5 * at);
            }
        }
        let whole = Play::reading(&play.files);
        for at in 0..5 {
            assert_answers(&whole, &play.items, seed + at);
        }
    }
}

#[test]
fn a_space_shares_its_state_with_the_snapshot_before_if_a_put_does_not_concern_it() {
    let mut play = Play::new();
    let spaces = |play: &Play| play.db.live().snapshot.load().spaces.clone();
    let before = spaces(&play);
    play.run(&Change::Put {
        from: 700,
        count: 3,
        salt: 1,
    });
    let after = spaces(&play);
    assert!(Arc::ptr_eq(&before[GIVEN], &after[GIVEN]));
    assert!(!Arc::ptr_eq(&before[MADE], &after[MADE]));
    let full = |spaces: &crate::snapshot::Spaces| spaces[MADE].overlay.blocks().to_vec();
    play.run(&Change::Put {
        from: 1_000,
        count: 1_024,
        salt: 1,
    });
    let before = full(&spaces(&play));
    play.run(&Change::Put {
        from: 701,
        count: 1,
        salt: 2,
    });
    let after = full(&spaces(&play));
    let shared = before
        .iter()
        .flat_map(|b| after.iter().map(move |a| (a, b)));
    let shared = shared.filter(|(a, b)| std::ptr::eq(a.block(), b.block()));
    assert_eq!(
        shared.count(),
        before.len(),
        "a put copies what it writes, no more"
    );
}

#[test]
fn a_refresh_without_news_keeps_the_state_and_one_with_news_keeps_what_is_unchanged() {
    let mut play = Play::new();
    play.run(&Change::Put {
        from: 0,
        count: 1_300,
        salt: 4,
    });
    play.refresh();
    let before = play.reader.0.live();
    play.refresh();
    assert!(
        Arc::ptr_eq(&before, &play.reader.0.live()),
        "nothing is new"
    );
    play.run(&Change::Put {
        from: 5,
        count: 1,
        salt: 5,
    });
    play.refresh();
    let (before, after) = (before.snapshot.load(), play.reader.0.live());
    let after = after.snapshot.load();
    assert!(
        Arc::ptr_eq(&before.sealed, &after.sealed),
        "nothing was committed"
    );
    let first = |snapshot: &crate::snapshot::Snapshot| {
        let blocks = snapshot.spaces[MADE].overlay.blocks();
        std::ptr::from_ref(blocks[0].block())
    };
    assert_eq!(
        first(&before),
        first(&after),
        "no vector was computed again"
    );
}

#[test]
fn an_item_deleted_while_a_seal_is_under_way_is_not_found_after_it() {
    let files = MemoryFiles::default();
    let db = open(&files).unwrap();
    for step in [Step::PutMany(3), Step::Publish(1.0), Step::Put(6, 60)] {
        step.run(&db).unwrap();
    }
    // The seal as of this moment, done in a copy.
    let copy = open(&files.after_power_cut(Loss::None)).unwrap();
    let cut = copy.seal().unwrap();
    let sealed = Arc::clone(&copy.live().snapshot.load().spaces[SPACE].base);
    Step::Delete(6).run(&db).unwrap();

    let snapshot = db.live().snapshot.load_full();
    let after = snapshot.spaces[SPACE].overlay.after_seal(cut, &sealed);
    let with_vector = (0..20)
        .map(ItemNo)
        .filter(|item| sealed.vector(*item).is_some());
    let newest = with_vector.max().unwrap();
    assert!(after.hides(newest) && after.hiding() == 1);
    // The next seal says so in its segment, and a seal of the deletion alone writes nothing.
    assert_eq!(after.iter().count(), 1);
    assert_eq!(snapshot.spaces[SPACE].overlay.iter().count(), 0);
}
