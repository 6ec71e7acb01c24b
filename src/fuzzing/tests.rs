//! Every target on thousands of mutations of what it is made for.

use super::golden::{SPACE, golden, load, open};
use super::*;
use crate::ensemble::{
    BusinessWeight, Cascade, Diversity, Ensemble, Quotas, RankFusion, WeightedSum,
};
use crate::error::Error;
use crate::lexical::Lexical;
use crate::recall::ShardHits;
use crate::store;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use std::path::Path;
use twinspire_core::files::names;

/// A few bytes changed, cut out, doubled or set to telling values.
fn mutate(bytes: &mut Vec<u8>, rng: &mut Pcg64Mcg) {
    for _ in 0..rng.random_range(1..4) {
        let at = rng.random_range(0..=bytes.len());
        let until = bytes.len().min(at + rng.random_range(0..9));
        let new: Vec<u8> = match rng.random_range(0..5) {
            0 => Vec::new(),
            1 => vec![0xff; until - at],
            2 => vec![0; until - at],
            3 => bytes[at..until].repeat(2),
            _ => (at..until).map(|_| rng.random()).collect(),
        };
        bytes.splice(at..until, new);
    }
}

/// Runs a target on each seed as it is and on `rounds` mutations.
fn attack(target: fn(&[u8]), seeds: &[Vec<u8>], rounds: usize) {
    let mut rng = Pcg64Mcg::seed_from_u64(7);
    seeds.iter().for_each(|seed| target(seed));
    for _ in 0..rounds {
        let mut bytes = seeds.choose(&mut rng).unwrap().clone();
        mutate(&mut bytes, &mut rng);
        target(&bytes);
    }
}

/// The golden files whose path has this in it.
fn files(part: &str) -> Vec<Vec<u8>> {
    let all = golden().into_iter();
    let found: Vec<_> = all
        .filter(|(path, _)| path.to_str().unwrap().contains(part))
        .map(|(_, bytes)| bytes)
        .collect();
    assert!(!found.is_empty(), "no golden file is called {part}");
    found
}

/// Items segments and manifests of the golden database with a lexical space, each after its kind.
fn with_words() -> Vec<Vec<u8>> {
    let directory = load(&golden());
    let files = directory.files.clone();
    let root = directory.root.clone();
    let db = open(directory, false).unwrap();
    let words = Lexical::new().field("title", 2.0).field("tags", 1.0);
    db.lexical().define("words", words).unwrap();
    assert!(!db.recall("words").text("lamp").top(3).unwrap().is_empty());
    let all = |directory: &Path, part: &str, kind: u8| {
        let names = files.list(directory).unwrap();
        let names = names.into_iter().filter(|name| name.starts_with(part));
        let read = |name: String| [vec![kind], files.read(&directory.join(name)).unwrap()].concat();
        Vec::from_iter(names.map(read))
    };
    [
        all(&root.join(names::SEGMENTS), "items-", 0),
        all(&root, "manifest-", 2),
    ]
    .concat()
}

#[test]
fn hostile_segments_are_errors_or_segments() {
    let kinds = ["items-", "space-", "manifest-", "journal-", "CURRENT"];
    let kinds = kinds.iter().enumerate();
    let seeds = kinds.flat_map(|(kind, part)| {
        let with_kind = move |bytes: Vec<u8>| [vec![kind as u8], bytes].concat();
        files(part).into_iter().map(with_kind)
    });
    let mut seeds: Vec<Vec<u8>> = seeds.collect();
    seeds.extend(with_words());
    attack(segment, &seeds, 10_000);
}

#[test]
fn hostile_towers_are_errors_or_towers() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let inside = std::fs::read_dir(twinspire_testkit::tower_fixtures()).unwrap();
    let mut paths: Vec<_> = inside.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.push(root.join("tests/golden/v1/towers/things-000001"));
    let of_tokens = ["tokens/towers-static", "tokens/towers-onnx"];
    paths.extend(of_tokens.map(|name| twinspire_testkit::tower_fixtures().join(name)));
    let seeds = paths.iter().filter(|path| path.join("tower.json").exists());
    let seeds = seeds.map(|path| {
        let mut seed = Vec::new();
        for name in twinspire_towers::internals::TOWER_FILES {
            let part = std::fs::read(path.join(name)).unwrap_or_default();
            seed.extend((part.len() as u32).to_le_bytes());
            seed.extend(part);
        }
        seed.extend(br#"{"id": "B001", "title": "x", "tags": "red", "price": 3}"#);
        seed
    });
    let seeds: Vec<_> = seeds.collect();
    assert!(seeds.len() > 12);
    attack(towers, &seeds, 4000);
}

#[test]
fn hostile_queries_are_errors_or_answers() {
    let seeds = [
        &br#"{"user_id": 7, "age": 31, "likes": ["red"], "history": ["B001", 12]}"#[..],
        br#"{"query": "ROTE Lampe", "age": 1e300, "region": null}"#,
        br#"{"id": "B001", "title": "x"}"#,
    ];
    attack(query, &seeds.map(<[u8]>::to_vec), 4000);
}

#[test]
fn hostile_filters_are_errors_or_filters() {
    let seeds = [
        "price < 30 and title starts with 'a' or tags has any ('red', \"blue\")",
        "not (price between 1 and 2.5e1) and tags is not null or `id` in ('B001', 'B002')",
        "within(place, 47.5, -122.25, 10) or price != 3 and not tags has all ('x')",
    ];
    attack(filter, &seeds.map(|seed| seed.as_bytes().to_vec()), 4000);
}

#[cfg(feature = "import")]
#[test]
fn hostile_imports_are_errors_or_records() {
    let json = br#"{"id": "a", "user_id": 1, "user": "u", "item": 2, "at": 3, "tags": ["x"]}"#;
    let table = b"id,user_id,user,item,at,tags,title\n1,2,\"3\",4,5,a|b,x\n";
    let seeds = (0..6u8).map(|kind| {
        let text: &[u8] = if kind < 3 { json } else { table };
        [&[kind], text].concat()
    });
    attack(import, &seeds.collect::<Vec<_>>(), 4000);
}

#[cfg(feature = "import")]
#[test]
fn hostile_files_of_vectors_are_errors_or_vectors() {
    let line =
        br#"{"id": "a", "vector": [1, 2.5], "item": {"id": 7}, "vectors": {"things": [3, -4e0]}}"#;
    let mut seeds = vec![[&[2], &line[..]].concat(), [&[3], &line[..]].concat()];
    let row = [1i32.to_le_bytes(), 1.5f32.to_le_bytes()].concat();
    seeds.push([vec![1], row.repeat(3)].concat());
    let written = twinspire_testkit::vector_fixtures();
    let mut paths: Vec<_> = std::fs::read_dir(written)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    for path in paths {
        let kind = match path.extension().and_then(|name| name.to_str()) {
            Some("npy") => 0,
            Some("parquet") => 4,
            _ => continue,
        };
        seeds.push([vec![kind], std::fs::read(path).unwrap()].concat());
    }
    assert!(seeds.len() > 40);
    attack(vectors, &seeds, 10_000);
}

#[test]
fn hostile_databases_are_errors_or_databases() {
    let mut rng = Pcg64Mcg::seed_from_u64(11);
    for _ in 0..400 {
        let mut data: Vec<u8> = (0..5).map(|_| rng.random()).collect();
        let fill: u8 = rng.random();
        let patch =
            (0..rng.random_range(1..6)).map(|_| if fill < 128 { fill } else { rng.random() });
        data.extend(patch);
        database(&data);
    }
}

/// How many sequences of operations are played, and from which seed they are drawn:
/// `TWINSPIRE_OPERATIONS_ROUNDS` and `TWINSPIRE_OPERATIONS_SEED` change it.
#[test]
fn operations_failures_and_power_cuts_in_any_order_leave_what_a_plain_model_says() {
    let number = |name, default| std::env::var(name).map_or(default, |n| n.parse().unwrap());
    let rounds: u64 = number("TWINSPIRE_OPERATIONS_ROUNDS", 1_500);
    let seed: u64 = number("TWINSPIRE_OPERATIONS_SEED", 20_240_731);
    println!("TWINSPIRE_OPERATIONS_ROUNDS={rounds} TWINSPIRE_OPERATIONS_SEED={seed}");
    let play = |half: u64| {
        for round in (half..rounds).step_by(2) {
            let seed = seed.wrapping_add(round);
            let mut rng = Pcg64Mcg::seed_from_u64(seed);
            let length = rng.random_range(10..300);
            let data: Vec<u8> = (0..length).map(|_| rng.random()).collect();
            if let Err(panic) = std::panic::catch_unwind(|| operations(&data).unwrap()) {
                eprintln!("the operations of seed {seed}");
                std::panic::resume_unwind(panic);
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| play(0));
        play(1);
    });
}

#[test]
fn the_golden_database_itself_is_opened_and_answers() {
    let database = open(load(&golden()), false).unwrap();
    let user = serde_json::json!({"user_id": 7});
    assert_eq!(database.recall(SPACE).user(&user).top(5).unwrap().len(), 5);
    assert!(database.check().unwrap().is_clean());
    // The resealed one too: what is refused elsewhere is refused for what it holds.
    for path in golden().keys() {
        let directory = reseal::database(&golden(), path).unwrap();
        match open(directory, false) {
            Ok(database) => assert!(database.check().unwrap().is_clean(), "{path:?}"),
            // An older manifest misses what was sealed since.
            Err(error) => assert!(matches!(error, Error::Lost { .. }), "{path:?}: {error}"),
        }
    }
}

#[test]
fn a_manifest_with_an_invalid_ensemble_is_refused() {
    let one = || WeightedSum::new().space(SPACE, 1.0);
    let hostile: [Ensemble; 9] = [
        WeightedSum::new().space(SPACE, f32::NAN).into(),
        Cascade::new().into(),
        Cascade::new().stage(SPACE, u32::MAX).into(),
        RankFusion::new().space(SPACE, 1.0).depth(0).into(),
        Quotas::shares([(SPACE, 2.0)]).into(),
        one()
            .business_weight(BusinessWeight::new("price").default_value(f64::NAN))
            .into(),
        one()
            .business_weight(BusinessWeight::new("price").exponents(-1.0, 1.0))
            .into(),
        one().diversity(Diversity::new(SPACE, 7.0)).into(),
        one()
            .diversity(Diversity::new(SPACE, 0.5).depth(u32::MAX))
            .into(),
    ];
    for ensemble in hostile {
        let directory = load(&golden());
        let manifest = store::load(&directory).unwrap().unwrap();
        let bad = manifest.with_ensemble("bad", Some(ensemble));
        store::commit(&directory, &bad).unwrap();
        let error = store::load(&directory).unwrap_err().to_string();
        assert!(error.contains("ensemble \"bad\": "), "{error}");
    }
}

#[test]
fn hostile_contributions_of_shards_are_errors_or_merge() {
    let db = open(load(&golden()), true).unwrap();
    let user = serde_json::json!({"user_id": 7, "age": 31});
    let mut seeds = Vec::new();
    for name in db.ensembles().list().into_keys().chain([SPACE.to_owned()]) {
        let recall = || db.recall(&name).user(&user);
        // Normalisation by a calibration needs the calibration of all shards.
        let Ok(hits) = recall().top_of_shard(5) else {
            continue;
        };
        seeds.push(hits.to_bytes().unwrap());
        if let Ok(crate::Merged::Statistics(statistics)) = crate::merge(&[hits], None) {
            seeds.push(statistics.to_bytes().unwrap());
            let answer = recall().statistics(statistics).top_of_shard(5).unwrap();
            seeds.push(answer.to_bytes().unwrap());
        }
    }
    assert!(
        seeds
            .iter()
            .any(|seed| ShardHits::from_bytes(seed).is_ok_and(|hits| !hits.is_empty()))
    );
    attack(shard, &seeds, 4_000);
}
