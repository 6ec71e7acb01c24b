//! Incremental training into a database that serves meanwhile.
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use twinspire::train::release::{Cases, hold_out, release};
use twinspire::train::youtube::{Config, TRAINING, train, train_from};
use twinspire::train::{Dataset, LogParams, TrainError, TrainParams};
use twinspire::{Database, Event, GenerationNo, Towers};
use twinspire_testkit::{SetOnDrop, directory, tower_fixtures, write_file};

const DAY: i64 = 86_400;

/// A shop where each user keeps to the even items or to the odd ones. Every day a user and two items are new; day 5
/// is the last.
fn shop(day: i64) -> Dataset {
    let kind = |n: i64| if n % 2 == 0 { "even" } else { "odd" };
    let items = (0..30 + 2 * day)
        .map(|n| json!({"id": format!("i{n}"), "kind": kind(n), "year": 1990 + n}))
        .collect();
    let users = (0..20 + day)
        .map(|n| json!({"user_id": format!("u{n}"), "age": 20 + n}))
        .collect();
    let events = (0..=day).flat_map(|day| {
        (0..20 + day).flat_map(move |user| {
            (0..6).map(move |step| {
                let at = user * 7 + day * 11 + step * 3;
                let items = i64::midpoint(30, 2 * day);
                Event {
                    user: format!("u{user}"),
                    item: format!("i{}", at % items * 2 + user % 2),
                    at: day * DAY + step * 60,
                    weight: 1.0,
                }
            })
        })
    });
    Dataset {
        items,
        users,
        events: events.collect(),
    }
}

fn small() -> Config {
    Config {
        dimension: 8,
        log: LogParams {
            user_dimension: 4,
            category_dimension: 3,
            ..LogParams::default()
        },
        training: TrainParams {
            batch: 64,
            epochs: 6,
            learning_rate: 0.1,
            ..TRAINING
        },
        ..Config::default()
    }
}

/// The towers of a day, warm-started from those of the day before.
fn train_day(day: i64, before: Option<&Towers>) -> Towers {
    let config = Config {
        since: before.map(|_| day * DAY),
        ..small()
    };
    train_from(before, &shop(day), &config, |_| {})
        .unwrap()
        .towers
}

fn user(day: i64) -> Value {
    let history: Vec<_> = (0..3).map(|n| format!("i{}", 2 * n + 1)).collect();
    json!({"user_id": format!("u{}", 19 + day), "history": history})
}

#[test]
fn a_warm_start_keeps_old_ids_and_adds_new_ones() {
    let first = train_day(0, None);
    let second = train_day(1, Some(&first));
    let day = train_from(
        Some(&first),
        &shop(1),
        &Config {
            since: Some(DAY),
            ..small()
        },
        |_| {},
    )
    .unwrap();
    assert_eq!(day.report.examples, 21 * 6, "the new events alone");
    assert_eq!(day.towers.hash(), second.hash());
    // The new item has its own row now.
    let (new, unknown) = (json!({"id": "i31"}), json!({"id": "never met"}));
    assert_eq!(
        first.embed_item(&new).unwrap(),
        first.embed_item(&unknown).unwrap()
    );
    assert_ne!(
        second.embed_item(&new).unwrap(),
        second.embed_item(&unknown).unwrap()
    );
    // Users and items that are not in today's data are kept.
    let few = Dataset {
        items: shop(1).items[30..].to_vec(),
        users: Vec::new(),
        events: shop(1).events.split_off(120),
    };
    let mut config = small();
    // Most events name items of earlier days.
    config.training.max_unknown_ids = 1.0;
    let third = train_from(Some(&first), &few, &config, |_| {})
        .unwrap()
        .towers;
    let old = json!({"id": "i7", "kind": "odd", "year": 1997});
    assert_ne!(
        third.embed_item(&old).unwrap(),
        third
            .embed_item(&json!({"id": "never met", "kind": "odd", "year": 1997}))
            .unwrap()
    );
    assert!(
        third
            .embed_user(&json!({"user_id": "u3", "age": 23}))
            .is_ok()
    );
    // Without new events there is nothing to learn from.
    let config = Config {
        since: Some(9 * DAY),
        ..small()
    };
    let error = train_from(Some(&first), &shop(1), &config, |_| {}).unwrap_err();
    assert!(matches!(error, TrainError::Empty { .. }), "{error}");
}

#[test]
fn windows_learn_a_log_in_order_of_time() {
    let config = Config {
        window: DAY as u64,
        training: TrainParams {
            epochs: 1,
            ..small().training
        },
        ..small()
    };
    let mut passes = Vec::new();
    let trained = train(&shop(3), &config, |progress| passes.push(progress)).unwrap();
    assert_eq!(trained.report.losses.len(), 4, "a pass for each day");
    assert_eq!(trained.report.examples as usize, shop(3).events.len());
    let last = passes.last().unwrap();
    assert_eq!((last.epoch, last.epochs, last.done), (4, 4, last.total));
    let error = train(
        &shop(3),
        &Config {
            training: TrainParams {
                patience: 1,
                ..config.training.clone()
            },
            ..config
        },
        |_| {},
    );
    assert!(error.unwrap_err().to_string().starts_with("patience is 1"));
}

#[test]
fn frequency_and_optimiser_state_survive_the_disk_and_a_database() {
    let (dir, path) = directory();
    let towers = train_day(0, None);
    let saved = dir.path().join("towers");
    towers.save(&saved).unwrap();
    let opened = Towers::open(&saved).unwrap();
    assert_eq!(opened.hash(), towers.hash());

    let db = Database::open(&path).unwrap();
    db.items().put_many(&shop(0).items).unwrap();
    db.publish("shop").towers(opened).run().unwrap();
    drop(db);
    let db = Database::open(&path).unwrap();
    let served = db.towers("shop").unwrap();
    assert_eq!(served.hash(), towers.hash());
    assert!(db.check().unwrap().is_clean());
    // A warm start from served towers equals one from trained towers.
    let (next, expected) = (train_day(1, Some(&served)), train_day(1, Some(&towers)));
    assert_eq!(next.hash(), expected.hash());
    // Without the kept state the result differs.
    for (file, magic) in [
        ("frequency.bin", b"TWINFREQ"),
        ("optimiser.bin", b"TWINOPTI"),
    ] {
        let kept = std::fs::read(saved.join(file)).unwrap();
        assert_eq!(kept[..8], *magic);
        let clear = dir.path().join(format!("without {file}"));
        std::fs::create_dir(&clear).unwrap();
        for other in std::fs::read_dir(&saved).unwrap() {
            let other = other.unwrap();
            if other.file_name() != file {
                std::fs::copy(other.path(), clear.join(other.file_name())).unwrap();
            }
        }
        let forgot = train_day(1, Some(&Towers::open(&clear).unwrap()));
        assert_ne!(forgot.hash(), expected.hash());
        for damage in 0..3 {
            let mut bytes = kept.clone();
            match damage {
                0 => bytes[40] ^= 1,
                1 => bytes.truncate(50),
                _ => bytes.clear(),
            }
            write_file(&saved, file, bytes);
            let error = Towers::open(&saved).unwrap_err().to_string();
            assert!(error.contains(file), "{error}");
        }
        write_file(&saved, file, kept);
    }
    // The state of other towers does not fit.
    let larger = Config {
        dimension: 9,
        ..small()
    };
    let larger = train_from(None, &shop(0), &larger, |_| {}).unwrap().towers;
    let others = dir.path().join("larger");
    larger.save(&others).unwrap();
    let kept = std::fs::read(others.join("optimiser.bin")).unwrap();
    write_file(&saved, "optimiser.bin", kept);
    let error = Towers::open(&saved).unwrap_err().to_string();
    assert!(error.contains("optimiser.bin: header: has"), "{error}");
    let other = Config {
        frequency_hashes: 2,
        ..small()
    };
    let error = train_from(Some(&towers), &shop(1), &other, |_| {}).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("`frequency_hashes` or `frequency_cells` differ"),
        "{error}"
    );
}

#[test]
fn stored_training_state_is_read_as_the_format_says() {
    // Written by `reference.py`, an implementation of storage-format.md.
    let fixture = tower_fixtures().join("youtube");
    let (dir, _) = directory();
    let towers = Towers::open(&fixture).unwrap();
    let saved = dir.path().join("saved");
    towers.save(&saved).unwrap();
    for file in ["frequency.bin", "optimiser.bin"] {
        let read = |dir: &std::path::Path| std::fs::read(dir.join(file)).unwrap();
        assert_eq!(read(&saved), read(&fixture));
    }
}

#[test]
fn each_generation_keeps_the_report_of_its_training() {
    // As storage-format.md says, with a key of later.
    const REPORT: &str = r#"{"format": 1, "recipe": "youtube", "settings": {"dimension": 8}, "warnings": [],
        "report": {"losses": [0.5, 0.25], "kept": 2}, "later": true}"#;
    let (dir, path) = directory();
    let trained = train_from(None, &shop(0), &small(), |_| {}).unwrap();
    let saved = dir.path().join("towers");
    trained.towers.save(&saved).unwrap();
    write_file(&saved, "report.json", REPORT.as_bytes());
    let db = Database::open(&path).unwrap();
    db.items().put_many(&shop(0).items).unwrap();
    let publish = |towers: Towers| db.publish("shop").towers(towers).run().unwrap().number;
    let golden = publish(Towers::open(&saved).unwrap());
    let reported = publish(trained.reported_towers("youtube", &small()));
    let without = publish(trained.towers.clone());
    drop(db);
    let stored = path.join("towers/shop-000001/report.json");
    assert_eq!(std::fs::read_to_string(stored).unwrap(), REPORT);
    let db = Database::open_read_only(&path).unwrap();
    let report = |number| db.training_report("shop", number).unwrap();
    assert_eq!(report(golden), Some(serde_json::from_str(REPORT).unwrap()));
    let found = report(reported).unwrap();
    assert_eq!(found["format"], 1);
    assert_eq!(found["settings"], json!(small()));
    assert_eq!(found["report"]["losses"], json!(trained.report.losses));
    assert_eq!(report(without), None);
    let error = db.training_report("shop", GenerationNo(9)).unwrap_err();
    assert!(
        error.to_string().contains("keeps no generation 9"),
        "{error}"
    );
    assert!(db.check().unwrap().is_clean());
    // A report that cannot be read costs the report alone.
    write_file(&saved, "report.json", b"{");
    let towers = Towers::open(&saved).unwrap();
    train_from(Some(&towers), &shop(0), &small(), |_| {}).unwrap();
    drop(db);
    let db = Database::open(&path).unwrap();
    let number = db.publish("shop").towers(towers).run().unwrap().number;
    assert_eq!(db.training_report("shop", number).unwrap(), None);
}

#[test]
fn recalls_during_publishing_see_one_generation_or_the_other() {
    let (_dir, path) = directory();
    let db = Database::open(&path).unwrap();
    db.items().put_many(&shop(0).items).unwrap();
    let mut towers = train_day(0, None);
    db.publish("shop")
        .towers(towers.clone())
        .retain(9)
        .run()
        .unwrap();
    let done = AtomicBool::new(false);
    let asked = user(0);
    let answers = std::thread::scope(|scope| {
        let end = SetOnDrop(&done);
        let asking = scope.spawn(|| {
            let mut answers = Vec::new();
            while !done.load(Ordering::Relaxed) {
                answers.push(db.recall("shop").user(&asked).exact().top(10).unwrap());
            }
            answers
        });
        for day in 1..=4 {
            towers = train_day(day, Some(&towers));
            db.publish("shop")
                .towers(towers.clone())
                .retain(9)
                .run()
                .unwrap();
        }
        drop(end);
        asking.join().unwrap()
    });
    let now = db.pin();
    let mut seen = std::collections::BTreeSet::new();
    let expected: Vec<_> = (1..=5)
        .map(|number| {
            let state = now.generation("shop", GenerationNo(number)).unwrap();
            let all = state.recall("shop").user(&asked).exact().top(10);
            all.unwrap().to_vec()
        })
        .collect();
    for hits in &answers {
        let number = hits.generation().0;
        assert_eq!(
            hits.to_vec(),
            expected[number as usize - 1],
            "generation {number}"
        );
        seen.insert(number);
    }
    assert!(seen.len() > 1, "answers came from several: {seen:?}");
    let ordered = answers
        .windows(2)
        .all(|two| two[0].generation() <= two[1].generation());
    assert!(ordered);
}

#[test]
fn a_worse_generation_is_rolled_back_and_any_other_is_kept() {
    let (_dir, path) = directory();
    let db = Database::open(&path).unwrap();
    let mut data = shop(3);
    db.items().put_many(&data.items).unwrap();
    let held_out = hold_out(&mut data, Some(3 * DAY), 0.5);
    let cases = Cases::new(&data, &held_out, 1000).unwrap();
    assert!(cases.len() >= 10, "{}", cases.len());
    let trained = |epochs, seed| {
        let config = Config {
            training: TrainParams {
                epochs,
                seed,
                ..small().training
            },
            ..small()
        };
        train(&data, &config, |_| {}).unwrap().towers
    };
    let good = trained(12, 1);
    let try_out = |towers: &Towers, tolerance| {
        release(db.publish("shop").towers(towers.clone()), &cases, tolerance).unwrap()
    };
    let first = try_out(&good, 0.0);
    assert!(first.kept && first.before.is_none());
    let again = try_out(&good, 0.0);
    assert!(again.kept, "as good is good enough");
    assert_eq!(again.before.unwrap().metrics, again.after.metrics);
    // Users who are recommended the opposite of their taste.
    let mut upside_down = data.clone();
    for event in &mut upside_down.events {
        let number: usize = event.item[1..].parse().unwrap();
        event.item = format!("i{}", number ^ 1);
    }
    let config = Config {
        training: TrainParams {
            epochs: 12,
            ..small().training
        },
        ..small()
    };
    let bad = train(&upside_down, &config, |_| {}).unwrap().towers;
    let verdict = try_out(&bad, 0.05);
    assert!(!verdict.kept, "{verdict:?}");
    assert!(verdict.after.metrics.hit_10 + 0.05 < verdict.before.unwrap().metrics.hit_10);
    assert_eq!(db.pin().active_generation("shop").unwrap(), GenerationNo(2));
    assert_eq!(db.towers("shop").unwrap().hash(), good.hash());
    assert!(try_out(&bad, 1.0).kept, "whatever the tolerance allows");
}
