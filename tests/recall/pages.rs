//! Pages of one query are disjoint and complete, and equal scores are ordered by item id.
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use twinspire::{
    BusinessWeight, Cascade, Database, Diversity, Ensemble, Hits, Normalisation, NormalisedSum,
    Quotas, RankFusion, Recall, WeightedSum,
};
use twinspire_testkit::towers::{identity, identity_record, open as open_towers};
use twinspire_testkit::vectors::clustered;
use twinspire_testkit::{directory, open_without_background};

const DIMENSION: usize = 8;
const ITEMS: usize = 600;
const SPACE: &str = "things";
const OTHER: &str = "others";

/// Sets in which equal scores are rare, common, and everywhere.
const KINDS: [&str; 3] = ["distinct", "pairs", "groups"];

fn vectors(kind: &str) -> Vec<Vec<f32>> {
    let mut all = clustered(ITEMS, DIMENSION, 3.0, 1);
    for at in 0..ITEMS {
        match kind {
            "pairs" if at % 4 == 0 => {
                let next = all[at + 1].clone();
                all[at] = next;
            }
            "groups" => {
                let of_group = all[at * 7 % 20].clone();
                all[at] = of_group;
            }
            _ => {}
        }
    }
    all
}

/// A database of two spaces whose items lie in three segments and in the journal. Items are stored in
/// another order than that of their ids.
fn shop(path: &Path, kind: &str) -> Database {
    let db = open_without_background(path);
    let vectors = vectors(kind);
    let records = |range: std::ops::Range<usize>| -> Vec<Value> {
        let record = |at: usize| {
            let mut record = identity_record(Some(at * 617 % ITEMS), &vectors[at]);
            record["bid"] = json!(1 + at % 3);
            record
        };
        range.map(record).collect()
    };
    db.items().put_many(&records(0..300)).unwrap();
    for (space, metric) in [(SPACE, "cosine"), (OTHER, "l2")] {
        let towers = open_towers(&identity(DIMENSION, metric));
        db.publish(space).towers(towers).run().unwrap();
    }
    for range in [270..450, 420..576] {
        db.items().put_many(&records(range)).unwrap();
        db.seal().unwrap();
    }
    db.items().put_many(&records(560..ITEMS)).unwrap();
    db
}

fn ids(hits: &Hits) -> Vec<String> {
    hits.iter().map(|hit| hit.id.clone()).collect()
}

/// All pages of a size.
fn pages<'a>(ask: impl Fn() -> Recall<'a>, size: usize) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        let page = ask().offset(all.len()).top(size).unwrap();
        let len = page.len();
        all.extend(ids(&page));
        if len < size {
            return all;
        }
    }
}

/// Asserts that the pages hold every item of `whole` once.
fn assert_pages<'a>(ask: impl Fn() -> Recall<'a>, size: usize, whole: &Hits, what: &str) {
    let paged = pages(ask, size);
    let distinct: BTreeSet<&String> = paged.iter().collect();
    assert_eq!(distinct.len(), paged.len(), "{what}: an item on two pages");
    let whole = ids(whole);
    assert_eq!(distinct, whole.iter().collect(), "{what}");
}

fn assert_ordered(hits: &Hits, what: &str) {
    for pair in hits.windows(2) {
        let ordered = pair[0].score > pair[1].score
            || pair[0].score == pair[1].score && pair[0].id < pair[1].id;
        assert!(ordered, "{what}: {:?} before {:?}", pair[0], pair[1]);
    }
}

#[test]
fn pages_of_a_space_are_disjoint_and_complete() {
    for kind in KINDS {
        let (_dir, path) = directory();
        let db = shop(&path, kind);
        let query = &vectors(kind)[3];
        for space in [SPACE, OTHER] {
            let ask = || db.recall(space).vector(query).ef(16).exclude(["B00007"]);
            let whole = ask().exact().top(ITEMS).unwrap();
            assert_eq!(whole.len(), ITEMS - 1);
            assert_ordered(&whole, kind);
            for size in [9, 100] {
                assert_pages(ask, size, &whole, &format!("{kind} {space}"));
            }
            assert_eq!(pages(|| ask().exact(), 90), ids(&whole), "{kind}");
            for filter in ["v0 < 0.4", "bid = 2", "bid = 2 and v1 > 1"] {
                let ask = || ask().filter(filter);
                let whole = ask().exact().top(ITEMS).unwrap();
                assert!(whole.len() < ITEMS - 60, "{kind} {filter}");
                assert_ordered(&whole, kind);
                assert_pages(ask, 10, &whole, &format!("{kind} {space} {filter}"));
            }
        }
    }
}

#[test]
fn pages_of_an_ensemble_are_disjoint_and_complete() {
    let sum = || WeightedSum::new().space(SPACE, 1.0).space(OTHER, 0.3);
    let ensembles: [(&str, Ensemble); 8] = [
        ("sum", sum().into()),
        (
            "valued",
            sum().business_weight(BusinessWeight::new("bid")).into(),
        ),
        (
            "various",
            sum().diversity(Diversity::new(SPACE, 0.6).depth(30)).into(),
        ),
        (
            "scaled",
            NormalisedSum::new(Normalisation::MinMax)
                .space(SPACE, 1.0)
                .space(OTHER, 1.0)
                .into(),
        ),
        (
            "ranks",
            RankFusion::new()
                .space(SPACE, 1.0)
                .space(OTHER, 0.5)
                .depth(60)
                .into(),
        ),
        (
            "stages",
            Cascade::new().stage(OTHER, 120).stage(SPACE, 50).into(),
        ),
        (
            "shares",
            Quotas::shares([(SPACE, 0.7), (OTHER, 0.3)]).into(),
        ),
        ("counts", Quotas::counts([(SPACE, 4), (OTHER, 9)]).into()),
    ];
    for kind in KINDS {
        let (_dir, path) = directory();
        let db = shop(&path, kind);
        let vector = &vectors(kind)[5];
        let user = identity_record(None, vector);
        for (name, ensemble) in ensembles.clone() {
            db.ensembles().define(name, ensemble).unwrap();
            let ask = || db.recall(name).user(&user).ef(16).filter("bid >= 2");
            // Ranks and stages are those of lists of fixed length, which a beam finds.
            let listed = ["ranks", "stages"].contains(&name);
            let whole = match listed {
                true => ask().top(2 * ITEMS).unwrap(),
                false => ask().exact().top(2 * ITEMS).unwrap(),
            };
            let what = format!("{kind} {name}");
            assert!(listed || whole.len() > 200, "{what}");
            if name != "various" {
                assert_ordered(&whole, &what);
            }
            assert_pages(ask, 25, &whole, &what);
        }
    }
}

/// The pages of quotas: on each, channels take turns until their places are full, then again.
fn turns(lists: [&[String]; 2], places: [usize; 2], page: usize, pages: usize) -> Vec<String> {
    let mut answer: Vec<String> = Vec::new();
    for end in (1..=pages).map(|number| number * page) {
        let mut taken = [0; 2];
        for limits in [places, [page; 2]] {
            while answer.len() < end && taken != limits {
                for (at, list) in lists.iter().enumerate() {
                    let next = list.iter().find(|id| !answer.contains(id));
                    if let Some(id) = next.filter(|_| taken[at] < limits[at] && answer.len() < end)
                    {
                        answer.push(id.clone());
                        taken[at] += 1;
                    }
                }
            }
        }
    }
    answer
}

#[test]
fn each_page_of_shares_has_its_quotas() {
    let (_dir, path) = directory();
    let db = shop(&path, "distinct");
    let user = identity_record(None, &vectors("distinct")[5]);
    let shares = Quotas::shares([(SPACE, 0.8), (OTHER, 0.2)]);
    db.ensembles().define("shares", shares).unwrap();
    let best = |space: &str| ids(&db.recall(space).user(&user).exact().top(60).unwrap());
    let expected = turns([&best(SPACE), &best(OTHER)], [8, 2], 10, 4);
    let mut found = Vec::new();
    for page in 0..4 {
        let hits = db.recall("shares").user(&user).exact();
        let hits = hits.offset(10 * page).top(10).unwrap();
        let scores: Vec<f32> = hits.iter().map(|hit| hit.score).collect();
        let places = (1..=10).map(|place| 1.0 / (10 * page + place) as f32);
        assert_eq!(scores, places.collect::<Vec<_>>());
        found.extend(ids(&hits));
    }
    assert_eq!(found, expected);
}
