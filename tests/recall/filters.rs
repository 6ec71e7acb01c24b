//! A filtered recall answers as if every item were scored and those that do not pass removed, whatever
//! was written, sealed, merged, published and rolled back before.
use proptest::collection::vec;
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use twinspire::{
    Database, Error, ErrorKind, Filter, IndexChoice, IndexKind, Recall, SegmentPlan, Towers,
    WeightedSum,
};
use twinspire_testkit::database::{ids, scores};
use twinspire_testkit::{directory, open_without_background, towers};

/// Towers whose vectors are fields of the record divided by `scale`.
fn towers(metric: &str, names: &[&str], scale: f32) -> Towers {
    towers::open(&towers::fields(metric, names, scale))
}

/// A filter, and what it means for a record.
#[derive(Clone)]
struct Meant {
    filter: Filter,
    matches: std::rc::Rc<dyn Fn(&Value) -> bool>,
}

impl std::fmt::Debug for Meant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.filter.fmt(f)
    }
}

fn meant(text: impl AsRef<str>, matches: impl Fn(&Value) -> bool + 'static) -> Meant {
    Meant {
        filter: Filter::parse(text.as_ref()).unwrap(),
        matches: std::rc::Rc::new(matches),
    }
}

fn has(record: &Value, field: &str, passes: impl Fn(&Value) -> bool) -> bool {
    match &record[field] {
        Value::Array(list) => list.iter().any(passes),
        one => passes(one),
    }
}

fn leaf() -> impl Strategy<Value = Meant> {
    let number = -2..8i64;
    let city = prop::sample::select(vec!["Bonn", "Rome", "Oslo"]);
    let tag = prop::sample::select(vec!["new", "red", "blue"]);
    prop_oneof![
        number
            .clone()
            .prop_map(|n| meant(format!("price < {n}"), move |r| {
                r["price"].as_i64().is_some_and(|price| price < n)
            })),
        number
            .clone()
            .prop_map(|n| meant(format!("price != {n}"), move |r| {
                r["price"].as_i64() != Some(n)
            })),
        (number.clone(), 0..4i64).prop_map(|(n, more)| {
            let text = format!("price between {n} and {}", n + more);
            meant(text, move |r| {
                r["price"]
                    .as_i64()
                    .is_some_and(|price| (n..=n + more).contains(&price))
            })
        }),
        city.clone()
            .prop_map(|city| meant(format!("city = '{city}'"), move |r| r["city"] == city)),
        city.prop_map(|city| meant(format!("city >= '{city}'"), move |r| {
            r["city"].as_str().is_some_and(|found| found >= city)
        })),
        Just(meant("city is null", |r| r["city"].is_null())),
        Just(meant("tags is not null", |r| !r["tags"].is_null())),
        tag.prop_map(|tag| meant(format!("tags has '{tag}'"), move |r| {
            has(r, "tags", |found| found == tag)
        })),
        Just(meant("tags has all ('new', 'red')", |r| {
            has(r, "tags", |found| found == "new") && has(r, "tags", |found| found == "red")
        })),
        // The north is all that is within a quarter of the earth's girth of the pole.
        Just(meant("within(at, 90, 0, 10000)", |r| r["at"]["lat"]
            .as_f64()
            > Some(0.1))),
        Just(meant("seller.since >= 2000", |r| r["seller"]["since"]
            .as_i64()
            >= Some(2000))),
        Just(meant("true", |_| true)),
    ]
}

fn filter() -> impl Strategy<Value = Meant> {
    leaf().prop_recursive(3, 8, 2, |inner| {
        let pair = (inner.clone(), inner.clone());
        prop_oneof![
            pair.clone().prop_map(|(a, b)| Meant {
                filter: a.filter & b.filter,
                matches: std::rc::Rc::new(move |r| (a.matches)(r) && (b.matches)(r)),
            }),
            pair.prop_map(|(a, b)| Meant {
                filter: a.filter | b.filter,
                matches: std::rc::Rc::new(move |r| (a.matches)(r) || (b.matches)(r)),
            }),
            inner.prop_map(|a| Meant {
                filter: !a.filter,
                matches: std::rc::Rc::new(move |r| !(a.matches)(r)),
            }),
        ]
    })
}

fn fields() -> impl Strategy<Value = Value> {
    let city = prop::sample::select(vec![
        json!("Bonn"),
        json!("Rome"),
        json!("Oslo"),
        Value::Null,
    ]);
    let tags = prop::sample::select(vec![
        json!(["new"]),
        json!(["red", "new"]),
        json!("blue"),
        json!([]),
        Value::Null,
    ]);
    let price = prop::option::of(0..6i64);
    let at = prop::sample::select(vec![
        json!({"lat": 50, "lon": 7}),
        json!({"lat": -30, "lon": 7}),
        Value::Null,
    ]);
    let place = (-4i8..5, -4i8..5, -4i8..5);
    (
        price,
        city,
        tags,
        at,
        prop::option::of(1990..2010i64),
        place,
    )
        .prop_map(|(price, city, tags, at, since, (x, y, z))| {
            json!({
                "price": price, "city": city, "tags": tags, "at": at, "seller": {"since": since},
                "x": x, "y": y, "z": z
            })
        })
}

/// An item that has every field in every kind, so that no filter asks for what is not known.
fn anchor() -> Value {
    json!({
        "id": "anchor", "price": 100, "city": "Wien", "tags": ["other"], "x": 0, "y": 0, "z": 0,
        "at": {"lat": -10, "lon": 0}, "seller": {"since": 1900}
    })
}

#[derive(Clone, Debug)]
enum Step {
    Put(Vec<(usize, Value)>),
    Delete(usize),
    Seal,
    Merge,
    Publish,
    Rollback,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => vec((0..30usize, fields()), 1..12).prop_map(Step::Put),
        2 => (0..30usize).prop_map(Step::Delete),
        3 => Just(Step::Seal),
        1 => Just(Step::Merge),
        1 => Just(Step::Publish),
        1 => Just(Step::Rollback),
        1 => Just(Step::Reopen),
    ]
}

fn name(id: usize) -> String {
    format!("B{id:03}")
}

/// Asks in all ways and compares with the unfiltered answer to which the filter is applied plainly.
fn ask<'a>(
    recall: &dyn Fn() -> Recall<'a>,
    records: &BTreeMap<String, Value>,
    filter: &Meant,
) -> Result<(), TestCaseError> {
    let all = scores(&recall().exact().top(1000).unwrap());
    let wanted: Vec<_> = all
        .into_iter()
        .filter(|(id, _)| (filter.matches)(&records[id]))
        .collect();
    for k in [1, 3, 1000] {
        let wanted = &wanted[..wanted.len().min(k)];
        let exact = recall()
            .exact()
            .filter(filter.filter.clone())
            .top(k)
            .unwrap();
        prop_assert_eq!(&scores(&exact), wanted);
        let text = filter.filter.to_string();
        let walked = recall().filter(text).ef(4).top(k).unwrap();
        prop_assert_eq!(
            walked.len(),
            wanted.len(),
            "k answers whenever k items match"
        );
        for (id, _) in scores(&walked) {
            prop_assert!((filter.matches)(&records[&id]), "{id}");
        }
        let twice = recall()
            .filter(filter.filter.clone())
            .filter("true")
            .top(k)
            .unwrap();
        prop_assert_eq!(twice.len(), wanted.len());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn a_filtered_recall_equals_a_full_recall_without_the_items_that_fail(
        steps in vec(step(), 1..14),
        filters in vec(filter(), 3),
        user in (-4i8..5, -4i8..5, -4i8..5),
    ) {
        let (_dir, path) = directory();
        let open = || open_without_background(&path);
        let mut db = open();
        let mut records = BTreeMap::from([("anchor".to_owned(), anchor())]);
        db.items().put(&anchor()).unwrap();
        let publish = |db: &Database, scale| {
            db.publish("plane").towers(towers("inner_product", &["x", "y"], scale)).run().unwrap();
            db.publish("other").towers(towers("l2", &["y", "z"], scale)).run().unwrap();
        };
        publish(&db, 1.0);
        let both = WeightedSum::new().space("plane", 0.5).space("other", 1.0);
        db.ensembles().define("both", both).unwrap();
        for (at, step) in steps.into_iter().enumerate() {
            match step {
                Step::Put(items) => {
                    let items: BTreeMap<_, _> = items.into_iter().collect();
                    let items = items.into_iter().map(|(id, mut record)| {
                        record["id"] = name(id).into();
                        records.insert(name(id), record.clone());
                        record
                    });
                    let items: Vec<_> = items.collect();
                    db.items().put_many(&items).unwrap();
                }
                Step::Delete(id) => {
                    let there = records.remove(&name(id)).is_some();
                    prop_assert_eq!(db.items().delete(&name(id)).unwrap(), there);
                }
                Step::Seal => drop(db.seal().unwrap()),
                Step::Merge => db.merge().unwrap(),
                Step::Publish => publish(&db, 1.0 + at as f32),
                Step::Rollback => drop(db.rollback("plane").run()),
                Step::Reopen => {
                    drop(db);
                    db = open();
                }
            }
            let filter = &filters[at % filters.len()];
            let (x, y, z) = user;
            let features = json!({"x": x, "y": y, "z": z});
            for space in ["plane", "other", "both"] {
                ask(&|| db.recall(space).user(&features), &records, filter)?;
            }
            ask(&|| db.recall("other").similar("anchor"), &records, filter)?;
            let users = [features.clone(), json!({"x": 1, "y": 2, "z": 3})];
            for space in ["plane", "both"] {
                let recall = || db.recall(space).filter(filter.filter.clone()).exact();
                let batch = recall().users(&users).top(4).unwrap();
                for (hits, user) in batch.iter().zip(&users) {
                    prop_assert_eq!(hits, &recall().user(user).top(4).unwrap());
                }
            }
        }
        let reader = Database::open_read_only(&path).unwrap();
        let features = json!({"x": 1, "y": 1, "z": 1});
        for filter in &filters {
            ask(&|| reader.recall("both").user(&features), &records, filter)?;
        }
    }
}

fn shop(path: &std::path::Path) -> Database {
    let db = open_without_background(path);
    let items: Vec<_> = (0..100)
        .map(|id| {
            let city = if id % 2 == 0 { "Seattle" } else { "Portland" };
            json!({"id": name(id), "price": id, "city": city, "x": id, "y": 1})
        })
        .collect();
    db.items().put_many(&items).unwrap();
    db.publish("unified")
        .towers(towers("inner_product", &["x", "y"], 1.0))
        .run()
        .unwrap();
    db
}

#[test]
fn filters_are_given_as_text_or_calls_and_combine() {
    let (_dir, path) = directory();
    let db = shop(&path);
    let user = json!({"x": 1, "y": 0});
    let recall = || db.recall("unified").user(&user);
    let hits = recall()
        .filter("city = 'Seattle' and price < 30")
        .top(3)
        .unwrap();
    let ids = ids(&hits);
    assert_eq!(ids, ["B028", "B026", "B024"]);
    let field = Filter::field;
    let calls = recall()
        .filter(field("city").eq("Seattle"))
        .filter(field("price").lt(30));
    assert_eq!(calls.top(3).unwrap(), hits);
    assert_eq!(
        recall().filter("city = 'Seattle'").top(1000).unwrap().len(),
        50
    );
    assert_eq!(recall().filter("price > 1000").top(3).unwrap().len(), 0);
    let ids = (0..100)
        .filter(|id| id % 10 == 0)
        .map(name)
        .collect::<BTreeSet<_>>();
    let few = recall()
        .filter(field("id").one_of(&ids))
        .exclude(["B090"])
        .top(20)
        .unwrap();
    assert_eq!(few.len(), 9);
}

#[test]
fn an_invalid_filter_is_an_error_that_shows_the_position() {
    let (_dir, path) = directory();
    let db = shop(&path);
    let user = json!({"x": 1, "y": 0});
    let recall = || db.recall("unified").user(&user);
    for recall in [
        recall().filter("city = 'Seattle' and prize < 30"),
        recall()
            .filter("true")
            .filter("city = 'Seattle' and prize < 30")
            .exact(),
    ] {
        let error = recall.top(3).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(
            error.to_string(),
            "the filter cannot be used: there is no field `prize`; did you mean `price`?\n  \
             city = 'Seattle' and prize < 30\n                       ^^^^^"
        );
        let Error::Filter { source } = error else {
            panic!("{error}")
        };
        assert_eq!(source.span, 21..26);
    }
    let error = recall().filter("price < ").top(3).unwrap_err();
    assert!(matches!(error, Error::Filter { .. }), "{error}");
    let users = [user.clone()];
    let error = db
        .recall("unified")
        .filter("prize < 3")
        .users(&users)
        .top(1)
        .unwrap_err();
    assert!(matches!(error, Error::Filter { .. }), "{error}");
    // A field is known as soon as an item has it.
    db.items()
        .put(&json!({"id": "new", "prize": 1, "x": 0, "y": 0}))
        .unwrap();
    assert_eq!(recall().filter("prize < 3").top(3).unwrap().len(), 1);
}

/// Vectors of 16 components around 100 centres. `rank` is the place of an item's centre when centres
/// are sorted by their distance from the first.
fn clustered(items: usize) -> (Vec<Value>, Vec<Vec<f32>>) {
    let mut random = Pcg64Mcg::seed_from_u64(3);
    let mut near = |centre: &[f32], spread: f32| -> Vec<f32> {
        let moved = centre
            .iter()
            .map(|x| x + spread * random.random_range(-1.0..1.0f32));
        moved.collect()
    };
    let mut centres: Vec<_> = (0..100).map(|_| near(&[0.0; 16], 1.0)).collect();
    let first = centres[0].clone();
    let away = |a: &[f32]| -> f32 { a.iter().zip(&first).map(|(x, y)| (x - y).powi(2)).sum() };
    centres.sort_by(|a, b| away(a).total_cmp(&away(b)));
    let records = (0..items).map(|id| {
        let rank = id % 100;
        let mut record = json!({
            "id": id.to_string(), "rank": rank, "bucket": id * 7919 % items * 1000 / items
        });
        for (at, x) in near(&centres[rank], 0.6).into_iter().enumerate() {
            record[format!("v{at}")] = x.into();
        }
        record
    });
    let records = records.collect();
    // Around the first centre and those near to it, and somewhat off.
    let queries = (0..60)
        .map(|query| near(&centres[query % 10], 0.7))
        .collect();
    (records, queries)
}

#[test]
fn filtered_recalls_find_95_in_100_whether_the_filter_has_to_do_with_the_query_or_not() {
    find_95_in_100(IndexKind::Graph);
}

#[test]
fn filtered_recalls_of_partitions_find_95_in_100_too() {
    find_95_in_100(IndexKind::Partitions);
}

fn find_95_in_100(index: IndexKind) {
    let (_dir, path) = directory();
    let db = open_without_background(&path);
    let (records, queries) = clustered(20_000);
    db.items().put_many(&records).unwrap();
    let fields: Vec<_> = (0..16).map(|at| format!("v{at}")).collect();
    let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
    db.publish("space")
        .towers(towers("l2", &fields, 1.0))
        .index(IndexChoice::Only(index))
        .run()
        .unwrap();
    let mut filters = vec![];
    for thousandths in [1, 10, 100, 500, 900] {
        filters.push(format!("bucket < {thousandths}"));
    }
    for hundredths in [1, 10, 50, 90] {
        // What is nearest to the queries, and what is farthest from them.
        filters.push(format!("rank < {hundredths}"));
        filters.push(format!("rank >= {}", 100 - hundredths));
        filters.push(format!("not rank < {} and bucket >= 0", 100 - hundredths));
    }
    for filter in filters {
        let (mut found, mut wanted) = (0, 0);
        for query in &queries {
            let recall = || db.recall("space").vector(query).filter(filter.as_str());
            let (walked, exact) = (recall().top(10).unwrap(), recall().exact().top(10).unwrap());
            let best: BTreeSet<_> = exact.iter().map(|hit| &hit.id).collect();
            assert_eq!((walked.len(), best.len()), (10, 10), "{filter}");
            found += walked.iter().filter(|hit| best.contains(&hit.id)).count();
            wanted += best.len();
        }
        let recall = found as f64 / wanted as f64;
        assert!(recall >= 0.95, "{filter}: {recall}");
    }
}

#[test]
fn a_repeated_filter_is_cached_and_later_writes_still_count() {
    let (_dir, path) = directory();
    let (db, user) = (shop(&path), json!({"x": 1, "y": 1}));
    let recall = || {
        let recall = db.recall("unified").user(&user);
        recall.filter("city = 'Seattle' and price >= 90")
    };
    let found = || {
        let hits = recall().top(3).unwrap();
        ids(&hits)
    };
    let is_cached = || {
        let hits = recall().explain().top(3).unwrap();
        let mut segments = hits.explained().unwrap().searches[0].segments.iter();
        segments.any(|segment| {
            matches!(
                segment.plan,
                SegmentPlan::CachedScan | SegmentPlan::CachedGraphSearch
            )
        })
    };
    let repeated = || {
        let first = found();
        assert!((0..50).all(|_| found() == first));
        assert!(is_cached());
        first
    };
    db.seal().unwrap();
    assert_eq!(repeated(), ["B098", "B096", "B094"]);
    assert_eq!(recall().exclude(["B096"]).top(2).unwrap()[1].id, "B094");
    // One passes no more, one is gone, one passes now.
    let put = |id, city| json!({"id": name(id), "price": id, "city": city, "x": id, "y": 1});
    db.items().put(&put(98, "Portland")).unwrap();
    db.items().delete("B094").unwrap();
    db.items().put(&put(95, "Seattle")).unwrap();
    for seals in [false, true] {
        if seals {
            db.seal().unwrap();
            assert!(!is_cached());
        }
        assert_eq!(repeated(), ["B096", "B095", "B092"]);
    }
}
