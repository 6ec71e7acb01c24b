//! Business values and diversity in recalls of ensembles, against plain models.
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;
use twinspire::{
    BusinessWeight, Cascade, Diversity, Ensemble, Error, FusionStepKind, Normalisation,
    NormalisedSum, Quotas, RankFusion, WeightedSum,
};
use twinspire_testkit::shop::{
    Item, Ranking, Request, Shop, any_items, any_request, id, ranking, record, top_k, user,
};
use twinspire_testkit::towers::field_towers;
use twinspire_testkit::{directory, open_without_background};

#[derive(Clone, Copy, Debug)]
struct Worth {
    default: f64,
    score: f64,
    field: f64,
}

fn worth() -> impl Strategy<Value = Worth> {
    let exponent = || prop::sample::select(vec![1.0, 1.0, 2.0, 0.5]);
    let default = prop::sample::select(vec![0.0, 1.0, 2.5]);
    (default, exponent(), exponent()).prop_map(|(default, score, field)| Worth {
        default,
        score,
        field,
    })
}

impl Worth {
    fn recipe(self) -> BusinessWeight {
        let Self {
            default,
            score,
            field,
        } = self;
        let business = BusinessWeight::new("bid");
        business.default_value(default).exponents(score, field)
    }

    /// score^a × value^b, with the sign of the score and nothing below 0 in the value.
    fn value(self, score: f32, item: &Item) -> f32 {
        let value = item.bid.unwrap_or(self.default).max(0.0).powf(self.field);
        let score = f64::from(score);
        let fit = score.abs().powf(self.score) * if score < 0.0 { -1.0 } else { 1.0 };
        (fit * value) as f32 + 0.0
    }
}

fn near(a: f32, b: f32) -> bool {
    (a - b).abs() <= 1e-5 * (1.0 + b.abs())
}

/// Whether an answer is the best of a model, up to the last digits: as many, each with its value, and at
/// every place what is due there.
fn same(found: &Ranking, all: &Ranking, k: usize) -> bool {
    let values: BTreeMap<usize, f32> = all.iter().map(|(value, at)| (*at, *value)).collect();
    found.len() == k.min(all.len())
        && found
            .iter()
            .zip(all)
            .all(|((value, at), (due, _))| near(*value, *due) && near(*value, values[at]))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn the_best_items_by_score_and_business_value_are_found(
        world in any_items(true), request in any_request(true), worth in worth(), k in 1usize..30,
    ) {
        let mut world = world;
        world.0[0].bid = Some(1.0);
        world.1.retain(|(at, _)| *at > 0);
        let shop = Shop::new(world);
        let user = user(&request);
        let model = |fused: &dyn Fn(usize) -> Option<f32>| {
            let all = shop.candidates(&request).into_iter();
            let valued = all.filter_map(|at| Some((worth.value(fused(at)?, &shop.items[at]), at)));
            top_k(valued, None, usize::MAX)
        };
        let ask = |name: &str, ensemble: Ensemble, all: Ranking| {
            shop.db.ensembles().define(name, ensemble).unwrap();
            // The first reaches further until a bound proves the answer, the second scores all.
            for recall in [
                shop.recall(name, &user, &request).ef(1000),
                shop.recall(name, &user, &request).exact(),
            ] {
                let found = ranking(&recall.top(k).unwrap());
                prop_assert!(same(&found, &all, k), "{name}: {found:?} {all:?}");
            }
            Ok(())
        };
        let score = |space: &'static str| {
            let shop = &shop;
            let user = request.user;
            move |at| shop.score(space, at, &user)
        };
        let plane = model(&score("plane"));
        let weight = worth.recipe();
        let single = WeightedSum::new().space("plane", 1.0);
        ask("single", single.business_weight(weight.clone()).into(), plane.clone())?;
        let both = model(&|at| Some(0.5 * score("other")(at)? + 2.0 * score("plane")(at)?));
        let sum = WeightedSum::new().space("other", 0.5).space("plane", 2.0);
        ask("both", sum.business_weight(weight.clone()).into(), both)?;
        let staged = Cascade::new().stage("near", 1000).stage("plane", 1000);
        ask("staged", staged.business_weight(weight).into(), plane)?;
    }

    #[test]
    fn beam_search_answers_as_exact_mode(
        world in any_items(false), request in any_request(false), k in 1usize..6,
    ) {
        let mut world = world;
        world.0[0].bid = Some(1.0);
        world.1.retain(|(at, _)| *at > 0);
        let shop = Shop::new(world);
        let user = user(&request);
        let bid = || BusinessWeight::new("bid");
        for ensemble in [
            Ensemble::from(WeightedSum::new().space("plane", 1.0).business_weight(bid())),
            RankFusion::new().space("plane", 1.0).space("near", 0.5).business_weight(bid()).into(),
            NormalisedSum::new(Normalisation::MinMax)
                .space("near", 1.0)
                .space("plane", 0.5)
                .business_weight(bid())
                .into(),
        ] {
            shop.db.ensembles().define("valued", ensemble).unwrap();
            let recall = || shop.recall("valued", &user, &request);
            let exact = ranking(&recall().exact().top(k).unwrap());
            // A beam that is asked for all there are ends with all of them.
            let beams = ranking(&recall().ef(100).top(k).unwrap());
            prop_assert!(same(&beams, &exact, k), "{beams:?} {exact:?}");
        }
    }

    #[test]
    fn each_choice_for_diversity_is_the_best_available(
        world in any_items(false),
        request in any_request(false),
        (lambda, depth) in (0.0f32..=1.0, 1u32..40),
        k in 1usize..20,
    ) {
        let shop = Shop::new(world);
        let user = user(&request);
        let plain = WeightedSum::new().space("plane", 1.0);
        let various = plain.clone().diversity(Diversity::new("near", lambda).depth(depth));
        shop.db.ensembles().define("plain", plain).unwrap();
        shop.db.ensembles().define("various", various).unwrap();
        let depth = depth as usize;
        let mut pool = ranking(&shop.recall("plain", &user, &request).exact().top(k.max(depth)).unwrap());
        let rest = pool.split_off(depth.min(pool.len()));
        let found = ranking(&shop.recall("various", &user, &request).exact().top(k).unwrap());
        prop_assert_eq!(found.len(), k.min(pool.len() + rest.len()));
        let cosine = |a: usize, b: usize| {
            let [a, b] = [a, b].map(|at| shop.items[at].numbers);
            let length = |v: [f32; 3]| v[0].hypot(v[1]);
            let product = length(a) * length(b);
            if product > 0.0 { (a[0] * b[0] + a[1] * b[1]) / product } else { 0.0 }
        };
        let mut chosen: Vec<usize> = Vec::new();
        for (score, at) in found.iter().take(depth) {
            let worth = |score: f32, at: usize| {
                let alike = chosen.iter().map(|other| cosine(at, *other));
                let most = alike.reduce(f32::max).unwrap_or(0.0);
                lambda * score - (1.0 - lambda) * most
            };
            let left = pool.iter().filter(|(_, at)| !chosen.contains(at));
            let most = left.map(|(score, at)| worth(*score, *at)).reduce(f32::max).unwrap();
            prop_assert!(pool.contains(&(*score, *at)) && !chosen.contains(at));
            prop_assert!(worth(*score, *at) >= most - 1e-5, "{found:?} {pool:?}");
            chosen.push(*at);
        }
        let beyond: Ranking = found.into_iter().skip(depth).collect();
        prop_assert_eq!(&beyond[..], &rest[..beyond.len()]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn pages_are_slices_of_one_answer(
        world in any_items(true), request in any_request(true), (offset, k) in (0usize..25, 1usize..20),
    ) {
        let shop = Shop::new(world);
        let user = user(&request);
        let both = || WeightedSum::new().space("plane", 1.0).space("near", 0.5);
        let ensembles: [(&str, Ensemble); 5] = [
            ("sum", both().into()),
            ("stages", Cascade::new().stage("near", 40).stage("plane", 30).into()),
            ("ranks", RankFusion::new().space("plane", 1.0).space("other", 0.5).depth(25).into()),
            ("turns", Quotas::counts([("plane", 4), ("near", 8)]).into()),
            ("various", both().diversity(Diversity::new("plane", 0.5).depth(10)).into()),
        ];
        for (name, ensemble) in ensembles.clone() {
            shop.db.ensembles().define(name, ensemble).unwrap();
        }
        for name in ensembles.iter().map(|(name, _)| *name).chain(["plane", "other"]) {
            let recall = || shop.recall(name, &user, &request).exact();
            let whole = ranking(&recall().top(offset + k).unwrap());
            let page = ranking(&recall().offset(offset).top(k).unwrap());
            prop_assert_eq!(&page[..], whole.get(offset..).unwrap_or_default());
            let users = [user.clone()];
            let batch = recall().offset(offset).users(&users).top(k).unwrap();
            prop_assert_eq!(ranking(&batch[0]), page);
        }
    }
}

fn small() -> Shop {
    let item = |x: f32, bid| Item {
        numbers: [x, 0.0, 0.0],
        has_z: true,
        group: 0,
        bid,
    };
    let items = vec![item(1.0, Some(1.0)), item(2.0, None), item(-1.0, Some(3.0))];
    Shop::new((items, Vec::new()))
}

#[test]
fn a_changed_bid_counts_at_once() {
    let shop = small();
    let plane = WeightedSum::new().space("plane", 1.0);
    let valued = plane.business_weight(BusinessWeight::new("bid"));
    shop.db.ensembles().define("valued", valued).unwrap();
    let request = Request {
        user: [1.0, 0.0, 0.0],
        ..Request::default()
    };
    let user = user(&request);
    let ask = || ranking(&shop.recall("valued", &user, &request).top(3).unwrap());
    assert_eq!(ask(), [(2.0, 1), (1.0, 0), (-3.0, 2)]);
    let bid = |bid| {
        let item = Item {
            bid: Some(bid),
            ..shop.items[0].clone()
        };
        shop.db.items().put(&record(0, &item)).unwrap();
    };
    bid(5.0);
    assert_eq!(ask(), [(5.0, 0), (2.0, 1), (-3.0, 2)]);
    shop.db.seal().unwrap();
    assert_eq!(ask(), [(5.0, 0), (2.0, 1), (-3.0, 2)]);
    bid(-2.0);
    assert_eq!(ask(), [(2.0, 1), (0.0, 0), (-3.0, 2)]);
    shop.db.items().delete(&id(1)).unwrap();
    assert_eq!(ask(), [(0.0, 0), (-3.0, 2)]);
}

#[test]
fn a_business_weight_that_cannot_rank_is_refused() {
    let shop = small();
    let define = |ensemble: Ensemble| shop.db.ensembles().define("valued", ensemble);
    let refused = |ensemble: Ensemble, why: &str| {
        let error = define(ensemble).unwrap_err();
        assert!(
            matches!(error, Error::Ensemble { .. }) && error.to_string().contains(why),
            "{error}"
        );
    };
    let bid = || BusinessWeight::new("bid");
    let plane = || WeightedSum::new().space("plane", 1.0);
    refused(
        plane().business_weight(BusinessWeight::new("no")).into(),
        "no item has a number",
    );
    refused(
        plane().business_weight(BusinessWeight::new("id")).into(),
        "no item has a number",
    );
    let near = WeightedSum::new().space("near", 1.0);
    refused(near.business_weight(bid()).into(), "L2");
    let staged = Cascade::new().stage("plane", 9).stage("near", 5);
    refused(staged.business_weight(bid()).into(), "L2");
    let scaled = NormalisedSum::new(Normalisation::MinMax).space("near", 1.0);
    define(scaled.business_weight(bid()).into()).unwrap();
    let no_space = plane().diversity(Diversity::new("no", 0.5));
    assert!(matches!(
        define(no_space.into()),
        Err(Error::UnknownSpace { .. })
    ));
}

#[test]
fn a_field_without_a_column_is_read_from_the_records() {
    let (_dir, path) = directory();
    let db = open_without_background(&path);
    let records = (0..40).map(|at| {
        // More fields than have columns; the bid comes after them.
        let mut record = json!({"id": id(at), "x": at % 7, "y": 1, "bid": at % 5});
        let more = (0..600).map(|n| (format!("a{n:03}"), json!(n)));
        record
            .as_object_mut()
            .unwrap()
            .extend(more.filter(|_| at == 0));
        record
    });
    db.items().put_many(&records.collect::<Vec<_>>()).unwrap();
    db.publish("plane")
        .towers(field_towers("inner_product", &["x", "y"]))
        .run()
        .unwrap();
    let valued = WeightedSum::new().space("plane", 1.0);
    let valued = valued.business_weight(BusinessWeight::new("bid"));
    db.ensembles().define("valued", valued).unwrap();
    let all = (0..40).map(|at| ((at % 7) as f32 * (at % 5) as f32, at));
    let expected = top_k(all, None, 6);
    let user = json!({"x": 1, "y": 0});
    for recall in [db.recall("valued").exact(), db.recall("valued").ef(1)] {
        let hits = recall.user(&user).explain().top(6).unwrap();
        assert_eq!(ranking(&hits), expected);
        let last = hits.explained().unwrap().fusion.last().unwrap();
        let full_scan = (FusionStepKind::FullScan, Some(40));
        assert_eq!((last.step, last.of), full_scan, "there is no bound");
    }
}

#[test]
fn looking_at_the_most_valuable_items_first_avoids_a_full_scan() {
    let (_dir, path) = directory();
    let db = open_without_background(&path);
    // Few bids are high, and one of a hundred of these is fresh.
    let bid = |at: usize| match at % 97 {
        0 => 4.0 + (at % 7) as f64,
        rest => 1.0 + rest as f64 / 200.0,
    };
    let record = |at: usize| {
        let angle = (at * 37 % 4_001) as f64 / 4_001.0 * std::f64::consts::TAU;
        json!({"id": id(at), "x": angle.cos(), "y": angle.sin(), "bid": bid(at), "group": at % 2})
    };
    let records: Vec<_> = (0..4_000).map(record).collect();
    let (sealed, fresh) = records.split_at(3_960);
    db.items().put_many(sealed).unwrap();
    db.publish("plane")
        .towers(field_towers("inner_product", &["x", "y"]))
        .run()
        .unwrap();
    db.items().put_many(fresh).unwrap();
    let valued = WeightedSum::new().space("plane", 1.0);
    let valued = valued.business_weight(BusinessWeight::new("bid"));
    db.ensembles().define("valued", valued).unwrap();
    for at in 0..24 {
        let angle = f64::from(at) / 24.0 * std::f64::consts::TAU;
        let user = json!({"x": angle.cos(), "y": angle.sin()});
        for filter in [None, Some("group = 1")] {
            let ask = || {
                let recall = db
                    .recall("valued")
                    .user(&user)
                    .exclude([id(97 * at as usize)]);
                match filter {
                    Some(filter) => recall.filter(filter),
                    None => recall,
                }
            };
            let hits = ask().ef(16).explain().top(8).unwrap();
            assert_eq!(ranking(&hits), ranking(&ask().exact().top(8).unwrap()));
            let steps = &hits.explained().unwrap().fusion;
            let full_scan = steps
                .iter()
                .any(|step| step.step == FusionStepKind::FullScan);
            assert!(!full_scan, "{steps:?}");
        }
    }
}
