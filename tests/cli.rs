//! The command `twinspire` tells what it did, on the right stream, with the right exit code.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

#[path = "common/command.rs"]
mod command;
mod common;

use std::path::Path;

use command::{file, json_of, run, run_with};
use serde_json::{Value, json};

#[test]
fn help_teaches_every_command() {
    let help = run(&["--help"]);
    assert_eq!(help.exit, 0);
    assert!(help.out.contains("Exit codes:") && help.out.contains("4  corruption found"));
    for command in [
        "import",
        "export",
        "train",
        "loop",
        "towers",
        "publish",
        "recall",
        "similar",
        "diff",
        "mine",
        "generations",
        "rollback",
        "retain",
        "ensembles",
        "seal",
        "merge",
        "gc",
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
fn wrong_usage_exits_with_2_and_says_what_is_right() {
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
            &["import", "db", "log.csv", "--kind", "events"],
            "--dry-run",
        ),
        (&["import", "db", "-"], "standard input needs --format"),
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
            "an export holds items alone",
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
            "--movielens <DIR>|--items <FILE>|--events <FILE>",
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
fn what_is_not_there_exits_with_3_and_is_not_made() {
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
fn a_dry_run_checks_files_and_makes_no_database() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("shop.twin");
    let db = db.to_str().unwrap();
    let items = file(dir.path(), "items.csv", "id,n\n1,2\n3\n4,5\n");
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
        json!({"kind": "items", "read": 2, "bad_lines": 1, "written": 0})
    );
    assert!(skipped.err.contains("passed over: "));

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
fn from_a_file_of_items_to_recalls_and_back_a_generation() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("shop.twin");
    let db = db.to_str().unwrap();
    let towers = |scale: f32| {
        let path = dir.path().join(format!("towers-{scale}"));
        std::fs::create_dir(&path).unwrap();
        common::write(&path, &common::towers::scaled(scale));
        path.to_str().unwrap().to_owned()
    };
    let lines: Vec<_> = (0..50).map(|id| common::item(id, id).to_string()).collect();
    // The last line replaces the first: the same id again.
    let again = common::item(0, 1000).to_string();
    let items = file(
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
        json!({"id": "B020", "score": 0.0, "record": common::item(20, 20)})
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

    json_of(&["publish", db, "by-price", &towers(2.0), "--half"]);
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
        "there is none before the first"
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
    common::write(path.parent().unwrap(), &[(name.clone(), bytes)]);
    let damaged = run(&["check", db]);
    assert_eq!(damaged.exit, 4);
    assert!(damaged.out.contains(&name), "{}", damaged.out);
}

#[test]
fn bad_features_fail_with_the_field_and_unknown_spaces_are_not_found() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("shop.twin");
    let db = db.to_str().unwrap();
    let items = file(dir.path(), "items.csv", "id,price\na,1\nb,2\n");
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
    common::write(&path, &common::towers::scaled(1.0));
    assert_eq!(
        run(&["publish", db, "by-price", path.to_str().unwrap()]).exit,
        0
    );
    let typo = run(&["recall", db, "by-price", "--user", r#"{"prise": 1}"#]);
    assert_eq!(typo.exit, 1);
    assert!(typo.err.contains("field `prise`"), "{}", typo.err);
}

/// A log in which everyone keeps to the even items or to the odd ones.
fn log() -> String {
    let mut lines = String::from("user,item,at\n");
    for user in 0..40 {
        for step in 0..12 {
            let item = (user * 5 + step * 7) % 30 * 2 + user % 2;
            lines.push_str(&format!("u{user},{item},{}\n", step * 60));
        }
    }
    lines
}

#[test]
fn from_raw_logs_to_recalls() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (db, towers) = (path("shop.twin"), path("models/shop"));
    let items: Vec<_> = (0..60)
        .map(|id| {
            let side = if id % 2 == 0 { "even" } else { "odd" };
            json!({"id": id.to_string(), "side": side, "title": format!("{side} thing")})
        })
        .map(|item| item.to_string())
        .collect();
    file(dir.path(), "items.jsonl", &items.join("\n"));
    file(dir.path(), "log.csv", &log());
    let (items, log) = (path("items.jsonl"), path("log.csv"));
    let trained = json_of(&[
        "train",
        "youtube",
        "--items",
        &items,
        "--events",
        &log,
        "--out",
        &towers,
        "--batch",
        "32",
        "--dimension",
        "16",
    ]);
    assert_eq!(
        (&trained["events"], &trained["dimension"]),
        (&json!(480), &json!(16))
    );
    let losses = trained["loss_of_each_pass"].as_array().unwrap();
    assert!(
        losses.last().unwrap().as_f64() < losses[0].as_f64(),
        "{losses:?}"
    );

    json_of(&["import", &db, &items]);
    json_of(&["publish", &db, "things", &towers]);
    let user = r#"{"user_id": "u1", "history": ["5", "19"]}"#;
    let found = json_of(&[
        "recall",
        &db,
        "things",
        "--user",
        user,
        "--top",
        "10",
        "--records",
    ]);
    let hits = found["hits"].as_array().unwrap();
    let odd = hits
        .iter()
        .filter(|hit| hit["record"]["side"] == "odd")
        .count();
    assert!(odd >= 9, "u1 keeps to the odd items: {hits:?}");

    let inspected = run(&["towers", "inspect", &towers]);
    assert_eq!(inspected.exit, 0, "{}", inspected.err);
    let shown = [
        "user tower",
        "item tower",
        "history",
        "example: {",
        "parameters",
        "tower.json",
    ];
    for shown in shown {
        assert!(inspected.out.contains(shown), "{shown}: {}", inspected.out);
    }
    let all = json_of(&["towers", "inspect", &db]);
    let one = json_of(&["towers", "inspect", &db, "things"]);
    assert_eq!(all[0], one);
    let generations = json_of(&["generations", &db, "things"]);
    assert_eq!(one["hash"], generations["generations"][0]["towers_hash"]);
    let example = one["user"]["example"].to_string();
    json_of(&[
        "recall",
        &db,
        "things",
        "--user",
        &example,
        "--check-features",
    ]);
    let odd = r#"[{"history": 7, "hstory": ["5"]}, {"user_id": []}]"#;
    let strict = run(&["recall", &db, "things", "--user", odd, "--check-features"]);
    assert_eq!((strict.exit, strict.out.as_str()), (2, ""));
    for problem in [
        "user 1: field `hstory`",
        "user 1: field `history`",
        "user 2: field `user_id`",
    ] {
        assert!(strict.err.contains(problem), "{}", strict.err);
    }
    let arguments = ["recall", &db, "things", "--json", "--user", odd];
    let lenient = run(&[&arguments[..], &["--check-features=lenient"]].concat());
    assert_eq!(lenient.exit, 0, "{}", lenient.err);
    assert!(
        lenient.err.contains("user 1: field `hstory`"),
        "{}",
        lenient.err
    );

    let unknown = run(&["recall", &db, "things", "--user", r#"{"histroy": ["5"]}"#]);
    assert_eq!(unknown.exit, 1);
    assert!(unknown.err.contains("field `histroy`"), "{}", unknown.err);
    let empty = file(dir.path(), "none.csv", "user,item,at\n");
    let arguments = [
        "train", "youtube", "--items", &items, "--out", &towers, "--events",
    ];
    let nothing = run(&[&arguments[..], &[empty.to_str().unwrap()]].concat());
    assert_eq!(nothing.exit, 1);
    assert!(
        nothing.err.contains("the dataset has no events"),
        "{}",
        nothing.err
    );
}

#[test]
fn texts_are_found_by_towers_that_learnt_from_them_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let topics = ["wing lift drag", "shock body blunt", "heat plate flow"];
    let documents = (0..30).map(|n| {
        let words: Vec<_> = topics[n % 3].split(' ').collect();
        let [a, b, c] = words[..] else { panic!() };
        let text = format!("{a} {b} {n}. The {b} of a {c}. {c} and {a} again.");
        json!({"id": n.to_string(), "body": text}).to_string()
    });
    let documents: Vec<_> = documents.collect();
    file(dir.path(), "docs.jsonl", &documents.join("\n"));
    file(
        dir.path(),
        "settings.json",
        r#"{"activation": "linear", "words": 1, "negatives": 0, "epochs": 99, "document": "body"}"#,
    );
    let [docs, towers, settings, page] =
        ["docs.jsonl", "towers", "settings.json", "page.html"].map(path);
    let arguments = [
        "train",
        "dssm",
        "--items",
        &docs,
        "--out",
        &towers,
        "--config",
        &settings,
        "--hidden=",
        "--dimension",
        "8",
        "--epochs",
        "20",
        "--patience",
        "20",
        "--learning-rate",
        "0.02",
        "--report",
        &page,
    ];
    let trained = json_of(&arguments);
    assert_eq!(trained["loss_of_each_pass"].as_array().unwrap().len(), 20);
    assert_eq!(trained["validation"]["metric"], "mrr");
    assert!(trained["examples_per_second"].as_f64().unwrap() > 0.0);
    let page = std::fs::read_to_string(&page).unwrap();
    assert!(page.contains("<svg") && page.contains("<th>epochs<td><code>20</code>"));

    let db = path("texts.twin");
    json_of(&["import", &db, &docs]);
    json_of(&["publish", &db, "texts", &towers]);
    let query = r#"{"query": "the lift of wings"}"#;
    let found = json_of(&["recall", &db, "texts", "--user", query, "--top", "8"]);
    let ids = found["hits"].as_array().unwrap().iter();
    let ids: Vec<u32> = ids
        .map(|hit| hit["id"].as_str().unwrap().parse().unwrap())
        .collect();
    assert!(ids.iter().all(|id| id % 3 == 0), "{ids:?}");

    let again = json_of(&[&arguments[..], &["--warm-start", &towers]].concat());
    let first = |trained: &Value| trained["loss_of_each_pass"][0].as_f64().unwrap();
    assert!(first(&again) < first(&trained));
    let wrong = file(dir.path(), "wrong.json", r#"{"epoch": 3}"#);
    let wrong = run(&[
        "train",
        "dssm",
        "--items",
        &docs,
        "--out",
        &towers,
        "--config",
        wrong.to_str().unwrap(),
    ]);
    assert_eq!(wrong.exit, 2);
    assert!(wrong.err.contains("unknown field `epoch`"), "{}", wrong.err);
}

#[test]
fn texts_of_several_columns_are_learnt_from_and_answer() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let titles = ["wing lift", "blunt shock", "hot plate"];
    let bodies = ["drag and flow", "body and wave", "heat and skin"];
    let rows = (0..30).map(|n| {
        let (title, body) = (titles[n % 3], bodies[n % 3]);
        // Some have no body, some no title.
        match n {
            0..3 => format!("{n},{title},,{n}\n"),
            3..6 => format!("{n},,\"Of {body}. The {title}.\",{n}\n"),
            _ => format!("{n},{title},\"Of {body}, number {n}.\",{n}\n"),
        }
    });
    let rows: String = rows.collect();
    file(
        dir.path(),
        "docs.csv",
        &format!("id,title,body,year\n{rows}"),
    );
    let [docs, towers, both, page, db] =
        ["docs.csv", "towers", "both", "page.html", "texts.twin"].map(path);
    let train = |more: &[&str]| {
        let arguments = [
            "train",
            "dssm",
            "--items",
            &docs,
            "--hidden=",
            "--dimension",
            "8",
        ];
        let rest = ["--epochs", "12", "--learning-rate", "0.02", "--words", "1"];
        run(&[&arguments[..], &rest, more, &["--json"]].concat())
    };
    let trained = train(&["--out", &towers, "--report", &page, "--pool", "all"]);
    assert_eq!(trained.exit, 0, "{}", trained.err);
    let page = std::fs::read_to_string(&page).unwrap();
    assert!(
        page.contains("[&quot;title&quot;,&quot;body&quot;]"),
        "{page}"
    );
    let described = json_of(&["towers", "inspect", &towers]);
    assert_eq!(
        described["item"]["features"][0]["fields"],
        json!(["title", "body"])
    );

    json_of(&["import", &db, &docs]);
    json_of(&["publish", &db, "texts", &towers]);
    for (query, kind) in [
        ("lift", 0),
        ("drag", 0),
        ("wave", 1),
        ("plate", 2),
        ("skin", 2),
    ] {
        let query = json!({ "query": query }).to_string();
        let found = json_of(&["recall", &db, "texts", "--user", &query, "--top", "8"]);
        let hits = found["hits"].as_array().unwrap().iter();
        let kinds = hits.map(|hit| hit["id"].as_str().unwrap().parse::<usize>().unwrap() % 3);
        assert_eq!(kinds.collect::<Vec<_>>(), [kind; 8], "{query}");
    }

    // Named in another order; a warm start goes on with them though nothing names them.
    let named = [
        "--out",
        &both,
        "--document",
        "body,title",
        "--pool",
        "batch",
    ];
    assert_eq!(train(&named).exit, 0);
    let again = train(&["--out", &both, "--warm-start", &both]);
    assert_eq!(again.exit, 0, "{}", again.err);
    let described = json_of(&["towers", "inspect", &both]);
    assert_eq!(
        described["item"]["features"][0]["fields"],
        json!(["body", "title"])
    );
    let typo = train(&["--out", &both, "--document", "titel"]);
    assert_eq!(typo.exit, 1);
    assert!(
        typo.err
            .contains("no item has a field `titel` (there are body, id, title, year)"),
        "{}",
        typo.err
    );
    let none = file(dir.path(), "none.csv", "id,year,price\na,1,2\nb,2,3\n");
    let none = none.to_str().unwrap();
    let none = run(&["train", "dssm", "--items", none, "--out", &both]);
    assert_eq!(none.exit, 1);
    assert!(
        none.err.contains(
            "(there are id, price, year); name those to be read by the setting `document`"
        ),
        "{}",
        none.err
    );
}

#[test]
fn what_a_database_confuses_is_learnt_from_and_both_models_answer_together() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let lines = |of: &dyn Fn(usize) -> Value| -> String {
        let each = (0..60).map(|n| of(n).to_string() + "\n");
        each.collect()
    };
    let kind = |n: usize| ["pizza", "noodles", "cheese"][n % 3];
    let place = |n: usize| json!({"lat": 47.0 + (n % 5) as f64, "lon": 8.0});
    let item = |n: usize| {
        let title = format!("{} house", kind(n));
        json!({"id": format!("i{n}"), "title": title, "at": place(n)})
    };
    let user = |n: usize| json!({"user_id": format!("u{n}"), "query": kind(n), "at": place(n)});
    let event = |n: usize| json!({"user": format!("u{n}"), "item": format!("i{n}"), "at": n});
    let files: [(&str, &dyn Fn(usize) -> Value); 3] =
        [("items", &item), ("users", &user), ("events", &event)];
    for (name, of) in files {
        file(dir.path(), &format!("{name}.jsonl"), &lines(of));
    }
    let [items, users, events] = ["items.jsonl", "users.jsonl", "events.jsonl"].map(path);
    let [db, easy, hard, pairs, mined] =
        ["food.twin", "easy", "hard", "pairs.jsonl", "mined.jsonl"].map(path);
    let train = [
        "train",
        "ebr",
        "--items",
        &items,
        "--users",
        &users,
        "--events",
        &events,
        "--item-dimension",
        "0",
        "--user-dimension",
        "0",
        "--dimension",
        "8",
        "--negatives",
        "20",
    ];
    let trained = json_of(&[&train[..], &["--out", &easy, "--pairs", &pairs]].concat());
    assert_eq!(
        (&trained["examples"], &trained["dimension"]),
        (&json!(60), &json!(8))
    );
    json_of(&["import", &db, &items]);
    json_of(&["publish", &db, "easy", &easy]);
    let mine = [
        "mine",
        &db,
        "easy",
        "--pairs",
        &pairs,
        "--known-by",
        "user_id",
    ];
    let told = json_of(&[&mine[..], &["--ranks", "2..9", "--out", &mined]].concat());
    assert_eq!(
        (&told["pairs"], &told["negatives"]),
        (&json!(60), &json!(240))
    );

    let on = [&train[..], &["--out", &hard, "--hard", &mined]].concat();
    let learnt = json_of(&[&on[..], &["--mix", "1:1", "--hard-passes", "2"]].concat());
    assert_eq!(learnt["loss_of_each_pass"].as_array().unwrap().len(), 12);
    json_of(&["publish", &db, "hard", &hard]);
    let staged =
        r#"{"method":"cascade","stages":[{"space":"easy","take":20},{"space":"hard","take":9}]}"#;
    let both = r#"{"method":"weighted","spaces":{"easy":0.5,"hard":0.5}}"#;
    json_of(&["ensembles", &db, "--define", "staged", staged]);
    json_of(&["ensembles", &db, "--define", "both", both]);
    let query = user(4).to_string();
    for (name, scores) in [("both", 2), ("staged", 1)] {
        let found = json_of(&["recall", &db, name, "--user", &query, "--top", "3"]);
        let hits = found["hits"].as_array().unwrap();
        assert_eq!(hits.len(), 3);
        assert!(
            hits[0]["channels"].as_object().unwrap().len() >= scores,
            "{found}"
        );
    }

    let wrong = run(&[&train[..], &["--out", &hard, "--hard", &items]].concat());
    assert_eq!(wrong.exit, 1);
    let says = "items.jsonl, line 1: not what `mine` writes: missing field `user`";
    assert!(wrong.err.contains(says), "{}", wrong.err);
    let alone = run(&[&train[..], &["--out", &hard, "--mix", "0:1"]].concat());
    assert_eq!(alone.exit, 1);
    assert!(alone.err.contains("no mined negatives"), "{}", alone.err);
    let mix = run(&[&train[..], &["--out", &hard, "--mix", "0:0"]].concat());
    assert_eq!(mix.exit, 2);
}

#[test]
fn clicks_are_learnt_under_a_teacher_and_ranked_by_bids() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let items = (0..20).map(|n| {
        let kind = if n % 2 == 0 { "even" } else { "odd" };
        json!({"id": n.to_string(), "kind": kind, "bid": 1 + n % 3}).to_string()
    });
    let items: Vec<_> = items.collect();
    file(dir.path(), "ads.jsonl", &items.join("\n"));
    let mut log = String::from("user,item,at,weight\n");
    for (user, at) in (0..40).flat_map(|user| (0..8).map(move |at| (user, at))) {
        let item = user % 2 + 2 * ((user / 2 + 3 * at) % 10);
        let weight = if item < 10 { 5 } else { 2 };
        log += &format!("u{user},{item},{at},{weight}\n");
    }
    file(dir.path(), "log.csv", &log);
    let [ads, log, towers, parts, db] =
        ["ads.jsonl", "log.csv", "towers", "parts", "ads.twin"].map(path);
    let arguments = [
        "train",
        "mobius",
        "--items",
        &ads,
        "--events",
        &log,
        "--click",
        "4",
        "--categories",
        "kind",
        "--out",
        &towers,
        "--parts",
        &parts,
        "--part",
        "6",
        "--less-bad",
        "1",
        "--batch",
        "32",
        "--learning-rate",
        "0.1",
    ];
    let trained = json_of(&arguments);
    assert_eq!(trained["dimension"], 12, "two parts of six");
    let again = json_of(&[&arguments[..], &["--warm-start", &parts]].concat());
    let first = |trained: &Value| trained["loss_of_each_pass"][0].as_f64().unwrap();
    assert!(first(&again) < first(&trained));

    json_of(&["import", &db, &ads]);
    json_of(&["publish", &db, "ads", &towers]);
    let by_bid = r#"{"method": "weighted", "spaces": {"ads": 1}, "business": {"field": "bid"}}"#;
    json_of(&["ensembles", &db, "--define", "earn", by_bid]);
    let user = r#"{"user_id": "u1", "history": ["5", "1"]}"#;
    let hits = |name: &str| {
        let found = json_of(&["recall", &db, name, "--user", user, "--top", "5"]);
        found["hits"].as_array().unwrap().clone()
    };
    let number = |hit: &Value| hit["id"].as_str().unwrap().parse::<u32>().unwrap();
    let found = hits("ads");
    assert!(found.iter().all(|hit| number(hit) % 2 == 1), "{found:?}");
    for hit in hits("earn") {
        let bid = f64::from(1 + number(&hit) % 3);
        let score = hit["channels"]["ads"].as_f64().unwrap();
        assert!((hit["score"].as_f64().unwrap() - score * bid).abs() < 1e-5);
    }
    let wrong = run(&[&arguments[..], &["--teacher", &towers]].concat());
    assert_eq!(wrong.exit, 2);
    assert!(wrong.err.contains("cannot be used with"), "{}", wrong.err);
}

#[test]
fn vectors_from_elsewhere_are_published_from_files() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let db = path("shop.twin");
    file(
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
    common::write(dir.path(), &[("items.fvecs".to_owned(), bytes.collect())]);
    file(dir.path(), "ids.txt", "b\nc\na\n");
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
    file(dir.path(), "more.jsonl", &with_bad);
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
