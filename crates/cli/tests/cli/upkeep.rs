//! The commands for export and upkeep: export, stats, seal, merge, gc, ensembles, retain, snapshot, repair.

use std::fs::read_to_string;
use std::path::Path;
use std::process::Command;

use crate::command::{json_of, run, run_with};
use serde_json::{Value, json};
use twinspire::Database;
use twinspire_testkit::towers::deep;
use twinspire_testkit::{write_file, write_files};

/// Paths in a directory that is removed when the first value is dropped.
fn paths() -> (tempfile::TempDir, impl Fn(&str) -> String) {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().to_owned();
    (dir, move |name| {
        root.join(name).to_str().unwrap().to_owned()
    })
}

/// Writes a towers directory.
fn towers(path: &str, seed: u8) {
    std::fs::create_dir(path).unwrap();
    write_files(Path::new(path), &deep(seed));
}

fn record(id: usize, price: f64) -> Value {
    json!({"id": format!("B{id:03}"), "price": price, "weight": price / 7.0, "name": "Łódź \u{7} \"x\""})
}

/// Fills a database with sealed, fresh, overwritten and deleted items.
fn fill(path: &str) {
    let db = Database::open(path).unwrap();
    let items: Vec<_> = (0..60).map(|id| record(id, id as f64 / 3.0)).collect();
    db.items().put_many(&items).unwrap();
    db.seal().unwrap();
    let newer: Vec<_> = (50..80).map(|id| record(id, -1e-7 * id as f64)).collect();
    db.items().put_many(&newer).unwrap();
    db.items().delete("B003").unwrap();
}

/// Overwrites a byte of the first sealed record, so that it is no longer JSON.
fn damage_a_record(db: &str) {
    let segments = std::fs::read_dir(Path::new(db).join("segments")).unwrap();
    let mut segments = segments.map(|entry| entry.unwrap().path());
    let items = |path: &std::path::PathBuf| path.to_str().unwrap().contains("items-");
    let segment = segments.find(items).unwrap();
    let mut bytes = std::fs::read(&segment).unwrap();
    let text = b"\"price\"";
    let mut places = bytes.windows(text.len());
    let at = places.position(|found| found == text).unwrap();
    bytes[at] = b'!';
    let name = segment.file_name().unwrap().to_str().unwrap().to_owned();
    write_file(segment.parent().unwrap(), &name, bytes);
}

#[test]
fn an_export_is_imported_as_it_is_and_exports_the_same_bytes_again() {
    let (_dir, path) = paths();
    let (db, copy) = (path("shop.twin"), path("copy.twin"));
    fill(&db);
    let first = run(&["export", &db]);
    assert_eq!(first.exit, 0, "{}", first.err);
    assert_eq!(first.out.lines().count(), 79);
    assert_eq!(
        first.out.lines().next().unwrap(),
        record(0, 0.0).to_string()
    );
    let arguments = ["import", &copy, "-", "--format", "json-lines"];
    assert_eq!(run_with(&arguments, &first.out).exit, 0);
    let out = path("again.jsonl");
    let told = json_of(&["export", &copy, "--out", &out]);
    assert_eq!(told, json!({"items": 79, "file": out}));
    assert_eq!(read_to_string(&out).unwrap(), first.out);
    assert_eq!(run(&["export", &copy, "--json"]).out, first.out);
}

#[test]
fn exported_vectors_equal_those_of_a_publish_with_the_same_towers() {
    let (dir, path) = paths();
    let (db, copy, models) = (path("shop.twin"), path("copy.twin"), path("towers"));
    fill(&db);
    towers(&models, 3);
    json_of(&["publish", &db, "s", &models, "--force"]);
    json_of(&["publish", &db, "t", &models, "--force"]);
    let late = write_file(dir.path(), "late.jsonl", record(90, 5.5).to_string());
    json_of(&["import", &db, late.to_str().unwrap()]);
    let out = path("all.jsonl");
    json_of(&[
        "export",
        &db,
        "--vectors",
        "s",
        "--vectors",
        "t",
        "--out",
        &out,
    ]);
    let lines = read_to_string(&out).unwrap();
    let last: Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    assert_eq!(last["item"], record(90, 5.5));
    assert_eq!(last["vectors"]["s"].as_array().unwrap().len(), 5);
    assert_eq!(last["vectors"]["s"], last["vectors"]["t"]);

    let wrong = run(&["import", &copy, &out]);
    assert_eq!(wrong.exit, 1);
    assert!(
        wrong.err.contains("is the format `export`"),
        "{}",
        wrong.err
    );
    let imported = json_of(&["import", &copy, &out, "--format", "export"]);
    assert_eq!(imported["written"], 80);
    json_of(&["publish", &copy, "s", &models, "--force"]);
    json_of(&["publish", &copy, "t", &models, "--force"]);
    let again = run(&["export", &copy, "--vectors", "t", "--vectors", "s"]);
    assert_eq!(again.out, lines);
    let input = run_with(&["import", &copy, "-", "--format", "export"], &lines);
    assert_eq!(input.exit, 0, "{}", input.err);
    assert_eq!(run(&["export", &db, "--vectors", "books"]).exit, 3);
}

#[test]
fn a_failed_export_leaves_the_file_as_it_was_and_nothing_beside_it() {
    let (dir, path) = paths();
    let db = path("shop.twin");
    fill(&db);
    let out = write_file(dir.path(), "out.jsonl", "before");
    damage_a_record(&db);
    let failed = run(&["export", &db, "--out", out.to_str().unwrap()]);
    assert_eq!(failed.exit, 4, "{}", failed.err);
    assert_eq!(read_to_string(&out).unwrap(), "before");
    let names = std::fs::read_dir(dir.path()).unwrap();
    assert_eq!(names.count(), 2, "the database and the file");
    let none = run(&["export", &db, "--out", &path("no/such/out.jsonl")]);
    assert_eq!(none.exit, 3, "{}", none.err);
    let over = run(&["export", &db, "--out", &db]);
    assert_eq!(over.exit, 1, "a directory is not replaced: {}", over.err);
}

#[test]
fn stats_name_the_kernels_and_the_environment_chooses_them() {
    let (_dir, path) = paths();
    let db = path("shop.twin");
    fill(&db);
    let kernels = |asked: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_twinspire"))
            .args(["stats", &db])
            .env("TWINSPIRE_KERNELS", asked)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let line = text.lines().find(|line| line.starts_with("kernels "));
        line.unwrap()
            .trim_start_matches("kernels")
            .trim()
            .to_owned()
    };
    assert_eq!(kernels("scalar"), "scalar");
    let best = kernels("");
    assert!(["scalar", "AVX2 + FMA", "AVX-512 + VNNI", "NEON"].contains(&best.as_str()));
    assert_eq!(kernels("unknown"), best);
}

#[test]
fn seal_and_merge_change_no_answer() {
    let (dir, path) = paths();
    let (db, models) = (path("shop.twin"), path("towers"));
    fill(&db);
    let items = run(&["export", &db]).out;
    let fresh = json_of(&["stats", &db]);
    assert_eq!(
        (&fresh["fresh"], &fresh["items_segments"]),
        (&json!(31), &json!(1))
    );
    assert!(fresh["journal_bytes"].as_u64().unwrap() > 1000, "{fresh}");
    assert_eq!(json_of(&["seal", &db]), json!({"sealed_revision": 91}));
    let sealed = json_of(&["stats", &db]);
    assert_eq!(
        (&sealed["fresh"], &sealed["items_segments"]),
        (&json!(0), &json!(2))
    );
    assert_eq!(sealed["journal_bytes"], 0);
    let text = run(&["stats", &db]).out;
    assert!(text.contains("journal bytes    0\n"), "{text}");
    assert!(run(&["seal", &db]).out.contains("up to revision 91"));

    towers(&models, 1);
    json_of(&["publish", &db, "s", &models]);
    let late = write_file(dir.path(), "late.jsonl", record(90, 5.5).to_string());
    json_of(&["import", &db, late.to_str().unwrap()]);
    json_of(&["seal", &db]);
    let merged = json_of(&["merge", &db]);
    assert_eq!(merged["before"]["items"]["segments"], 3);
    assert_eq!(merged["after"]["items"]["segments"], 1);
    assert_eq!(merged["before"]["spaces"]["s"]["segments"], 2);
    assert_eq!(merged["after"]["spaces"]["s"]["segments"], 1);
    let bytes = |when: &str| merged[when]["items"]["bytes"].as_u64().unwrap();
    assert!(bytes("after") < bytes("before"));
    let text = run(&["merge", &db]).out;
    assert!(text.contains("space s"), "{text}");
    let expected = items + &record(90, 5.5).to_string() + "\n";
    assert_eq!(run(&["export", &db]).out, expected);
    assert_eq!(run(&["check", &db]).exit, 0);
}

#[test]
fn gc_lists_unused_files_and_removes_them() {
    let (_dir, path) = paths();
    let db = path("shop.twin");
    fill(&db);
    let segments = Path::new(&db).join("segments");
    let orphan = write_file(&segments, "items-000900", "left half made");
    let towers = Path::new(&db).join("towers/s-000007");
    std::fs::create_dir_all(&towers).unwrap();
    write_file(&towers, "tower.json", "{}");
    let found = json_of(&["gc", &db, "--dry-run"]);
    assert_eq!(
        (&found["bytes"], &found["removed"]),
        (&json!(16), &json!(false))
    );
    let first = json!({"file": orphan.to_str().unwrap(), "bytes": 14});
    assert!(
        found["files"].as_array().unwrap().contains(&first),
        "{found}"
    );
    let text = run(&["gc", &db, "--dry-run"]).out;
    assert!(
        text.contains("items-000900") && text.contains("16 bytes, would be removed"),
        "{text}"
    );
    assert!(orphan.exists() && towers.exists());
    let removed = json_of(&["gc", &db]);
    assert_eq!(
        (&removed["files"], &removed["bytes"]),
        (&found["files"], &json!(16))
    );
    assert!(!orphan.exists() && !towers.exists());
    assert_eq!(run(&["gc", &db]).out, "0 files, 0 bytes, removed\n");
}

#[test]
fn ensembles_are_defined_recalled_and_removed() {
    let (_dir, path) = paths();
    let (db, models) = (path("shop.twin"), path("towers"));
    fill(&db);
    towers(&models, 1);
    json_of(&["publish", &db, "s", &models]);
    let recipe = r#"{"method":"weighted","spaces":{"s":0.5}}"#;
    let listed = json_of(&["ensembles", &db, "--define", "home", recipe]);
    assert_eq!(listed["ensembles"]["home"]["spaces"]["s"], 0.5);
    assert!(run(&["ensembles", &db]).out.contains("0.5 × s"));
    let found = json_of(&["similar", &db, "home", "B001"]);
    let best = &found["hits"][0];
    assert_eq!(found["generations"]["s"], 1);
    let half = best["channels"]["s"].as_f64().unwrap() * 0.5;
    assert!(
        (half - best["score"].as_f64().unwrap()).abs() < 1e-4,
        "{best}"
    );
    assert!(run(&["similar", &db, "home", "B001"]).out.contains("score"));
    let wrong = r#"{"method":"weighted","spaces":{"s":-1}}"#;
    assert_eq!(run(&["ensembles", &db, "--define", "home", wrong]).exit, 1);
    assert_eq!(run(&["ensembles", &db, "--define", "home", "{}"]).exit, 2);
    for (recipe, shown) in [
        (
            r#"{"method":"cascade","stages":[{"space":"s","take":9},{"space":"s","take":5}]}"#,
            "best 9 by s → best 5 by s",
        ),
        (
            r#"{"method":"normalised","spaces":["s"],"by":"min_max","business":{"field":"price"}}"#,
            "min-max of the best 100: 1 × s; × price (default 1)",
        ),
        (
            r#"{"method":"rank_fusion","spaces":["s"],"diversity":{"space":"s","lambda":0.5}}"#,
            "diverse by s",
        ),
    ] {
        json_of(&["ensembles", &db, "--define", "home", recipe]);
        let listed = run(&["ensembles", &db]).out;
        assert!(listed.contains(shown), "{listed}");
    }
    let found = json_of(&["similar", &db, "home", "B001", "--top", "3"]);
    let next = json_of(&[
        "similar", &db, "home", "B001", "--top", "2", "--offset", "1",
    ]);
    assert_eq!(found["hits"][1], next["hits"][0]);
    assert_eq!(found["hits"][0]["ranks"]["s"], 1);
    let told = run(&["similar", &db, "home", "B001", "--explain"]).out;
    assert!(told.contains("diversity") && told.contains("#1"), "{told}");
    let wrong = r#"{"method":"cascade","stages":[{"space":"s","take":0}]}"#;
    assert_eq!(run(&["ensembles", &db, "--define", "home", wrong]).exit, 1);
    let wrong = r#"{"method":"guess","spaces":["s"]}"#;
    assert_eq!(run(&["ensembles", &db, "--define", "home", wrong]).exit, 2);
    let none = run(&["ensembles", &db, "--remove", "home"]);
    assert_eq!(none.out.trim(), "no ensembles");
    assert_eq!(run(&["ensembles", &db, "--remove", "home"]).exit, 3);
}

#[test]
fn lexical_spaces_are_defined_recalled_rolled_back_and_removed() {
    let (_dir, path) = paths();
    let db = path("shop.twin");
    fill(&db);
    let words = r#"{"fields":{"id":1},"language":"none"}"#;
    let listed = json_of(&["lexical", &db, "--define", "words", words]);
    let first = &listed["lexical"]["words"][0];
    assert_eq!(
        (&first["number"], &first["active"]),
        (&json!(1), &json!(true))
    );
    let shown = run(&["lexical", &db]).out;
    assert!(shown.contains("BM25 of id, none"), "{shown}");
    let found = json_of(&["recall", &db, "words", "--text", "b001 or b002"]);
    let ids = |found: &Value| {
        let hits = found["hits"].as_array().unwrap().iter();
        Vec::from_iter(hits.map(|hit| hit["id"].as_str().unwrap().to_owned()))
    };
    assert_eq!(ids(&found), ["B001", "B002"]);
    let user = r#"{"query": "b002"}"#;
    assert_eq!(
        ids(&json_of(&["recall", &db, "words", "--user", user])),
        ["B002"]
    );
    let both = json_of(&["recall", &db, "words", "--user", user, "--text", "b004"]);
    assert_eq!(ids(&both), ["B004"]);
    assert_eq!(run(&["recall", &db, "words", "--user", "{}"]).exit, 1);
    let other = r#"{"fields":["id"],"language":"none","b":0}"#;
    json_of(&["lexical", &db, "--define", "words", other]);
    let back = json_of(&["lexical", &db, "--rollback", "words"]);
    assert_eq!(back["lexical"]["words"][0]["active"], true);
    json_of(&["lexical", &db, "--rollback", "words", "--to", "2"]);
    assert_eq!(
        run(&["lexical", &db, "--rollback", "words", "--to", "9"]).exit,
        3
    );
    assert_eq!(run(&["lexical", &db, "--define", "words", "{}"]).exit, 2);
    let none = r#"{"fields":[]}"#;
    assert_eq!(run(&["lexical", &db, "--define", "words", none]).exit, 1);
    assert_eq!(run(&["generations", &db, "words"]).exit, 1);
    let none = run(&["lexical", &db, "--remove", "words"]);
    assert_eq!(none.out.trim(), "no lexical spaces");
    assert_eq!(run(&["lexical", &db, "--remove", "words"]).exit, 3);
}

#[test]
fn retain_removes_the_oldest_generations() {
    let (_dir, path) = paths();
    let (db, models) = (path("shop.twin"), path("towers"));
    fill(&db);
    towers(&models, 1);
    for _ in 0..3 {
        json_of(&["publish", &db, "s", &models]);
    }
    json_of(&["rollback", &db, "s", "--to", "2"]);
    let numbers = |document: Value| -> Vec<u64> {
        let all = document["generations"].as_array().unwrap().clone();
        let numbers = all
            .iter()
            .map(|generation| generation["number"].as_u64().unwrap());
        numbers.collect()
    };
    assert_eq!(numbers(json_of(&["retain", &db, "s", "2"])), [2, 3]);
    let kept = run(&["retain", &db, "s", "1"]);
    assert_eq!(
        kept.out.lines().count(),
        2,
        "a header and one: {}",
        kept.out
    );
    assert_eq!(
        numbers(json_of(&["generations", &db, "s"])),
        [2],
        "the active one stays"
    );
    json_of(&["publish", &db, "s", &models, "--retain", "1"]);
    assert_eq!(numbers(json_of(&["generations", &db, "s"])).len(), 1);
    assert_eq!(run(&["retain", &db, "books", "1"]).exit, 3);
}

#[test]
fn a_snapshot_is_restored() {
    let (_dir, path) = paths();
    let (db, copy, back) = (path("shop.twin"), path("copy.twin"), path("back.twin"));
    fill(&db);
    let items = run(&["export", &db]).out;
    let beside = Database::open(&db).unwrap();
    let told = json_of(&["snapshot", &db, &copy]);
    assert_eq!(told, json!({"database": db, "snapshot": copy}));
    beside.items().delete("B001").unwrap();
    drop(beside);
    assert_eq!(run(&["export", &copy]).out, items);
    let again = run(&["snapshot", &db, &copy]);
    assert_eq!(again.exit, 1);
    assert!(again.err.contains("is not empty"), "{}", again.err);
    let told = json_of(&["restore", &copy, &back]);
    assert_eq!(told, json!({"snapshot": copy, "database": back}));
    assert_eq!(run(&["export", &back]).out, items);
    assert_eq!(run(&["restore", &copy, &back]).exit, 1);
    damage_a_record(&copy);
    assert_eq!(run(&["restore", &copy, &path("other.twin")]).exit, 4);
}

#[test]
fn a_repair_lists_what_was_lost_and_leaves_a_sound_database_alone() {
    let (_dir, path) = paths();
    let db = path("shop.twin");
    fill(&db);
    let sound = run(&["repair", &db]);
    assert_eq!(sound.exit, 0, "{}", sound.err);
    assert!(sound.out.contains("no damage found"), "{}", sound.out);
    damage_a_record(&db);
    assert_eq!(run(&["check", &db]).exit, 4);
    let repaired = run(&["repair", &db]);
    assert_eq!(repaired.exit, 4, "{}", repaired.err);
    for says in ["repaired, after", "lost: 1 version of items", "put aside: "] {
        assert!(repaired.out.contains(says), "{}", repaired.out);
    }
    assert_eq!(run(&["check", &db]).exit, 0);
    assert_eq!(run(&["export", &db]).out.lines().count(), 78);
    let again = json_of(&["repair", &db]);
    assert_eq!(
        (&again["problems"], &again["lost_rows"]),
        (&json!([]), &json!(0))
    );
}
