//! A follower serves while heads flip: each answer is of one epoch, and no recall waits.

use crate::store::{Mischief, Mischievous};
use crate::world::World;
use serde_json::json;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn each_answer_belongs_to_one_epoch_while_heads_flip_and_the_store_fails_now_and_then() {
    let store = Mischievous::new();
    let world = World::with(store.remote());
    world.push(1);
    let interval = Duration::from_millis(5);
    let follower = world
        .remote
        .follow(world.path("replica"))
        .interval(interval)
        .start()
        .unwrap();
    let (done, answers, slowest) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut last = 0;
                while !done.load(Ordering::Relaxed) {
                    let begun = Instant::now();
                    let now = follower.current();
                    // Version and epoch have the same number.
                    let version = now.number();
                    let user = json!({"price": version * 1_000 + 3});
                    let hits = now
                        .database()
                        .recall("by-price")
                        .user(&user)
                        .records()
                        .top(5)
                        .unwrap();
                    let micros = begun.elapsed().as_micros() as u64;
                    assert_eq!((&*hits[0].id, hits[0].score), ("B03", 0.0));
                    for hit in &hits {
                        assert_eq!(hit.record.as_ref().unwrap()["version"], version);
                    }
                    assert!(version >= last, "epochs do not go back");
                    last = version;
                    answers.fetch_add(1, Ordering::Relaxed);
                    slowest.fetch_max(micros, Ordering::Relaxed);
                }
            });
        }
        for version in 2..=30 {
            store.be(Mischief::None);
            world.push(version);
            if version % 3 == 0 {
                store.be(Mischief::Every(2));
            }
            thread::sleep(Duration::from_millis(20));
        }
        store.be(Mischief::None);
        let begun = Instant::now();
        while follower.epoch() < 30 {
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "{:?}",
                follower.lag()
            );
            thread::sleep(Duration::from_millis(5));
        }
        done.store(true, Ordering::Relaxed);
    });
    let (answers, slowest) = (answers.into_inner(), slowest.into_inner());
    println!("{answers} answers, the slowest in {slowest} µs");
    assert!(answers > 100);
}
