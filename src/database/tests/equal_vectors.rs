//! Items with equal vectors share a node. Every recall still finds each of them, and all others.

use super::*;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use twinspire_core::kernel::{Metric, Storage};

const DIMENSION: usize = 4;

/// A vector that many items have, or one that few have.
fn vector(random: &mut Pcg64Mcg) -> Vec<f64> {
    let popular = random.random_range(0..3) > 0;
    let seed = random.random_range(0..if popular { 6 } else { 400u64 });
    let mut random = Pcg64Mcg::seed_from_u64(seed);
    let component = |_| f64::from(random.random_range(-8i32..9)) / 8.0;
    let mut vector: Vec<f64> = (0..DIMENSION).map(component).collect();
    vector[0] += if vector == [0.0; DIMENSION] { 0.5 } else { 0.0 };
    vector
}

/// An item: its vector and the number that filters test.
#[derive(Clone)]
struct Item {
    vector: Vec<f64>,
    bucket: usize,
}

impl Item {
    fn new(random: &mut Pcg64Mcg) -> Self {
        let (vector, bucket) = (vector(random), random.random_range(0..100));
        Self { vector, bucket }
    }

    fn record(&self, number: usize) -> Value {
        let mut record = json!({"id": format!("B{number:04}"), "bucket": self.bucket});
        for (at, x) in self.vector.iter().enumerate() {
            // Both zeros are one number, so they make equal vectors.
            let zero = if number.is_multiple_of(2) { -0.0 } else { 0.0 };
            record[format!("v{at}")] = json!(if *x == 0.0 { zero } else { *x });
        }
        record
    }

    fn score(&self, metric: Metric, query: &[f64]) -> f64 {
        let pairs = || self.vector.iter().zip(query);
        let length = |v: &[f64]| v.iter().map(|x| x * x).sum::<f64>().sqrt();
        let product: f64 = pairs().map(|(a, b)| a * b).sum();
        match metric {
            Metric::Cosine => product / length(&self.vector) / length(query),
            Metric::InnerProduct => product,
            Metric::L2 => -pairs().map(|(a, b)| (a - b) * (a - b)).sum::<f64>(),
        }
    }
}

/// Items by number; `None` if deleted.
type Items = BTreeMap<usize, Option<Item>>;

/// Compares recalls of every kind with a plain scan. Returns how many wanted items were found, and how
/// many were wanted.
fn compare(db: &Database, metric: Metric, items: &Items, random: &mut Pcg64Mcg) -> (usize, usize) {
    let (mut found, mut wanted) = (0, 0);
    for round in 0..6 {
        let query: Vec<f64> = vector(random);
        let query32: Vec<f32> = query.iter().map(|x| *x as f32).collect();
        let most = [100, 60, 5][round % 3];
        let excluded = |number: usize| round % 2 == 1 && number.is_multiple_of(3);
        let id = |number: &usize| format!("B{number:04}");
        let passing = items.iter().filter_map(|(number, item)| {
            let item = item.as_ref().filter(|item| item.bucket < most)?;
            (!excluded(*number)).then(|| (item.score(metric, &query), *number))
        });
        let mut passing: Vec<(f64, usize)> = passing.collect();
        passing.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let scores: BTreeMap<String, f64> = passing.iter().map(|(s, n)| (id(n), *s)).collect();
        let recall = || {
            let ids = items.keys().copied().filter(|number| excluded(*number));
            let recall = db.recall(SPACE).vector(&query32);
            let recall = recall.exclude(ids.map(|number| id(&number)));
            match most {
                100 => recall.ef(24),
                most => recall.ef(24).filter(format!("bucket < {most}").as_str()),
            }
        };
        for k in [1, 10, 150, 5_000] {
            let hits = recall().top(k).unwrap();
            let best = passing.get(..k.min(passing.len())).unwrap();
            assert_eq!(
                hits.len(),
                best.len(),
                "{metric:?}, best {k}, bucket < {most}"
            );
            let least = best.last().map_or(0.0, |worst| worst.0) - 1e-3;
            for pair in hits.windows(2) {
                let ordered = (pair[1].score, &pair[0].id) < (pair[0].score, &pair[1].id);
                assert!(ordered || pair[0].score > pair[1].score, "{pair:?}");
            }
            for hit in &*hits {
                let score = scores[&hit.id];
                assert!(
                    (f64::from(hit.score) - score).abs() < 2e-3,
                    "{hit:?}: {score}"
                );
                found += usize::from(score >= least);
            }
            wanted += best.len();
            let exact = recall().exact().top(k).unwrap();
            assert_eq!(exact.len(), best.len());
            assert!(
                exact
                    .iter()
                    .zip(best)
                    .all(|(hit, (score, _))| (f64::from(hit.score) - score).abs() < 2e-3)
            );
        }
        // A ball whose border no item is near.
        let border = passing.get(passing.len() / 4).map_or(0.0, |at| at.0) - 2e-2;
        let near = passing.iter().filter(|(score, _)| *score >= border).count();
        let on_border = passing
            .iter()
            .any(|(score, _)| (score - border).abs() < 4e-3);
        let ball = recall().all_at_least(border as f32).unwrap();
        if !on_border {
            assert!(ball.len() <= near);
            (found, wanted) = (found + ball.len(), wanted + near);
        }
    }
    (found, wanted)
}

#[test]
fn copies_of_a_vector_are_all_found_and_hide_nothing() {
    let (mut found, mut wanted) = (0, 0);
    let cases = [
        ("cosine", Metric::Cosine, Storage::Full),
        ("inner_product", Metric::InnerProduct, Storage::Half),
        ("l2", Metric::L2, Storage::Full),
    ];
    for (name, metric, storage) in cases {
        let mut random = Pcg64Mcg::seed_from_u64(7);
        let db = open(&MemoryFiles::default()).unwrap();
        let mut items = Items::new();
        let put = |db: &Database, items: &mut Items, random: &mut Pcg64Mcg, numbers: &[usize]| {
            let records = numbers.iter().map(|number| {
                let item = Item::new(random);
                let record = item.record(*number);
                items.insert(*number, Some(item));
                record
            });
            db.items().put_many(&records.collect::<Vec<_>>()).unwrap();
        };
        put(&db, &mut items, &mut random, &(0..600).collect::<Vec<_>>());
        db.publish(SPACE)
            .towers(vector_towers(DIMENSION, name))
            .storage(storage)
            .run()
            .unwrap();
        for step in 0..4 {
            let (hits, all) = compare(&db, metric, &items, &mut random);
            (found, wanted) = (found + hits, wanted + all);
            match step {
                0 => {
                    let changed: Vec<usize> =
                        (0..700).filter(|n| n % 7 == 0 || *n >= 600).collect();
                    put(&db, &mut items, &mut random, &changed);
                    for number in (0..700).step_by(11) {
                        db.items().delete(&format!("B{number:04}")).unwrap();
                        items.insert(number, None);
                    }
                }
                1 => drop(db.seal().unwrap()),
                _ => db.merge().unwrap(),
            }
        }
        assert_eq!(db.check().unwrap().problems, []);
        let base = Arc::clone(&db.live().snapshot.load().spaces[SPACE].base);
        let parts = base.parts.iter().map(|part| part.segment.node_items());
        let nodes: usize = parts.map(|items| items.nodes()).sum();
        assert!(nodes < 420, "{nodes} nodes for at most 406 vectors");
    }
    let share = found as f64 / wanted as f64;
    assert!(share > 0.99, "{share} of the wanted items were found");
}
