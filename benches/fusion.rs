//! Ensembles of two spaces, compared with a recall of one of them: queries per second and recall@10.
//!
//! ```sh
//! cargo bench --bench fusion                  # 200,000 simulated items, 128 components in each space
//! cargo bench --bench fusion -- 50000         # another number of items
//! ```
//!
//! Both spaces see what an item is like, each in its own way: its vectors share half of their variance
//! with those of the other space. A query lies between two interests, the same ones in both. Queries are
//! given as vectors, one at a time by one thread.
//!
//! Prints a JSON object a line: for each way to answer, without and with a filter that a tenth of the
//! items pass, by score alone and by score times a field, the least efSearch of those tried that finds
//! 0.95 of the exact answer of the same recipe, with what it finds, its queries a second, and its
//! time in multiples of a recall of the first space alone that finds at least as much of its own answer.
#![allow(clippy::unwrap_used, reason = "a benchmark may stop where it fails")]

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::time::Instant;
use twinspire::{
    BusinessWeight, Cascade, Database, Ensemble, Metric, RankFusion, Recall, Towers, WeightedSum,
};
use twinspire_testkit::database::ids;
use twinspire_testkit::measure::round;
use twinspire_testkit::random::{normal, unit};

const SPACES: [&str; 2] = ["text", "unified"];
const FUSED: &str = "both";
const WEIGHTS: [f32; 2] = [0.4, 0.6];
const DIMENSION: usize = 128;
const QUERIES: usize = 200;
const K: usize = 10;
const ENOUGH: f64 = 0.95;
const EFS: [usize; 9] = [10, 16, 24, 32, 48, 64, 96, 128, 256];
/// Dimensions in which items differ, and how many interests there are.
const RANK: usize = 32;
const INTERESTS: usize = 2_000;
const FILTER: &str = "shelf = 3";
const SHELVES: usize = 10;

fn main() {
    let count = std::env::args().skip(1).find_map(|word| word.parse().ok());
    let world = World::simulate(count.unwrap_or(200_000));
    let home = tempfile::tempdir().unwrap();
    let db = Database::open(home.path().join("fusion.twin")).unwrap();
    publish(&db, &world);
    for filter in [None, Some(FILTER)] {
        let alone = curve(&db, &world, "text", filter, 0.9995);
        let enough = alone.iter().find(|found| found.recall >= ENOUGH);
        enough
            .into_iter()
            .for_each(|found| print("text", filter, found, &alone));
        for (name, recipe) in recipes() {
            db.ensembles().define(name, recipe).unwrap();
            let curve = curve(&db, &world, name, filter, ENOUGH);
            match curve.last().filter(|found| found.recall >= ENOUGH) {
                Some(found) => print(name, filter, found, &alone),
                None => println!("{}", json!({"way": name, "filter": filter, "found": null})),
            }
        }
    }
}

/// What is compared.
fn recipes() -> Vec<(&'static str, Ensemble)> {
    let [text, unified] = SPACES;
    let weighted = || {
        let sum = WeightedSum::new();
        sum.space(text, WEIGHTS[0]).space(unified, WEIGHTS[1])
    };
    let ranks = || {
        let fusion = RankFusion::new();
        fusion.space(text, WEIGHTS[0]).space(unified, WEIGHTS[1])
    };
    let cascade = || Cascade::new().stage(text, 500).stage(unified, 100);
    let bid = || BusinessWeight::new("bid");
    vec![
        ("weighted", weighted().into()),
        ("weighted-bid", weighted().business_weight(bid()).into()),
        ("fused", weighted().fused(FUSED).into()),
        (
            "fused-bid",
            weighted().fused(FUSED).business_weight(bid()).into(),
        ),
        ("cascade", cascade().into()),
        ("cascade-bid", cascade().business_weight(bid()).into()),
        ("ranks", ranks().into()),
        ("ranks-bid", ranks().business_weight(bid()).into()),
    ]
}

/// What a beam finds, and how quickly.
struct Found {
    ef: usize,
    recall: f64,
    seconds: f64,
}

/// A line of the table; `alone` is the recall of the first space alone.
fn print(way: &str, filter: Option<&str>, found: &Found, alone: &[Found]) {
    let equal = alone.iter().find(|alone| alone.recall >= found.recall);
    let times = equal
        .or(alone.last())
        .map(|alone| found.seconds / alone.seconds);
    let line = json!({
        "way": way, "filter": filter, "ef": found.ef, "recall@10": round(found.recall, 4),
        "queries_per_second": round(QUERIES as f64 / found.seconds, 0),
        "times_one_recall": times.map(|times| round(times, 2)),
    });
    println!("{line}");
}

/// What beams find, from narrow to wide until it is enough; of three rounds each the quickest.
fn curve(
    db: &Database,
    world: &World,
    name: &str,
    filter: Option<&str>,
    enough: f64,
) -> Vec<Found> {
    let ask = |recall: Recall<'_>| {
        let recall = match filter {
            Some(filter) => recall.filter(filter),
            None => recall,
        };
        recall.top(K).unwrap()
    };
    let queries = |at: usize| {
        world
            .queries
            .each_ref()
            .map(|all| &all[at * DIMENSION..][..DIMENSION])
    };
    let recall = |at: usize| {
        let [text, unified] = queries(at);
        match SPACES.iter().position(|space| *space == name) {
            Some(space) => db.recall(name).vector(queries(at)[space]),
            None => db
                .recall(name)
                .vector_in(SPACES[0], text)
                .vector_in(SPACES[1], unified),
        }
    };
    let exact = (0..QUERIES).map(|at| -> HashSet<String> {
        let hits = ask(recall(at).exact());
        ids(&hits).into_iter().collect()
    });
    let exact: Vec<_> = exact.collect();
    let mut curve: Vec<Found> = Vec::new();
    for ef in EFS {
        if curve.last().is_some_and(|found| found.recall >= enough) {
            break;
        }
        let round = || {
            let (mut found, mut wanted) = (0, 0);
            let started = Instant::now();
            for (at, exact) in exact.iter().enumerate() {
                let hits = ask(recall(at).ef(ef));
                found += hits.iter().filter(|hit| exact.contains(&hit.id)).count();
                wanted += exact.len();
            }
            let recall = found as f64 / wanted as f64;
            let seconds = started.elapsed().as_secs_f64();
            Found {
                ef,
                recall,
                seconds,
            }
        };
        let rounds = [(); 3].map(|()| round());
        curve.extend(
            rounds
                .into_iter()
                .min_by(|a, b| a.seconds.total_cmp(&b.seconds)),
        );
    }
    curve
}

fn publish(db: &Database, world: &World) {
    let id = |item: usize| format!("B{item:06}");
    let mut random = Pcg64Mcg::seed_from_u64(3);
    for from in (0..world.items).step_by(2_000) {
        let records = (from..world.items.min(from + 2_000)).map(|item| {
            // Most bids are low, few are high.
            let bid = (0.3 * normal(&mut random)).exp();
            json!({"id": id(item), "shelf": item % SHELVES, "bid": bid})
        });
        let records: Vec<Value> = records.collect();
        db.items().put_many(&records).unwrap();
    }
    for (space, vectors) in SPACES.iter().zip(&world.vectors) {
        let towers = Towers::vectors_only(space, DIMENSION, Metric::Cosine).unwrap();
        let each = vectors.chunks_exact(DIMENSION).enumerate();
        let each = each.map(|(item, vector)| (id(item), vector));
        db.publish(space)
            .towers(towers)
            .vectors(each)
            .run()
            .unwrap();
    }
    db.publish(FUSED).fuse(SPACES).run().unwrap();
}

/// Items and queries in both spaces.
struct World {
    items: usize,
    vectors: [Vec<f32>; 2],
    queries: [Vec<f32>; 2],
}

impl World {
    fn simulate(items: usize) -> Self {
        let mut random = Pcg64Mcg::seed_from_u64(7);
        let mut numbers =
            |count: usize| -> Vec<f32> { (0..count).map(|_| normal(&mut random)).collect() };
        // What both see of an interest, and what each sees besides.
        let [both, text, unified] = [(); 3].map(|()| numbers(INTERESTS * RANK));
        let bases = [(); 2].map(|()| numbers(RANK * DIMENSION));
        let share = 0.5f32.sqrt();
        let mut latent = |which: usize, spread: f32| -> [Vec<f32>; 2] {
            let shared: Vec<f32> = (0..RANK).map(|_| spread * normal(&mut random)).collect();
            [&text, &unified].map(|own| {
                let at = which * RANK;
                let each = both[at..at + RANK]
                    .iter()
                    .zip(&own[at..at + RANK])
                    .zip(&shared);
                let each = each.map(|((both, own), shared)| {
                    share * (both + shared + own + spread * normal(&mut random))
                });
                each.collect()
            })
        };
        let mut which = Pcg64Mcg::seed_from_u64(8);
        let mut draw = || latent(common_interest(&mut which), 0.6);
        let mut noise = Pcg64Mcg::seed_from_u64(9);
        let mut embed = |basis: &[f32], latent: &[f32]| -> Vec<f32> {
            let mut vector: Vec<f32> = (0..DIMENSION).map(|_| 0.15 * normal(&mut noise)).collect();
            for (x, row) in latent.iter().zip(basis.chunks_exact(DIMENSION)) {
                for (sum, y) in vector.iter_mut().zip(row) {
                    *sum += x * y / (RANK as f32).sqrt();
                }
            }
            unit(vector)
        };
        let (mut vectors, mut queries) = ([vec![], vec![]], [vec![], vec![]]);
        for _ in 0..items {
            for ((latent, basis), vectors) in draw().iter().zip(&bases).zip(&mut vectors) {
                vectors.extend(embed(basis, latent));
            }
        }
        for _ in 0..QUERIES {
            let (one, other) = (draw(), draw());
            let each = one.iter().zip(&other).zip(&bases).zip(&mut queries);
            for (((one, other), basis), queries) in each {
                let (one, other) = (embed(basis, one), embed(basis, other));
                let mixed = one.iter().zip(other).map(|(a, b)| a + 0.5 * b);
                queries.extend(unit(mixed.collect()));
            }
        }
        Self {
            items,
            vectors,
            queries,
        }
    }
}

/// An interest, some far more common than others.
fn common_interest(random: &mut Pcg64Mcg) -> usize {
    (random.random::<f32>().powi(3) * INTERESTS as f32) as usize % INTERESTS
}
