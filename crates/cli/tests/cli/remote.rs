//! `push` and `follow` over a directory, and the commands that read what a follower serves.

use crate::command::{json_of, run, run_with};
use serde_json::{Value, json};
use std::path::Path;
use twinspire_testkit::{item, write_files};

fn put(db: &str, count: usize) {
    let lines: String = (0..count)
        .map(|id| format!("{}\n", item(id, id * 10)))
        .collect();
    let done = run_with(&["import", db, "-"], &lines);
    assert_eq!(done.exit, 0, "{}", done.err);
}

#[test]
fn a_pushed_database_is_served_from_the_directory_of_a_follower() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (db, store, replica, models) = (
        path("shop.twin"),
        path("store"),
        path("replica"),
        path("models"),
    );
    put(&db, 20);
    std::fs::create_dir(&models).unwrap();
    write_files(
        Path::new(&models),
        &twinspire_testkit::towers::fields("l2", &["price"], 1.0),
    );
    json_of(&["publish", &db, "by-price", &models]);

    let pushed = json_of(&["push", &db, &store]);
    assert_eq!(
        (&pushed["epoch"], &pushed["unchanged"]),
        (&json!(1), &json!(false))
    );
    let again = run(&["push", &db, &store]);
    assert!(
        again.out.contains("has this state as epoch 1"),
        "{}",
        again.out
    );

    let followed = json_of(&["follow", &store, &replica, "--once"]);
    assert_eq!(
        (&followed["epoch"], &followed["lag"]["heads"]),
        (&json!(1), &json!(0))
    );
    put(&db, 25);
    let text = run(&["push", &db, &store, "--keep", "1"]).out;
    assert!(
        text.starts_with("epoch 2 of ") && text.contains(" uploaded, "),
        "{text}"
    );

    // The replica has the first epoch until it is brought up to date.
    let recall = [
        "recall",
        &replica,
        "by-price",
        "--user",
        "{\"price\": 241}",
        "--top",
        "1",
    ];
    assert_eq!(json_of(&recall)["hits"][0]["id"], "B019");
    let followed = run(&["follow", &store, &replica, "--once"]);
    assert!(
        followed.out.contains("is at epoch 2 of "),
        "{} {}",
        followed.out,
        followed.err
    );
    assert_eq!(json_of(&recall)["hits"][0]["id"], "B024");
    let stats = json_of(&["stats", &replica]);
    let follow = &stats["follow"];
    assert_eq!(
        (&stats["items"], &follow["epoch"], &follow["newest"]),
        (&json!(25), &json!(2), &json!(2))
    );
    assert_eq!(
        (&follow["lag"]["heads"], &follow["lag"]["error"]),
        (&json!(0), &Value::Null)
    );
    assert!(run(&["stats", &replica]).out.contains("epoch"));
    assert_eq!(json_of(&["stats", &db]).get("follow"), None);
}

#[test]
fn failures_of_stores_have_exit_codes_and_hints() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (db, other, store, replica) = (
        path("shop.twin"),
        path("other.twin"),
        path("store"),
        path("replica"),
    );
    put(&db, 3);
    put(&other, 3);
    for (arguments, exit, says) in [
        (
            &["push", &path("none.twin"), &store][..],
            3,
            "there is no such database",
        ),
        (
            &["push", &db, "ftp://host/x"],
            2,
            "there is no store \"ftp\"",
        ),
        (
            &["follow", &store, &replica],
            2,
            "there is no such directory",
        ),
        (
            &["follow", "s3://key:secret@bucket/x", &replica],
            2,
            "it has credentials",
        ),
        (
            &["follow", &store, &replica, "--interval", "-1"],
            2,
            "give seconds above 0",
        ),
    ] {
        let done = run(arguments);
        assert_eq!(done.exit, exit, "{arguments:?}: {}", done.err);
        assert!(
            done.err.contains(says) && !done.err.contains("secret"),
            "{}",
            done.err
        );
    }
    json_of(&["push", &db, &store]);
    let refused = run(&["push", &other, &store]);
    assert_eq!(refused.exit, 1);
    assert!(
        refused.err.contains("hint: `push --replace` replaces it"),
        "{}",
        refused.err
    );
    // A damaged object is corruption, and names the object.
    let objects = std::fs::read_dir(dir.path().join("store/objects")).unwrap();
    let object = objects.map(|entry| entry.unwrap().path()).next().unwrap();
    std::fs::write(&object, b"x").unwrap();
    let damaged = run(&["follow", &store, &replica, "--once"]);
    assert_eq!(damaged.exit, 4, "{}", damaged.err);
    assert!(
        damaged
            .err
            .contains(object.file_name().unwrap().to_str().unwrap()),
        "{}",
        damaged.err
    );
    json_of(&["push", &db, &store, "--all"]);
    json_of(&["follow", &store, &replica, "--once"]);
}
