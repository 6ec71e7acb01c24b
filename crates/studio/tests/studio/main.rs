//! A studio over real sockets: what it answers, and what it refuses.
#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod answers;
mod client;
mod refusals;

use client::Running;
use serde_json::json;
use twinspire::{Database, Metric, Towers};

#[test]
fn every_page_is_the_same_document_and_assets_have_their_types() {
    let studio = Running::start();
    for page in [
        "/",
        "/recall",
        "/items?id=a",
        "/compare",
        "/map",
        "/quality",
        "/training",
    ] {
        let answer = studio.get(page);
        assert_eq!(answer.status, 200, "{page}");
        assert!(answer.header("content-type").starts_with("text/html"));
        assert!(answer.text().contains("<div id=\"app\">"));
    }
    let script = studio.get("/assets/app.js");
    assert!(script.header("content-type").starts_with("text/javascript"));
    let policy = script.header("content-security-policy").to_owned();
    assert!(
        policy.contains("default-src 'none'") && !policy.contains("unsafe"),
        "{policy}"
    );
    assert_eq!(script.header("x-content-type-options"), "nosniff");
}

#[test]
fn the_studio_shows_what_another_handle_wrote_meanwhile() {
    let studio = Running::start();
    assert_eq!(studio.get("/api/overview").json()["stats"]["items"], 2);
    studio.database.items().put(&json!({"id": "c"})).unwrap();
    let towers = Towers::vectors_only("more", 2, Metric::L2).unwrap();
    let vectors = [("a", [0.0, 1.0]), ("b", [1.0, 0.0]), ("c", [1.0, 1.0])];
    studio
        .database
        .publish("more")
        .towers(towers)
        .vectors(vectors)
        .run()
        .unwrap();
    // It reads again after a second.
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    let overview = studio.get("/api/overview").json();
    assert_eq!(overview["stats"]["items"], 3);
    let info = studio.get("/api/info").json();
    let names = info["targets"].as_array().unwrap().iter();
    let names: Vec<_> = names
        .map(|target| target["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["clip", "more"]);
}

/// A database with two items and a space of their vectors.
fn database(path: &std::path::Path) -> Database {
    let db = Database::open(path).unwrap();
    let items = [
        json!({"id": "a", "title": "red shoes", "price": 12.5}),
        json!({"id": "b", "title": "<script>alert(1)</script>", "price": 80}),
    ];
    db.items().put_many(&items).unwrap();
    let towers = Towers::vectors_only("clip", 2, Metric::L2).unwrap();
    let vectors = [("a", [0.0, 1.0]), ("b", [1.0, 0.0])];
    db.publish("clip")
        .towers(towers)
        .vectors(vectors)
        .run()
        .unwrap();
    db
}
