//! `twinspire loop`: trains on new logs, publishes, and keeps the generation if it is no worse.
use crate::command::{json_of, run};
use serde_json::{Value, json};
use std::fmt::Write;
use twinspire_testkit::write_file;

/// A log in which everyone keeps to the even items or to the odd ones, for some days.
fn log(days: usize) -> String {
    let mut lines = String::from("user,item,at\n");
    for day in 0..days {
        for user in 0..30 {
            for step in 0..8 {
                let item = (user * 5 + (day * 8 + step) * 7) % 30 * 2 + user % 2;
                let _ = writeln!(lines, "u{user},{item},{}", day * 86_400 + step * 60);
            }
        }
    }
    lines
}

fn items(count: usize) -> String {
    let item = |id: usize| {
        let side = if id.is_multiple_of(2) { "even" } else { "odd" };
        json!({"id": id.to_string(), "side": side}).to_string()
    };
    (0..count).map(|id| item(id) + "\n").collect()
}

#[test]
fn a_loop_keeps_or_rolls_back_what_it_publishes() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (db, towers) = (path("shop.twin"), path("towers"));
    write_file(dir.path(), "items.jsonl", items(58));
    write_file(dir.path(), "log.csv", log(2));
    json_of(&["import", &db, &path("items.jsonl")]);
    let (items_file, log_file) = (path("items.jsonl"), path("log.csv"));
    let logs = ["--items", &items_file, "--events", &log_file];
    // The first log names two items that come later.
    let learnt = [&logs[..], &["--max-unknown-ids", "1"]].concat();
    let begun =
        |more: &[&str]| -> Value { json_of(&[&["loop", &db, "shop"][..], &learnt, more].concat()) };
    let first = begun(&["--epochs", "6"]);
    let told = ["kept", "warm_start", "before", "serving", "items_put"].map(|key| &first[key]);
    let expected = [json!(true), json!(false), Value::Null, json!(1), json!(0)];
    assert!(told.into_iter().eq(&expected), "{first}");

    // The next days: what was held out comes first, and two items are new.
    let since = first["next_since"].to_string();
    write_file(dir.path(), "items.jsonl", items(60));
    write_file(dir.path(), "log.csv", log(3));
    let second = begun(&["--since", &since, "--tolerance", "1"]);
    let told = ["kept", "warm_start", "serving", "items_put"].map(|key| &second[key]);
    assert!(
        told.into_iter()
            .eq(&[json!(true), json!(true), json!(2), json!(2)]),
        "{second}"
    );
    assert_eq!(second["before"]["generation"], 1);
    assert!(second["after"]["hit@10"].as_f64().is_some(), "{second}");
    let events = log(3).lines().count() as u64 - 1;
    let (learnt, held_out) = (&second["examples"], &second["held_out"]);
    let (learnt, held_out) = (learnt.as_u64().unwrap(), held_out.as_u64().unwrap());
    assert!(
        learnt + held_out < events,
        "older events are not learnt from again"
    );

    // Towers that have learnt nothing are rolled back, and the earlier ones serve.
    let settings = r#"{"learning_rate": 0.000001, "epochs": 1, "seed": 5}"#;
    write_file(dir.path(), "nothing.json", settings);
    let nothing = path("nothing.json");
    let third = begun(&[
        "--cold",
        "--config",
        &nothing,
        "--tolerance",
        "0",
        "--held-out",
        "0.3",
    ]);
    assert_eq!(
        (&third["kept"], &third["serving"]),
        (&json!(false), &json!(2)),
        "{third}"
    );
    let generations = json_of(&["generations", &db, "shop"]);
    let all = generations["generations"].as_array().unwrap();
    let active = all.iter().find(|generation| generation["active"] == true);
    assert_eq!(active.unwrap()["number"], 2, "{generations}");

    // Towers from elsewhere.
    let trained = ["--out", &towers, "--epochs", "6"];
    json_of(&[&["train", "youtube"][..], &logs, &trained].concat());
    let fourth = run(&[&["loop", &db, "shop"][..], &logs, &["--towers", &towers]].concat());
    assert_eq!(fourth.exit, 0, "{}", fourth.err);
    assert!(fourth.out.starts_with("generation 4 "), "{}", fourth.out);

    for (more, says) in [
        (&["--since", "99999999"][..], "no held-out events"),
        (&["--held-out", "2"], "a number from 0 to 1 expected"),
        (&["--retain", "1"], "a whole number of at least 2 expected"),
        (&["--towers", "x", "--cold"], "cannot be used with"),
    ] {
        let refused = run(&[&["loop", &db, "shop"][..], &logs, more].concat());
        assert!(refused.exit == 1 || refused.exit == 2, "{}", refused.exit);
        assert!(refused.err.contains(says), "{}", refused.err);
    }
}

#[test]
fn a_loop_refuses_users_that_a_recall_would_refuse() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let users = |field: &str| -> String {
        let user = |id: usize| json!({"id": format!("u{id}"), field: (["even", "odd"][id % 2])});
        (0..30).map(|id| user(id).to_string() + "\n").collect()
    };
    write_file(dir.path(), "items.jsonl", items(60));
    write_file(dir.path(), "log.csv", log(2));
    write_file(dir.path(), "users.jsonl", users("team"));
    let (db, items) = (path("shop.twin"), path("items.jsonl"));
    let (log, users_file) = (path("log.csv"), path("users.jsonl"));
    json_of(&["import", &db, &items]);
    let begin = [
        "loop",
        &db,
        "shop",
        "--items",
        &items,
        "--events",
        &log,
        "--users",
        &users_file,
    ];
    let first = json_of(&begin);
    assert_eq!(first["serving"], 1, "{first}");

    // The next export of users has another name for the column.
    write_file(dir.path(), "users.jsonl", users("taem"));
    let refused = run(&begin);
    assert_eq!(refused.exit, 1, "{}", refused.out);
    assert!(refused.err.contains("`taem`"), "{}", refused.err);
    let generations = json_of(&["generations", &db, "shop"]);
    assert_eq!(generations["generations"].as_array().unwrap().len(), 1);
}
