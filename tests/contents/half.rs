//! Vectors in half precision: nearly the same answers from half the room, and nothing that is
//! written later, sealed, merged, copied or repaired is stored or scored in another way.
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use twinspire::{Database, Error, GenerationInfo, Hits, Revision, Storage, Towers, WeightedSum};
use twinspire_testkit::database::{ids, scores};
use twinspire_testkit::towers::{identity, identity_record, open as open_towers};
use twinspire_testkit::vectors::clustered;
use twinspire_testkit::{directory, open_without_background, write_file};

const SPACE: &str = "halves";
const METRICS: [&str; 3] = ["cosine", "inner_product", "l2"];

fn towers(dimension: usize, metric: &str) -> Towers {
    open_towers(&identity(dimension, metric))
}

fn publish(db: &Database, dimension: usize, metric: &str) -> Result<GenerationInfo, Error> {
    db.publish(SPACE)
        .towers(towers(dimension, metric))
        .storage(Storage::Half)
        .run()
}

/// The nearest number of eleven binary digits; none has an exponent below -14 here.
fn rounded(x: f32) -> f32 {
    let mut power = 2f32.powi(-14);
    while x.abs() >= 2.0 * power {
        power *= 2.0;
    }
    (x / power * 1024.0).round_ties_even() / 1024.0 * power
}

fn vectors(count: usize, dimension: usize, seed: u64) -> Vec<Vec<f32>> {
    clustered(count, dimension, 2.0, seed)
}

fn id(number: usize) -> String {
    format!("B{number:05}")
}

/// Ids and the bits of scores, best first.
fn bits(hits: &Hits) -> Vec<(String, u32)> {
    let each = hits.iter();
    each.map(|hit| (hit.id.clone(), hit.score.to_bits()))
        .collect()
}

/// The answers of an exact recall and of a walk, to the last bit.
fn answers(db: &Database, queries: &[Vec<f32>]) -> Vec<Vec<(String, u32)>> {
    let both = queries.iter().flat_map(|query| {
        let recall = || db.recall(SPACE).vector(query);
        [
            recall().exact().top(10_000).unwrap(),
            recall().ef(5_000).top(10_000).unwrap(),
        ]
    });
    both.map(|hits| bits(&hits)).collect()
}

#[test]
fn half_the_room_holds_nearly_the_same_answers() {
    let (_dir, path) = directory();
    let db = open_without_background(&path);
    let all = vectors(3_000, 32, 1);
    let records = (0..).zip(&all).map(|(at, v)| identity_record(Some(at), v));
    db.items().put_many(&records.collect::<Vec<_>>()).unwrap();
    for metric in METRICS {
        db.publish("full").towers(towers(32, metric)).run().unwrap();
        let half = publish(&db, 32, metric).unwrap();
        assert_eq!((half.storage, half.dimension), (Storage::Half, 32));
        assert!(half.recall > 0.97, "{half:?}");
        let mut shared = [0, 0];
        let queries = vectors(100, 32, 2);
        for query in &queries {
            let ids = |space, exact: bool| -> BTreeSet<String> {
                let recall = db.recall(space).vector(query);
                let recall = if exact { recall.exact() } else { recall };
                let hits = recall.top(10).unwrap();
                ids(&hits).into_iter().collect()
            };
            let right = ids("full", true);
            for (shared, exact) in shared.iter_mut().zip([true, false]) {
                *shared += right.intersection(&ids(SPACE, exact)).count();
            }
        }
        println!("{metric}: {shared:?} of 1000 in common, exactly and by walks");
        assert!(shared.iter().all(|shared| *shared >= 950), "{shared:?}");
        let stats = db.stats().unwrap().spaces;
        let (full, half) = (&stats["full"], &stats[SPACE]);
        assert_eq!((full.storage, half.storage), (Storage::Full, Storage::Half));
        // Graph and codes take what they took.
        assert!(half.bytes + 3_000 * 32 * 2 <= full.bytes + 4_096);
    }
    assert!(db.check().unwrap().is_clean());
}

/// What a half space should hold: rounded vectors by id.
#[derive(Default)]
struct Model {
    metric: &'static str,
    items: BTreeMap<String, Vec<f32>>,
}

impl Model {
    fn put(&mut self, db: &Database, range: std::ops::Range<usize>, seed: u64) {
        let vectors = vectors(range.len(), 8, seed);
        let all = range.clone().zip(&vectors);
        let records: Vec<Value> = all.map(|(at, v)| identity_record(Some(at), v)).collect();
        db.items().put_many(&records).unwrap();
        for (at, mut vector) in range.zip(vectors) {
            if self.metric == "cosine" {
                let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
                vector.iter_mut().for_each(|x| *x /= length);
            }
            self.items.insert(id(at), vector);
        }
    }

    fn delete(&mut self, db: &Database, at: usize) {
        assert!(db.items().delete(&id(at)).unwrap());
        self.items.remove(&id(at));
    }

    /// Compares what is exported with the model, and what recalls score with what is exported.
    fn check(&self, db: &Database) {
        assert!(db.check().unwrap().is_clean());
        let export = db
            .export()
            .vectors([SPACE])
            .run()
            .unwrap()
            .map(Result::unwrap);
        let stored: BTreeMap<String, Vec<f32>> = export
            .map(|item| {
                let id = item.record["id"].as_str().unwrap().to_owned();
                (id, item.vectors[SPACE].clone())
            })
            .collect();
        assert!(stored.keys().eq(self.items.keys()));
        for (id, vector) in &stored {
            for (x, due) in vector.iter().zip(&self.items[id]) {
                assert_eq!(*x, rounded(*x), "{id} is in halves");
                assert!(
                    (x - due).abs() <= due.abs() / 2048.0 + 1e-6,
                    "{id}: {x}, {due}"
                );
            }
        }
        let query = vec![0.25; 8];
        let hits = db.recall(SPACE).vector(&query).exact().top(10_000).unwrap();
        assert_eq!(hits.len(), stored.len());
        let length = if self.metric == "cosine" {
            0.5f32.sqrt()
        } else {
            1.0
        };
        for hit in &hits {
            let pairs = stored[&hit.id].iter().map(|x| (x, 0.25 / length));
            let score: f32 = match self.metric {
                "l2" => -pairs.map(|(x, y)| (x - y) * (x - y)).sum::<f32>(),
                _ => pairs.map(|(x, y)| x * y).sum(),
            };
            assert!((hit.score - score).abs() < 1e-5, "{hit:?}, {score} is due");
        }
        let first = self.items.keys().next().unwrap();
        let similar = db.recall(SPACE).similar(first).top(5).unwrap();
        assert!(similar.len() == 5 && similar.iter().all(|hit| hit.id != *first));
        let least = hits[hits.len() / 2].score;
        let recall = || db.recall(SPACE).vector(&query).exact();
        let half = recall().all_at_least(least).unwrap();
        assert_eq!(bits(&half), bits(&hits)[..half.len()]);
    }
}

#[test]
fn puts_deletes_seals_merges_rollbacks_copies_and_repairs_go_on_in_halves() {
    for metric in METRICS {
        let (dir, path) = directory();
        let db = open_without_background(&path);
        let mut model = Model {
            metric,
            items: BTreeMap::new(),
        };
        model.put(&db, 0..300, 1);
        db.publish(SPACE).towers(towers(8, metric)).run().unwrap();
        publish(&db, 8, metric).unwrap();
        model.check(&db);
        // Later ones, some in the place of others.
        model.put(&db, 250..400, 2);
        model.delete(&db, 7);
        model.check(&db);
        let queries = vectors(5, 8, 9);
        let shown = answers(&db, &queries);
        db.seal().unwrap();
        assert_eq!(answers(&db, &queries), shown);
        model.check(&db);
        model.put(&db, 390..420, 3);
        model.delete(&db, 399);
        let shown = answers(&db, &queries);
        db.seal().unwrap();
        db.merge().unwrap();
        assert_eq!(answers(&db, &queries), shown);
        model.check(&db);
        model.put(&db, 5..15, 4);
        model.delete(&db, 5);

        let info = |db: &Database| db.generations(SPACE).unwrap();
        assert_eq!(db.rollback(SPACE).run().unwrap().storage, Storage::Full);
        db.seal().unwrap();
        let two = info(&db)[1].number;
        assert_eq!(
            db.rollback(SPACE).to(two).run().unwrap().storage,
            Storage::Half
        );
        model.check(&db);

        let (copy, back) = (dir.path().join("copy"), dir.path().join("back"));
        let shown = answers(&db, &queries);
        db.snapshot(&copy).unwrap();
        drop(db);
        Database::restore(&copy, &back).unwrap();
        let restored = open_without_background(&back);
        assert_eq!(answers(&restored, &queries), shown);
        model.check(&restored);
        drop(restored);
        let db = open_without_background(&path);
        assert_eq!(answers(&db, &queries), shown);
        db.seal().unwrap();
        drop(db);

        // One item lost, and with it its vector.
        damage(&path, "B00301");
        let repaired = Database::repair(&path).unwrap();
        assert_eq!(
            (repaired.lost_rows, repaired.lost_generations.len()),
            (1, 0)
        );
        let db = open_without_background(&path);
        model.items.remove("B00301").unwrap();
        model.check(&db);
        model.put(&db, 301..302, 5);
        db.seal().unwrap();
        db.merge().unwrap();
        model.check(&db);
        assert_eq!(info(&db)[1].storage, Storage::Half);
    }
}

/// Makes the record of an item something that is no JSON.
#[allow(clippy::disallowed_methods, reason = "damage is done from outside")]
fn damage(path: &Path, id: &str) {
    let text = format!("{{\"id\":\"{id}\"");
    let mut damaged = 0;
    for entry in std::fs::read_dir(path.join("segments")).unwrap() {
        let file = entry.unwrap().path();
        let mut bytes = std::fs::read(&file).unwrap();
        let mut places = bytes.windows(text.len());
        if let Some(at) = places.position(|found| found == text.as_bytes()) {
            bytes[at] = b'!';
            let name = file.file_name().unwrap().to_str().unwrap().to_owned();
            write_file(file.parent().unwrap(), &name, bytes);
            damaged += 1;
        }
    }
    assert_eq!(damaged, 1, "the record is in one segment");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn an_item_scores_the_same_before_and_after_it_is_sealed(
        items in vec(vec(-300.0f32..300.0, 20), 2..60),
        query in vec(-2.0f32..2.0, 20),
        dimension in 1usize..20,
        metric in prop::sample::select(METRICS.to_vec()),
    ) {
        let (_dir, path) = directory();
        let db = open_without_background(&path);
        let record = |(at, vector): (usize, &Vec<f32>)| identity_record(Some(at), &vector[..dimension]);
        let records: Vec<Value> = items.iter().enumerate().map(record).collect();
        let (early, late) = records.split_at(records.len() / 2);
        db.items().put_many(early).unwrap();
        publish(&db, dimension, metric).unwrap();
        db.items().put_many(late).unwrap();
        let queries = [query[..dimension].to_vec()];
        let before = answers(&db, &queries);
        prop_assert_eq!(&before[0], &before[1], "a walk scores as a scan does");
        drop(db);
        let db = open_without_background(&path);
        prop_assert_eq!(&answers(&db, &queries), &before, "opened again");
        db.seal().unwrap();
        prop_assert_eq!(&answers(&db, &queries), &before, "sealed");
        db.merge().unwrap();
        prop_assert_eq!(&answers(&db, &queries), &before, "merged");
        prop_assert!(db.check().unwrap().is_clean());
    }
}

/// Whether an error says that an item does not fit, and what would be right.
fn does_not_fit(error: &Error, item: usize) {
    match error {
        Error::Embed { id: found, .. } => assert_eq!(*found, id(item)),
        other => panic!("{other:?}"),
    }
    let text = error.to_string();
    assert!(
        text.contains("component 1") && text.contains("full precision"),
        "{text}"
    );
}

#[test]
fn what_halves_cannot_hold_is_refused_at_the_door_and_by_name() {
    let (_dir, path) = directory();
    let db = open_without_background(&path);
    let record = |at: usize, x: f32| identity_record(Some(at), &[1.0, x]);
    db.items()
        .put_many(&[record(0, 65_504.0), record(1, -1e5), record(2, 3e-7)])
        .unwrap();
    for metric in ["l2", "inner_product"] {
        does_not_fit(&publish(&db, 2, metric).unwrap_err(), 1);
    }
    assert!(db.spaces().is_empty());
    publish(&db, 2, "cosine").unwrap();
    db.publish(SPACE).towers(towers(2, "l2")).run().unwrap();
    db.items().put(&record(1, 65_519.0)).unwrap();
    publish(&db, 2, "l2").unwrap();
    let score = |at: usize| {
        let found = db.recall(SPACE).vector(&[1.0, 65_504.0]).top(9).unwrap();
        let found = found.iter().find(|hit| hit.id == id(at));
        found.map(|hit| hit.score)
    };
    assert_eq!((score(0), score(1)), (Some(0.0), Some(0.0)));

    // Nothing is written of a call of which one item does not fit.
    let revision = db.seal().unwrap();
    let refused = db.items().put(&record(3, 65_520.0)).unwrap_err();
    does_not_fit(&refused, 3);
    let call = [record(4, 1.0), record(2, 1e18)];
    does_not_fit(&db.items().put_many(&call).unwrap_err(), 2);
    assert_eq!(db.seal().unwrap(), revision);
    assert_eq!(db.items().get(&id(4)).unwrap(), None);
    assert_eq!(
        db.items().put(&record(4, 2.0)).unwrap(),
        Revision(revision.0 + 1)
    );

    // Nor is there a way back to halves while there is such an item.
    db.publish(SPACE).towers(towers(2, "l2")).run().unwrap();
    db.items().put(&record(5, 1e6)).unwrap();
    does_not_fit(&db.rollback(SPACE).run().unwrap_err(), 5);
    assert_eq!(db.stats().unwrap().spaces[SPACE].storage, Storage::Full);
    assert!(score(5).is_some());
    db.items().delete(&id(5)).unwrap();
    assert_eq!(db.rollback(SPACE).run().unwrap().storage, Storage::Half);
    assert!(score(4).is_some());
    // Numbers too small for halves are zero, or keep what digits there are.
    let export = db.export().vectors([SPACE]).run().unwrap();
    let second = |item: twinspire::ExportedItem| item.vectors[SPACE][1];
    let stored: Vec<f32> = export.map(|item| second(item.unwrap())).collect();
    assert_eq!(stored, [65_504.0, 65_504.0, 5.0 / 16_777_216.0, 2.0]);
    assert!(db.check().unwrap().is_clean());
}

#[test]
fn an_ensemble_fuses_halves_and_full_vectors() {
    let (_dir, path) = directory();
    let db = open_without_background(&path);
    let records = |range: std::ops::Range<usize>, seed| -> Vec<Value> {
        let vectors = vectors(range.len(), 6, seed);
        let all = range.zip(&vectors);
        all.map(|(at, v)| identity_record(Some(at), v)).collect()
    };
    db.items().put_many(&records(0..400, 1)).unwrap();
    publish(&db, 6, "l2").unwrap();
    db.publish("full")
        .towers(towers(6, "inner_product"))
        .run()
        .unwrap();
    db.items().put_many(&records(350..450, 2)).unwrap();
    let both = WeightedSum::new().space(SPACE, 0.5).space("full", 2.0);
    db.ensembles().define("both", both).unwrap();
    for _ in 0..2 {
        for query in vectors(10, 6, 3) {
            let user = identity_record(None, &query);
            let of = |space: &str| -> BTreeMap<String, f32> {
                let hits = db.recall(space).user(&user).exact().top(1_000).unwrap();
                scores(&hits).into_iter().collect()
            };
            let (halves, full) = (of(SPACE), of("full"));
            let fused = |id: &String| 0.5 * halves[id] + 2.0 * full[id];
            let mut due: Vec<f32> = halves.keys().map(fused).collect();
            due.sort_by(|a, b| b.total_cmp(a));
            for hits in [
                db.recall("both").user(&user).top(20).unwrap(),
                db.recall("both").user(&user).exact().top(20).unwrap(),
            ] {
                for (hit, due) in hits.iter().zip(&due) {
                    assert!((hit.score - due).abs() < 1e-4, "{hit:?}, {due} is due");
                    assert_eq!(hit.channels[SPACE], halves[&hit.id]);
                    assert_eq!(hit.channels["full"], full[&hit.id]);
                }
            }
        }
        db.seal().unwrap();
    }
}
