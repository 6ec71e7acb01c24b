//! Files that are damaged, bad in part, or no files at all.
use std::path::Path;
use std::sync::Arc;

use crate::command::{json_of, run, run_with};
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use serde_json::json;

fn write(dir: &Path, name: &str, bytes: impl AsRef<[u8]>) -> String {
    let path = dir.join(name);
    std::fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

fn new_database(dir: &Path) -> String {
    dir.join("shop.twin").to_str().unwrap().to_owned()
}

/// Ten row groups of a hundred ids.
fn table() -> Vec<u8> {
    let schema = parse_message_type("message m { required binary id (UTF8); }").unwrap();
    let properties = WriterProperties::builder()
        .set_dictionary_enabled(false)
        .build();
    let (schema, properties) = (Arc::new(schema), Arc::new(properties));
    let mut file = SerializedFileWriter::new(Vec::new(), schema, properties).unwrap();
    for group in 0..10 {
        let ids =
            (0..100).map(|row| ByteArray::from(format!("item {}", group * 100 + row).as_str()));
        let ids: Vec<_> = ids.collect();
        let mut writer = file.next_row_group().unwrap();
        let mut column = writer.next_column().unwrap().unwrap();
        column
            .typed::<ByteArrayType>()
            .write_batch(&ids, None, None)
            .unwrap();
        column.close().unwrap();
        writer.close().unwrap();
    }
    file.into_inner().unwrap()
}

#[test]
fn a_damaged_part_of_a_file_is_passed_over_counted_and_told_by_the_exit_code() {
    let dir = tempfile::tempdir().unwrap();
    let db = new_database(dir.path());
    let mut bytes = table();
    let at = bytes
        .windows(8)
        .position(|window| window == b"item 250")
        .unwrap();
    bytes[at - 4..at].fill(0xff);
    let file = write(dir.path(), "a.parquet", bytes);
    let stopped = run(&["import", &db, &file]);
    assert_eq!(stopped.exit, 1);
    assert!(
        stopped
            .err
            .contains("to 300: Parquet that can be decoded expected"),
        "{}",
        stopped.err
    );
    let passed = run(&["import", &db, &file, "--skip-bad", "--json"]);
    assert_eq!(passed.exit, 1, "{}", passed.err);
    let document: serde_json::Value = serde_json::from_str(&passed.out).unwrap();
    let (read, lost) = (document["read"].as_u64(), document["lost_records"].as_u64());
    assert_eq!(read.unwrap() + lost.unwrap(), 1_000);
    assert!((50..=100).contains(&lost.unwrap()), "{document}");
    assert!(!passed.err.contains("panicked at"), "{}", passed.err);
}

#[test]
fn a_quote_that_is_never_closed_costs_one_row() {
    let dir = tempfile::tempdir().unwrap();
    let db = new_database(dir.path());
    let row = |id: usize| format!("{id},{}\n", if id == 100 { "\"12 inch" } else { "y" });
    let text: String = (0..1_000).map(row).collect();
    let file = write(dir.path(), "a.csv", format!("id,t\n{text}"));
    let stopped = run(&["import", &db, &file]);
    assert_eq!(stopped.exit, 1);
    assert!(
        stopped
            .err
            .contains("a.csv, line 102: a closing quote expected"),
        "{}",
        stopped.err
    );
    let document = json_of(&["import", &db, &file, "--skip-bad"]);
    assert_eq!(
        (&document["read"], &document["bad_records"]),
        (&json!(999), &json!(1))
    );
}

#[test]
fn a_file_without_a_good_record_fails() {
    let dir = tempfile::tempdir().unwrap();
    let db = new_database(dir.path());
    let file = write(dir.path(), "a.jsonl", "{\"n\":1}\n{\"n\":2}\n");
    let run = run(&["import", &db, &file, "--skip-bad"]);
    assert_eq!(run.exit, 1);
    assert!(
        run.err.contains("no record is good, 2 bad records skipped"),
        "{}",
        run.err
    );
}

#[test]
fn columns_are_named_and_standard_input_is_recognised() {
    let dir = tempfile::tempdir().unwrap();
    let db = new_database(dir.path());
    let check = |arguments: &[&str], input: &str| {
        let all = [&["import", &db, "-", "--dry-run", "--json"], arguments].concat();
        let run = run_with(&all, input);
        assert_eq!(run.exit, 0, "{}", run.err);
        serde_json::from_str::<serde_json::Value>(&run.out).unwrap()["read"].clone()
    };
    let events = ["--kind", "events"];
    let named = [
        "--user", "who", "--item", "what", "--time", "when", "--weight", "stars",
    ];
    assert_eq!(
        check(&events, "userId,item_id,timestamp\n1,2,1112486027\n"),
        1
    );
    assert_eq!(
        check(
            &[&events[..], &named].concat(),
            "who;what;when;stars\n1;2;2022-06-24 21:20:11;4\n"
        ),
        1
    );
    let header = [
        "--header",
        "user,item,rating,timestamp",
        "--delimiter",
        "::",
    ];
    assert_eq!(
        check(&[&events[..], &header].concat(), "1::2::5::978300760\n"),
        1
    );
    assert_eq!(check(&["--id", "sku"], "{\"sku\":7}\n"), 1);
}

#[test]
fn the_dimension_is_that_of_the_first_good_row() {
    let dir = tempfile::tempdir().unwrap();
    let db = new_database(dir.path());
    let items: String = (0..9).map(|id| format!("{{\"id\":{id}}}\n")).collect();
    json_of(&["import", &db, &write(dir.path(), "items.jsonl", items)]);
    let vector = |id: usize| match id {
        0 => "{\"id\":0,\"vector\":null}\n".to_owned(),
        _ => format!("{{\"id\":{id},\"vector\":[{id},1]}}\n"),
    };
    let vectors: String = (0..9).map(vector).collect();
    let vectors = write(dir.path(), "vectors.jsonl", vectors);
    let published = json_of(&["publish", &db, "s", "--vectors", &vectors, "--leave-out"]);
    assert_eq!(published["generation"]["items"], 8, "{published}");
    let refused = run(&["publish", &db, "s", "--vectors", &vectors]);
    assert_eq!(refused.exit, 1);
    assert!(
        refused
            .err
            .contains("line 1: field `vector`: a list of numbers expected"),
        "{}",
        refused.err
    );
    let none = write(dir.path(), "none.jsonl", "{\"id\":0,\"vector\":null}\n");
    let refused = run(&["publish", &db, "s", "--vectors", &none, "--leave-out"]);
    assert!(
        refused
            .err
            .contains("none.jsonl: no row has a usable vector (1 bad row)"),
        "{}",
        refused.err
    );
}

#[cfg(unix)]
#[test]
fn a_pipe_in_place_of_a_file_is_refused_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let db = new_database(dir.path());
    json_of(&[
        "import",
        &db,
        &write(dir.path(), "items.jsonl", "{\"id\":1}\n"),
    ]);
    let pipe = |name: &str| {
        let path = dir.path().join(name);
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.is_ok_and(|status| status.success()), "mkfifo");
        path.to_str().unwrap().to_owned()
    };
    std::fs::create_dir(dir.path().join("towers")).unwrap();
    pipe("towers/tower.json");
    let towers = dir.path().join("towers");
    let towers = towers.to_str().unwrap();
    let (lines, csv, table, array) = (
        pipe("a.jsonl"),
        pipe("a.csv"),
        pipe("a.parquet"),
        pipe("a.npy"),
    );
    let user = format!("@{lines}");
    for arguments in [
        &["towers", "inspect", towers][..],
        &["publish", &db, "s", towers],
        &["import", &db, &lines],
        &["import", &db, &csv],
        &["import", &db, &table],
        &["publish", &db, "s", "--vectors", &array],
        &["publish", &db, "s", "--vectors", &lines],
        &[
            "train", "youtube", "--items", &csv, "--events", &csv, "--out", "none",
        ],
        &["recall", &db, "s", "--user", &user],
    ] {
        let run = run(arguments);
        assert_eq!(run.exit, 1, "{arguments:?}: {}", run.err);
        assert!(
            run.err.contains("a named pipe found"),
            "{arguments:?}: {}",
            run.err
        );
    }
}
