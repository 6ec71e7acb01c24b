//! `twinspire eval`: from raw logs to a verdict.

use crate::command::{json_of, run};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::Path;
use twinspire_testkit::write_file;

/// Everybody goes round in a circle of sixty items, from a place of their own: transitions know the next one.
fn log() -> String {
    let mut lines = String::from("user,item,at\n");
    for user in 0..50 {
        for step in 0..9 {
            let _ = writeln!(
                lines,
                "u{user},{},{}",
                (user * 7 + step) % 60,
                step * 60 + user
            );
        }
    }
    lines
}

/// A database with a model that has learnt nothing, and the paths of database and logs.
fn shop(dir: &Path) -> [String; 3] {
    let path = |name: &str| dir.join(name).to_str().unwrap().to_owned();
    let kind = |id: usize| ["<b>odd</b>", "even"][id % 2];
    let items =
        (0..60).map(|id| json!({"id": id.to_string(), "kind": kind(id)}).to_string() + "\n");
    write_file(dir, "items.jsonl", items.collect::<String>());
    write_file(dir, "log.csv", log());
    let (db, items, log, towers) = (
        path("s.twin"),
        path("items.jsonl"),
        path("log.csv"),
        path("towers"),
    );
    json_of(&["import", &db, &items]);
    let train = [
        "train",
        "youtube",
        "--items",
        &items,
        "--events",
        &log,
        "--leave-out",
        "last",
        "--epochs",
        "1",
        "--learning-rate",
        "0.000001",
        "--dimension",
        "4",
        "--out",
        &towers,
    ];
    let trained = json_of(&train);
    assert_eq!(trained["events"], 400, "one event of each user is left out");
    json_of(&["publish", &db, "shop", &towers]);
    [db, log, items]
}

#[test]
fn a_model_is_judged_beside_baselines() {
    let dir = tempfile::tempdir().unwrap();
    let [db, log, _] = shop(dir.path());
    let page = dir.path().join("eval.html").to_str().unwrap().to_owned();
    let begin = ["eval", &db, "shop", "--events", &log, "--resamples", "50"];
    let with = |more: &[&'static str]| [&begin[..], more].concat();

    let reported = ["--by", "item.kind", "--report", &page];
    let told = json_of(&[&begin[..], &reported].concat());
    assert_eq!(
        (&told["users"], &told["catalogue"]),
        (&json!(50), &json!(60))
    );
    let names: Vec<&Value> = told["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|of| &of["name"])
        .collect();
    assert_eq!(
        (names[0], names[1]),
        (&json!("shop"), &json!("transitions"))
    );
    let best = &told["results"][1]["metrics"]["hit@10"];
    assert!(best["value"].as_f64() > Some(0.9), "{best}");
    assert!(told["results"][0]["index"]["of_exact"]["recall@10"]["value"].is_f64());
    let first = &told["differences"][0];
    assert!(
        first["value"].as_f64() < Some(0.0) && first["p_value"].as_f64() < Some(0.01),
        "{first}"
    );
    let kinds = told["segments"].as_array().unwrap().last().unwrap();
    assert_eq!(kinds["by"], "item.kind");
    let counts = kinds["segments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|of| of["count"].as_u64().unwrap());
    assert_eq!(counts.sum::<u64>(), 50);
    let page = std::fs::read_to_string(page).unwrap();
    assert!(
        page.contains("&lt;b&gt;odd&lt;/b&gt;") && !page.contains("<b>odd"),
        "{page}"
    );

    let shown = run(&with(&[]));
    assert_eq!(shown.exit, 0, "{}", shown.err);
    for part in [
        "test: the last event of each user with three or more; equal times in random order (seed 0)\n",
        "50 items of 50 users; all 60 items ranked, without those that the user had seen",
        "transitions (baseline)",
        "difference, paired",
        "hit@10 by popularity",
    ] {
        assert!(shown.out.contains(part), "{part}: {}", shown.out);
    }
    assert!(
        shown
            .err
            .contains("WARNING: \"shop\" ranks held-out items worse than transitions"),
        "{}",
        shown.err
    );
    assert_eq!(run(&with(&["--require-better"])).exit, 1);
    assert_eq!(run(&with(&["--no-baselines"])).err, "");
    assert_eq!(
        json_of(&with(&[])),
        json_of(&with(&[])),
        "a seed fixes the report"
    );
}

#[test]
fn a_test_may_be_a_file_or_a_time_and_generations_stand_side_by_side() {
    let dir = tempfile::tempdir().unwrap();
    let [db, log, items] = shop(dir.path());
    let test = write_file(
        dir.path(),
        "test.csv",
        "user,item,at\nu1,59,900\nnew,3,901\n",
    );
    let test = test.to_str().unwrap();
    let told = json_of(&[
        "eval", &db, "shop", "shop@1", "--events", &log, "--test", test, "--k", "60",
    ]);
    let (names, users) = (&told["results"], &told["users"]);
    assert_eq!(
        (&names[0]["name"], &names[1]["name"], users),
        (&json!("shop"), &json!("shop@1"), &json!(2))
    );
    assert_eq!(names[0]["metrics"]["recall@60"]["value"], 1.0);
    assert_eq!(
        names[0]["metrics"]["hit@60"]["low"],
        Value::Null,
        "two users have no interval"
    );
    let cold = told["segments"]
        .as_array()
        .unwrap()
        .iter()
        .find(|of| of["by"] == "cold_users")
        .unwrap();
    assert_eq!(cold["segments"][0]["of"]["value"], "cold");

    let later = json_of(&[
        "eval", &db, "--events", &log, "--items", &items, "--split", "480",
    ]);
    assert_eq!(later["users"], 50);
    for (more, exit, says) in [
        (&["--split", "first"][..], 2, "`last`, a share"),
        (&["--metric", "auc"], 2, "there is no metric \"auc\""),
        (&["--by", "kind"], 2, "item.FIELD"),
        (&["--confidence", "2"], 2, "confidence is 2"),
        (&["--split", "2040-01-01"], 1, "no held-out events"),
        (
            &["--no-baselines", "--require-better"],
            2,
            "cannot be used with",
        ),
    ] {
        let refused = run(&[&["eval", &db, "shop", "--events", &log][..], more].concat());
        assert_eq!(refused.exit, exit, "{}", refused.err);
        assert!(refused.err.contains(says), "{}", refused.err);
    }
    let unknown = run(&["eval", &db, "none", "--events", &log]);
    assert_eq!(unknown.exit, 3, "{}", unknown.err);
}
