//! Trainings that are interrupted: Ctrl-C keeps the best epoch so far, and a checkpoint is continued from.

use crate::command::{json_of, run};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use twinspire_testkit::write_file;

/// Writes two days of events, each as a file of a directory, and items.
fn write_logs(dir: &Path) {
    let items = (0..40).map(|id| json!({"id": id.to_string()}).to_string() + "\n");
    write_file(dir, "items.jsonl", items.collect::<String>());
    for day in 0..2 {
        let of_day = dir.join("log").join(format!("day={day}"));
        fs::create_dir_all(&of_day).unwrap();
        let events = (0..60).flat_map(|user| {
            (0..4).map(move |step| {
                let item = (user * 3 + day * 11 + step * 7) % 40;
                json!({"user": user, "item": item, "at": day * 86_400 + step}).to_string() + "\n"
            })
        });
        write_file(&of_day, "part-0.jsonl", events.collect::<String>());
    }
    fs::write(dir.join("log/_SUCCESS"), "").unwrap();
}

#[test]
fn events_of_a_directory_are_those_of_its_files() {
    let dir = tempfile::tempdir().unwrap();
    write_logs(dir.path());
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (items, out) = (path("items.jsonl"), path("towers"));
    let train = |events: &[&str]| {
        let flags = [
            "train", "youtube", "--items", &items, "--out", &out, "--epochs", "1",
        ];
        json_of(&[&flags[..], &["--events"], events].concat())
    };
    assert_eq!(train(&[&path("log")])["events"], 480);
    assert_eq!(train(&[&path("log/day=1")])["events"], 240);
    let files = ["log/day=0/part-0.jsonl", "log/day=1/part-0.jsonl"].map(path);
    assert_eq!(train(&[&files[0], &files[1]])["events"], 480);
    let refused = run(&[
        "train",
        "youtube",
        "--events",
        &path("towers"),
        "--out",
        &out,
    ]);
    assert!(
        refused.exit != 0 && refused.err.contains("towers"),
        "{}",
        refused.err
    );
}

#[test]
fn epochs_are_lines_where_there_is_no_terminal() {
    let dir = tempfile::tempdir().unwrap();
    write_logs(dir.path());
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let trained = run(&[
        "train",
        "youtube",
        "--items",
        &path("items.jsonl"),
        "--events",
        &path("log"),
        "--out",
        &path("towers"),
        "--epochs",
        "3",
        "--patience",
        "3",
    ]);
    assert_eq!(trained.exit, 0, "{}", trained.err);
    for epoch in 1..=3 {
        let line = format!("epoch {epoch} of 3: loss ");
        let found = trained.err.lines().find(|found| found.starts_with(&line));
        assert!(
            found.is_some_and(|found| found.contains(", validation 0.")),
            "{}",
            trained.err
        );
    }
}

/// Starts a long training, interrupts it in its second epoch, and returns its result.
#[cfg(unix)]
fn interrupted(flags: &[&str]) -> Value {
    let mut child = Command::new(env!("CARGO_BIN_EXE_twinspire"))
        .args(flags)
        .arg("--json")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut notes = BufReader::new(child.stderr.take().unwrap()).lines();
    notes
        .find(|line| line.as_ref().unwrap().starts_with("epoch 1 of"))
        .unwrap()
        .unwrap();
    let pid = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .unwrap()
            .success()
    );
    let rest: Vec<String> = notes.map(Result::unwrap).collect();
    let mut out = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut out)
        .unwrap();
    assert!(child.wait().unwrap().success(), "{rest:?}");
    assert!(
        rest.iter().any(|line| line.contains("Interrupted")),
        "{rest:?}"
    );
    serde_json::from_str(&out).unwrap()
}

#[cfg(unix)]
#[test]
fn an_interrupted_training_saves_its_towers_and_continues_from_its_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    write_logs(dir.path());
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (items, log, checkpoint) = (path("items.jsonl"), path("log"), path("at"));
    let (towers, whole) = (path("towers"), path("whole"));
    let data = ["train", "youtube", "--items", &items, "--events", &log];
    let long = ["--out", &towers, "--epochs", "60000", "--patience", "60000"];
    let stopped = interrupted(&[&data[..], &long].concat());
    assert_eq!(stopped["stopped"], true);
    assert!(
        stopped["validation"]["kept"].as_u64().unwrap() >= 1,
        "{stopped}"
    );
    assert!(Path::new(&towers).join("tower.json").exists());

    // Another training, interrupted as soon as its first epoch has ended, ends as one that was not.
    let flags = ["--epochs", "400", "--patience", "400"];
    let resumable = [
        &data[..],
        &flags,
        &["--out", &towers, "--checkpoint", &checkpoint],
    ]
    .concat();
    assert_eq!(interrupted(&resumable)["stopped"], true);
    assert!(Path::new(&checkpoint).join("training.bin").exists());
    let other = [&resumable[..], &["--learning-rate", "0.02"]].concat();
    let refused = run(&other);
    assert!(
        refused.exit != 0 && refused.err.contains("of another training"),
        "{}",
        refused.err
    );
    let resumed = json_of(&resumable);
    assert_eq!(resumed["stopped"], false);
    assert!(!Path::new(&checkpoint).exists());
    let expected = json_of(&[&data[..], &flags, &["--out", &whole]].concat());
    assert_eq!(resumed["loss_of_each_pass"], expected["loss_of_each_pass"]);
    let files = |dir: &str| -> Vec<(String, Vec<u8>)> {
        let entries = fs::read_dir(dir).unwrap().map(Result::unwrap);
        let read = entries.map(|entry| {
            let name = entry.file_name().to_str().unwrap().to_owned();
            (name, fs::read(entry.path()).unwrap())
        });
        let mut files: Vec<_> = read.collect();
        files.sort();
        files
    };
    assert!(files(&towers) == files(&whole), "the towers differ");
}
