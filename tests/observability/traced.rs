//! A subscriber of the program sees spans and events; without one, a logger sees the events.

use super::{SPACE, alone, live_through, records};
use log::{LevelFilter, Log, Metadata as LogMetadata, Record as LogRecord};
use serde_json::json;
use std::fmt::Debug;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::with_default;
use tracing::{Metadata, Subscriber};
use twinspire::train::youtube::{Config, TRAINING, train};
use twinspire::train::{Dataset, TrainParams};
use twinspire::{Database, Event};
use twinspire_testkit::open_without_background;

/// A span: its name, its fields as text, its parent.
#[derive(Clone, Debug, Default)]
struct Span {
    name: &'static str,
    fields: String,
    parent: Option<usize>,
}

#[derive(Default)]
struct Seen {
    spans: Vec<Span>,
    entered: Vec<usize>,
    events: Vec<String>,
}

/// Remembers what it sees.
#[derive(Clone, Default)]
struct Watcher(Arc<Mutex<Seen>>);

struct Text<'a>(&'a mut String);

impl Visit for Text<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.push_str(&format!("{}={value:?} ", field.name()));
    }
}

fn place(id: &Id) -> usize {
    id.into_u64() as usize - 1
}

impl Subscriber for Watcher {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("twinspire")
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut seen = self.0.lock().unwrap();
        let mut span = Span {
            name: attributes.metadata().name(),
            parent: seen.entered.last().copied(),
            ..Span::default()
        };
        attributes.record(&mut Text(&mut span.fields));
        seen.spans.push(span);
        Id::from_u64(seen.spans.len() as u64)
    }

    fn record(&self, id: &Id, values: &Record<'_>) {
        let mut seen = self.0.lock().unwrap();
        values.record(&mut Text(&mut seen.spans[place(id)].fields));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut text = String::new();
        event.record(&mut Text(&mut text));
        self.0.lock().unwrap().events.push(text);
    }

    fn enter(&self, id: &Id) {
        self.0.lock().unwrap().entered.push(place(id));
    }

    fn exit(&self, id: &Id) {
        let mut seen = self.0.lock().unwrap();
        let at = seen
            .entered
            .iter()
            .rposition(|entered| *entered == place(id));
        seen.entered.remove(at.unwrap());
    }
}

impl Watcher {
    /// The spans of a name, with the names of those around them, the innermost first.
    fn spans(&self, name: &str) -> Vec<(Span, Vec<&'static str>)> {
        let seen = self.0.lock().unwrap();
        let of_name = seen.spans.iter().filter(|span| span.name == name);
        let with_parents = of_name.map(|span| {
            let (mut around, mut next) = (Vec::new(), span.parent);
            while let Some(at) = next {
                around.push(seen.spans[at].name);
                next = seen.spans[at].parent;
            }
            (span.clone(), around)
        });
        with_parents.collect()
    }
}

#[derive(Default)]
struct Logger(Mutex<Vec<String>>);

impl Log for Logger {
    fn enabled(&self, _: &LogMetadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &LogRecord<'_>) {
        let line = format!("{} {}: {}", record.level(), record.target(), record.args());
        self.0.lock().unwrap().push(line);
    }

    fn flush(&self) {}
}

/// Opens a database read-only whose journal has a flipped byte: a warning.
fn open_damaged(path: &Path) {
    let db = open_without_background(path);
    for at in 0..3 {
        db.items().put(&json!({"id": format!("i{at}")})).unwrap();
    }
    drop(db);
    let journal = fs::read_dir(path.join("journal")).unwrap();
    let file = journal.map(|entry| entry.unwrap().path()).max().unwrap();
    let mut bytes = fs::read(&file).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    fs::remove_file(&file).unwrap();
    fs::write(&file, bytes).unwrap();
    Database::open_read_only(path).unwrap();
}

/// Recalls for several users, and as a shard.
fn recall_more(path: &Path) {
    let db = Database::open_read_only(path).unwrap();
    let users = [json!({"price": 12}), json!({"price": 40})];
    db.recall(SPACE).users(&users).top(3).unwrap();
    db.recall(SPACE).user(&users[0]).top_of_shard(3).unwrap();
}

/// Trains two epochs.
fn train_towers() {
    let user = |at| json!({"user_id": format!("u{at}"), "age": at});
    let event = |at: i64| Event {
        user: format!("u{}", at % 10),
        item: format!("i{}", at % 7),
        at,
        weight: 1.0,
    };
    let data = Dataset {
        items: records(10),
        users: (0..10).map(user).collect(),
        events: (0..100).map(event).collect(),
    };
    let training = TrainParams {
        epochs: 2,
        ..TRAINING
    };
    let config = Config {
        dimension: 4,
        training,
        ..Config::default()
    };
    train(&data, &config, |_| {}).unwrap();
}

/// One test: once a subscriber was set, events reach it alone.
#[test]
fn events_reach_a_logger_until_a_subscriber_sees_spans_and_events() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let logger: &'static Logger = Box::leak(Box::default());
    log::set_logger(logger).unwrap();
    log::set_max_level(LevelFilter::Debug);
    open_damaged(&dir.path().join("logged.twin"));
    let lines = logger.0.lock().unwrap().clone();
    let is_warning = |line: &String| {
        line.starts_with("WARN twinspire::") && line.contains("serving what can be read")
    };
    assert!(lines.iter().any(is_warning), "{lines:#?}");

    let watcher = Watcher::default();
    let path = dir.path().join("traced.twin");
    with_default(watcher.clone(), || {
        live_through(&path);
        recall_more(&path);
        train_towers();
        open_damaged(&dir.path().join("watched.twin"));
    });
    let events = watcher.0.lock().unwrap().events.clone();
    let mut events = events.iter();
    assert!(events.any(|event| event.contains("serving what can be read")));

    let recalls = watcher.spans("recall");
    assert_eq!(recalls.len(), 3, "one of them fails");
    assert!(
        recalls[0].0.fields.contains("target=\"clip\" k=3"),
        "{recalls:?}"
    );
    for (stage, around) in [
        ("filter", &["recall"][..]),
        ("tower", &["recall"]),
        ("search", &["recall"]),
        ("answer", &["recall"]),
        ("segment", &["search", "recall"]),
        ("fuse", &["recall"]),
        ("put", &[]),
        ("append", &["put"]),
        ("seal", &["publish"]),
        ("embed", &["publish"]),
        ("build", &["publish"]),
        ("index", &["build", "publish"]),
        ("audit", &["build", "publish"]),
        ("activate", &["publish"]),
        ("merge", &[]),
        ("open", &[]),
        ("refresh", &[]),
        ("check", &[]),
        ("batch", &[]),
        ("shard", &[]),
        ("search", &["shard"]),
        ("train", &[]),
        ("epoch", &["train"]),
    ] {
        let spans = watcher.spans(stage);
        let found = spans.iter().any(|(_, parents)| parents == around);
        assert!(found, "{stage} in {around:?}: {spans:#?}");
    }
    let segments = watcher.spans("segment");
    let has_plan = |(span, _): &(Span, Vec<_>)| {
        ["plan=", "scored=", "ranked="]
            .iter()
            .all(|field| span.fields.contains(field))
    };
    assert!(segments.iter().all(has_plan), "{segments:#?}");
    let fsyncs = watcher.spans("fsync");
    assert!(
        fsyncs
            .iter()
            .any(|(_, around)| around == &["append", "put"])
    );
}
