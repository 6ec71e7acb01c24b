//! `recall` for many users, one by one and line by line; `embed`; `delete` and `import --replace`.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::command::{json_of, run, run_with};
use serde_json::{Value, json};
use twinspire::{Database, WeightedSum};
use twinspire_testkit::towers::{field_towers, scaled_towers};
use twinspire_testkit::{item, write_file};

fn with_size(at: usize) -> Value {
    let mut item = item(at, at);
    item["size"] = json!(at % 7);
    item["seller"] = json!({"city": "Bonn", "no": at});
    item
}

/// A database with items of prices 0 to 59, and two spaces whose towers read other fields.
fn shop(dir: &Path) -> String {
    let path = dir.join("shop.twin");
    let db = Database::open(&path).unwrap();
    let items: Vec<Value> = (0..60).map(with_size).collect();
    db.items().put_many(&items).unwrap();
    db.publish("near").towers(scaled_towers(1.0)).run().unwrap();
    db.publish("size")
        .towers(field_towers("inner_product", &["size"]))
        .run()
        .unwrap();
    let both = WeightedSum::new().space("near", 1.0).space("size", 1.0);
    db.ensembles().define("home", both).unwrap();
    path.to_str().unwrap().to_owned()
}

fn ids(answer: &Value) -> Vec<&str> {
    let hits = answer["hits"].as_array().unwrap();
    hits.iter().map(|hit| hit["id"].as_str().unwrap()).collect()
}

#[test]
fn a_user_on_a_line_is_answered_before_there_is_another() {
    let dir = tempfile::tempdir().unwrap();
    let db = shop(dir.path());
    let mut child = Command::new(env!("CARGO_BIN_EXE_twinspire"))
        .args([
            "recall",
            &db,
            "near",
            "--user",
            "-",
            "--json",
            "-k",
            "1",
            "--skip-bad",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut ask = |line: &str| -> Value {
        writeln!(input, "{line}").unwrap();
        input.flush().unwrap();
        let mut answer = String::new();
        output.read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).unwrap()
    };
    assert_eq!(ids(&ask("{\"price\": 7}")), ["B007"]);
    assert_eq!(ids(&ask("{\"price\": 31}")), ["B031"]);
    let bad = ask("{\"price\": \"dear\"}");
    assert_eq!(bad["user"], 3);
    assert!(
        bad["error"].as_str().unwrap().contains("field `price`"),
        "{bad}"
    );
    assert!(ask("oops")["error"].as_str().unwrap().contains("not JSON"));
    assert_eq!(ids(&ask("{\"price\": 59}")), ["B059"]);
    drop(input);
    let end = child.wait_with_output().unwrap();
    assert!(end.status.success());
    assert!(
        String::from_utf8(end.stderr)
            .unwrap()
            .contains("2 users could not be answered")
    );
}

#[test]
fn each_user_of_a_batch_has_an_answer_or_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let db = &*shop(dir.path());
    let users = "[{\"price\": 3}, {\"price\": []}, 7, {\"price\": 9}]";
    let refused = run(&["recall", db, "near", "--user", users]);
    assert_eq!((refused.exit, &*refused.out), (1, ""));
    assert!(
        refused.err.contains("user 2 of the batch: field `price`"),
        "{}",
        refused.err
    );
    let answers = json_of(&[
        "recall",
        db,
        "near",
        "--user",
        users,
        "-k",
        "1",
        "--skip-bad",
    ]);
    let results = answers["results"].as_array().unwrap();
    assert_eq!(
        (ids(&results[0]), ids(&results[3])),
        (vec!["B003"], vec!["B009"])
    );
    assert!(
        results[1]["error"]
            .as_str()
            .unwrap()
            .contains("field `price`")
    );
    assert!(
        results[2]["error"]
            .as_str()
            .unwrap()
            .contains("a JSON object of features expected")
    );
    let lines = "{\"price\": 3}\n\n{\"price\": []}\n{\"price\": 9}\n";
    let stopped = run_with(&["recall", db, "near", "--user", "-", "-k", "1"], lines);
    assert_eq!(stopped.exit, 1);
    assert!(
        stopped.out.contains("user 1\n") && !stopped.out.contains("user 3"),
        "{}",
        stopped.out
    );
    assert!(
        stopped.err.contains("user 2 of the batch"),
        "{}",
        stopped.err
    );
    let many: String = (0..700)
        .map(|at| format!("{{\"price\": {}}}\n", at % 60))
        .collect();
    let file = write_file(dir.path(), "users.jsonl", &many);
    let user = format!("@{}", file.display());
    let all = run(&["recall", db, "near", "--user", &user, "-k", "1", "--json"]);
    assert_eq!(all.exit, 0, "{}", all.err);
    for (at, line) in all.out.lines().enumerate() {
        let answer: Value = serde_json::from_str(line).unwrap();
        assert_eq!(ids(&answer), [format!("B{:03}", at % 60)]);
    }
    assert_eq!(all.out.lines().count(), 700);
}

#[test]
fn users_exclude_items_of_their_own_and_records_are_cut_to_fields() {
    let dir = tempfile::tempdir().unwrap();
    let db = &*shop(dir.path());
    let users =
        r#"[{"price": 3, "seen": ["B003", "B004"]}, {"price": 3}, {"price": 9, "seen": "B009"}]"#;
    let found = json_of(&[
        "recall",
        db,
        "near",
        "--user",
        users,
        "-k",
        "1",
        "--exclude-field",
        "seen",
        "--fields",
        "price,seller.city",
    ]);
    let results = found["results"].as_array().unwrap();
    let first: Vec<_> = results.iter().map(|answer| ids(answer)[0]).collect();
    assert_eq!(first, ["B002", "B003", "B008"]);
    let record = json!({"price": 2, "seller": {"city": "Bonn"}});
    assert_eq!(results[0]["hits"][0]["record"], record);
    let own = json_of(&[
        "recall",
        db,
        "near",
        "--user",
        r#"{"price": 3}"#,
        "--exclude-field",
        "price",
        "-k",
        "1",
    ]);
    assert_eq!(
        ids(&own),
        ["B003"],
        "a field that the tower reads stays a feature"
    );
}

#[test]
fn a_field_that_one_space_reads_is_right_in_the_ensemble() {
    let dir = tempfile::tempdir().unwrap();
    let db = &*shop(dir.path());
    let user = r#"{"price": 3, "size": 6}"#;
    json_of(&["recall", db, "home", "--user", user]);
    json_of(&["recall", db, "home", "--user", user, "--check-features"]);
    let alone = run(&["recall", db, "near", "--user", user]);
    assert!(alone.err.contains("field `size`"), "{}", alone.err);
    let neither = run(&[
        "recall",
        db,
        "home",
        "--user",
        r#"{"price": 3, "size": 6, "siez": 6}"#,
    ]);
    assert!(neither.err.contains("field `siez`"), "{}", neither.err);
}

#[test]
fn the_numbers_of_features_are_shown() {
    let dir = tempfile::tempdir().unwrap();
    let db = &*shop(dir.path());
    let user = r#"{"price": 3, "size": 6}"#;
    let shown = json_of(&[
        "recall",
        db,
        "home",
        "--user",
        user,
        "--show-features",
        "-k",
        "1",
    ]);
    assert_eq!(
        shown["embedded"]["near"]["features"][0]["numbers"],
        json!([3.0])
    );
    assert_eq!(
        shown["embedded"]["size"]["features"][0]["fields"],
        json!(["size"])
    );
    let embedded = json_of(&["embed", db, "near", "--user", r#"{"price": 3}"#]);
    assert_eq!(embedded["embedded"]["near"]["vector"], json!([3.0]));
    let item = json_of(&["embed", db, "near", "--item", "B004"]);
    assert_eq!(item["embedded"]["near"]["vector"], json!([4.0]));
    let table = run(&[
        "embed",
        db,
        "near",
        "--record",
        r#"{"id": "x", "price": 9}"#,
    ]);
    assert!(
        table.out.contains("number") && table.out.contains('9'),
        "{}",
        table.out
    );
    assert_eq!(run(&["embed", db, "near", "--item", "none"]).exit, 3);
}

#[test]
fn items_are_deleted_by_id_filter_and_file() {
    let dir = tempfile::tempdir().unwrap();
    let db = &*shop(dir.path());
    let count = || json_of(&["stats", db])["items"].as_u64().unwrap();
    let deleted = json_of(&["delete", db, "B001", "none", "B002"]);
    assert_eq!(
        (deleted["deleted"].clone(), &deleted["unknown"]),
        (json!(2), &json!(["none"]))
    );
    let dry = json_of(&["delete", db, "--filter", "price >= 50", "--dry-run"]);
    assert_eq!(
        (dry["found"].clone(), dry["deleted"].clone(), count()),
        (json!(10), json!(0), 58)
    );
    assert_eq!(
        json_of(&["delete", db, "--filter", "price >= 50"])["deleted"],
        10
    );
    let file = write_file(
        dir.path(),
        "gone.txt",
        "B003\n\n{\"id\": \"B004\"}\r\n\"B005\"\nB003\n",
    );
    assert_eq!(
        json_of(&["delete", db, "--file", file.to_str().unwrap()])["deleted"],
        3
    );
    assert_eq!(count(), 45);
    assert_eq!(run_with(&["delete", db, "--file", "-"], "B006\n").exit, 0);
    assert_eq!(run(&["delete", db]).exit, 2);
    let wrong = run(&["delete", db, "--filter", "prize > 3"]);
    assert!(
        wrong.exit == 2 && wrong.err.contains("did you mean `price`"),
        "{}",
        wrong.err
    );
}

#[test]
fn an_import_that_replaces_removes_what_the_file_does_not_have() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let db = path.to_str().unwrap();
    let lines = |ids: &[u32]| -> String {
        ids.iter()
            .map(|id| format!("{{\"id\":\"{id}\",\"n\":{}}}\n", id % 2))
            .collect()
    };
    let import = |text: &str, more: &[&str]| {
        let arguments = [
            &["import", db, "-", "--format", "json-lines", "--json"][..],
            more,
        ]
        .concat();
        run_with(&arguments, text)
    };
    let parsed = |out: &str| -> Value { serde_json::from_str(out).unwrap() };
    assert_eq!(import(&lines(&[1, 2, 3]), &[]).exit, 0);
    let replaced = import(&lines(&[1, 2, 4]), &["--replace"]);
    let done = parsed(&replaced.out);
    let counts = ["added", "changed", "unchanged", "removed"].map(|name| done[name].clone());
    assert_eq!(counts, [1, 0, 2, 1], "{}", replaced.err);
    let refused = import(&lines(&[1]), &["--replace"]);
    assert_eq!(refused.exit, 1);
    assert!(
        refused.err.contains("2 of 3 items") && refused.err.contains("--yes"),
        "{}",
        refused.err
    );
    let bad = import(
        "{\"id\":\"1\"}\n{\"id\":\"2\"}\noops\n",
        &["--replace", "--skip-bad"],
    );
    assert_eq!(bad.exit, 1);
    assert!(
        bad.err
            .contains("1 record could not be read: nothing was removed"),
        "{}",
        bad.err
    );
    assert_eq!(json_of(&["stats", db])["items"], 3);
    assert_eq!(
        parsed(&import(&lines(&[1]), &["--replace", "--yes"]).out)["removed"],
        2
    );
    assert_eq!(json_of(&["stats", db])["items"], 1);
}

#[test]
fn an_import_keeps_integers_and_tells_of_places_that_are_none() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let db = path.to_str().unwrap();
    let text = "{\"id\":\"a\",\"n\":9007199254740993,\"at\":{\"lat\":1,\"lng\":2}}\n\
                {\"id\":\"b\",\"n\":123456789012345678901234567890}\n";
    let import = |more: &[&str]| {
        let arguments = [&["import", db, "-", "--format", "json-lines"][..], more].concat();
        run_with(&arguments, text)
    };
    let refused = import(&[]);
    assert_eq!(refused.exit, 1);
    assert!(
        refused
            .err
            .contains("line 2: field `n`: expected an integer of at most 64 bits"),
        "{}",
        refused.err
    );
    let skipped = import(&["--skip-bad", "--no-filter", "raw"]);
    assert_eq!(skipped.exit, 0, "{}", skipped.err);
    assert!(
        skipped
            .err
            .contains("no place: `at` has other names in 1 item"),
        "{}",
        skipped.err
    );
    assert!(run(&["export", db]).out.contains("9007199254740993"));
    assert_eq!(
        Database::open(&path).unwrap().excluded_from_filters(),
        ["raw"]
    );
}

#[test]
fn items_of_a_generation_are_counted_once_however_often_they_were_written() {
    let dir = tempfile::tempdir().unwrap();
    let db = &*shop(dir.path());
    for _ in 0..2 {
        let items: String = (0..60).map(|at| format!("{}\n", with_size(at))).collect();
        let import = run_with(&["import", db, "-", "--format", "json-lines"], &items);
        assert_eq!(import.exit, 0, "{}", import.err);
        assert_eq!(run(&["seal", db]).exit, 0);
    }
    run(&["delete", db, "B000"]);
    let generations = json_of(&["generations", db, "near"]);
    assert_eq!(generations["generations"][0]["items"], 59);
    let nan = run(&["recall", db, "near", "--vector", "[1]", "--at-least", "nan"]);
    assert!(
        nan.exit == 2 && nan.err.contains("a finite number expected"),
        "{}",
        nan.err
    );
}
