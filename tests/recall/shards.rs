//! Shards answer as the one database with all of their items: ids, scores, scores by space, ranks.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use tempfile::TempDir;
use twinspire::error::ShardsError;
use twinspire::{
    BusinessWeight, Cascade, Database, Diversity, Ensemble, Error, Hit, Lexical, Merged,
    Normalisation, NormalisedSum, Quotas, RankFusion, Recall, ShardHits, ShardStatistics, Towers,
    UserContext, WeightedSum, merge,
};
use twinspire_testkit::towers::field_towers;
use twinspire_testkit::{directory, open_without_background};

const ITEMS: usize = 240;

/// Items with equal vectors, without a field, with a field that few have.
fn record(id: usize) -> Value {
    let angle = (id % 61) as f32;
    let colour = ["red", "green", "blue", "grey", "black"][id % 5];
    let thing = ["shoes", "boots", "hats", "socks"][id * 7 % 4];
    let mut record = json!({"id": format!("B{:03}", id * 89 % 997), "title": format!("{colour} {thing}"),
        "x": angle.sin(), "y": angle.cos(), "group": id % 3});
    let fields = record.as_object_mut().unwrap();
    if !id.is_multiple_of(4) {
        fields.insert("bid".into(), json!((id % 9) as f32 / 4.0));
    }
    if id % 50 == 7 {
        fields.insert("rare".into(), json!("yes"));
    }
    record
}

fn recipes() -> Vec<(&'static str, Ensemble)> {
    let bid = || BusinessWeight::new("bid").default_value(0.5);
    let diverse = |lambda| Diversity::new("near", lambda).depth(30);
    let weighted = || WeightedSum::new().space("near", 0.4).space("far", 0.6);
    let normalised = |by| {
        NormalisedSum::new(by)
            .space("near", 1.0)
            .space("far", 2.0)
            .depth(20)
    };
    let ranks = || {
        RankFusion::new()
            .space("near", 1.0)
            .space("far", 2.0)
            .depth(25)
    };
    let cascade = || {
        Cascade::new()
            .stage("near", 40)
            .stage_at_least("far", 30, -1.5)
    };
    vec![
        ("weighted", weighted().into()),
        ("weighted-words", weighted().space("words", 0.1).into()),
        ("weighted-bid", weighted().business_weight(bid()).into()),
        (
            "weighted-diverse",
            weighted()
                .business_weight(bid())
                .diversity(diverse(0.5))
                .into(),
        ),
        ("min-max", normalised(Normalisation::MinMax).into()),
        (
            "z-score",
            normalised(Normalisation::ZScore)
                .space("words", 0.5)
                .diversity(diverse(0.7))
                .into(),
        ),
        ("ranks", ranks().into()),
        (
            "ranks-words",
            ranks().space("words", 1.0).business_weight(bid()).into(),
        ),
        ("ranks-diverse", ranks().diversity(diverse(0.98)).into()),
        ("cascade", cascade().into()),
        (
            "cascade-bid",
            cascade()
                .stage("near", 20)
                .business_weight(bid())
                .diversity(diverse(0.6))
                .into(),
        ),
        (
            "cascade-words",
            Cascade::new().stage("words", 50).stage("near", 20).into(),
        ),
        (
            "shares",
            Quotas::shares([("near", 0.6), ("far", 0.4)]).into(),
        ),
        (
            "counts",
            Quotas::counts([("far", 4), ("words", 3), ("near", 5)]).into(),
        ),
        (
            "shares-diverse",
            Quotas::shares([("near", 0.5), ("far", 0.5)])
                .diversity(diverse(0.3))
                .into(),
        ),
    ]
}

fn near() -> Towers {
    field_towers("cosine", &["x", "y"])
}

/// A database with these items, some of them fresh.
fn shop(records: &[Value]) -> (TempDir, Database) {
    let (dir, path) = directory();
    let db = open_without_background(&path);
    let (sealed, fresh) = records.split_at(records.len() * 2 / 3);
    db.items().put_many(sealed).unwrap();
    db.publish("near").towers(near()).run().unwrap();
    db.publish("far")
        .towers(field_towers("l2", &["y"]))
        .run()
        .unwrap();
    db.lexical()
        .define("words", Lexical::new().field("title", 1.0))
        .unwrap();
    db.items().put_many(fresh).unwrap();
    for (name, recipe) in recipes() {
        db.ensembles().define(name, recipe).unwrap();
    }
    (dir, db)
}

struct Shards(Vec<(TempDir, Database)>);

impl Shards {
    fn new(count: usize) -> Self {
        let shard = |shard| {
            let records = (0..ITEMS)
                .filter(|id| id * 31 % 101 % count == shard)
                .map(record);
            shop(&records.collect::<Vec<_>>())
        };
        Self((0..count).map(shard).collect())
    }

    /// One contribution of each shard, on its way through bytes.
    fn ask(
        &self,
        name: &str,
        of: &dyn Fn(Recall<'_>) -> Result<ShardHits, Error>,
    ) -> Result<Vec<ShardHits>, Error> {
        let each = self.0.iter().map(|(_, db)| {
            let hits = of(db.recall(name))?;
            let read = ShardHits::from_bytes(&hits.to_bytes()?)?;
            assert_eq!(read, hits);
            Ok(read)
        });
        each.collect()
    }

    /// The answer of all shards.
    fn recall(
        &self,
        name: &str,
        options: &dyn Fn(Recall<'_>) -> Result<ShardHits, Error>,
        given: ShardStatistics,
    ) -> Result<Vec<Hit>, Error> {
        let mut statistics = given;
        loop {
            let with = statistics.clone();
            let parts = self.ask(name, &|recall| options(recall.statistics(with.clone())))?;
            let merged = match merge(&parts, None)? {
                Merged::Vectors { space, ids } => {
                    let mut vectors = BTreeMap::new();
                    for (_, db) in &self.0 {
                        vectors.extend(db.known_vectors(&space, &ids)?);
                    }
                    assert_eq!(vectors.len(), ids.len());
                    merge(&parts, Some(&vectors))?
                }
                merged => merged,
            };
            match merged {
                Merged::Hits(hits) => return Ok(hits),
                Merged::Statistics(more) => {
                    statistics = ShardStatistics::from_bytes(&more.to_bytes()?)?;
                }
                Merged::Vectors { .. } => panic!("vectors were given"),
            }
        }
    }
}

fn request<'a>(recall: Recall<'a>, user: &'a Value, at: usize) -> Recall<'a> {
    let recall = recall.user(user).exact();
    let recall = match at % 4 {
        0 => recall,
        1 => recall.filter("group = 1").exclude(["B089", "B178"]),
        2 => recall.filter("rare = 'yes' or group != 2"),
        _ => recall.filter("rare is null").offset(7),
    };
    recall.offset(at % 3 * 5)
}

#[test]
fn shards_answer_as_one_database() {
    let (_dir, whole) = shop(&(0..ITEMS).map(record).collect::<Vec<_>>());
    let texts = ["red hats", "socks", ""];
    let user = |at: usize| {
        let angle = at as f32 * 2.3;
        json!({"x": angle.sin(), "y": angle.cos(), "query": texts[at % 3]})
    };
    let users: Vec<Value> = (0..8).map(user).collect();
    let names = recipes().into_iter().map(|(name, _)| name);
    let names: Vec<_> = names.chain(["near", "far", "words"]).collect();
    let mut found = 0;
    for count in [1, 2, 4, 7] {
        let shards = Shards::new(count);
        for name in &names {
            for (at, user) in users.iter().enumerate() {
                let mut user = user.clone();
                if !name.contains("words") && !["z-score", "counts"].contains(name) {
                    user.as_object_mut().unwrap().remove("query");
                }
                if *name == "words" {
                    user = json!({"query": "grey boots"});
                }
                let hits = request(whole.recall(name), &user, at).top(10).unwrap();
                let merged = shards.recall(
                    name,
                    &|recall| request(recall, &user, at).top_of_shard(10),
                    ShardStatistics::default(),
                );
                let expected: Vec<Hit> = hits.into_iter().collect();
                assert_eq!(
                    merged.unwrap(),
                    expected,
                    "{count} shards, {name}, user {at}"
                );
                found += expected.len();
            }
        }
    }
    assert!(found > 3_500, "{found} hits were compared");
}

#[test]
fn scores_below_the_minimum_are_left_out_by_every_shard() {
    let (_dir, whole) = shop(&(0..ITEMS).map(record).collect::<Vec<_>>());
    let shards = Shards::new(3);
    let user = json!({"x": 0.6, "y": 0.8});
    for name in [
        "near",
        "weighted",
        "weighted-bid",
        "min-max",
        "ranks",
        "cascade",
    ] {
        let whole = whole.recall(name).user(&user).exact().offset(2);
        let least = whole.clone().top(9).unwrap().last().unwrap().score;
        let hits: Vec<Hit> = whole.all_at_least(least).unwrap().into_iter().collect();
        let merged = shards.recall(
            name,
            &|recall| {
                recall
                    .user(&user)
                    .exact()
                    .offset(2)
                    .at_least(least)
                    .top_of_shard(usize::MAX)
            },
            ShardStatistics::default(),
        );
        assert_eq!(merged.unwrap(), hits, "{name}");
    }
}

#[test]
fn a_prepared_vector_scores_as_the_item_or_the_user_that_it_is_of() {
    let (_dir, whole) = shop(&(0..ITEMS).map(record).collect::<Vec<_>>());
    let vector = whole.vectors("near", ["B089"]).unwrap();
    let similar = whole.recall("near").similar("B089").exact().top(5).unwrap();
    let shards = Shards::new(2);
    let merged = shards.recall(
        "near",
        &|recall| {
            recall
                .prepared_vector_in("near", &vector)
                .exclude(["B089"])
                .exact()
                .top_of_shard(5)
        },
        ShardStatistics::default(),
    );
    assert_eq!(merged.unwrap(), similar.into_iter().collect::<Vec<_>>());
    let user = json!({"x": 3.0, "y": 4.1});
    let vector = near().embed_user_with(&user, &UserContext::new()).unwrap();
    let hits = whole.recall("near").user(&user).exact().top(5).unwrap();
    let merged = shards.recall(
        "near",
        &|recall| {
            recall
                .prepared_vector_in("near", &vector)
                .exact()
                .top_of_shard(5)
        },
        ShardStatistics::default(),
    );
    assert_eq!(merged.unwrap(), hits.into_iter().collect::<Vec<_>>());
}

#[test]
fn a_normalised_sum_by_calibration_takes_the_scale_that_is_given() {
    let (_dir, whole) = shop(&(0..ITEMS).map(record).collect::<Vec<_>>());
    let shards = Shards::new(2);
    let recipe = || {
        NormalisedSum::new(Normalisation::Calibration)
            .space("near", 1.0)
            .space("far", 1.0)
    };
    let mut given = ShardStatistics::default();
    for space in ["near", "far"] {
        let generation = whole.generations(space).unwrap().pop().unwrap();
        let sample = &generation.calibration.samples[0];
        given = given.with_calibration(space, sample.hundredth_score, sample.best_score);
    }
    for db in shards.0.iter().map(|(_, db)| db).chain([&whole]) {
        db.ensembles().define("calibrated", recipe()).unwrap();
    }
    let user = json!({"x": 0.6, "y": 0.8});
    let of = |recall: Recall<'_>| recall.user(&user).exact().top_of_shard(10);
    let merged = shards.recall("calibrated", &of, given);
    let hits = whole
        .recall("calibrated")
        .user(&user)
        .exact()
        .top(10)
        .unwrap();
    assert_eq!(merged.unwrap(), hits.into_iter().collect::<Vec<_>>());
    let without = shards.recall("calibrated", &of, ShardStatistics::default());
    assert!(matches!(
        without,
        Err(Error::Shards(ShardsError::Calibration { .. }))
    ));
}

#[test]
fn contributions_that_do_not_belong_together_are_refused() {
    let shards = Shards::new(2);
    let user = json!({"x": 0.6, "y": 0.8});
    let part = |shard: usize, k| {
        shards.0[shard]
            .1
            .recall("near")
            .user(&user)
            .top_of_shard(k)
            .unwrap()
    };
    let refused = |parts: &[ShardHits]| match merge(parts, None) {
        Err(Error::Shards(problem)) => problem,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(&[]), ShardsError::None);
    assert_eq!(
        refused(&[part(0, 3), part(1, 4)]),
        ShardsError::Requests { what: "option" }
    );
    assert!(matches!(
        refused(&[part(0, 3), part(0, 3)]),
        ShardsError::Repeated { .. }
    ));
    let (_dir, other) = shop(&(0..9).map(record).collect::<Vec<_>>());
    other
        .publish("near")
        .towers(field_towers("cosine", &["y", "x"]))
        .run()
        .unwrap();
    let other = other.recall("near").user(&user).top_of_shard(3).unwrap();
    assert!(matches!(
        refused(&[part(0, 3), other]),
        ShardsError::Towers { .. }
    ));
    let recall = || shards.0[0].1.recall("near").user(&user);
    for recall in [
        recall().records(),
        recall().exact_ranks(),
        recall().explain(),
    ] {
        let refused = recall.top_of_shard(3);
        assert!(matches!(
            refused,
            Err(Error::Shards(ShardsError::Option { .. }))
        ));
    }
    assert!(matches!(
        ShardHits::from_bytes(b"no"),
        Err(Error::Shards(ShardsError::Bytes))
    ));
    // A field that no item of any shard has.
    let of = |recall: Recall<'_>| recall.user(&user).filter("colour = 'red'").top_of_shard(3);
    let unknown = shards.recall("near", &of, ShardStatistics::default());
    assert!(matches!(unknown, Err(Error::Filter { .. })));
}
