//! A database whose spaces have partitions: several segments, changed and deleted items, items that are not
//! sealed yet.

use super::filters::{DIMENSION, database, grouped};
use super::*;
use crate::index::IndexReason;
use crate::recall::SegmentPlan;
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;

/// Query vectors near the groups of the items.
fn queries(count: usize) -> Vec<Vec<f32>> {
    let mut random = Pcg64Mcg::seed_from_u64(3);
    let mut query = |group: usize| -> Vec<f32> {
        let item = grouped(&mut random, group);
        let component = |at: usize| item[format!("v{at}")].as_f64().unwrap() as f32;
        (0..DIMENSION).map(component).collect()
    };
    (0..count).map(&mut query).collect()
}

/// The ids of the best of some hits.
fn ids(hits: &crate::Hits) -> Vec<String> {
    hits.iter().map(|hit| hit.id.clone()).collect()
}

/// Compares searches of every kind with exact ones.
fn compare(db: &Database, segments: usize) {
    let (mut found, mut wanted) = (0, 0);
    for query in &queries(12) {
        let recall = || db.recall(SPACE).vector(query);
        let exact = recall().exact().top(60).unwrap();
        let hits = recall().explain().top(60).unwrap();
        let best = ids(&exact);
        wanted += best.len();
        found += ids(&hits).iter().filter(|id| best.contains(id)).count();
        let explained = hits.explained().unwrap();
        let plans: Vec<SegmentPlan> = explained.searches[0]
            .segments
            .iter()
            .map(|s| s.plan)
            .collect();
        assert_eq!(plans.len(), segments);
        assert_eq!(plans[0], SegmentPlan::LeafSearch);
        assert!(explained.searches[0].segments[0].scored >= 60);

        // Exact membership: just at the score of a hit, with a filter and without, and with exclusions.
        let least = exact[40].score;
        let inside = recall().all_at_least(least).unwrap();
        assert_eq!(ids(&inside), best[..inside.len()]);
        assert!(inside.len() >= 41);
        let filtered = recall().filter("group < 7");
        let passing = recall().filter("group < 7").exact().top(40).unwrap();
        let inside = filtered.all_at_least(passing[20].score).unwrap();
        assert_eq!(ids(&inside), ids(&passing)[..inside.len()]);
        let without = recall().exclude(best[..20].to_vec()).top(10).unwrap();
        let right = recall()
            .exclude(best[..20].to_vec())
            .exact()
            .top(10)
            .unwrap();
        assert!(ids(&without).iter().all(|id| !best[..20].contains(id)));
        assert_eq!(without.len(), right.len());
        // A wide search is exact, and so is a target that no width reaches.
        assert_eq!(ids(&recall().ef(5_000).top(10).unwrap()), best[..10]);
        assert_eq!(
            ids(&recall().recall_target(1.0).top(10).unwrap()),
            best[..10]
        );
    }
    assert!(found * 100 >= 98 * wanted, "{found} of {wanted}");
}

#[test]
fn partitions_answer_every_kind_of_recall_through_seals_and_merges() {
    let mut records = BTreeMap::new();
    let db = database(IndexKind::Partitions, &mut records);
    assert_eq!(
        db.stats().unwrap().spaces[SPACE].index,
        IndexKind::Partitions
    );
    compare(&db, 3);
    assert!(db.check().unwrap().is_clean());
    // Most rows are those of the first segment: the merge takes over its centroids.
    db.seal().unwrap();
    db.merge().unwrap();
    compare(&db, 1);
    assert!(db.check().unwrap().is_clean());
    let kept: Vec<String> = records.keys().cloned().collect();
    let all = db
        .recall(SPACE)
        .vector(&queries(1)[0])
        .ef(5_000)
        .top(10_000)
        .unwrap();
    let mut found = ids(&all);
    found.sort();
    assert_eq!(found, kept);
}

#[test]
fn a_publish_measures_both_kinds_and_says_what_it_chose() {
    let db = open(&MemoryFiles::default()).unwrap();
    let mut random = Pcg64Mcg::seed_from_u64(4);
    let mut items: Vec<Value> = (0..3_100).map(|id| grouped(&mut random, id)).collect();
    // Two share a vector that is in none of the samples of the measurement.
    let mut copy = items[1].clone();
    copy["id"] = json!("copy");
    items.push(copy);
    db.items().put_many(&items).unwrap();
    let publish = |index| {
        let publish = db.publish(SPACE).towers(vector_towers(DIMENSION, "l2"));
        publish.index(index).run().unwrap()
    };
    let chosen = publish(IndexChoice::Auto);
    let IndexReason::Measured(times) = chosen.index_reason else {
        panic!("{:?}", chosen.index_reason);
    };
    let is_faster = match (times.partitions_micros, times.graph_micros) {
        (Some(partitions), Some(graph)) => partitions < graph,
        (partitions, _) => partitions.is_some(),
    };
    assert_eq!(chosen.index == IndexKind::Partitions, is_faster, "{times}");
    assert!(chosen.recall > 0.9 && db.check().unwrap().is_clean());
    for kind in [IndexKind::Graph, IndexKind::Partitions] {
        let asked = publish(IndexChoice::Only(kind));
        assert_eq!(
            (asked.index, asked.index_reason),
            (kind, IndexReason::Requested)
        );
    }
    db.rollback(SPACE).to(chosen.number).run().unwrap();
    assert_eq!(
        db.stats().unwrap().spaces[SPACE].index_reason,
        chosen.index_reason
    );
}
