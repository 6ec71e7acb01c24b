//! Lexical spaces: what they find through seals, merges, deletes and other definitions, and as members of ensembles.

use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use twinspire::error::{EnsembleError, LexicalError};
use twinspire::{
    Cascade, Database, Ensemble, Error, GenerationNo, Hits, Language, Lexical, Normalisation,
    NormalisedSum, Quotas, RankFusion, Towers, WeightedSum,
};
use twinspire_testkit::database::ids;
use twinspire_testkit::towers::{field_towers, scaled};
use twinspire_testkit::{directory, open_without_background};

const WORDS: &str = "words";

/// Colours and things, so that every item shares words with others.
fn record(id: usize) -> Value {
    let colour = ["red", "green", "blue", "grey", "black"][id % 5];
    let thing = [
        "shoes", "boots", "jackets", "hats", "socks", "gloves", "shirts",
    ][id % 7];
    let more = "worn by runners ".repeat(id % 3);
    json!({"id": format!("B{id:03}"), "title": format!("{colour} {thing}"), "text": more, "price": id,
        "x": (id as f32).sin(), "y": (id as f32).cos()})
}

fn words() -> Lexical {
    Lexical::new().field("title", 2.0).field("text", 1.0)
}

fn found(db: &Database, text: &str) -> Hits {
    db.recall(WORDS).text(text).top(200).unwrap()
}

fn scores(hits: &Hits) -> Vec<(String, f32)> {
    hits.iter().map(|hit| (hit.id.clone(), hit.score)).collect()
}

#[test]
fn the_same_items_give_the_same_answer_however_they_are_stored() {
    let records: Vec<Value> = (0..60).map(record).collect();
    let query = "red running shoe, or a green hat";
    let mut answers = Vec::new();
    for way in 0..5 {
        let (_dir, path) = directory();
        let mut db = open_without_background(&path);
        if way != 1 {
            db.lexical().define(WORDS, words()).unwrap();
        }
        for (at, records) in records.chunks(7).enumerate() {
            db.items().put_many(records).unwrap();
            if way >= 2 && at % way == 0 {
                db.seal().unwrap();
            }
        }
        match way {
            // Defined when some items are sealed already.
            1 => {
                db.seal().unwrap();
                db.lexical().define(WORDS, words()).unwrap();
            }
            3 => db.merge().unwrap(),
            4 => {
                drop(db);
                db = open_without_background(&path);
            }
            _ => {}
        }
        assert!(db.check().unwrap().is_clean());
        answers.push(scores(&found(&db, query)));
    }
    assert!(answers[0].len() > 20);
    assert!(
        answers.iter().all(|answer| *answer == answers[0]),
        "{answers:?}"
    );
}

#[test]
fn deleted_and_replaced_items_are_found_by_their_newest_words_alone() {
    let (_dir, path) = directory();
    let db = open_without_background(&path);
    db.lexical().define(WORDS, words()).unwrap();
    let put = |id: &str, title: &str| {
        db.items().put(&json!({"id": id, "title": title})).unwrap();
    };
    let is_found = |text: &str, expected: &[&str]| {
        let found: BTreeSet<String> = found(&db, text).iter().map(|hit| hit.id.clone()).collect();
        assert_eq!(
            found,
            expected.iter().map(ToString::to_string).collect(),
            "{text}"
        );
    };
    put("a", "a wing");
    put("b", "two wings");
    put("c", "a tail");
    for step in 0..5 {
        is_found("wing", &["a", "b"]);
        is_found("tails", &["c"]);
        match step {
            0 => drop(db.seal().unwrap()),
            1 => put("b", "the nose"),
            2 => drop(db.seal().unwrap()),
            3 => db.merge().unwrap(),
            _ => drop(db.items().delete("a").unwrap()),
        }
        if step == 1 {
            is_found("wing", &["a"]);
            is_found("nose", &["b"]);
            put("b", "wings again");
        }
    }
    for step in 0..3 {
        is_found("wing", &["b"]);
        match step {
            0 => drop(db.seal().unwrap()),
            _ => db.merge().unwrap(),
        }
    }
    put("a", "tail");
    is_found("tail", &["a", "c"]);
}

#[test]
fn filters_exclusions_offsets_and_least_scores_hold() {
    let (_dir, path) = directory();
    let db = open_without_background(&path);
    db.items()
        .put_many(&(0..60).map(record).collect::<Vec<_>>())
        .unwrap();
    db.seal().unwrap();
    db.lexical().define(WORDS, words()).unwrap();
    db.items()
        .put_many(&(60..90).map(record).collect::<Vec<_>>())
        .unwrap();
    let recall = || db.recall(WORDS).text("red shoes for runners");
    let all = scores(&recall().top(500).unwrap());
    let without = |keep: &dyn Fn(usize) -> bool| -> Vec<(String, f32)> {
        let kept = all.iter().filter(|(id, _)| keep(id[1..].parse().unwrap()));
        kept.cloned().collect()
    };
    let filtered = recall()
        .filter("price >= 20 and price < 80")
        .top(500)
        .unwrap();
    assert_eq!(scores(&filtered), without(&|id| (20..80).contains(&id)));
    let excluded = recall().exclude(["B010", "B075"]).top(500).unwrap();
    assert_eq!(scores(&excluded), without(&|id| id != 10 && id != 75));
    let mut pages = Vec::new();
    for page in 0.. {
        let hits = recall().offset(page * 7).top(7).unwrap();
        pages.extend(scores(&hits));
        if hits.is_empty() {
            break;
        }
    }
    assert_eq!(pages, all);
    let least = all[10].1;
    let above: Vec<_> = all
        .iter()
        .filter(|(_, score)| *score >= least)
        .cloned()
        .collect();
    assert_eq!(scores(&recall().all_at_least(least).unwrap()), above);
    let ranked = recall().exact_ranks().records().offset(3).top(2).unwrap();
    assert_eq!(ranked[0].ranks, BTreeMap::from([(WORDS.to_owned(), 4)]));
    assert_eq!(
        ranked[0].record.as_ref().unwrap()["id"],
        ranked[0].id.as_str()
    );
    let users: Vec<Value> = ["red", "shoes", "nothing at all"]
        .iter()
        .map(|text| json!({"query": text}))
        .collect();
    let answers = db.recall(WORDS).users(&users).top(5).unwrap();
    for (user, answer) in users.iter().zip(&answers) {
        assert_eq!(
            scores(answer),
            scores(&db.recall(WORDS).user(user).top(5).unwrap())
        );
    }
    assert!(answers[2].is_empty());
    let alike = db.recall(WORDS).similar("B000").top(3).unwrap();
    assert_eq!(alike[0].id, "B070", "red shoes too, and the shorter of two");
}

fn both(db: &Database) {
    db.items()
        .put_many(&(0..40).map(record).collect::<Vec<_>>())
        .unwrap();
    db.publish("plane")
        .towers(field_towers("inner_product", &["x", "y"]))
        .run()
        .unwrap();
    db.lexical().define(WORDS, words()).unwrap();
    db.items()
        .put_many(&(40..60).map(record).collect::<Vec<_>>())
        .unwrap();
}

/// The score of every item in both spaces.
fn in_both(db: &Database, user: &Value) -> Vec<(String, f32, f32)> {
    let plane = db
        .recall("plane")
        .user(&json!({"x": user["x"], "y": user["y"]}))
        .exact()
        .top(100)
        .unwrap();
    let by_words: BTreeMap<String, f32> = scores(&db.recall(WORDS).user(user).top(100).unwrap())
        .into_iter()
        .collect();
    let each = plane.iter().map(|hit| {
        let words = by_words.get(&hit.id).copied().unwrap_or_default();
        (hit.id.clone(), hit.score, words)
    });
    each.collect()
}

#[test]
fn every_method_of_ensembles_takes_a_lexical_member() {
    let (_dir, path) = directory();
    let db = open_without_background(&path);
    both(&db);
    let user = json!({"x": 0.4, "y": -0.8, "query": "green hats and boots"});
    let all = in_both(&db, &user);
    assert_eq!(all.len(), 60);
    let define = |ensemble: Ensemble| db.ensembles().define("home", ensemble).unwrap();
    let top = |k| db.recall("home").user(&user).top(k).unwrap();
    let best = |score: &dyn Fn(f32, f32) -> f32| {
        let mut scored: Vec<(f32, String)> = all
            .iter()
            .map(|(id, plane, words)| (score(*plane, *words), id.clone()))
            .collect();
        scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        scored
    };
    let agrees = |hits: &Hits, expected: &[(f32, String)]| {
        assert!(!hits.is_empty());
        for (hit, (score, _)) in hits.iter().zip(expected) {
            assert!((hit.score - score).abs() < 1e-4, "{hit:?} {score}");
        }
    };
    // An item without a word of the query scores 0 in the lexical space.
    define(
        WeightedSum::new()
            .space("plane", 1.0)
            .space(WORDS, 0.5)
            .into(),
    );
    let sum = best(&|plane, words| plane + 0.5 * words);
    for k in [1, 5, 60] {
        agrees(&top(k), &sum);
        agrees(&db.recall("home").user(&user).exact().top(k).unwrap(), &sum);
    }
    assert_eq!(top(60).len(), 60);
    let hits = top(3);
    assert!(hits.iter().all(|hit| hit.channels.len() == 2));
    assert_eq!(hits.generations()[WORDS], GenerationNo(1));
    let filtered = db
        .recall("home")
        .user(&user)
        .filter("price < 30")
        .exclude([hits[0].id.as_str()])
        .top(4)
        .unwrap();
    let kept: Vec<_> = sum
        .iter()
        .filter(|(_, id)| id[1..].parse::<usize>().unwrap() < 30 && *id != hits[0].id)
        .cloned()
        .collect();
    agrees(&filtered, &kept);

    define(
        Cascade::new()
            .stage("plane", 30)
            .stage_at_least(WORDS, 10, 0.01)
            .into(),
    );
    let mut plane = all.clone();
    plane.sort_by(|a, b| b.1.total_cmp(&a.1));
    plane.truncate(30);
    let mut staged: Vec<(f32, String)> = plane
        .into_iter()
        .filter(|(.., words)| *words > 0.0)
        .map(|(id, _, words)| (words, id))
        .collect();
    staged.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    agrees(&top(10), &staged);
    define(Cascade::new().stage(WORDS, 12).stage("plane", 5).into());
    let mut lexical = all.clone();
    lexical.sort_by(|a, b| b.2.total_cmp(&a.2).then(a.0.cmp(&b.0)));
    lexical.truncate(12);
    let mut staged: Vec<(f32, String)> = lexical
        .into_iter()
        .map(|(id, plane, _)| (plane, id))
        .collect();
    staged.sort_by(|a, b| b.0.total_cmp(&a.0));
    agrees(&top(5), &staged);

    define(
        RankFusion::new()
            .space("plane", 1.0)
            .space(WORDS, 2.0)
            .k(10)
            .depth(100)
            .into(),
    );
    let rank = |of: &dyn Fn(&(String, f32, f32)) -> f32| {
        let mut order = all.clone();
        order.sort_by(|a, b| of(b).total_cmp(&of(a)).then(a.0.cmp(&b.0)));
        order
            .into_iter()
            .enumerate()
            .map(|(at, (id, ..))| (id, at as f32 + 1.0))
            .collect::<BTreeMap<_, _>>()
    };
    let (by_plane, by_words) = (rank(&|item| item.1), rank(&|item| item.2));
    let mut fused: Vec<(f32, String)> = all
        .iter()
        .map(|(id, _, words)| {
            let lexical = if *words > 0.0 {
                2.0 / (10.0 + by_words[id])
            } else {
                0.0
            };
            (1.0 / (10.0 + by_plane[id]) + lexical, id.clone())
        })
        .collect();
    fused.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    agrees(&top(20), &fused);

    define(
        NormalisedSum::new(Normalisation::ZScore)
            .space("plane", 1.0)
            .space(WORDS, 1.0)
            .into(),
    );
    assert_eq!(top(60).len(), 60);
    define(Quotas::shares([("plane", 0.5), (WORDS, 0.5)]).into());
    let hits = top(6);
    let best_word = &rank(&|item| item.2)
        .into_iter()
        .find(|(_, rank)| *rank == 1.0)
        .unwrap()
        .0;
    assert!(hits.iter().take(2).any(|hit| hit.id == *best_word));

    define(WeightedSum::new().space(WORDS, 1.0).into());
    assert_eq!(
        scores(&top(100)),
        scores(&db.recall(WORDS).user(&user).top(100).unwrap())
    );
}

#[test]
fn a_text_of_the_recall_and_one_of_the_user_are_the_same_to_an_ensemble() {
    let (_dir, path) = directory();
    let db = open_without_background(&path);
    both(&db);
    let ensemble = WeightedSum::new().space("plane", 1.0).space(WORDS, 0.5);
    db.ensembles().define("home", ensemble).unwrap();
    let user = json!({"x": 0.4, "y": -0.8, "query": "green hats"});
    let plain = json!({"x": 0.4, "y": -0.8});
    let expected = scores(&db.recall("home").user(&user).top(9).unwrap());
    assert_eq!(
        scores(
            &db.recall("home")
                .user(&plain)
                .text("green hats")
                .top(9)
                .unwrap()
        ),
        expected
    );
    // Without a text no word counts.
    let silent = db.recall("home").user(&plain).top(60).unwrap();
    assert!(silent.iter().all(|hit| hit.channels[WORDS] == 0.0) && silent.len() == 60);
    // The field is no mistake to the user tower beside, another one is.
    let towers = Towers::from_bytes(scaled(1.0)).unwrap();
    db.publish("cost").towers(towers).run().unwrap();
    let ensemble = WeightedSum::new().space("cost", 1.0).space(WORDS, 1.0);
    db.ensembles().define("cheap", ensemble).unwrap();
    let cheap = |user: Value| db.recall("cheap").user(&user).top(1);
    assert_eq!(
        cheap(json!({"price": 3, "query": "hats"})).unwrap().len(),
        1
    );
    let misspelt = cheap(json!({"price": 3, "qeury": "hats"}));
    assert!(matches!(misspelt, Err(Error::User { .. })));
    assert!(db.check_user_for("home", &user).unwrap().is_empty());
    assert!(db.pin().reads_user_field("home", "query").unwrap());
    let answers = db
        .recall("home")
        .users(&[user.clone(), plain.clone()])
        .top(9)
        .unwrap();
    assert_eq!(scores(&answers[0]), expected);
    assert!(matches!(
        db.recall(WORDS).user(&plain).top(1),
        Err(Error::NoText { .. })
    ));
    assert!(matches!(db.recall(WORDS).top(1), Err(Error::NoText { .. })));
    let number = json!({"query": 7});
    assert!(matches!(
        db.recall(WORDS).user(&number).top(1),
        Err(Error::QueryText { .. })
    ));
}

#[test]
fn definitions_are_generations_that_can_be_rolled_back() {
    let (_dir, path) = directory();
    let db = open_without_background(&path);
    db.items()
        .put_many(&(0..40).map(record).collect::<Vec<_>>())
        .unwrap();
    db.seal().unwrap();
    let lexical = db.lexical();
    assert_eq!(lexical.define(WORDS, words()).unwrap(), GenerationNo(1));
    assert_eq!(
        lexical.define(WORDS, words()).unwrap(),
        GenerationNo(1),
        "nothing changed"
    );
    let before = scores(&found(&db, "running shoes"));
    let titles = Lexical::new().field("title", 1.0).language(Language::None);
    assert_eq!(
        lexical.define(WORDS, titles.clone()).unwrap(),
        GenerationNo(2)
    );
    assert!(found(&db, "shoe").is_empty() && !found(&db, "shoes").is_empty());
    assert_eq!(lexical.get(WORDS), Some(titles));
    assert_eq!(lexical.rollback(WORDS, None).unwrap(), GenerationNo(1));
    assert_eq!(scores(&found(&db, "running shoes")), before);
    drop(db);
    let db = open_without_background(&path);
    assert_eq!(scores(&found(&db, "running shoes")), before);
    assert_eq!(
        db.lexical().rollback(WORDS, Some(GenerationNo(2))).unwrap(),
        GenerationNo(2)
    );
    let kept = db.lexical().generations(WORDS).unwrap();
    assert_eq!(
        kept.iter()
            .map(|info| (info.number.0, info.active))
            .collect::<Vec<_>>(),
        [(1, false), (2, true)]
    );
    assert!(matches!(
        db.lexical().rollback(WORDS, Some(GenerationNo(7))),
        Err(Error::UnknownGeneration { .. })
    ));
    assert!(matches!(
        db.lexical().rollback("other", None),
        Err(Error::UnknownSpace { .. })
    ));
    assert!(db.check().unwrap().is_clean());
    // A reader, and a copy, see the same.
    let reader = Database::options().read_only(true).open(&path).unwrap();
    assert_eq!(
        scores(&found(&reader, "shoes")),
        scores(&found(&db, "shoes"))
    );
    let (_other, copy) = directory();
    db.snapshot(&copy).unwrap();
    let copied = open_without_background(&copy);
    assert_eq!(
        scores(&found(&copied, "shoes")),
        scores(&found(&db, "shoes"))
    );
    assert!(db.lexical().remove(WORDS).unwrap());
    assert!(!db.lexical().remove(WORDS).unwrap());
    assert!(matches!(
        db.recall(WORDS).text("shoes").top(1),
        Err(Error::UnknownSpace { .. })
    ));
}

#[test]
fn what_a_lexical_space_cannot_be_is_refused() {
    let (_dir, path) = directory();
    let db = open_without_background(&path);
    both(&db);
    let define = |ensemble: Ensemble| db.ensembles().define("home", ensemble);
    let refused = |result: Result<(), Error>| match result {
        Err(Error::Ensemble {
            source: EnsembleError::Lexical { space, .. },
            ..
        }) => assert_eq!(space, WORDS),
        other => panic!("{other:?}"),
    };
    let sum = || WeightedSum::new().space("plane", 1.0).space(WORDS, 1.0);
    refused(define(
        NormalisedSum::new(Normalisation::Calibration)
            .space(WORDS, 1.0)
            .into(),
    ));
    refused(define(
        sum()
            .diversity(twinspire::Diversity::new(WORDS, 0.5))
            .into(),
    ));
    refused(define(sum().fused(WORDS).into()));
    define(sum().into()).unwrap();
    assert!(matches!(
        db.lexical().remove(WORDS),
        Err(Error::SpaceInUse { .. })
    ));
    for name in ["plane", "home"] {
        assert!(
            matches!(
                db.lexical().define(name, words()),
                Err(Error::NameTaken { .. })
            ),
            "{name}"
        );
    }
    let publish = db.publish(WORDS).towers(field_towers("l2", &["x"])).run();
    assert!(matches!(publish, Err(Error::NameTaken { .. })));
    assert!(matches!(
        db.ensembles().define(WORDS, sum()),
        Err(Error::NameTaken { .. })
    ));
    assert!(matches!(
        db.lexical().define("a b", words()),
        Err(Error::SpaceName { .. })
    ));
    let invalid = db.lexical().define("new", Lexical::new());
    assert!(matches!(
        invalid,
        Err(Error::Lexical {
            source: LexicalError::Fields { found: 0 },
            ..
        })
    ));
    assert!(matches!(
        db.generations(WORDS),
        Err(Error::NoVectors { .. })
    ));
    assert!(matches!(db.towers(WORDS), Err(Error::NoVectors { .. })));
    assert_eq!(
        ids(&db.recall(WORDS).text("socks").top(1).unwrap()).len(),
        1
    );
}
