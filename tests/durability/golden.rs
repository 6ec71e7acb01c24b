//! The bytes on the disk are what storage-format.md says: a second reader, written from it, reads
//! what the library writes today, and the database in `tests/golden` that it wrote once.
//!
//! `TWINSPIRE_GOLDEN=DIR cargo test --test durability golden` leaves today's database and its answers in DIR,
//! for a new format version.
use crate::reader::{self, Reader, Tower, rounded, score};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use twinspire::{
    BusinessWeight, Cascade, Database, Diversity, Error, IndexChoice, IndexKind, Metric,
    Normalisation, NormalisedSum, Quotas, RankFusion, Storage, Towers, WeightedSum,
};
use twinspire_testkit::towers::{Tensor, TowerFiles, tower_files};
use twinspire_testkit::{directory, open_without_background, write_file, write_files};

const SPACE: &str = "things";
/// A space whose vectors are in half precision.
const HALVES: &str = "halves";
/// A space whose vectors are those of the two before, one behind the other.
const FUSED: &str = "both";
/// A space whose vectors come from elsewhere.
const GIVEN: &str = "given";
const WORDS: [&str; 7] = ["red", "Rote", "lamp", "bike-light", "Çanta", "x", "1950s"];

fn item(number: usize) -> Value {
    let word = |by: usize| WORDS[number * by % WORDS.len()];
    let mut item = json!({
        "id": format!("B{number:03}"),
        "title": format!("{} {} {number}", word(3), word(5)),
        "tags": [word(1), word(2)],
        "price": number as f64 * 1.25,
        "note": {"kept": [number, null]}
    });
    if number.is_multiple_of(9) {
        item["price"] = Value::Null;
    }
    // What few have, for columns of every shape.
    if number.is_multiple_of(5) {
        item["stock"] = json!({"there": number.is_multiple_of(2), "-": [number, "some", true, 7]});
    }
    if number.is_multiple_of(7) {
        let (lat, lon) = (40.0 - number as f64 * 0.25, number as f64 * -0.75);
        item["seller"] = json!({"at": {"lat": lat, "lon": lon}, "city": word(4)});
    }
    if number.is_multiple_of(11) {
        item["colours"] = json!([]);
    }
    if number.is_multiple_of(13) {
        item["colours"] = json!([word(1), "w".repeat(257), null, {"r": 1}]);
        item["seller"] = json!({"at": word(6)});
    }
    let kinds = [json!(number), json!(number % 8 > 4), json!(word(2))];
    if let Some(value) = (number % 4).checked_sub(1).and_then(|kind| kinds.get(kind)) {
        item["mixed"] = value.clone();
    }
    item
}

/// Users that between them leave nothing out that a feature can be.
fn users() -> Vec<Value> {
    vec![
        json!({}),
        json!({"user_id": 7, "age": 31, "likes": "red", "history": ["B001", "B150", "B999", 12]}),
        json!({"user_id": "Ünal", "age": -2.5, "likes": ["lamp", "cars", "x"], "query": "ROTE Lampe, x"}),
        json!({"history": ["B002", "B010", "B003", "B010"], "region": "not read, but allowed", "age": null}),
    ]
}

/// Towers of every kind of feature, lookup and layer; `shift` tells two of them apart.
fn towers(shift: usize) -> TowerFiles {
    let ids: Vec<String> = (0..160).map(|number| format!("B{number:03}")).collect();
    let schema = json!({
        "format": 1, "name": "golden", "dimension": 6, "metric": "cosine",
        "tables": {
            "items": {"dimension": 5, "lookup": {"vocabulary": {"ids": ids, "unknown": {"buckets": 3}}}},
            "users": {"dimension": 3, "lookup": {"hash": {"buckets": 11, "seed": 5}}},
            "tags": {"dimension": 2, "lookup": {"vocabulary": {"ids": WORDS, "unknown": "skip"}}},
            "trigrams": {"dimension": 4, "lookup": {"hash": {"buckets": 97}}}
        },
        "user": {
            "features": [
                {"kind": "ids", "field": "history", "table": "items", "limit": 3, "distinct": true, "missing": "zero"},
                {"kind": "id", "field": "user_id", "table": "users", "missing": "zero"},
                {"kind": "categories", "field": "likes", "table": "tags", "pooling": "sqrtn", "missing": "zero"},
                {"kind": "text", "field": "query", "table": "trigrams", "pooling": "mean", "missing": "zero"},
                {"kind": "number", "field": "age", "mean": 40.5, "deviation": 12.25, "missing": "zero"}
            ],
            "layers": [
                {"kind": "dense", "units": 8, "activation": "relu"},
                {"kind": "dense", "units": 6, "activation": "tanh"},
                {"kind": "l2_normalise"}
            ],
            "other_fields": {"allow": ["region"]}
        },
        "item": {
            "features": [
                {"kind": "id", "field": "id", "table": "items"},
                {"kind": "text", "field": "title", "table": "trigrams", "pooling": "sum"},
                {"kind": "categories", "field": "tags", "table": "tags"},
                {"kind": "number", "field": "price", "mean": 100.0, "deviation": 60.0, "missing": "zero"}
            ],
            "layers": [{"kind": "dense", "units": 6}]
        }
    });
    let weights = |names: &[(&str, &[usize])]| -> Vec<Tensor> {
        let named = names.iter().enumerate().map(|(at, (name, shape))| {
            let number = |i: usize| ((i * 7 + at * 13 + shift) as f32 * 0.731).sin() * 0.5;
            let count = shape.iter().product();
            let values = (0..count).map(number).collect();
            ((*name).to_owned(), shape.to_vec(), values)
        });
        named.collect()
    };
    let shared: &[(&str, &[usize])] = &[
        ("table.items", &[163, 5]),
        ("table.tags", &[7, 2]),
        ("table.trigrams", &[97, 4]),
    ];
    let user: &[(&str, &[usize])] = &[
        ("table.users", &[11, 3]),
        ("layer.0.weight", &[8, 15]),
        ("layer.0.bias", &[8]),
        ("layer.1.weight", &[6, 8]),
        ("layer.1.bias", &[6]),
    ];
    let item: &[(&str, &[usize])] = &[("layer.0.weight", &[6, 12]), ("layer.0.bias", &[6])];
    let files = [
        ("shared.safetensors", &*weights(shared)),
        ("user.safetensors", &weights(user)),
        ("item.safetensors", &weights(item)),
    ];
    tower_files(&schema, &files)
}

/// A vector that no tower gave. Some items share one.
fn given(number: usize) -> Vec<f32> {
    let number = if number % 12 == 1 { 1 } else { number };
    let component = |at: usize| ((number * 5 + at * 11) as f32 * 0.37).cos();
    (0..4).map(component).collect()
}

/// Does all that leaves different bytes behind; gives the records there are at the end.
fn write(path: &Path) -> BTreeMap<String, Value> {
    let open = |shift: usize| {
        let dir = tempfile::tempdir().unwrap();
        write_files(dir.path(), &towers(shift));
        Towers::open(dir.path()).unwrap()
    };
    let mut records: BTreeMap<String, Value> = BTreeMap::new();
    let mut put = |db: &Database, items: &[Value]| {
        db.items().put_many(items).unwrap();
        let ids = items
            .iter()
            .map(|item| item["id"].as_str().unwrap().to_owned());
        records.extend(ids.zip(items.iter().cloned()));
    };
    let changed = |number: usize| {
        let mut item = item(number);
        item["title"] = json!("Changed: Köpfe & Hände");
        item
    };
    let items: Vec<Value> = (0..170).map(item).collect();
    let db = open_without_background(path);
    put(&db, &items[..150]);
    db.seal().unwrap();
    put(&db, &items[150..]);
    put(&db, &[changed(3), changed(160)]);
    db.items().delete("B005").unwrap();
    db.publish(SPACE).towers(open(0)).run().unwrap();
    db.publish(HALVES)
        .towers(open(4))
        .storage(Storage::Half)
        .index(IndexChoice::Only(IndexKind::Partitions))
        .run()
        .unwrap();
    let vectors = (0..170).filter(|number| number % 10 > 0);
    let vectors = vectors.map(|number| Ok::<_, String>((format!("B{number:03}"), given(number))));
    let towers = Towers::vectors_only("given", 4, Metric::L2).unwrap();
    let published = db
        .publish(GIVEN)
        .towers(towers)
        .try_vectors(vectors)
        .leave_out(|_| ())
        .index(IndexChoice::Only(IndexKind::Partitions))
        .run();
    assert_eq!(published.unwrap().left_out, 17);
    db.publish(FUSED).fuse([HALVES, SPACE]).run().unwrap();
    put(&db, &[changed(20), item(200)]);
    db.items().delete("B021").unwrap();
    db.seal().unwrap();
    db.publish(SPACE).towers(open(1)).run().unwrap();
    put(&db, &[changed(5), item(201)]);
    let both = || WeightedSum::new().space(SPACE, 0.75).space(HALVES, 0.5);
    db.ensembles().define("home", both().fused(FUSED)).unwrap();
    let with_given = both().space(GIVEN, 0.25).missing(-1.5);
    db.ensembles().define("partly", with_given).unwrap();
    let staged = Cascade::new().stage(SPACE, 40);
    let staged = staged.stage_at_least(HALVES, 20, -0.25);
    db.ensembles().define("staged", staged).unwrap();
    let calibrated = NormalisedSum::new(Normalisation::Calibration).space(HALVES, 2.0);
    db.ensembles().define("calibrated", calibrated).unwrap();
    let ranks = RankFusion::new().space(SPACE, 1.0).space(HALVES, 0.5);
    db.ensembles().define("ranks", ranks.k(10)).unwrap();
    let scaled = NormalisedSum::new(Normalisation::ZScore).space(SPACE, 1.0);
    let worth = BusinessWeight::new("price")
        .default_value(0.5)
        .exponents(1.0, 0.5);
    let scaled = scaled.depth(50).business_weight(worth);
    let scaled = scaled.diversity(Diversity::new(GIVEN, 0.75).depth(30));
    db.ensembles().define("scaled", scaled).unwrap();
    let parts = Quotas::shares([(SPACE, 0.75), (HALVES, 0.25)]);
    db.ensembles().define("parts", parts).unwrap();
    let counts = Quotas::counts([(HALVES, 6), (SPACE, 4)]);
    db.ensembles().define("counts", counts).unwrap();
    db.rollback(SPACE).run().unwrap();
    drop(db);
    let db = open_without_background(path);
    put(&db, &[changed(22), item(202)]);
    db.items().delete("B023").unwrap();
    db.items().delete("B031").unwrap();
    put(&db, &[changed(31)]);
    db.seal().unwrap();
    put(&db, &[changed(24), changed(202)]);
    db.seal().unwrap();
    put(&db, &[item(204)]);
    db.items().delete("B200").unwrap();
    for gone in ["B021", "B023", "B200"] {
        records.remove(gone);
    }
    records
}

/// Adds what the golden database does not have: integers that no float equals, lists of more numbers than
/// are indexed, and fields kept out of filters. Gives the records.
fn write_more(path: &Path) -> BTreeMap<String, Value> {
    let db = open_without_background(path);
    db.exclude_from_filters(["given.raw", "seller.city"])
        .unwrap();
    let more = |number: usize| {
        let mut item = item(number);
        let (above, below) = ((1u64 << 53) + number as u64, i64::MIN + number as i64);
        item["account"] = json!([above, below, u64::MAX - 1, number as f64 * 1e15]);
        let many: Vec<f64> = (0..40).map(|at| f64::from(at) * 0.5).collect();
        item["given"] = json!({"vector": many, "of": number, "raw": "x"});
        item
    };
    let items: Vec<Value> = (300..330).map(more).collect();
    db.items().put_many(&items).unwrap();
    db.seal().unwrap();
    assert!(db.check().unwrap().problems.is_empty());
    let ids = items
        .iter()
        .map(|item| item["id"].as_str().unwrap().to_owned());
    ids.zip(items.iter().cloned()).collect()
}

/// The vectors the second reader finds in a space, by id.
fn vectors(reader: &Reader, name: &str) -> BTreeMap<String, Vec<f32>> {
    let generation = active(reader, name);
    let (towers, segments) = (reader.towers(name, generation), reader.segments(generation));
    let mut vectors = BTreeMap::new();
    let in_members = members(reader, generation);
    for (at, segment) in segments.iter().enumerate() {
        assert!(
            segment.upper_layers() != Some(0) || at > 0,
            "many items have upper layers"
        );
        let newer = &segments[at + 1..];
        let hidden = |item| {
            newer
                .iter()
                .any(|s| s.items.contains(item) || s.gone.contains(item))
        };
        assert_eq!(
            (segment.dimension as u32, segment.metric, segment.half),
            (generation.dimension, generation.metric, name == HALVES)
        );
        for (item, node) in segment.items.iter().zip(&segment.nodes) {
            let vector = segment.vector(*node);
            let version = &reader.items[item];
            if version.revision > generation.cut || hidden(item) {
                continue;
            }
            vectors.insert(version.id.clone(), vector.to_vec());
            let due = match &in_members {
                Some(members) => members[&version.id].clone(),
                None if !towers.has(Tower::Item) => continue,
                None => towers
                    .embed(Tower::Item, version.record.as_ref().unwrap())
                    .unwrap(),
            };
            let halves = if segment.half { 2f32.powi(-11) } else { 0.0 };
            let far = |(a, b): &(&f32, &f32)| (*a - *b).abs() > 1e-5 + halves * b.abs();
            assert_eq!(
                vector.iter().zip(&due).find(far),
                None,
                "{}: {vector:?} is stored, {due:?} is due",
                version.id
            );
        }
        for (node, vector) in segment.vectors.chunks(segment.dimension).enumerate() {
            let found = segment.search(vector, 100);
            // Halves are not quite of length 1: a longer one can be before it.
            let first = found.iter().position(|found| *found == node as u32);
            let leads = first.is_some_and(|first| first == 0 || segment.half || name == FUSED);
            assert!(leads, "the index leads to every vector");
        }
    }
    let late = reader
        .items
        .values()
        .filter(|version| version.revision > generation.cut);
    for version in late {
        let Some(record) = &version.record else {
            continue;
        };
        if let Some(members) = &in_members {
            let vector = members.get(&version.id).cloned();
            vectors.extend(vector.map(|vector| (version.id.clone(), vector)));
        } else if towers.has(Tower::Item) {
            let mut vector = towers.embed(Tower::Item, record).unwrap();
            if generation.half {
                vector.iter_mut().for_each(|x| *x = rounded(*x));
            }
            vectors.insert(version.id.clone(), vector);
        }
    }
    vectors
}

/// The active generation of a space.
fn active<'a>(reader: &'a Reader, name: &str) -> &'a reader::Generation {
    let space = &reader.manifest.spaces[name];
    let active = |generation: &&reader::Generation| generation.number == space.active;
    space.generations.iter().find(active).unwrap()
}

/// Of a fused generation: the vectors of its members, one behind the other.
fn members(reader: &Reader, generation: &reader::Generation) -> Option<BTreeMap<String, Vec<f32>>> {
    let mut all: Option<BTreeMap<String, Vec<f32>>> = None;
    for (member, number) in &generation.members {
        assert_eq!(active(reader, member).number, *number);
        let mut own = vectors(reader, member);
        all = Some(match all {
            None => own,
            Some(mut all) => {
                all.retain(|id, _| own.contains_key(id));
                for (id, vector) in &mut all {
                    vector.append(own.get_mut(id).unwrap());
                }
                all
            }
        });
    }
    all
}

/// What the second reader asks a space with for a user.
fn query(reader: &Reader, name: &str, user: &Value) -> Vec<f32> {
    let generation = active(reader, name);
    if !generation.members.is_empty() {
        let members = generation.members.iter();
        return members
            .flat_map(|(member, _)| query(reader, member, user))
            .collect();
    }
    let towers = reader.towers(name, generation);
    match towers.has(Tower::User) {
        true => towers.embed(Tower::User, user).unwrap(),
        false => given(user.as_object().unwrap().len()),
    }
}

/// The answers the second reader finds in a space: ids and scores of all items, best first.
fn answers(reader: &Reader, name: &str, users: &[Value]) -> Vec<Vec<(String, f32)>> {
    let generation = active(reader, name);
    let towers = reader.towers(name, generation);
    assert_eq!(generation.recall, 1.0, "so few items are all found");
    assert!(
        !towers.has(Tower::User) || towers.embed(Tower::User, &json!({"agee": 3})).is_none(),
        "a typing error"
    );
    assert_eq!(generation.partial, [GIVEN, FUSED].contains(&name));
    assert_eq!(generation.left_out > 0, name == GIVEN);
    let vectors = vectors(reader, name);
    let answer = |user: &Value| {
        let query = query(reader, name, user);
        let each = vectors.iter();
        let scored = each.map(|(id, v)| (id.clone(), score(generation.metric, &query, v)));
        let mut scored: Vec<_> = scored.collect();
        scored.sort_by(|a, b| b.1.total_cmp(&a.1));
        scored
    };
    users.iter().map(answer).collect()
}

/// Compares a database, as the library opens it, with a second reader's view of it.
fn compare(path: &Path) -> Vec<Vec<String>> {
    let reader = Reader::open(path);
    let db = Database::open_read_only(path).unwrap();
    assert_eq!(db.stats().unwrap().items, reader.records().len() as u64);
    for (id, record) in reader.records() {
        assert_eq!(db.items().get(&id).unwrap(), Some(record));
    }
    for (name, recipe) in &reader.manifest.ensembles {
        let stored = db.ensembles().get(name).unwrap();
        assert_eq!(serde_json::to_value(stored).unwrap(), *recipe, "{name}");
    }
    let mut firsts = Vec::new();
    let made_of = &active(&reader, FUSED).members;
    let in_step = |(member, number): &(String, u64)| active(&reader, member).number == *number;
    let mut spaces = vec![SPACE, HALVES, GIVEN, FUSED];
    if !made_of.iter().all(in_step) {
        spaces.pop();
        let refused = db.recall(FUSED).user(&json!({})).top(1);
        assert!(matches!(refused, Err(Error::OutOfStep { .. })));
    }
    let asked = spaces.into_iter().flat_map(|space| {
        let expected = answers(&reader, space, &users());
        let asked = users().into_iter().zip(expected);
        asked.map(move |(user, expected)| (space, user, expected))
    });
    for (space, user, expected) in asked {
        let vector = given(user.as_object().unwrap().len());
        let recall = match space {
            GIVEN => db.recall(space).vector(&vector),
            _ => db.recall(space).user(&user),
        };
        let hits = recall.exact().top(expected.len()).unwrap();
        assert_eq!(hits.len(), expected.len());
        let scores: BTreeMap<&str, f32> = expected
            .iter()
            .map(|(id, score)| (id.as_str(), *score))
            .collect();
        for (hit, (_, score)) in hits.iter().zip(&expected) {
            assert!(
                (hit.score - score).abs() < 1e-5,
                "{hit:?}, {score} is due here"
            );
            assert!(
                (hit.score - scores[hit.id.as_str()]).abs() < 1e-5,
                "{hit:?}"
            );
        }
        firsts.push(hits.iter().take(10).map(|hit| hit.id.clone()).collect());
    }
    assert!(db.check().unwrap().problems.is_empty());
    firsts
}

/// Copies a database, but what is of this machine and can be made again.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if ["LOCK", "READERS", "catalog"].contains(&entry.file_name().to_str().unwrap()) {
            continue;
        }
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn what_is_written_today_is_read_by_the_other_reader() {
    let (_dir, path) = directory();
    let records = write(&path);
    assert_eq!(Reader::open(&path).records(), records);
    let firsts = compare(&path);
    if let Some(out) = std::env::var_os("TWINSPIRE_GOLDEN") {
        let out = PathBuf::from(out);
        copy(&path, &out.join("v1"));
        let answers = serde_json::to_vec_pretty(&firsts).unwrap();
        write_file(&out, "answers.json", answers);
    }

    // Another writer's journal begins with a copy of what this one wrote last.
    let db = Database::open(&path).unwrap();
    db.items().put(&item(203)).unwrap();
    drop(db);
    let more = Reader::open(&path).records();
    assert_eq!(more.len(), records.len() + 1);
    assert!(records.iter().all(|(id, record)| more[id] == *record));

    let exact = write_more(&path);
    let found = Reader::open(&path).records();
    assert!(exact.iter().all(|(id, record)| found[id] == *record));
}

#[test]
fn the_golden_database_is_read_by_both_readers_and_answers_as_it_did() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let (_dir, path) = directory();
    copy(&golden.join("v1"), &path);
    let (_other, expected) = directory();
    assert_eq!(Reader::open(&path).records(), write(&expected));
    let firsts: Vec<Vec<String>> =
        serde_json::from_slice(&fs::read(golden.join("answers.json")).unwrap()).unwrap();
    assert_eq!(compare(&path), firsts);

    let manifest = Reader::open(&path).manifest;
    let recipes = manifest.ensembles.iter();
    let home = recipes.clone().find(|(name, _)| name == "home");
    assert_eq!(home.unwrap().1["spaces"][SPACE], 0.75);
    // A publish, and three seals; another publish; and as many of halves.
    let kept = |name: &str| {
        let space = &manifest.spaces[name];
        let generations = space.generations.iter();
        let segments = generations.map(|g| (g.number, g.half, g.segments.len()));
        (space.active, segments.collect::<Vec<_>>())
    };
    assert_eq!(kept(SPACE), (1, vec![(1, false, 4), (2, false, 1)]));
    assert_eq!(kept(HALVES), (1, vec![(1, true, 4)]));
    assert_eq!(kept(GIVEN), (1, vec![(1, false, 4)]));
    assert_eq!(kept(FUSED), (1, vec![(1, false, 4)]));
    let db = Database::open(&path).unwrap();
    db.items().put(&item(203)).unwrap();
    db.rollback(SPACE)
        .to(twinspire::GenerationNo(2))
        .run()
        .unwrap();
    drop(db);
    assert_ne!(compare(&path), firsts, "other towers, other answers");
}

#[test]
fn the_worked_example_of_the_format_is_the_golden_journal() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("storage-format.md")).unwrap();
    let (_, example) = text.split_once("```hex\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let mut bytes: Vec<u8> = Vec::new();
    for line in example.lines() {
        let (offset, line) = line.split_once("  ").unwrap();
        assert_eq!(usize::from_str_radix(offset, 16).unwrap(), bytes.len());
        let hexadecimal = line.split("  ").next().unwrap();
        let line = hexadecimal
            .split(' ')
            .map(|byte| u8::from_str_radix(byte, 16));
        bytes.extend(line.map(Result::unwrap));
    }
    let golden = root.join("tests/golden/v1/journal/journal-000029");
    assert_eq!(bytes, fs::read(golden).unwrap());
}
