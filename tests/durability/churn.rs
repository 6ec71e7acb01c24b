//! Overwriting and deleting again and again takes neither disk nor memory for good.
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Mutex;
use twinspire::Database;
use twinspire_testkit::allocator::CountingAllocator;
use twinspire_testkit::towers::scaled_towers;
use twinspire_testkit::{bytes_below, directory, open_without_background};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

const ITEMS: usize = 400;
const ROUNDS: usize = 60;
/// One test at a time uses the allocator, so that what is counted is its own.
static ALONE: Mutex<()> = Mutex::new(());

#[test]
fn churn_takes_neither_disk_nor_memory_for_good() {
    let _alone = ALONE.lock();
    let (_dir, path) = directory();
    let db = open_without_background(&path);
    let note = "n".repeat(300);
    let item = |id: usize, round: usize| json!({"id": format!("B{id:04}"), "price": round * 7 + id, "note": note});
    let all: Vec<_> = (0..ITEMS).map(|id| item(id, 0)).collect();
    db.items().put_many(&all).unwrap();
    db.publish("by-price")
        .towers(scaled_towers(1.0))
        .run()
        .unwrap();
    db.merge().unwrap();
    let live = bytes_below(&path.join("segments"));
    let (mut early, mut most) = (0, 0);
    for round in 1..=ROUNDS {
        let changed = (0..ITEMS / 10).map(|n| item((n * 13 + round * 29) % ITEMS, round));
        db.items().put_many(&changed.collect::<Vec<_>>()).unwrap();
        db.items()
            .delete(&format!("B{:04}", round % ITEMS))
            .unwrap();
        db.items().put(&item(round % ITEMS, round)).unwrap();
        db.seal().unwrap();
        if round.is_multiple_of(5) {
            db.merge().unwrap();
            db.collect().unwrap();
            most = most.max(bytes_below(&path.join("segments")));
        }
        if round == ROUNDS / 6 {
            early = ALLOCATOR.bytes_in_use();
        }
    }
    let late = ALLOCATOR.bytes_in_use();
    println!("{live} bytes live, {most} at most; heap {early} early, {late} at the end");
    assert!(
        most * 2 < live * 5,
        "{most} bytes on the disk for {live} live ones"
    );
    assert!(late < early + (1 << 20), "heap grew from {early} to {late}");
    assert_eq!(db.stats().unwrap().items, ITEMS as u64);
    assert!(db.check().unwrap().is_clean());
}

/// Sealed again and again by a handle that has no background thread, the segments stay few, and dead rows
/// take no more room than live ones.
#[test]
fn seals_alone_keep_segments_few() {
    let _alone = ALONE.lock();
    let (_dir, path) = directory();
    let mut db = open_without_background(&path);
    db.items().put(&json!({"id": "first", "price": 1})).unwrap();
    db.publish("by-price")
        .towers(scaled_towers(1.0))
        .run()
        .unwrap();
    let (mut ids, mut random) = (BTreeSet::from([0]), 7u64);
    let mut draw = |below: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (random >> 33) % below
    };
    for round in 0..150 {
        let count = [1, 1, 2, 30][draw(4) as usize];
        let batch: BTreeSet<u64> = (0..count).map(|_| 1 + draw(300)).collect();
        let items = batch
            .iter()
            .map(|id| json!({"id": id.to_string(), "price": id}));
        db.items().put_many(&items.collect::<Vec<_>>()).unwrap();
        ids.extend(batch);
        let gone = 1 + draw(300);
        ids.remove(&gone);
        db.items().delete(&gone.to_string()).unwrap();
        if draw(3) == 0 {
            db.seal().unwrap();
        } else {
            // As a command that writes once: the next one seals.
            drop(db);
            db = open_without_background(&path);
            db.seal().unwrap();
        }
        let stats = db.stats().unwrap();
        assert!(
            stats.items_segments <= 8,
            "{} after round {round}",
            stats.items_segments
        );
        assert!(stats.spaces["by-price"].segments <= 8);
        assert_eq!(stats.items, ids.len() as u64);
        if round % 10 == 0 {
            let hits = db
                .recall("by-price")
                .user(&json!({"price": 0}))
                .top(400)
                .unwrap();
            let found: BTreeSet<u64> = hits.iter().map(|hit| hit.id.parse().unwrap_or(0)).collect();
            assert_eq!(found, ids);
        }
    }
    let churned = bytes_below(&path.join("segments"));
    db.merge().unwrap();
    let merged = bytes_below(&path.join("segments"));
    assert!(
        churned < 8 * merged,
        "{churned} bytes of which {merged} are needed"
    );
    assert!(db.check().unwrap().is_clean());
}

/// Written without being told to seal or merge, the segments stay few.
#[test]
fn the_background_keeps_segments_few_and_the_journal_short() {
    let _alone = ALONE.lock();
    let (_dir, path) = directory();
    let options = Database::options().seal_bytes(20_000).seal_writes(100);
    let db = options.open(&path).unwrap();
    db.items().put(&json!({"id": "first", "price": 1})).unwrap();
    db.publish("by-price")
        .towers(scaled_towers(1.0))
        .run()
        .unwrap();
    for round in 0..100 {
        let items =
            (0..20).map(|n| json!({"id": format!("{}", (round * 20 + n) % 1_000), "price": n}));
        db.items().put_many(&items.collect::<Vec<_>>()).unwrap();
    }
    let stats = db.stats().unwrap();
    println!("{stats:?}");
    // Puts seal by themselves when the thread does not keep up, at four times the limits.
    assert!(stats.journal_bytes < 6 * 20_000);
    assert!(stats.items_segments < 40 && stats.spaces["by-price"].segments < 40);
    drop(db);
    let db = Database::open(&path).unwrap();
    assert_eq!(db.stats().unwrap().items, 1_001);
    assert!(db.check().unwrap().is_clean());
}
