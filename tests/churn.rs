//! Overwriting and deleting again and again takes neither disk nor memory for good.
#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

use serde_json::json;
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
