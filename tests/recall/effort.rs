//! Search effort: beam width, recall target, exact and radius search, for one user and for batches.
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};
use twinspire::{
    CalibrationPoint, Database, Error, Hits, Promise, QueryKind, Recall, SegmentPlan,
    UnmeasuredReason,
};
use twinspire_testkit::towers::{identity, identity_record, open as open_towers};
use twinspire_testkit::vectors::clustered;
use twinspire_testkit::{database, directory, open_without_background};

const DIMENSION: usize = 12;
const SPACE: &str = "things";

fn vectors(count: usize, seed: u64) -> Vec<Vec<f32>> {
    clustered(count, DIMENSION, 4.0, seed)
}

/// A database whose items lie in three segments and in the journal, some in several versions.
fn shop(path: &Path, metric: &str) -> Database {
    // Nothing happens by itself.
    let db = open_without_background(path);
    let vectors = vectors(3_000, 1);
    let records = |range: std::ops::Range<usize>, shift: usize| -> Vec<Value> {
        let record = |id: usize| identity_record(Some(id), &vectors[(id + shift) % 3_000]);
        range.map(record).collect()
    };
    db.items().put_many(&records(0..2_000, 0)).unwrap();
    db.publish(SPACE)
        .towers(open_towers(&identity(DIMENSION, metric)))
        .run()
        .unwrap();
    db.items().put_many(&records(1_900..2_500, 7)).unwrap();
    db.seal().unwrap();
    db.items().put_many(&records(2_400..2_950, 0)).unwrap();
    db.items().delete("B00017").unwrap();
    db.seal().unwrap();
    db.items().put_many(&records(2_940..3_000, 0)).unwrap();
    db.items().delete("B00018").unwrap();
    db
}

fn ids(hits: &Hits) -> BTreeSet<String> {
    database::ids(hits).into_iter().collect()
}

/// The share of the exact answers that recalls find.
fn found(
    db: &Database,
    queries: &[Vec<f32>],
    k: usize,
    ask: impl Fn(Recall<'_>) -> Recall<'_>,
) -> f64 {
    let mut hits = 0;
    for query in queries {
        let recall = || db.recall(SPACE).vector(query);
        let right = ids(&recall().exact().top(k).unwrap());
        let found = ids(&ask(recall()).top(k).unwrap());
        hits += right.intersection(&found).count();
    }
    hits as f64 / (queries.len() * k) as f64
}

#[test]
fn a_radius_search_finds_every_item_at_or_above_the_minimum_score() {
    let (mut found, mut of) = (0, 0);
    for metric in ["l2", "cosine", "inner_product"] {
        let (_dir, path) = directory();
        let db = shop(&path, metric);
        for query in vectors(20, 2) {
            let recall = || db.recall(SPACE).vector(&query);
            let all = recall().exact().top(3_000).unwrap();
            assert_eq!(all.len(), 2_998);
            for nth in [0, 1, 10, 300] {
                let least = all[nth].score;
                let right: Vec<_> = all.iter().filter(|hit| hit.score >= least).collect();
                let exact = recall().exact().all_at_least(least).unwrap();
                assert!(exact.iter().collect::<Vec<_>>() == right, "{metric}");
                let walked = recall().all_at_least(least).unwrap();
                // A walk may miss one; what it finds belongs there.
                let walked: Vec<_> = walked.iter().collect();
                let all_right = walked.iter().all(|hit| right.contains(hit));
                assert!(all_right, "{metric}");
                (found, of) = (found + walked.len(), of + right.len());
                let top = recall().at_least(least).top(5).unwrap();
                assert!(top.len() == right.len().min(5), "{metric}: {}", top.len());
                assert!(top.iter().all(|hit| hit.score >= least));
            }
            let nothing = recall().all_at_least(all[0].score + 1.0).unwrap();
            assert!(nothing.is_empty());
        }
    }
    assert!(found * 1_000 >= of * 997, "{found} of {of}");
}

#[test]
fn a_recall_target_is_met_and_a_target_of_one_is_exact() {
    let (_dir, path) = directory();
    let db = shop(&path, "cosine");
    let queries = vectors(60, 3);
    let calibration = db.stats().unwrap().spaces[SPACE].calibration.clone();
    let kinds = calibration.samples.iter().map(|sample| sample.kind);
    assert!(!calibration.is_real());
    assert_eq!(kinds.collect::<Vec<_>>(), [QueryKind::Near, QueryKind::Far]);
    assert!(
        calibration
            .samples
            .iter()
            .all(|s| s.queries >= 256 && s.points.len() > 3)
    );
    assert_eq!(
        found(&db, &queries, 10, |recall| recall.recall_target(1.0)),
        1.0
    );
    for (target, k) in [(0.9, 10), (0.97, 10), (0.9, 50)] {
        let found = found(&db, &queries, k, |recall| recall.recall_target(target));
        assert!(
            found >= f64::from(target) - 0.03,
            "{found} for {target} at {k}"
        );
    }
}

#[test]
fn calibration_uses_real_queries_once_there_are_enough_and_persists() {
    let (_dir, path) = directory();
    let db = shop(&path, "l2");
    let queries = vectors(6_000, 4);
    assert!(!db.audit(SPACE).unwrap().is_real());
    let users: Vec<Value> = queries
        .iter()
        .map(|query| identity_record(None, query))
        .collect();
    let batch = db.recall(SPACE).users(&users).top(3).unwrap();
    for (user, hits) in users.iter().zip(&batch).step_by(97) {
        assert_eq!(&db.recall(SPACE).user(user).top(3).unwrap(), hits);
    }
    let audited = db.audit(SPACE).unwrap();
    let asked = audited.sample(QueryKind::Asked).unwrap();
    assert!(
        audited.is_real() && (256..600).contains(&asked.queries),
        "{audited:?}"
    );
    assert_eq!(audited.samples.len(), 1);
    let of = |db: &Database| db.stats().unwrap().spaces[SPACE].calibration.clone();
    assert!(!of(&db).is_real(), "an audit changes nothing");
    let calibrated = db.calibrate(SPACE).unwrap();
    assert_eq!(of(&db), calibrated);
    assert_eq!(calibrated.samples.len(), 3, "made-up queries are kept");
    let last = calibrated.samples[2].points.last().unwrap();
    assert!(
        last.recall_at_10 > 0.99 && last.recall_at_100 > 0.99,
        "{calibrated:?}"
    );
    drop(db);
    let reader = Database::open_read_only(&path).unwrap();
    assert_eq!(of(&reader), calibrated);
    assert!(reader.calibrate(SPACE).is_err(), "a reader stores nothing");
    assert!(
        !reader.audit(SPACE).unwrap().is_real(),
        "it was asked nothing yet"
    );
    assert!(reader.audit("nothing").is_err());
}

#[test]
fn the_background_calibrates_with_real_queries_once_there_are_enough() {
    let (_dir, path) = directory();
    drop(shop(&path, "l2"));
    let db = Database::open(&path).unwrap();
    let real = || db.stats().unwrap().spaces[SPACE].calibration.is_real();
    let users = vectors(6_000, 6);
    let users: Vec<Value> = users
        .iter()
        .map(|user| identity_record(None, user))
        .collect();
    assert!(!real());
    db.recall(SPACE).users(&users).top(3).unwrap();
    let begun = Instant::now();
    while !real() {
        assert!(begun.elapsed().as_secs() < 60, "it does not come");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn an_explained_answer_says_how_it_was_found() {
    let (_dir, path) = directory();
    let db = shop(&path, "cosine");
    let query = &vectors(1, 5)[0];
    let recall = || db.recall(SPACE).vector(query);
    assert_eq!(recall().top(3).unwrap().explained(), None);
    let walked = recall().explain().top(3).unwrap();
    let explain = walked.explained().unwrap();
    assert_eq!(explain.searches.len(), 1);
    let search = &explain.searches[0];
    assert_eq!(
        (search.space.as_str(), search.ef),
        (SPACE, Some(twinspire::DEFAULT_EF))
    );
    assert!(search.fresh >= 60 && search.selectivity.is_none());
    assert_eq!(search.segments.len(), 3);
    for segment in &search.segments {
        assert!(
            segment.scored >= segment.expanded && segment.expanded > 0,
            "{segment:?}"
        );
        assert!((1..segment.scored).contains(&segment.ranked), "{segment:?}");
        assert!(segment.micros > 0.0 && segment.plan == SegmentPlan::GraphSearch);
    }
    assert!(explain.micros.search > 0.0 && explain.micros.answer > 0.0);
    let scanned = recall()
        .exact()
        .filter("v0 < 0.1")
        .explain()
        .top(3)
        .unwrap();
    let search = &scanned.explained().unwrap().searches[0];
    assert!(search.ef.is_none() && (0.2..0.8).contains(&search.selectivity.unwrap()));
    let scored: u64 = search.segments.iter().map(|segment| segment.ranked).sum();
    assert!((500..3_000).contains(&scored), "{scored}");
}

#[test]
fn an_effort_that_no_search_can_have_is_refused() {
    let (_dir, path) = directory();
    let db = shop(&path, "cosine");
    let query = &vectors(1, 5)[0];
    for target in [0.0, -0.5, 1.001, 2.0, f32::NAN, f32::INFINITY] {
        let error = db.recall(SPACE).vector(query).recall_target(target);
        let error = error.top(3).unwrap_err();
        assert!(matches!(error, Error::RecallTarget { .. }), "{error}");
        let error = db.mine(SPACE).recall_target(target).pairs([]).err();
        assert!(matches!(error, Some(Error::RecallTarget { .. })));
    }
    let error = db.recall(SPACE).vector(query).ef(0).top(3).unwrap_err();
    assert!(matches!(error, Error::BeamWidthZero), "{error}");
}

#[test]
fn an_answer_says_where_a_target_is_no_promise() {
    let (_dir, path) = directory();
    let db = shop(&path, "cosine");
    let query = &vectors(1, 5)[0];
    let recall = || db.recall(SPACE).vector(query);
    assert_eq!(recall().top(3).unwrap().promise(), None);
    assert_eq!(
        recall()
            .exact()
            .recall_target(0.5)
            .top(3)
            .unwrap()
            .promise(),
        None
    );
    let exact = recall().recall_target(1.0).explain().top(20).unwrap();
    assert_eq!(exact.promise(), Some(Promise::Exact));
    assert_eq!(exact[..], recall().exact().top(20).unwrap()[..]);
    let segments = &exact.explained().unwrap().searches[0].segments;
    assert!(
        segments
            .iter()
            .all(|segment| segment.plan == SegmentPlan::CodeScan)
    );
    let scanned: u64 = segments.iter().map(|segment| segment.ranked).sum();
    assert!(
        scanned < 1_500,
        "most are ruled out by their codes: {scanned}"
    );

    let why = |recall: Recall<'_>, k| match recall.recall_target(0.01).top(k).unwrap().promise() {
        Some(Promise::Unmeasured(reason)) => Some(reason),
        _ => None,
    };
    // The space has grown by half since it was measured.
    assert_eq!(why(recall(), 3), Some(UnmeasuredReason::ItemsChanged));
    db.calibrate(SPACE).unwrap();
    assert_eq!(why(recall(), 3), None);
    assert_eq!(
        why(recall().filter("v0 < 0.4"), 3),
        Some(UnmeasuredReason::Filter)
    );
}

#[test]
fn recall_is_measured_for_each_beam_width_and_rises() {
    let (_dir, path) = directory();
    let db = shop(&path, "cosine");
    for sample in db.audit(SPACE).unwrap().samples {
        let recall =
            |point: &CalibrationPoint| [point.recall_at_1, point.recall_at_10, point.recall_at_100];
        let lower =
            |point: &CalibrationPoint| [point.lower_at_1, point.lower_at_10, point.lower_at_100];
        for pair in sample.points.windows(2) {
            let rises = recall(&pair[0])
                .iter()
                .zip(recall(&pair[1]))
                .all(|(a, b)| *a <= b + 0.01);
            assert!(pair[0].ef < pair[1].ef && rises, "{pair:?}");
        }
        for point in &sample.points {
            let bounded = recall(point)
                .iter()
                .zip(lower(point))
                .all(|(recall, lower)| lower < *recall);
            assert!(bounded, "{point:?}");
        }
    }
}
