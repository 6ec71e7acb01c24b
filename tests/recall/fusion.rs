//! Each fusion method answers as its plain model, which scores every item.
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;
use twinspire::{
    Cascade, Ensemble, Error, Normalisation, NormalisedSum, QueryKind, Quotas, RankFusion,
};
use twinspire_testkit::shop::{
    Ranking, Request, SPACES, Shop, any_items, any_request, id, ranking, top_k, user,
};

/// What a recall of the ensemble answers in exact mode, its channels' scores compared with the model's.
fn answer(shop: &Shop, ensemble: impl Into<Ensemble>, request: &Request, k: usize) -> Ranking {
    shop.db.ensembles().define("fused", ensemble).unwrap();
    let user = user(request);
    let hits = shop.recall("fused", &user, request).exact().top(k).unwrap();
    for (hit, (_, at)) in hits.iter().zip(ranking(&hits)) {
        for space in SPACES {
            if let Some(score) = hit.channels.get(space) {
                assert_eq!(Some(*score), shop.score(space, at, &request.user));
            }
        }
    }
    ranking(&hits)
}

/// Beams answer as exact mode does where as many are asked of a space as it has items: one that is asked
/// for fewer may end before it has met the last of them. Scores are of any numbers, so that
/// none are equal.
fn beams_agree(shop: &Shop, ensemble: impl Into<Ensemble>, request: &Request, k: usize) {
    let exact = answer(shop, ensemble, request, k);
    let user = user(request);
    let recall = || shop.recall("fused", &user, request);
    let beams = recall().ef(1000).top(k).unwrap();
    assert_eq!(ranking(&beams), exact);
    let users = [user.clone(), user.clone()];
    let mut all = shop
        .db
        .recall("fused")
        .exclude(request.exclude.iter().map(|at| id(*at)));
    if let Some(group) = request.group {
        all = all.filter(format!("group = {group}").as_str());
    }
    let batch = all.recall_target(1.0).users(&users).top(k).unwrap();
    assert!(batch.iter().all(|hits| ranking(hits) == exact));
    let explained = recall().explain().top(k).unwrap();
    let explain = explained.explained().unwrap();
    assert!(!explain.fusion.is_empty() && !explain.searches.is_empty());
}

fn space() -> impl Strategy<Value = &'static str> {
    prop::sample::select(SPACES.to_vec())
}

/// Stages: space, take, least score.
fn stages() -> impl Strategy<Value = Vec<(&'static str, u32, Option<f32>)>> {
    let least = prop::option::weighted(0.3, (-12i8..3).prop_map(f32::from));
    vec((space(), 1u32..40, least), 1..5)
}

fn cascade(stages: &[(&str, u32, Option<f32>)]) -> Cascade {
    let add = |all: Cascade, (space, take, least): &(&str, u32, Option<f32>)| match least {
        Some(least) => all.stage_at_least(*space, *take, *least),
        None => all.stage(*space, *take),
    };
    stages.iter().fold(Cascade::new(), add)
}

/// Spaces and their weights.
fn weights() -> impl Strategy<Value = BTreeMap<&'static str, f32>> {
    let weight = prop::sample::select(vec![0.25f32, 0.5, 1.0, 1.5, 2.0]);
    prop::collection::btree_map(space(), weight, 1..4)
}

fn ranks(weights: &BTreeMap<&str, f32>) -> RankFusion {
    let add = |all: RankFusion, (space, weight): (&&str, &f32)| all.space(*space, *weight);
    weights.iter().fold(RankFusion::new(), add)
}

fn normalised(by: Normalisation, weights: &BTreeMap<&str, f32>) -> NormalisedSum {
    let add = |all: NormalisedSum, (space, weight): (&&str, &f32)| all.space(*space, *weight);
    weights.iter().fold(NormalisedSum::new(by), add)
}

fn by_rank(
    shop: &Shop,
    request: &Request,
    weights: &BTreeMap<&str, f32>,
    k: u32,
    depth: u32,
) -> Vec<(f32, usize)> {
    let mut scores = BTreeMap::new();
    for (space, weight) in weights {
        for (rank, (_, at)) in (1..).zip(shop.top_k(space, request, depth as usize)) {
            *scores.entry(at).or_insert(0.0) += f64::from(*weight) / f64::from(k + rank);
        }
    }
    scores
        .into_iter()
        .map(|(at, score)| (score as f32, at))
        .collect()
}

/// Zero and unit of a space: of its list, or as it was measured.
fn scale(shop: &Shop, space: &str, list: &Ranking, by: Normalisation) -> (f64, f64) {
    if by == Normalisation::Calibration {
        let calibration = shop.db.stats().unwrap().spaces[space].calibration.clone();
        let known = calibration.sample(QueryKind::Near).unwrap();
        let (zero, one) = (
            f64::from(known.hundredth_score),
            f64::from(known.best_score),
        );
        return (zero, if one > zero { one - zero } else { 1.0 });
    }
    let scores: Vec<f64> = list.iter().map(|(score, _)| f64::from(*score)).collect();
    let Some((first, last)) = scores.first().zip(scores.last()) else {
        return (0.0, 1.0);
    };
    let count = scores.len() as f64;
    let mean = scores.iter().sum::<f64>() / count;
    let variance = scores.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count;
    let (zero, unit) = match by {
        Normalisation::MinMax => (*last, first - last),
        _ => (mean, variance.sqrt()),
    };
    (zero, if first == last { 1.0 } else { unit })
}

/// The quotas of shares, by trying: the whole part each, then one more to the largest fraction.
fn places(shares: &[f32], k: usize) -> Vec<usize> {
    let exact: Vec<f64> = shares
        .iter()
        .map(|share| f64::from(*share) * k as f64)
        .collect();
    let mut places: Vec<usize> = exact.iter().map(|x| x.floor() as usize).collect();
    while places.iter().sum::<usize>() < k {
        let missing = |at: &usize| exact[*at] - places[*at] as f64;
        let all = (0..places.len()).rev();
        let most = all
            .max_by(|a, b| missing(a).total_cmp(&missing(b)))
            .unwrap();
        places[most] += 1;
    }
    places
}

fn turns(lists: &[Ranking], quotas: &[usize], k: usize) -> Vec<usize> {
    let (mut answer, mut counts) = (Vec::new(), vec![0; lists.len()]);
    for limited in [true, false] {
        let mut moved = true;
        while moved {
            moved = false;
            for at in 0..lists.len() {
                let mut rest = lists[at].iter().filter(|(_, item)| !answer.contains(item));
                if answer.len() < k
                    && (!limited || counts[at] < quotas[at])
                    && let Some((_, item)) = rest.next()
                {
                    answer.push(*item);
                    counts[at] += 1;
                    moved = true;
                }
            }
        }
    }
    answer
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn rank_fusion_sums_reciprocal_ranks(
        world in any_items(true),
        request in any_request(true),
        weights in weights(),
        (constant, depth) in (0u32..80, 1u32..50),
        least in prop::option::of(0.001f32..0.05),
        k in 1usize..30,
    ) {
        let shop = Shop::new(world);
        let request = Request { at_least: least, ..request };
        let ensemble = ranks(&weights).k(constant).depth(depth);
        let scores = by_rank(&shop, &request, &weights, constant, depth);
        prop_assert_eq!(answer(&shop, ensemble, &request, k), top_k(scores, request.at_least, k));
        let user = user(&request);
        let hits = shop.recall("fused", &user, &request).exact().top(k).unwrap();
        for (hit, (_, at)) in hits.iter().zip(ranking(&hits)) {
            for space in weights.keys() {
                let list = shop.top_k(space, &request, depth as usize);
                let place = list.iter().position(|(_, item)| *item == at);
                prop_assert_eq!(hit.ranks.get(*space).copied(), place.map(|at| at as u32 + 1));
            }
        }
    }

    #[test]
    fn normalised_scores_use_the_scales_of_the_candidate_lists(
        world in any_items(true),
        request in any_request(true),
        weights in weights(),
        depth in 1u32..50,
        by in prop::sample::select(vec![
            Normalisation::MinMax, Normalisation::ZScore, Normalisation::Calibration
        ]),
        least in prop::option::of(-2.0f32..1.0),
        k in 1usize..30,
    ) {
        let shop = Shop::new(world);
        let request = Request { at_least: least, ..request };
        let mut scales = BTreeMap::new();
        for space in weights.keys() {
            scales.insert(space, scale(&shop, space, &shop.top_k(space, &request, depth as usize), by));
        }
        let fused = |at: usize| {
            let each = weights.iter().map(|(space, weight)| {
                let (zero, unit) = scales[space];
                let score = f64::from(shop.score(space, at, &request.user)?);
                Some(f64::from(*weight) * ((score - zero) / unit))
            });
            each.sum::<Option<f64>>().map(|sum| sum as f32)
        };
        let all = shop.candidates(&request).into_iter();
        let expected = top_k(all.filter_map(|at| Some((fused(at)?, at))), None, usize::MAX);
        let found = answer(&shop, normalised(by, &weights).depth(depth), &request, k);
        let near = |a: f32, b: f32| (a - b).abs() <= 1e-5 * (1.0 + b.abs());
        for ((score, at), (due, _)) in found.iter().zip(&expected) {
            prop_assert!(near(*score, *due), "{found:?} {expected:?}");
            prop_assert!(near(*score, fused(*at).unwrap()));
        }
        let counted = |slack: f32| {
            let least = least.map(|least| least + slack);
            top_k(expected.iter().copied(), least, k).len()
        };
        prop_assert!((counted(1e-4)..=counted(-1e-4)).contains(&found.len()));
    }

    #[test]
    fn quotas_are_filled_in_turns(
        world in any_items(true),
        request in any_request(true),
        channels in prop::sample::subsequence(SPACES.to_vec(), 1..=3).prop_shuffle(),
        parts in vec(1u32..20, 3),
        shares in any::<bool>(),
        k in 1usize..40,
    ) {
        let shop = Shop::new(world);
        let parts = &parts[..channels.len()];
        let sum = parts.iter().sum::<u32>() as f32;
        let parts_of_1: Vec<f32> = parts.iter().map(|part| *part as f32 / sum).collect();
        let ensemble = match shares {
            true => Quotas::shares(channels.iter().copied().zip(parts_of_1.iter().copied())),
            false => Quotas::counts(channels.iter().copied().zip(parts.iter().copied())),
        };
        let quotas = match shares {
            true => places(&parts_of_1, k),
            false => parts.iter().map(|part| *part as usize).collect(),
        };
        let lists: Vec<Ranking> = channels.iter().map(|space| shop.top_k(space, &request, usize::MAX)).collect();
        let taken = turns(&lists, &quotas, k).into_iter();
        let expected: Ranking = (1..).zip(taken).map(|(place, at)| (1.0 / place as f32, at)).collect();
        prop_assert_eq!(answer(&shop, ensemble, &request, k), expected);
        let user = user(&request);
        let hits = shop.recall("fused", &user, &request).exact().top(k).unwrap();
        prop_assert!(hits.iter().all(|hit| !hit.ranks.is_empty()));
        let least = shop.recall("fused", &user, &request).all_at_least(0.0);
        let refused = matches!(least, Err(Error::NoScore { .. }));
        prop_assert!(refused);
    }

    #[test]
    fn beams_agree_on_ranks_normalised_scores_and_quotas(
        world in any_items(false), request in any_request(false), weights in weights(), k in 1usize..30,
    ) {
        let shop = Shop::new(world);
        beams_agree(&shop, ranks(&weights).depth(100), &request, k);
        for by in [Normalisation::MinMax, Normalisation::ZScore] {
            beams_agree(&shop, normalised(by, &weights).depth(100), &request, k);
        }
        let halves = Quotas::shares([("near", 0.5), ("plane", 0.5)]);
        beams_agree(&shop, halves, &request, 100);
    }

    #[test]
    fn a_cascade_reranks_stage_by_stage(
        world in any_items(true),
        request in any_request(true),
        stages in stages(),
        least in prop::option::of(-6i8..3),
        k in 1usize..30,
    ) {
        let shop = Shop::new(world);
        let request = Request { at_least: least.map(f32::from), ..request };
        let mut kept: Option<Ranking> = None;
        for (space, take, least) in &stages {
            let items = match kept {
                None => shop.candidates(&request),
                Some(kept) => kept.iter().map(|(_, at)| *at).collect(),
            };
            let scored = items.into_iter();
            let scored = scored.filter_map(|at| Some((shop.score(space, at, &request.user)?, at)));
            kept = Some(top_k(scored, *least, *take as usize));
        }
        let expected = top_k(kept.unwrap(), request.at_least, k);
        prop_assert_eq!(answer(&shop, cascade(&stages), &request, k), expected);
    }

    #[test]
    fn beams_agree_on_a_cascade(
        world in any_items(false), request in any_request(false), stages in stages(), k in 1usize..30,
    ) {
        let mut stages = stages;
        (stages[0].1, stages[0].2) = (100, None);
        beams_agree(&Shop::new(world), cascade(&stages), &request, k);
    }
}
