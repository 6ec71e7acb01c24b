//! A fused space answers as its members do, and only while it was made of the generations they serve.
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use twinspire::{
    BusinessWeight, Database, Error, ErrorKind, GenerationNo, Metric, Storage, Towers, WeightedSum,
};
use twinspire_testkit::database::{ids, scores};
use twinspire_testkit::shop::id;
use twinspire_testkit::towers::field_towers;
use twinspire_testkit::{directory, open_without_background};

const WEIGHTS: [f32; 2] = [0.4, 0.6];

fn record(at: usize, [x, y, z]: [f32; 3]) -> Value {
    let mut record = json!({"id": id(at), "x": x, "y": y, "group": at % 3, "bid": 1 + at % 4});
    if z < 1.0 {
        // Without one it has no vector in the space "flat".
        record["z"] = json!(z);
    }
    record
}

/// Another generation of a member, with towers that are not those of the one before.
fn publish(db: &Database, member: &str, turned: bool) {
    let mut fields = match member {
        "plane" => ["x", "y"],
        _ => ["y", "z"],
    };
    if turned {
        fields.reverse();
    }
    let towers = field_towers("inner_product", &fields);
    db.publish(member)
        .towers(towers)
        .leave_out(|_| ())
        .run()
        .unwrap();
}

fn shop(path: &Path, items: &[[f32; 3]]) -> Database {
    let db = open_without_background(path);
    let records = items.iter().enumerate();
    let records: Vec<Value> = records.map(|(at, numbers)| record(at, *numbers)).collect();
    db.items().put_many(&records).unwrap();
    publish(&db, "plane", false);
    publish(&db, "flat", false);
    db.publish("both").fuse(["plane", "flat"]).run().unwrap();
    define(&db, WEIGHTS);
    db
}

/// The same recipe through the graph of the fused space, and without it.
fn define(db: &Database, [plane, flat]: [f32; 2]) {
    let weighted = || WeightedSum::new().space("plane", plane).space("flat", flat);
    let recipes = [
        ("plain", weighted()),
        ("through", weighted().fused("both")),
        (
            "plain-bid",
            weighted().business_weight(BusinessWeight::new("bid")),
        ),
        (
            "through-bid",
            weighted()
                .fused("both")
                .business_weight(BusinessWeight::new("bid")),
        ),
    ];
    for (name, recipe) in recipes {
        db.ensembles().define(name, recipe).unwrap();
    }
}

/// All ways to ask give what the members give one by one in exact mode. Whether the graph was used.
fn agrees(db: &Database, user: &Value, k: usize) -> bool {
    for bid in ["", "-bid"] {
        for filter in [None, Some("group = 1")] {
            let ask = |name: &str, exact: bool| {
                let name = format!("{name}{bid}");
                let recall = db
                    .recall(&name)
                    .user(user)
                    .ef(1_000)
                    .exclude([id(2)])
                    .offset(1);
                let recall = match filter {
                    Some(filter) => recall.filter(filter),
                    None => recall,
                };
                let recall = if exact { recall.exact() } else { recall };
                scores(&recall.top(k).unwrap())
            };
            let exact = ask("plain", true);
            assert_eq!(ask("through", true), exact);
            assert_eq!(ask("through", false), exact, "{bid} {filter:?}");
            let least = exact.last().map_or(0.0, |(_, score)| *score);
            let within = |name: &str| {
                let name = format!("{name}{bid}");
                scores(
                    &db.recall(&name)
                        .user(user)
                        .ef(1_000)
                        .all_at_least(least)
                        .unwrap(),
                )
            };
            assert_eq!(within("through"), within("plain"));
        }
    }
    let explained = db.recall("through").user(user).explain().top(k).unwrap();
    let searches = &explained.explained().unwrap().searches;
    searches.iter().any(|search| search.space == "both")
}

fn numbers() -> impl Strategy<Value = [f32; 3]> {
    [-1.0f32..1.0, -1.0f32..1.0, -1.0f32..1.3]
}

#[derive(Clone, Debug)]
enum Step {
    Put(Vec<(usize, [f32; 3])>),
    Delete(usize),
    Seal,
    Merge,
    Publish(bool, bool),
    Rollback(bool),
    Fuse,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => vec((0usize..90, numbers()), 1..9).prop_map(Step::Put),
        2 => (0usize..90).prop_map(Step::Delete),
        2 => Just(Step::Seal),
        1 => Just(Step::Merge),
        1 => any::<(bool, bool)>().prop_map(|(which, turned)| Step::Publish(which, turned)),
        2 => any::<bool>().prop_map(Step::Rollback),
        1 => Just(Step::Fuse),
        1 => Just(Step::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn a_fused_space_answers_as_its_members_after_writes_publishes_and_rollbacks(
        items in vec(numbers(), 3..60),
        steps in vec(step(), 1..14),
        user in numbers(),
        weights in [0.05f32..2.0, 0.05f32..2.0],
        k in 1usize..12,
    ) {
        let items: Vec<_> = items.into_iter().map(|[x, y, z]| [x, y, z.min(0.99)]).collect();
        let (_dir, path) = directory();
        let mut db = shop(&path, &items);
        define(&db, weights);
        let [x, y, z] = user;
        let user = json!({"x": x, "y": y, "z": z});
        prop_assert!(agrees(&db, &user, k));
        for step in steps {
            match step {
                Step::Put(records) => {
                    let records: BTreeMap<usize, [f32; 3]> = records.into_iter().collect();
                    let records = records.iter().map(|(at, numbers)| record(*at, *numbers));
                    db.items().put_many(&records.collect::<Vec<_>>()).unwrap();
                }
                Step::Delete(at) => drop(db.items().delete(&id(at)).unwrap()),
                Step::Seal => drop(db.seal().unwrap()),
                Step::Merge => db.merge().unwrap(),
                Step::Publish(plane, turned) => {
                    publish(&db, if plane { "plane" } else { "flat" }, turned);
                }
                Step::Rollback(plane) => {
                    let rolled = db.rollback(if plane { "plane" } else { "flat" }).run();
                    let refused = rolled.err();
                    let none = |error: &Error| matches!(error, Error::NoEarlierGeneration { .. });
                    prop_assert!(refused.as_ref().is_none_or(none), "{:?}", refused);
                }
                Step::Fuse => drop(db.publish("both").fuse(["flat", "plane"]).run().unwrap()),
                Step::Reopen => {
                    drop(db);
                    db = open_without_background(&path);
                }
            }
            let members = db.members("both").unwrap();
            let in_step = members.iter().all(|(name, made_of)| {
                let mut all = db.generations(name).unwrap().into_iter();
                all.any(|generation| generation.active && generation.number == *made_of)
            });
            prop_assert_eq!(agrees(&db, &user, k), in_step);
            let direct = db.recall("both").user(&user).exact().top(k);
            prop_assert_eq!(direct.is_ok(), in_step);
        }
        prop_assert!(db.check().unwrap().is_clean());
    }
}

fn user() -> Value {
    json!({"x": 0.3, "y": -0.4, "z": 0.5})
}

fn grid() -> Vec<[f32; 3]> {
    let part = |at: usize, by: usize| ((at * by) % 17) as f32 / 17.0 - 0.5;
    (0..60)
        .map(|at| [part(at, 3), part(at, 5), part(at, 7)])
        .collect()
}

#[test]
fn a_fused_space_follows_its_members_or_refuses_to_answer() {
    let (_dir, path) = directory();
    let db = shop(&path, &grid());
    let first = scores(&db.recall("both").user(&user()).top(5).unwrap());
    publish(&db, "plane", true);
    let refused = db.recall("both").user(&user()).top(5).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::NotFound);
    assert_eq!(
        refused.to_string(),
        "generation 1 of fused space \"both\" was made of generation 1 of \"plane\", where 2 is active \
         now; publish it again, or roll its members back"
    );
    assert!(!agrees(&db, &user(), 5));
    // Written while it is out of step: by the members alone, and here when it is back.
    db.items().put(&record(60, [0.9, -0.9, 0.9])).unwrap();
    db.items().delete(&first[0].0).unwrap();
    db.seal().unwrap();
    db.publish("both").fuse(["plane", "flat"]).run().unwrap();
    assert!(agrees(&db, &user(), 5));
    db.rollback("plane").run().unwrap();
    assert_eq!(
        db.generations("both")
            .unwrap()
            .iter()
            .position(|g| g.active),
        Some(0)
    );
    assert!(agrees(&db, &user(), 5));
    let back = scores(&db.recall("both").user(&user()).top(5).unwrap());
    assert_eq!(back[0].0, id(60));
    assert!(back.iter().all(|(id, _)| *id != first[0].0));
    // A state that is held on to goes over as the database does.
    let pinned = db.pin().generation("plane", GenerationNo(2)).unwrap();
    let newer = scores(&pinned.recall("both").user(&user()).top(5).unwrap());
    let through = scores(&pinned.recall("through").user(&user()).top(5).unwrap());
    let refused = db.pin().generation("both", GenerationNo(2));
    assert!(matches!(refused, Err(Error::OutOfStep { .. })));
    // By itself it can only go where its members are.
    let both = GenerationNo(2);
    let refused = db.rollback("both").to(both).run().unwrap_err();
    assert!(matches!(refused, Error::OutOfStep { .. }), "{refused}");
    db.rollback("plane").to(GenerationNo(2)).run().unwrap();
    assert_eq!(
        newer,
        scores(&db.recall("both").user(&user()).top(5).unwrap())
    );
    assert_eq!(
        through,
        scores(&db.recall("through").user(&user()).top(5).unwrap())
    );
    let mining = db.mine("both").pairs([]).err().unwrap();
    assert_eq!(
        mining.to_string(),
        "\"both\" is made of several spaces; name one of them: flat, plane"
    );
    assert_eq!(
        db.generations("both")
            .unwrap()
            .iter()
            .position(|g| g.active),
        Some(1)
    );
    assert!(agrees(&db, &user(), 5));
}

#[test]
fn a_recall_of_a_fused_space_weighs_its_members_equally_and_supports_their_options() {
    let (_dir, path) = directory();
    let db = shop(&path, &grid());
    define(&db, [1.0, 1.0]);
    let direct = |recall: twinspire::Recall<'_>| {
        let hits = recall.exact().top(7).unwrap();
        ids(&hits)
    };
    let user = user();
    let one = direct(db.recall("both").user(&user));
    assert_eq!(one, direct(db.recall("plain").user(&user)));
    let recall = db.recall("both").vector_in("plane", &[0.3, -0.4]);
    assert_eq!(one, direct(recall.user_in("flat", &user)));
    // Its members in the order of their names: flat, then plane.
    assert_eq!(
        one,
        direct(db.recall("both").vector(&[-0.4, 0.5, 0.3, -0.4]))
    );
    assert!(
        direct(db.recall("both").similar(&id(7)))
            .iter()
            .all(|found| *found != id(7))
    );
    let users = [user.clone(), user];
    let batch = db.recall("both").exact().users(&users).top(7).unwrap();
    for hits in &batch {
        assert!(hits.iter().map(|hit| &hit.id).eq(&one));
    }
    let wrong = db
        .recall("both")
        .users(&[json!({}), json!({"x": "?"})])
        .top(1)
        .unwrap_err();
    assert!(wrong.to_string().starts_with("user "), "{wrong}");
}

#[test]
fn a_fused_space_is_part_of_snapshots_and_repairs() {
    let (_dir, path) = directory();
    let db = shop(&path, &grid());
    let (_other, copy) = directory();
    db.snapshot(&copy).unwrap();
    drop(db);
    let copied = open_without_background(&copy);
    assert!(agrees(&copied, &user(), 5));
    assert!(copied.check().unwrap().is_clean());
    let info = &copied.generations("both").unwrap()[0];
    assert!(info.partial && info.dimension == 4 && info.metric == Metric::InnerProduct);
    assert_eq!(
        info.members,
        BTreeMap::from(["flat", "plane"].map(|m| (m.to_owned(), GenerationNo(1))))
    );
    drop(copied);
    assert!(Database::repair(&copy).unwrap().is_clean());
}

#[test]
fn members_in_half_precision_make_a_fused_space_in_half_precision() {
    let (_dir, path) = directory();
    let db = open_without_background(&path);
    db.items()
        .put_many(&[record(0, [0.5, 0.25, 0.1]), record(1, [0.1, 0.2, 0.3])])
        .unwrap();
    db.publish("plane")
        .towers(field_towers("cosine", &["x", "y"]))
        .storage(Storage::Half)
        .run()
        .unwrap();
    db.publish("flat")
        .towers(field_towers("cosine", &["y", "z"]))
        .run()
        .unwrap();
    assert_eq!(
        db.publish("both")
            .fuse(["plane", "flat"])
            .run()
            .unwrap()
            .storage,
        Storage::Full
    );
    db.publish("flat")
        .towers(field_towers("cosine", &["y", "z"]))
        .storage(Storage::Half)
        .run()
        .unwrap();
    assert_eq!(
        db.publish("both")
            .fuse(["plane", "flat"])
            .run()
            .unwrap()
            .storage,
        Storage::Half
    );
    define(&db, WEIGHTS);
    assert!(agrees(&db, &user(), 2));
}

#[test]
fn spaces_that_cannot_be_fused_are_refused_with_the_reason() {
    let (_dir, path) = directory();
    let db = shop(&path, &grid());
    db.publish("near")
        .towers(field_towers("l2", &["x"]))
        .run()
        .unwrap();
    let refused = |space: &str, members: &[&str]| {
        let error = db
            .publish(space)
            .fuse(members.iter().copied())
            .run()
            .unwrap_err();
        error.to_string()
    };
    assert_eq!(
        refused("new", &["plane"]),
        "space \"new\" cannot be fused: it has 1 members, 2 or more are needed"
    );
    assert!(refused("new", &["plane", "plane"]).contains("\"plane\" is named twice"));
    assert!(refused("new", &["plane", "both"]).contains("\"both\" is a fused space itself"));
    assert!(refused("new", &["plane", "near"]).contains("\"near\" compares by L2"));
    assert!(refused("new", &["plane", "gone"]).contains("no space or ensemble \"gone\""));
    assert!(
        refused("plane", &["plane", "flat"]).contains("a space with vectors of its own already")
    );
    assert!(refused("plain", &["plane", "flat"]).contains("an ensemble already"));
    let own = db
        .publish("both")
        .towers(field_towers("l2", &["x"]))
        .run()
        .unwrap_err();
    assert!(own.to_string().contains("a fused space already"), "{own}");

    let define = |ensemble: WeightedSum| {
        db.ensembles()
            .define("home", ensemble)
            .unwrap_err()
            .to_string()
    };
    let weighted = || WeightedSum::new().space("plane", 1.0).space("flat", 1.0);
    assert!(define(weighted().fused("near")).ends_with("space \"near\" is not a fused space"));
    assert!(
        define(weighted().space("near", 1.0).fused("both")).contains("has the members flat, plane")
    );
    assert!(define(weighted().fused("gone")).contains("no space or ensemble \"gone\""));
    assert!(define(weighted().missing(0.0).fused("both")).contains("give `missing` or `fused`"));
}

#[test]
fn an_item_without_a_vector_in_a_space_gets_the_missing_score() {
    let (_dir, path) = directory();
    let db = open_without_background(&path);
    let items = ["a", "b", "c"].map(|id| json!({"id": id}));
    db.items().put_many(&items).unwrap();
    let give = |space: &str, vectors: &[(&str, [f32; 2])]| {
        let towers = Towers::vectors_only(space, 2, Metric::Cosine).unwrap();
        let vectors = vectors
            .iter()
            .map(|(id, vector)| Ok::<_, Error>(((*id).to_owned(), vector.to_vec())));
        db.publish(space)
            .towers(towers)
            .try_vectors(vectors)
            .leave_out(|_| ())
            .run()
            .unwrap();
    };
    give("text", &[("a", [1.0, 0.0]), ("b", [0.6, 0.8])]);
    give("image", &[("b", [0.6, 0.8]), ("c", [1.0, 0.0])]);
    let both = || WeightedSum::new().space("text", 1.0).space("image", 1.0);
    let ask = |ensemble: WeightedSum, exact: bool| {
        db.ensembles().define("home", ensemble).unwrap();
        let recall = db.recall("home").vector(&[1.0, 0.0]);
        let recall = if exact { recall.exact() } else { recall };
        let hits = recall.top(3).unwrap();
        hits.iter()
            .map(|hit| (hit.id.clone(), hit.channels.len()))
            .collect::<Vec<_>>()
    };
    let of = |hits: &[(&str, usize)]| -> Vec<_> {
        hits.iter()
            .map(|(id, channels)| ((*id).to_owned(), *channels))
            .collect()
    };
    for exact in [true, false] {
        assert_eq!(ask(both(), exact), of(&[("b", 2)]));
        assert_eq!(
            ask(both().missing(0.0), exact),
            of(&[("b", 2), ("a", 1), ("c", 1)])
        );
        assert_eq!(
            ask(both().missing(0.5), exact),
            of(&[("a", 1), ("c", 1), ("b", 2)])
        );
    }
}
