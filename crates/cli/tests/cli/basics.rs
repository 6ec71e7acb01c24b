//! Results, messages and exit codes of `twinspire`, each on the right stream.

use std::path::Path;

use crate::command::{json_of, run, run_with};
use serde_json::{Value, json};
use twinspire_testkit::{item, towers, write_file, write_files};

#[test]
fn help_teaches_every_command() {
    let help = run(&["--help"]);
    assert_eq!(help.exit, 0);
    assert!(help.out.contains("Exit codes:") && help.out.contains("4  corruption found"));
    for command in [
        "import",
        "delete",
        "export",
        "train",
        "loop",
        "towers",
        "publish",
        "recall",
        "similar",
        "diff",
        "embed",
        "mine",
        "generations",
        "rollback",
        "retain",
        "ensembles",
        "lexical",
        "seal",
        "merge",
        "gc",
        "push",
        "follow",
        "stats",
        "check",
        "repair",
        "snapshot",
        "restore",
    ] {
        let help = run(&[command, "--help"]);
        assert_eq!(help.exit, 0);
        assert!(help.out.contains("Examples:"), "{command}: {}", help.out);
    }
}

#[test]
fn wrong_usage_exits_with_2_and_names_the_right_usage() {
    for (arguments, says) in [
        (&["frobnicate"][..], "unrecognized subcommand"),
        (&["recall", "db", "movies"], "--user <JSON>|--vector <JSON>"),
        (
            &["recall", "db", "movies", "--user", "{oops}"],
            "--user: the argument is not JSON",
        ),
        (
            &["recall", "db", "movies", "--user", "7"],
            "a JSON object of features expected",
        ),
        (
            &["recall", "db", "movies", "--vector", "[1,\"x\"]"],
            "a number expected at place 1",
        ),
        (
            &["recall", "db", "movies", "--user", "{}", "--top", "many"],
            "invalid value 'many'",
        ),
        (
            &[
                "recall", "db", "movies", "--user", "{}", "--ef", "9", "--exact",
            ],
            "cannot be used with",
        ),
        (
            &["recall", "db", "movies", "--user", "{}", "--ef", "0"],
            "a whole number of at least 1 expected",
        ),
        (
            &[
                "recall",
                "db",
                "movies",
                "--user",
                "{}",
                "--recall-target",
                "2",
            ],
            "a number above 0 and at most 1 expected",
        ),
        (
            &["similar", "db", "movies", "B01", "--recall-target", "nan"],
            "a number above 0 and at most 1 expected",
        ),
        (
            &["import", "db", "log.csv", "--kind", "events"],
            "--dry-run",
        ),
        (
            &[
                "import",
                "db",
                "x",
                "--kind",
                "users",
                "--dry-run",
                "--format",
                "export",
            ],
            "an export holds items only",
        ),
        (
            &["retain", "db", "movies", "0"],
            "a whole number of at least 1 expected",
        ),
        (
            &["publish", "db", "movies", "towers", "--retain", "0"],
            "a whole number of at least 1 expected",
        ),
        (
            &["train", "youtube", "--out", "towers"],
            "--movielens <DIR>|--items <PATH>...|--events <PATH>...",
        ),
    ] {
        let run = run(arguments);
        assert_eq!(run.exit, 2, "{arguments:?}");
        assert!(run.err.starts_with("error: "), "{}", run.err);
        assert!(run.err.contains(says), "{arguments:?}: {}", run.err);
        assert_eq!(run.out, "");
    }
}

#[test]
fn what_does_not_exist_exits_with_3_and_is_not_created() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("none.twin");
    let db = db.to_str().unwrap();
    for arguments in [
        &["stats", db][..],
        &["check", db],
        &["export", db],
        &["seal", db],
        &["merge", db],
        &["gc", db],
        &["repair", db],
        &["snapshot", db, "copy.twin"],
        &["restore", db, "copy.twin"],
        &["retain", db, "movies", "1"],
        &["generations", db, "movies"],
        &["rollback", db, "movies"],
        &["similar", db, "movies", "1"],
        &["recall", db, "movies", "--user", "{}"],
        &["import", db, "/no/such/items.csv"],
        &["recall", db, "movies", "--user", "@/no/such/user.json"],
    ] {
        let run = run(arguments);
        assert_eq!(run.exit, 3, "{arguments:?}: {}", run.err);
        assert!(run.err.starts_with("error: "), "{}", run.err);
    }
    assert!(!Path::new(db).exists());
}

#[test]
fn a_dry_run_checks_a_file_and_creates_no_database() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("shop.twin");
    let db = db.to_str().unwrap();
    let items = write_file(dir.path(), "items.csv", "id,n\n1,2\n3\n4,5\n");
    let items = items.to_str().unwrap();

    let bad = run(&["import", db, items, "--dry-run"]);
    assert_eq!(bad.exit, 1);
    let says = "items.csv, line 3: 2 cells expected, as in the header, found 1\nhint: --skip-bad";
    assert!(bad.err.contains(says), "{}", bad.err);

    let skipped = run(&["import", db, items, "--dry-run", "--skip-bad", "--json"]);
    assert_eq!(skipped.exit, 0);
    let document: Value = serde_json::from_str(&skipped.out).unwrap();
    assert_eq!(
        document,
        json!({"kind": "items", "read": 2, "bad_records": 1, "lost_records": 0, "repeated_ids": 0, "written": 0})
    );
    assert!(skipped.err.contains("skipped: "));

    let empty = run(&["import", db, "-", "--format", "csv", "--dry-run"]);
    assert_eq!(empty.exit, 1, "an empty input is there, and wrong");

    let line = "{\"user\":1,\"item\":2,\"at\":3}\n";
    let arguments = [
        "import",
        db,
        "-",
        "--format",
        "json-lines",
        "--kind",
        "events",
        "--dry-run",
    ];
    assert_eq!(run_with(&arguments, line).out, "1 event checked\n");
    assert!(!Path::new(db).exists());
}

#[test]
fn a_file_of_items_is_imported_published_recalled_and_rolled_back() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("shop.twin");
    let db = db.to_str().unwrap();
    let towers = |scale: f32| {
        let path = dir.path().join(format!("towers-{scale}"));
        std::fs::create_dir(&path).unwrap();
        write_files(&path, &towers::scaled(scale));
        path.to_str().unwrap().to_owned()
    };
    let lines: Vec<_> = (0..50).map(|id| item(id, id).to_string()).collect();
    // The last line replaces the first: the same id again.
    let again = item(0, 1000).to_string();
    let items = write_file(
        dir.path(),
        "items.jsonl",
        &(lines.join("\n") + "\n" + &again),
    );
    let imported = json_of(&["import", db, items.to_str().unwrap()]);
    assert_eq!(imported["written"], 51);
    assert_eq!(json_of(&["stats", db])["items"], 50);

    let published = json_of(&["publish", db, "by-price", &towers(1.0)]);
    assert_eq!(published["generation"]["items"], 50);
    let user = r#"{"price": 20}"#;
    let recalled = json_of(&[
        "recall",
        db,
        "by-price",
        "--user",
        user,
        "--top",
        "2",
        "--records",
    ]);
    assert_eq!(recalled["generation"], 1);
    assert_eq!(
        recalled["hits"][0],
        json!({"id": "B020", "score": 0.0, "record": item(20, 20)})
    );
    let text = run(&["recall", db, "by-price", "--user", user, "--top", "2"]);
    assert_eq!(text.exit, 0);
    assert!(
        text.out.contains("B020") && text.out.lines().count() >= 3,
        "{}",
        text.out
    );
    let similar = json_of(&["similar", db, "by-price", "B000", "--top", "1"]);
    assert_eq!(
        similar["hits"][0]["id"], "B049",
        "the nearest to a price of 1000"
    );
    let cheap = "price < 20 and name starts with 'thing'";
    let asked = ["recall", db, "by-price", "--user", user, "--filter"];
    let filtered = json_of(&[&asked[..], &[cheap]].concat());
    assert_eq!(filtered["hits"][0]["id"], "B019", "{filtered}");
    let near = json_of(&["similar", db, "by-price", "B010", "--filter", "price > 40"]);
    assert_eq!(near["hits"][0]["id"], "B041", "{near}");
    let wrong = run(&[&asked[..], &["prize < 20"]].concat());
    assert_eq!(wrong.exit, 2);
    assert_eq!(
        wrong.err,
        "error: --filter: there is no field `prize`; did you mean `price`?\n  \
         prize < 20\n  ^^^^^\n"
    );
    let users = r#"[{"price": 20}, {"price": 30}]"#;
    let many = json_of(&[
        "recall",
        db,
        "by-price",
        "--user",
        users,
        "--exclude",
        "B030",
    ]);
    assert_eq!(many["results"][1]["hits"][0]["id"], "B029");

    let exact = json_of(&[
        "recall",
        db,
        "by-price",
        "--user",
        user,
        "--recall-target",
        "0.9",
    ]);
    assert_eq!(
        exact["promise"]["kind"], "exact",
        "so few items are all scored"
    );
    let lines: Vec<_> = (0..300)
        .map(|price| json!({"price": price}).to_string())
        .collect();
    let holdout = write_file(dir.path(), "holdout.jsonl", lines.join("\n"));
    let holdout = holdout.to_str().unwrap();
    let audited = json_of(&["audit", db, "by-price", "--users", holdout, "--store"]);
    let given = &audited["calibration"]["samples"][2];
    assert_eq!(
        (&given["kind"], &given["queries"]),
        (&json!("given"), &json!(300))
    );
    let made_up = json_of(&["audit", db, "by-price", "--store"]);
    assert_eq!(
        made_up["calibration"]["samples"][2], *given,
        "users are kept"
    );
    let stats = json_of(&["stats", db]);
    assert_eq!(stats["spaces"]["by-price"]["recall"]["kind"], "given");

    let half = [
        "publish",
        db,
        "by-price",
        &towers(2.0),
        "--half",
        "--calibrate-users",
        holdout,
    ];
    assert_eq!(json_of(&half)["generation"]["measured"]["kind"], "given");
    let both = json_of(&["generations", db, "by-price"]);
    assert_eq!(both["generations"].as_array().unwrap().len(), 2);
    let stored = |at: usize| both["generations"][at]["storage"].clone();
    assert_eq!((stored(0), stored(1)), (json!("full"), json!("half")));
    assert_eq!(
        json_of(&["stats", db])["spaces"]["by-price"]["storage"],
        "half"
    );
    assert_eq!(
        json_of(&["rollback", db, "by-price"])["generation"]["number"],
        1
    );
    assert_eq!(
        run(&["rollback", db, "by-price"]).exit,
        3,
        "no generation precedes the first"
    );
    assert_eq!(run(&["check", db]).exit, 0);

    let space = std::fs::read_dir(dir.path().join("shop.twin/segments")).unwrap();
    let space = space
        .map(|entry| entry.unwrap())
        .find(|entry| entry.file_name().to_str().unwrap().starts_with("space-"));
    let path = space.unwrap().path();
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
    write_file(path.parent().unwrap(), &name, bytes);
    let damaged = run(&["check", db]);
    assert_eq!(damaged.exit, 4);
    assert!(damaged.out.contains(&name), "{}", damaged.out);
}

#[test]
fn bad_features_are_refused_by_field_and_unknown_spaces_are_not_found() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("shop.twin");
    let db = db.to_str().unwrap();
    let items = write_file(dir.path(), "items.csv", "id,price\na,1\nb,2\n");
    assert_eq!(run(&["import", db, items.to_str().unwrap()]).exit, 0);
    let unknown = run(&["recall", db, "books", "--user", "{}"]);
    assert_eq!(unknown.exit, 3);
    assert!(
        unknown.err.contains("none has been published yet"),
        "{}",
        unknown.err
    );
    let path = dir.path().join("towers");
    std::fs::create_dir(&path).unwrap();
    let none = run(&["publish", db, "by-price", path.to_str().unwrap()]);
    assert_eq!(none.exit, 1);
    assert!(
        none.err.contains("tower.json: file: is missing"),
        "{}",
        none.err
    );
    write_files(&path, &towers::scaled(1.0));
    assert_eq!(
        run(&["publish", db, "by-price", path.to_str().unwrap()]).exit,
        0
    );
    let typo = run(&["recall", db, "by-price", "--user", r#"{"prise": 1}"#]);
    assert_eq!(typo.exit, 1);
    assert!(typo.err.contains("field `prise`"), "{}", typo.err);
}

#[test]
fn vectors_computed_elsewhere_are_published_from_files() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let db = path("shop.twin");
    write_file(
        dir.path(),
        "items.jsonl",
        "{\"id\":\"a\"}\n{\"id\":\"b\"}\n{\"id\":\"c\"}\n",
    );
    json_of(&["import", &db, &path("items.jsonl")]);
    // Three rows of two components, as the benchmarks of the field have them.
    let rows = [[1.0f32, 0.0], [0.0, 1.0], [0.5, 0.5]];
    let bytes = rows.iter().flat_map(|row| {
        let numbers = row.iter().flat_map(|x| x.to_le_bytes());
        2u32.to_le_bytes().into_iter().chain(numbers)
    });
    write_file(dir.path(), "items.fvecs", bytes.collect::<Vec<_>>());
    write_file(dir.path(), "ids.txt", "b\nc\na\n");
    let (vectors, ids) = (path("items.fvecs"), path("ids.txt"));
    let from = ["publish", &db, "clip", "--vectors", &vectors];
    let published = json_of(&[&from[..], &["--ids", &ids, "--metric", "inner_product"]].concat());
    assert_eq!(published["generation"]["items"], 3);
    assert_eq!(published["generation"]["metric"], "inner product");
    let found = json_of(&["recall", &db, "clip", "--vector", "[0, 2]", "--top", "1"]);
    assert_eq!(found["hits"][0], json!({"id": "c", "score": 2.0}));

    // What an export says of a space can be published again.
    let exported = path("all.jsonl");
    assert_eq!(
        run(&["export", &db, "--out", &exported, "--vectors", "clip"]).exit,
        0
    );
    let lines = std::fs::read_to_string(&exported).unwrap();
    let with_bad =
        format!("{lines}{{\"item\":{{\"id\":\"z\"}},\"vectors\":{{\"clip\":[1,2]}}}}\n{{oops\n");
    write_file(dir.path(), "more.jsonl", &with_bad);
    let again = path("more.jsonl");
    let from = [
        "publish",
        &db,
        "copy",
        "--vectors",
        &again,
        "--from-space",
        "clip",
    ];
    let refused = run(&from);
    assert_eq!(refused.exit, 1);
    assert!(
        refused
            .err
            .contains("\"z\" cannot be used: there is no such item"),
        "{}",
        refused.err
    );
    assert!(refused.err.contains("--leave-out"), "{}", refused.err);
    let left_out = run(&[&from[..], &["--leave-out"]].concat());
    assert_eq!(left_out.exit, 0, "{}", left_out.err);
    assert_eq!(
        left_out.err.matches("left out: ").count(),
        2,
        "{}",
        left_out.err
    );
    let usage = run(&["publish", &db, "clip"]);
    assert_eq!(usage.exit, 2);

    // Both fused, and an ensemble that walks the one graph.
    let fused = json_of(&["publish", &db, "both", "--fuse", "clip", "copy"]);
    assert_eq!(
        fused["generation"]["members"],
        json!({"clip": 1, "copy": 1})
    );
    let listed = run(&["generations", &db, "both"]);
    assert!(listed.out.contains("clip 1 + copy 1"), "{}", listed.out);
    let recipe = r#"{"method":"weighted","spaces":{"clip":0.5,"copy":0.25},"fused":"both"}"#;
    run(&["ensembles", &db, "--define", "home", recipe]);
    let found = json_of(&["recall", &db, "home", "--vector", "[0, 2]", "--top", "1"]);
    assert_eq!(found["hits"][0]["id"], "c");
    assert_eq!(found["hits"][0]["score"], 1.25);
    let alone = run(&["publish", &db, "both", "--fuse", "clip"]);
    assert_eq!(alone.exit, 2);
}
