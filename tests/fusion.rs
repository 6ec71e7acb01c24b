//! Each fusion answers as its plain model does, which scores every item.
#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod common;

use common::shop::{Asked, Ranked, Shop, asked, best, ranked, things, user};
use proptest::collection::vec;
use proptest::prelude::*;
use twinspire::Ensemble;

/// What a recall of the ensemble answers in exact mode, its channels' scores compared with the model's.
fn answer(shop: &Shop, ensemble: Ensemble, asked: &Asked, k: usize) -> Ranked {
    shop.db.ensembles().define("fused", ensemble).unwrap();
    let user = user(asked);
    let hits = shop.recall("fused", &user, asked).exact().top(k).unwrap();
    for (hit, (_, at)) in hits.iter().zip(ranked(&hits)) {
        for space in common::shop::SPACES {
            if let Some(score) = hit.channels.get(space) {
                assert_eq!(Some(*score), shop.score(space, at, &asked.user));
            }
        }
    }
    ranked(&hits)
}

/// Beams so wide that nothing is missed answer as exact mode does. Scores are of any numbers, so that
/// none are equal.
fn beams_agree(shop: &Shop, ensemble: Ensemble, asked: &Asked, k: usize) {
    let exact = answer(shop, ensemble, asked, k);
    let user = user(asked);
    let recall = || shop.recall("fused", &user, asked);
    let beams = recall().ef(1000).top(k).unwrap();
    assert_eq!(ranked(&beams), exact);
    let users = [user.clone(), user.clone()];
    let mut all = shop
        .db
        .recall("fused")
        .exclude(asked.exclude.iter().map(|at| common::shop::id(*at)));
    if let Some(group) = asked.group {
        all = all.filter(format!("group = {group}").as_str());
    }
    let batch = all.recall_target(1.0).users(&users).top(k).unwrap();
    assert!(batch.iter().all(|hits| ranked(hits) == exact));
    let explained = recall().explain().top(k).unwrap();
    let explain = explained.explained().unwrap();
    assert!(!explain.fusion.is_empty() && !explain.searches.is_empty());
}

fn space() -> impl Strategy<Value = &'static str> {
    prop::sample::select(common::shop::SPACES.to_vec())
}

/// Stages: space, take, least score.
fn stages() -> impl Strategy<Value = Vec<(&'static str, u32, Option<f32>)>> {
    let least = prop::option::weighted(0.3, (-12i8..3).prop_map(f32::from));
    vec((space(), 1u32..40, least), 1..5)
}

fn cascade(stages: &[(&str, u32, Option<f32>)]) -> Ensemble {
    let add = |all: Ensemble, (space, take, least): &(&str, u32, Option<f32>)| match least {
        Some(least) => all.stage_at_least(*space, *take, *least),
        None => all.stage(*space, *take),
    };
    stages.iter().fold(Ensemble::cascade(), add)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_cascade_is_stage_after_stage(
        world in things(true),
        asked in asked(true),
        stages in stages(),
        least in prop::option::of(-6i8..3),
        k in 1usize..30,
    ) {
        let shop = Shop::new(world);
        let asked = Asked { least: least.map(f32::from), ..asked };
        let mut kept: Option<Ranked> = None;
        for (space, take, least) in &stages {
            let items = match kept {
                None => shop.allowed(&asked),
                Some(kept) => kept.iter().map(|(_, at)| *at).collect(),
            };
            let scored = items.into_iter();
            let scored = scored.filter_map(|at| Some((shop.score(space, at, &asked.user)?, at)));
            kept = Some(best(scored, *least, *take as usize));
        }
        let expected = best(kept.unwrap(), asked.least, k);
        prop_assert_eq!(answer(&shop, cascade(&stages), &asked, k), expected);
    }

    #[test]
    fn beams_agree_on_a_cascade(
        world in things(false), asked in asked(false), stages in stages(), k in 1usize..30,
    ) {
        beams_agree(&Shop::new(world), cascade(&stages), &asked, k);
    }
}
