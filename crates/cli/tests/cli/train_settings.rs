//! Settings and holdouts of `twinspire train`.

use crate::command::{json_of, run};
use crate::train::write_log;
use serde_json::json;
use twinspire_testkit::write_file;

#[test]
fn settings_are_chosen_by_validation_and_shown() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (items, events) = write_log(dir.path());
    let (towers, page) = (path("towers"), path("report.html"));
    let train = [
        "train", "youtube", "--items", &items, "--events", &events, "--out", &towers,
    ];
    let arguments = [
        &train[..],
        &["--auto", "--dimension", "8", "--report", &page],
    ]
    .concat();
    let shown = run(&arguments);
    assert_eq!(shown.exit, 0, "{}", shown.err);
    for part in [
        "settings",
        "ndcg",
        "chosen of",
        "on the holdout",
        "popularity",
    ] {
        assert!(shown.err.contains(part), "{part}: {}", shown.err);
    }
    let page = std::fs::read_to_string(page).unwrap();
    assert!(
        page.contains("Search for settings") && page.contains("chosen of"),
        "{page}"
    );
    let settings = path("settings.json");
    let found = json_of(
        &[
            &train[..],
            &["--auto", "--dimension", "8", "--write-config", &settings],
        ]
        .concat(),
    );
    // With its settings the next training continues.
    let next = [
        &train[..],
        &["--config", &settings, "--warm-start", &towers],
    ]
    .concat();
    assert_eq!(json_of(&next)["dimension"], found["dimension"]);
    let auto = &found["auto"];
    assert!(auto["candidates"].as_array().unwrap().len() > 9, "{auto}");
    assert_eq!(
        (&auto["settings"]["dimension"], &auto["cut_short"]),
        (&json!(8), &json!(false))
    );
    assert!(
        found["baselines"]["baselines"].as_array().unwrap().len() > 3,
        "{found}"
    );

    // They are chosen by default as well: a seed is not a setting.
    let nothing = run(&[&train[..], &["--seed", "1", "--budget", "1"]].concat());
    assert_eq!(nothing.exit, 0, "{}", nothing.err);
    for part in ["No setting is given", "--no-auto", "chosen of"] {
        assert!(nothing.err.contains(part), "{part}: {}", nothing.err);
    }
    for more in [&["--no-auto"][..], &["--epochs", "5"]] {
        let plain = run(&[&train[..], more].concat());
        assert_eq!(plain.exit, 0, "{}", plain.err);
        assert!(!plain.err.contains("chosen of"), "{}", plain.err);
    }
    let pairs = path("pairs.jsonl");
    let ebr = [
        "train", "ebr", "--items", &items, "--events", &events, "--out", &towers, "--pairs", &pairs,
    ];
    assert_eq!(run(&[&ebr[..], &["--auto"]].concat()).exit, 2);
    let both = run(&[&train[..], &["--auto", "--patience", "2"]].concat());
    assert_eq!(both.exit, 2, "{}", both.err);
}

#[test]
fn a_log_too_small_for_a_holdout_is_trained_on_with_the_defaults() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    write_file(
        dir.path(),
        "items.jsonl",
        "{\"id\": \"a\"}\n{\"id\": \"b\"}",
    );
    write_file(dir.path(), "log.csv", "user,item,at\nu,a,1\nu,b,2\nv,b,3");
    let (items, events, towers) = (path("items.jsonl"), path("log.csv"), path("towers"));
    let train = [
        "train", "youtube", "--items", &items, "--events", &events, "--out", &towers,
    ];
    let trained = run(&train);
    assert_eq!(trained.exit, 0, "{}", trained.err);
    assert!(trained.err.contains("too small"), "{}", trained.err);
    assert_eq!(run(&[&train[..], &["--auto"]].concat()).exit, 1);
}

#[test]
fn the_latest_events_are_held_out_and_reported_by_popularity() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (items, log) = write_log(dir.path());
    let page = path("report.html");
    for recipe in ["youtube", "ebr", "mobius"] {
        let towers = path(recipe);
        let teacher = path("youtube");
        let arguments = [
            "train",
            recipe,
            "--items",
            &items,
            "--events",
            &log,
            "--out",
            &towers,
            "--epochs",
            "3",
            "--batch",
            "64",
            "--patience",
            "2",
            "--report",
            &page,
            "--hold-out",
        ];
        // Items say nothing of themselves, so towers are the teacher.
        let teacher = match recipe {
            "mobius" => &["--teacher", &teacher][..],
            _ => &[],
        };
        let trained = json_of(&[&arguments[..], &["0.25"], teacher].concat());
        // Of twelve moments the last three.
        assert_eq!(trained["examples"], 360, "{recipe}");
        assert_eq!(trained["validation"]["metric"], "ndcg");
        let last = json_of(&[&arguments[..], &["last"], teacher].concat());
        assert_eq!(last["examples"], 440, "{recipe}");
        let html = std::fs::read_to_string(&page).unwrap();
        assert!(html.contains("<h2>By popularity</h2>"), "{recipe}");
        let wrong = run(&[&arguments[..], &["first"], teacher].concat());
        assert_eq!(wrong.exit, 2);
        assert!(
            wrong.err.contains("`last` or a share such as 0.1"),
            "{}",
            wrong.err
        );
        let more = run(&[&arguments[..], &["0.9"], teacher].concat());
        assert_eq!(more.exit, 1);
        assert!(more.err.contains("hold_out.latest is 0.9"), "{}", more.err);
    }
}
