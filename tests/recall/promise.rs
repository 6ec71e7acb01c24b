//! A recall target is a promise: on sets that an index finds hard, recall on queries that were never seen
//! reaches it, or the answer is exact.
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use serde_json::{Value, json};
use std::collections::HashSet;
use twinspire::{Database, Hits, IndexChoice, IndexKind, Metric, Promise, QueryKind, Towers};
use twinspire_testkit::database::ids;
use twinspire_testkit::hard_sets::Hard;
use twinspire_testkit::random::normal;
use twinspire_testkit::towers::{identity, identity_record, open as open_towers, tower_files};
use twinspire_testkit::vectors::VectorSet;
use twinspire_testkit::{directory, open_without_background};

const DIMENSION: usize = 16;
const ITEMS: usize = 3_000;
const SPACE: &str = "things";
const TARGETS: [f32; 5] = [0.8, 0.9, 0.95, 0.99, 0.999];
const KS: [usize; 3] = [1, 10, 100];
/// Recall on as few fresh queries as here may be lower by chance.
const TOLERANCE: f64 = 0.02;

fn published(db: &Database, metric: Metric, index: IndexKind, items: &[Vec<f32>]) {
    let records: Vec<Value> = (0..items.len())
        .map(|at| json!({"id": at.to_string()}))
        .collect();
    db.items().put_many(&records).unwrap();
    let rows = items
        .iter()
        .enumerate()
        .map(|(at, row)| (at.to_string(), row.clone()));
    let towers = Towers::vectors_only(SPACE, DIMENSION, metric).unwrap();
    db.publish(SPACE)
        .towers(towers)
        .vectors(rows)
        .index(IndexChoice::Only(index))
        .run()
        .unwrap();
}

/// Asserts that every target is reached for every k, by both kinds of index.
fn assert_kept(kind: Hard, metric: Metric) {
    assert_kept_by(IndexKind::Graph, kind, metric);
    assert_kept_by(IndexKind::Partitions, kind, metric);
}

fn assert_kept_by(index: IndexKind, kind: Hard, metric: Metric) {
    let (_dir, path) = directory();
    let db = open_without_background(&path);
    let set = kind.generate((ITEMS, 100), DIMENSION, 11);
    published(&db, metric, index, &set.items);
    let exact = |user: &[f32]| db.recall(SPACE).vector(user).exact().top(100).unwrap();
    let right: Vec<Vec<f32>> = set
        .users
        .iter()
        .map(|user| exact(user).iter().map(|hit| hit.score).collect())
        .collect();
    for (target, k) in TARGETS.iter().flat_map(|target| KS.map(|k| (*target, k))) {
        let (mut found, mut promises) = (0, HashSet::new());
        for (user, right) in set.users.iter().zip(&right) {
            let hits = db
                .recall(SPACE)
                .vector(user)
                .recall_target(target)
                .top(k)
                .unwrap();
            assert_eq!(hits.len(), k);
            let hits_found = hits.iter().filter(|hit| hit.score >= right[k - 1]).count();
            match hits.promise().unwrap() {
                Promise::Exact => {
                    promises.insert("exact");
                    let scores: Vec<f32> = hits.iter().map(|hit| hit.score).collect();
                    assert_eq!(
                        scores,
                        right[..k],
                        "{kind:?} {metric}: not the exact answer"
                    );
                }
                Promise::Measured(measured) => {
                    promises.insert("measured");
                    assert!(measured.lower >= target && measured.recall >= measured.lower);
                    assert!(!measured.kind.is_real() && measured.queries >= 256);
                }
                other => unreachable!("{other:?}"),
            }
            found += hits_found;
        }
        assert_eq!(promises.len(), 1);
        let recall = found as f64 / (k * set.users.len()) as f64;
        let least = f64::from(target) - TOLERANCE;
        assert!(
            recall >= least,
            "{kind:?} {metric} {index}: {recall} for {target} at {k}"
        );
    }
}

#[test]
fn targets_are_reached_on_clusters() {
    assert_kept(Hard::Clusters, Metric::Cosine);
}

#[test]
fn targets_are_reached_beside_copies() {
    assert_kept(Hard::Copies, Metric::Cosine);
}

#[test]
fn targets_are_reached_among_near_copies() {
    assert_kept(Hard::NearCopies, Metric::L2);
}

#[test]
fn targets_are_reached_with_lengths_that_differ() {
    assert_kept(Hard::Norms, Metric::InnerProduct);
}

#[test]
fn targets_are_reached_without_any_structure() {
    assert_kept(Hard::Noise, Metric::Cosine);
}

#[test]
fn synthetic_users_are_measured_where_the_user_tower_reads_histories() {
    let (_dir, path) = directory();
    let db = open_without_background(&path);
    let set = VectorSet::simulate(ITEMS, DIMENSION, 1);
    db.items().put_many(&set.records()).unwrap();
    let published = db.publish(SPACE).towers(set.towers()).run().unwrap();
    let synthetic = published.calibration.sample(QueryKind::MadeUpUser).unwrap();
    assert_eq!((synthetic.queries, synthetic.left_out), (512, 0));
    let user = json!({"history": ["1"]});
    let hits = db.recall(SPACE).user(&user).explain().top(10);
    assert_eq!(
        width(&hits.unwrap()),
        published.calibration.default_width(10)
    );

    let (_dir, path) = directory();
    let db = open_without_background(&path);
    let each = (0..set.items()).map(|at| identity_record(Some(at), set.item(at)));
    db.items().put_many(&each.collect::<Vec<_>>()).unwrap();
    let towers = open_towers(&identity(DIMENSION, "cosine"));
    let plain = db.publish(SPACE).towers(towers).run().unwrap();
    assert!(plain.calibration.sample(QueryKind::MadeUpUser).is_none());
}

/// The beam width of an explained answer; `None` if every item was scored.
fn width(hits: &Hits) -> Option<usize> {
    hits.explained().unwrap().searches[0].ef
}

/// Components of an item beside its popularity.
const NOISE: usize = 48;

/// Towers that rank by popularity. The components of an item are noise, and its popularity, which varies little. A user
/// is the mean of a history of vectors near the axis of popularity. So neighbours in the graph say nothing of it.
fn popularity_towers(items: usize) -> Towers {
    let mut random = Pcg64Mcg::seed_from_u64(5);
    let mut rows = |noise: f32, popularity: &dyn Fn(f32) -> f32| -> Vec<f32> {
        let row = |_| {
            let mut row: Vec<f32> = (0..NOISE).map(|_| noise * normal(&mut random)).collect();
            row.push(popularity(normal(&mut random)));
            row
        };
        (0..items).flat_map(row).collect()
    };
    let vectors = rows(1.0, &|popularity| 0.05 * popularity);
    let interests = rows(0.001, &|_| 1.0);
    let ids: Vec<String> = (0..items).map(|item| item.to_string()).collect();
    let table = json!({"dimension": NOISE + 1, "lookup": {"vocabulary": {"ids": ids}}});
    let item = json!({"kind": "id", "field": "id", "table": "vectors"});
    let history = json!({"kind": "ids", "field": "history", "table": "interests", "limit": 50});
    let schema = json!({
        "format": 1, "name": SPACE, "dimension": NOISE + 1, "metric": "inner_product",
        "tables": {"vectors": table, "interests": table},
        "user": {"features": [history], "layers": []}, "item": {"features": [item], "layers": []},
    });
    let tensor = |name: &str, rows| [(format!("table.{name}"), vec![items, NOISE + 1], rows)];
    let files = [
        ("user.safetensors", &tensor("interests", interests)[..]),
        ("item.safetensors", &tensor("vectors", vectors)[..]),
    ];
    open_towers(&tower_files(&schema, &files))
}

#[test]
fn recalls_by_user_are_wider_where_efsearch_100_finds_little() {
    const MANY: usize = 12_000;
    let (_dir, path) = directory();
    let db = open_without_background(&path);
    let records: Vec<Value> = (0..MANY)
        .map(|item| json!({"id": item.to_string()}))
        .collect();
    db.items().put_many(&records).unwrap();
    let published = db
        .publish(SPACE)
        .towers(popularity_towers(MANY))
        .run()
        .unwrap();
    let calibration = &published.calibration;
    let at_100 = calibration.recall_at(10, 100).unwrap();
    assert!(at_100.recall < 0.5, "{at_100}");
    assert_eq!(at_100.kind, QueryKind::MadeUpUser);
    assert!(published.recall >= 0.9 && published.measured.unwrap().recall >= 0.9);
    let (mut found, mut at_default) = ([0, 0], HashSet::new());
    for user in 0..20 {
        let user = json!({"history": [user.to_string(), (7 * user).to_string()]});
        let recall = || db.recall(SPACE).user(&user).explain();
        let right = ids(&recall().exact().top(10).unwrap());
        let default = recall().top(10).unwrap();
        at_default.insert(width(&default));
        let narrow = recall().ef(100).top(10).unwrap();
        assert_eq!(width(&narrow), Some(100), "an explicit width is kept");
        for (found, hits) in found.iter_mut().zip([&default, &narrow]) {
            *found += ids(hits).iter().filter(|id| right.contains(id)).count();
        }
        let similar = db.recall(SPACE).similar("1").explain().top(10).unwrap();
        assert_eq!(width(&similar), Some(100), "items are no users");
    }
    assert!(found[0] >= 180 && found[1] < 120, "{found:?} of 200");
    let expected = calibration.default_width(10);
    assert!(expected.is_none_or(|ef| ef > 100));
    assert_eq!(at_default, HashSet::from([expected]));
}

#[test]
fn given_users_are_measured_stored_and_never_replaced_by_made_up_queries() {
    let (_dir, path) = directory();
    let db = open_without_background(&path);
    let set = Hard::Clusters.generate((ITEMS, 160), DIMENSION, 5);
    let records = set.items.iter().enumerate();
    let records: Vec<Value> = records
        .map(|(at, row)| identity_record(Some(at), row))
        .collect();
    db.items().put_many(&records).unwrap();
    let mut users: Vec<Value> = set
        .users
        .iter()
        .map(|user| identity_record(None, user))
        .collect();
    users.extend(users.clone());
    users.push(json!({"v0": "no number"}));
    let towers = || open_towers(&identity(DIMENSION, "cosine"));
    let plain = db.publish(SPACE).towers(towers()).run().unwrap();
    assert!(!plain.measured.unwrap().kind.is_real());

    let audited = db.audit_users(SPACE, &users).unwrap();
    let of = |db: &Database| db.stats().unwrap().spaces[SPACE].clone();
    assert!(!of(&db).calibration.is_real(), "an audit changes nothing");
    let given = audited.sample(QueryKind::Given).unwrap();
    assert_eq!((given.queries, given.left_out), (320, 1));
    let calibrated = db.calibrate_users(SPACE, &users).unwrap();
    assert_eq!(calibrated.sample(QueryKind::Given), Some(given));
    db.calibrate(SPACE).unwrap();
    let stored = of(&db);
    assert_eq!(stored.calibration.sample(QueryKind::Given), Some(given));
    assert_eq!(stored.recall.unwrap().kind, QueryKind::Given);
    let info = &db.generations(SPACE).unwrap()[0];
    assert_eq!(
        info.recall,
        stored.recall.unwrap().recall,
        "the recall shown is the one measured for users"
    );
    let vector = &set.users[0];
    let hits = db
        .recall(SPACE)
        .vector(vector)
        .recall_target(0.8)
        .explain()
        .top(10)
        .unwrap();
    if let Some(Promise::Measured(measured)) = hits.promise() {
        assert_eq!(measured.kind, QueryKind::Given);
        assert_eq!(
            hits.explained().unwrap().searches[0].measured,
            Some(measured)
        );
    }
    drop(db);
    let reader = Database::open_read_only(&path).unwrap();
    assert_eq!(of(&reader).calibration, stored.calibration);

    let db = open_without_background(&path);
    let again = db
        .publish(SPACE)
        .towers(towers())
        .calibrate_users(users.clone())
        .run()
        .unwrap();
    assert_eq!(again.measured.unwrap().kind, QueryKind::Given);
    let unusable = db.publish(SPACE).towers(towers());
    let unusable = unusable.calibrate_users(users[320..].to_vec()).run();
    let unusable = unusable.unwrap_err().to_string();
    assert!(unusable.contains("user 1"), "{unusable}");
    let info = db.generations(SPACE).unwrap();
    assert_eq!(info.last().unwrap().number, again.number, "nothing changed");
    let plain = db.publish(SPACE).towers(towers()).run().unwrap();
    assert!(
        !plain.measured.unwrap().kind.is_real(),
        "another generation, measured anew"
    );
    assert!(db.audit_users(SPACE, &[]).is_err());
    let unusable = db.calibrate_users(SPACE, &users[320..]).unwrap_err();
    assert!(unusable.to_string().contains("user 1"), "{unusable}");
}
