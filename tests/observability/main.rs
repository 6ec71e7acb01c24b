//! What a program sees of the library: events and spans by `tracing` or `log`, metrics by `metrics`.
#![allow(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that fails may panic, and damages files directly"
)]

mod counted;
mod documentation;
mod traced;

use serde_json::{Value, json};
use std::sync::{Mutex, MutexGuard, PoisonError};
use twinspire::{Database, Metric, RankFusion, Towers};
use twinspire_testkit::towers::{open as open_towers, tower_files};

/// Too few for threads of the library, where the subscriber and the recorder of a test are not set.
const ITEMS: usize = 50;
const SPACE: &str = "clip";
const ENSEMBLE: &str = "home";

/// Keeps tests from running at the same time: `tracing` remembers for each place in the code whether anyone listens,
/// and another thread, which has no subscriber, would answer for all.
fn alone() -> MutexGuard<'static, ()> {
    static RUNNING: Mutex<()> = Mutex::new(());
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Items that a filter can tell apart.
fn records(count: usize) -> Vec<Value> {
    let item = |at: usize| json!({"id": format!("i{at}"), "price": at});
    (0..count).map(item).collect()
}

/// Towers that read the price, a user's and an item's.
fn towers() -> Towers {
    let tower = json!({
        "features": [{"kind": "number", "field": "price", "mean": 0.0, "deviation": 1.0}],
        "layers": []
    });
    let schema = json!({
        "format": 1, "name": "price", "dimension": 1, "metric": Metric::L2,
        "user": tower, "item": tower
    });
    open_towers(&tower_files::<Vec<f32>>(&schema, &[]))
}

/// Writes, seals, publishes, merges, defines and recalls, on this thread.
fn live_through(path: &std::path::Path) {
    let db = twinspire_testkit::open_without_background(path);
    db.items().put_many(&records(ITEMS)).unwrap();
    db.publish(SPACE).towers(towers()).run().unwrap();
    db.items().put(&json!({"id": "more", "price": 7})).unwrap();
    db.items().delete("i3").unwrap();
    let user = json!({"price": 12});
    db.recall(SPACE)
        .user(&user)
        .filter("price < 20")
        .top(3)
        .unwrap();
    db.seal().unwrap();
    db.merge().unwrap();
    let ensemble = RankFusion::new().space(SPACE, 1.0);
    db.ensembles().define(ENSEMBLE, ensemble).unwrap();
    db.recall(ENSEMBLE).user(&user).top(3).unwrap();
    db.recall("nowhere").user(&user).top(3).unwrap_err();
    let reader = Database::open_read_only(path).unwrap();
    reader.refresh().unwrap();
    assert!(reader.check().unwrap().is_clean());
}
