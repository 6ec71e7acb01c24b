//! Mining returns what scoring every item for every user would.
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::sync::Mutex;
use twinspire::{
    Database, Error, ErrorKind, GenerationNo, MinedNegative, MinedPair, TrainingPair, WeightedSum,
};
use twinspire_testkit::shop::{Request, Shop, any_items, any_request, id, user};
use twinspire_testkit::towers::{field_towers, scaled_towers};
use twinspire_testkit::{directory, item, open_without_background};

const SPACE: &str = "by-price";

/// Negatives: rank, score and id.
type Negatives = Vec<(u32, f32, String)>;

/// What of a pair ought to be mined: the positive's score and rank, and all negatives at the ranks.
fn model(
    shop: &Shop,
    request: &Request,
    positive: usize,
    (from, to, bound): (usize, usize, usize),
) -> Option<(f32, Option<u32>, Negatives)> {
    let score = shop.score("other", positive, &request.user)?;
    let mut others = shop.top_k("other", request, usize::MAX);
    others.retain(|(_, at)| *at != positive);
    let better = others
        .iter()
        .filter(|(other, at)| *other > score || *other == score && *at < positive)
        .count();
    let rank = (better < to.max(bound)).then_some(better as u32 + 1);
    let negatives = others.iter().enumerate();
    let negatives = negatives
        .map(|(at, (score, thing))| (at as u32 + 1, *score, id(*thing)))
        .filter(|(rank, ..)| (from..=to).contains(&(*rank as usize)));
    Some((score, rank, negatives.collect()))
}

fn plain(negatives: &[MinedNegative]) -> Negatives {
    let each = negatives.iter();
    each.map(|negative| (negative.rank, negative.score, negative.id.clone()))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn mined_ranks_and_negatives_equal_those_of_scoring_every_item(
        shop in any_items(true),
        request in vec((any_request(true), 0usize..70), 1..6),
        group in prop::option::of(0u8..3),
        (from, more, bound) in (1usize..20, 0usize..30, 1usize..40),
        (wanted, seed) in (0usize..6, any::<u64>()),
    ) {
        let shop = Shop::new(shop);
        let request: Vec<(Request, usize)> = request
            .into_iter()
            .map(|(request, positive)| (Request { group, ..request }, positive % shop.items.len()))
            .collect();
        let pairs: Vec<TrainingPair> = request
            .iter()
            .map(|(request, positive)| {
                let known = request.exclude.iter().map(|at| id(*at));
                let known: Vec<String> = known.collect();
                TrainingPair::new(user(request), id(*positive)).known(known)
            })
            .collect();
        let to = from + more;
        let ranks = from as u32..=to as u32;
        let left_out = Mutex::new(Vec::new());
        let miner = || {
            let mut miner = shop.db.mine("other").ranks(ranks.clone()).exact().seed(seed);
            if let Some(group) = group {
                miner = miner.filter(format!("group = {group}").as_str());
            }
            miner.hard_positives_beyond(bound as u32).skip_failures(|error| {
                left_out.lock().unwrap().push(error.to_string());
            })
        };
        let all: Result<Vec<MinedPair>, Error> =
            miner().every_rank().pairs(pairs.clone()).unwrap().collect();
        let all = all.unwrap();
        let mut mined = all.iter();
        for (at, (request, positive)) in request.iter().enumerate() {
            let Some((score, rank, negatives)) = model(&shop, request, *positive, (from, to, bound))
            else {
                let what = format!("pair {}: there is no item {:?}", at + 1, id(*positive));
                prop_assert!(left_out.lock().unwrap().contains(&what));
                continue;
            };
            let mined = mined.next().unwrap();
            prop_assert_eq!((mined.at, &mined.pair), (at as u64, &pairs[at]));
            prop_assert_eq!((mined.positive_score, mined.positive_rank), (score, rank));
            prop_assert_eq!(plain(&mined.negatives), negatives);
            let hard = rank.is_none_or(|rank| rank > bound as u32);
            prop_assert_eq!(mined.hard_positive, hard);
        }
        prop_assert!(mined.next().is_none());

        let some = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let mined = miner().per_pair(wanted).pairs(pairs.clone()).unwrap();
                mined.collect::<Result<Vec<MinedPair>, Error>>().unwrap()
            })
        };
        let sampled = some(1);
        prop_assert_eq!(&sampled, &some(4));
        for (sampled, all) in sampled.iter().zip(&all) {
            prop_assert_eq!(sampled.negatives.len(), wanted.min(all.negatives.len()));
            prop_assert!(sampled.negatives.iter().all(|one| all.negatives.contains(one)));
            prop_assert!(sampled.negatives.is_sorted_by_key(|negative| negative.rank));
        }
        let hard = miner().per_pair(wanted).only_hard_positives().pairs(pairs.clone()).unwrap();
        let hard: Vec<MinedPair> = hard.collect::<Result<_, _>>().unwrap();
        let expected = sampled.into_iter().filter(|mined| mined.hard_positive);
        prop_assert_eq!(hard, expected.collect::<Vec<_>>());
    }
}

fn shop_by_price() -> (tempfile::TempDir, Database) {
    let (dir, path) = directory();
    let db = open_without_background(&path);
    let items: Vec<Value> = (0..600).map(|at| item(at, at)).collect();
    db.items().put_many(&items).unwrap();
    db.publish(SPACE).towers(scaled_towers(1.0)).run().unwrap();
    (dir, db)
}

fn pair(price: usize, positive: usize) -> TrainingPair {
    TrainingPair::new(json!({"price": price}), id(positive))
}

#[test]
fn a_long_stream_is_mined_lazily_and_in_order() {
    let (_dir, db) = shop_by_price();
    let read = RefCell::new(0usize);
    let pairs = (0..5000).map(|at| {
        *read.borrow_mut() += 1;
        pair(at % 500, at % 500)
    });
    let mut mining = db
        .mine(SPACE)
        .ranks(1..=8)
        .per_pair(2)
        .pairs(pairs)
        .unwrap();
    assert_eq!(mining.generation(), GenerationNo(1));
    assert_eq!(*read.borrow(), 0);
    let first = mining.next().unwrap().unwrap();
    assert_eq!((first.at, first.positive_rank), (0, Some(1)));
    assert!(*read.borrow() <= 1024, "{} read ahead", read.borrow());
    // Written after the mining began, and so not seen.
    db.items().put(&item(900, 3)).unwrap();
    let mut differ = 0;
    for (at, mined) in (1..).zip(mining) {
        let mined = mined.unwrap();
        assert_eq!((mined.at, mined.positive_rank), (at, Some(1)));
        assert_eq!(mined.negatives.len(), 2);
        assert!(mined.negatives.iter().all(|negative| negative.id != "B900"));
        let price = mined.pair.user["price"].as_f64().unwrap() as f32;
        for negative in &mined.negatives {
            let other: f32 = negative.id[1..].parse().unwrap();
            assert_eq!(negative.score, -(other - price) * (other - price));
        }
        let ranks = mined.negatives.iter().map(|negative| negative.rank);
        differ += usize::from(!ranks.eq([1, 2]));
        assert!(at < 5000);
    }
    assert!(differ > 4000, "samples differ from pair to pair: {differ}");
    assert_eq!(*read.borrow(), 5000);
}

#[test]
fn fresh_items_are_mined_and_known_positives_are_not() {
    let (_dir, db) = shop_by_price();
    db.items().put(&item(700, 100)).unwrap();
    db.items().put(&item(701, 101)).unwrap();
    db.items().delete("B099").unwrap();
    let mine = |pair: TrainingPair| {
        let mined = db.mine(SPACE).ranks(1..=3).every_rank().pairs([pair]);
        mined.unwrap().next().unwrap()
    };
    // B700 has the user's price too, and came later.
    let mined = mine(pair(100, 100)).unwrap();
    let ids: Vec<&str> = mined.negatives.iter().map(|n| n.id.as_str()).collect();
    assert_eq!(ids, ["B700", "B101", "B701"]);
    assert_eq!(mined.positive_rank, Some(1));
    let mined = mine(pair(100, 700).known(["B100", "B101", "none"])).unwrap();
    let ids: Vec<&str> = mined.negatives.iter().map(|n| n.id.as_str()).collect();
    assert_eq!(ids, ["B701", "B098", "B102"]);
    assert_eq!((mined.positive_rank, mined.positive_score), (Some(1), 0.0));
    assert!(!mined.hard_positive);
    let mined = mine(pair(100, 104)).unwrap();
    assert_eq!((mined.positive_rank, mined.hard_positive), (None, true));
    let gone = mine(pair(100, 99)).unwrap_err();
    assert_eq!(gone.to_string(), "pair 1: there is no item \"B099\"");
    assert_eq!(gone.kind(), ErrorKind::NotFound);
}

#[test]
fn an_older_generation_can_be_mined() {
    let (_dir, path) = directory();
    let db = Database::open(&path).unwrap();
    let records: Vec<Value> = (0..20)
        .map(|at| json!({"id": id(at), "x": at, "y": 20 - at}))
        .collect();
    db.items().put_many(&records).unwrap();
    db.publish("plane")
        .towers(field_towers("l2", &["x"]))
        .run()
        .unwrap();
    db.publish("plane")
        .towers(field_towers("inner_product", &["y"]))
        .run()
        .unwrap();
    let mine = |state: &twinspire::Pinned| {
        let pair = TrainingPair::new(json!({"x": 12, "y": 1}), id(12));
        let miner = state.mine("plane").ranks(1..=1);
        let mut mining = miner.pairs([pair]).unwrap();
        let mined = mining.next().unwrap().unwrap();
        (mining.generation(), mined.negatives[0].id.clone())
    };
    let now = db.pin();
    let before = now.generation("plane", GenerationNo(1)).unwrap();
    assert_eq!(mine(&now), (GenerationNo(2), id(0)));
    assert_eq!(mine(&before), (GenerationNo(1), id(11)));
}

#[test]
fn invalid_mining_requests_are_refused_with_the_reason() {
    let (_dir, db) = shop_by_price();
    let one = WeightedSum::new().space(SPACE, 1.0);
    db.ensembles().define("home", one).unwrap();
    let says = |miner: twinspire::Miner<'_>| {
        let refused = miner.pairs([pair(1, 1)]);
        refused.map(drop).unwrap_err().to_string()
    };
    assert_eq!(
        says(db.mine("home")),
        "\"home\" is made of several spaces; name one of them: by-price"
    );
    assert!(says(db.mine("none")).starts_with("there is no space or ensemble \"none\""));
    let ranks = |ranks| db.mine(SPACE).ranks(ranks).pairs([pair(1, 1)]).map(drop);
    let error = ranks(0..=4).unwrap_err();
    assert!(matches!(error, Error::Ranks { from: 0, to: 4 }), "{error}");
    assert_eq!(
        error.to_string(),
        "invalid rank range 0..=4; give a range that begins at 1 or above, start first"
    );
    #[expect(clippy::reversed_empty_ranges, reason = "it is what is refused")]
    let reversed = 9..=8;
    let error = ranks(reversed).unwrap_err();
    assert!(matches!(error, Error::Ranks { from: 9, to: 8 }), "{error}");
    assert!(says(db.mine(SPACE).filter("prize < 3")).contains("did you mean `price`"));

    // The first pair that cannot be mined is named and ends the stream; those before are given.
    let bad = || [pair(1, 1), TrainingPair::new(json!({}), "B001"), pair(2, 2)];
    let mut mining = db.mine(SPACE).pairs(bad()).unwrap();
    assert_eq!(mining.next().unwrap().unwrap().at, 0);
    let error = mining.next().unwrap().unwrap_err();
    assert!(matches!(&error, Error::Pair { at: 1, .. }), "{error}");
    assert!(error.to_string().contains("pair 2: the user: "), "{error}");
    assert!(mining.next().is_none());
    // Left out, it is told of, and the others keep their places and samples.
    let mut told = Vec::new();
    let miner = db
        .mine(SPACE)
        .skip_failures(|error| told.push(error.to_string()));
    let left: Vec<MinedPair> = miner.pairs(bad()).unwrap().map(Result::unwrap).collect();
    assert_eq!(
        left.iter().map(|mined| mined.at).collect::<Vec<_>>(),
        [0, 2]
    );
    assert_eq!(told.len(), 1);

    let lines = [Ok(pair(1, 1)), Err("the tape is torn"), Ok(pair(2, 2))];
    let mut mining = db.mine(SPACE).try_pairs(lines).unwrap();
    assert!(mining.next().unwrap().is_ok());
    let error = mining.next().unwrap().unwrap_err();
    assert_eq!(
        error.to_string(),
        "the pairs cannot be read: the tape is torn"
    );
    assert!(mining.next().is_none());
}
