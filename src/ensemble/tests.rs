use super::*;

fn problem(ensemble: impl Into<Ensemble>) -> String {
    let problem = ensemble.into().problem();
    problem.map_or_else(String::new, |problem| problem.to_string())
}

/// An ensemble of each method with all of its options, its JSON and its display.
fn all() -> Vec<(Ensemble, &'static str, &'static str)> {
    vec![
        (
            WeightedSum::new()
                .space("text", 0.5)
                .space("all", 2.0)
                .into(),
            r#"{"method":"weighted","spaces":{"all":2.0,"text":0.5}}"#,
            "2 × all + 0.5 × text",
        ),
        (
            Cascade::new()
                .stage("text", 500)
                .stage_at_least("all", 50, -0.5)
                .into(),
            r#"{"method":"cascade","stages":[{"space":"text","take":500},{"space":"all","take":50,"at_least":-0.5}]}"#,
            "best 500 by text → best 50 by all from -0.5",
        ),
        (
            RankFusion::new()
                .space("text", 1.0)
                .space("all", 0.5)
                .k(10)
                .depth(20)
                .into(),
            r#"{"method":"rank_fusion","spaces":{"all":0.5,"text":1.0},"k":10,"depth":20}"#,
            "ranks of the best 20, k 10: 0.5 × all + 1 × text",
        ),
        (
            NormalisedSum::new(Normalisation::MinMax)
                .space("text", 1.0)
                .depth(20)
                .into(),
            r#"{"method":"normalised","spaces":{"text":1.0},"by":"min_max","depth":20}"#,
            "min-max of the best 20: 1 × text",
        ),
        (
            NormalisedSum::new(Normalisation::ZScore)
                .space("text", 1.0)
                .into(),
            r#"{"method":"normalised","spaces":{"text":1.0},"by":"z_score","depth":100}"#,
            "z-score of the best 100: 1 × text",
        ),
        (
            Quotas::shares([("text", 0.75), ("all", 0.25)]).into(),
            r#"{"method":"quotas","channels":[{"space":"text","share":0.75},{"space":"all","share":0.25}]}"#,
            "0.75 of all by text, 0.25 of all by all",
        ),
        (
            Quotas::counts([("text", 6), ("all", 4)]).into(),
            r#"{"method":"quotas","channels":[{"space":"text","count":6},{"space":"all","count":4}]}"#,
            "6 by text, 4 by all",
        ),
        (
            WeightedSum::new()
                .space("text", 1.0)
                .business_weight(
                    BusinessWeight::new("bid")
                        .default_value(0.0)
                        .exponents(2.0, 0.5),
                )
                .diversity(Diversity::new("all", 0.75).depth(30))
                .into(),
            r#"{"method":"weighted","spaces":{"text":1.0},"business":{"field":"bid","default":0.0,"score_exponent":2.0,"field_exponent":0.5},"diversity":{"space":"all","lambda":0.75,"depth":30}}"#,
            "1 × text; score^2 × bid^0.5 (default 0); diverse by all among the best 30, λ 0.75",
        ),
    ]
}

#[test]
fn ensembles_round_trip_through_json_and_bytes() {
    for (ensemble, json, shown) in all() {
        assert_eq!(problem(ensemble.clone()), "");
        let text = serde_json::to_string(&ensemble).unwrap();
        assert_eq!(text, json);
        assert_eq!(serde_json::from_str::<Ensemble>(&text).unwrap(), ensemble);
        assert_eq!(ensemble.to_string(), shown);
        let bytes = twinspire_core::wire::pack(&ensemble).unwrap();
        let back: Ensemble = twinspire_core::wire::unpack(&bytes).unwrap();
        assert_eq!(back, ensemble);
        let method = format!("\"method\":\"{}\"", ensemble.method());
        assert!(json.contains(&method), "{method}");
    }
}

#[test]
fn json_of_no_recipe_is_refused() {
    for json in [
        r"{}",
        r#"{"method":"guess","spaces":{}}"#,
        r#"{"method":"weighted"}"#,
        r#"{"method":"weighted","spaces":{"a":1},"more":1}"#,
        r#"{"method":"weighted","spaces":{"a":"x"}}"#,
        r#"{"method":"cascade","stages":[{"space":"a"}]}"#,
        r#"{"method":"cascade","stages":[{"space":"a","take":-1}]}"#,
        r#"{"method":"cascade","stages":[{"space":"a","take":1,"least":1}]}"#,
        r#"{"method":"rank_fusion","spaces":["a","a"]}"#,
        r#"{"method":"weighted","spaces":{"a":1},"business":{}}"#,
        r#"{"method":"weighted","spaces":{"a":1},"business":{"field":"b","power":2}}"#,
        r#"{"method":"weighted","spaces":{"a":1},"diversity":{"space":"a"}}"#,
        r#"{"method":"rank_fusion","spaces":["a"],"k":0.5}"#,
        r#"{"method":"normalised","spaces":["a"]}"#,
        r#"{"method":"normalised","spaces":["a"],"by":"guess"}"#,
        r#"{"method":"quotas","channels":[{"space":"a"}]}"#,
        r#"{"method":"quotas","channels":[{"space":"a","share":0.5,"count":1}]}"#,
    ] {
        assert!(serde_json::from_str::<Ensemble>(json).is_err(), "{json}");
    }
}

#[test]
fn invalid_recipes_are_refused_with_the_reason() {
    let weighted = WeightedSum::new;
    assert!(problem(weighted()).contains("0 spaces"));
    for weight in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        let found = problem(weighted().space("text", weight));
        assert!(found.contains("weight of space \"text\""), "{found}");
    }
    let many = (0..33).fold(weighted(), |all, at| all.space(at.to_string(), 1.0));
    assert!(problem(many).contains("33 spaces"));

    let cascade = Cascade::new;
    assert!(problem(cascade()).contains("0 stages"));
    let many = (0..33).fold(cascade(), |all, at| all.stage(at.to_string(), 1));
    assert!(problem(many).contains("33 stages"));
    for take in [0, 100_001] {
        let found = problem(cascade().stage("text", take));
        assert!(found.contains("stage \"text\" takes"), "{found}");
    }
    let nan = cascade().stage_at_least("text", 1, f32::NAN);
    assert!(problem(nan).contains("finite"));

    let ranks = RankFusion::new;
    let normalised = || NormalisedSum::new(Normalisation::ZScore);
    for found in [problem(ranks()), problem(normalised())] {
        assert!(found.contains("0 spaces"), "{found}");
    }
    for found in [
        problem(ranks().space("a", f32::NAN)),
        problem(normalised().space("a", f32::NAN)),
    ] {
        assert!(found.contains("weight of space \"a\""), "{found}");
    }
    for depth in [0, 100_001] {
        for found in [
            problem(ranks().space("a", 1.0).depth(depth)),
            problem(normalised().space("a", 1.0).depth(depth)),
        ] {
            assert!(found.contains("depth of the lists"), "{found}");
        }
    }

    assert!(problem(Quotas::counts::<&str>([])).contains("0 channels"));
    assert!(problem(Quotas::shares([("a", 0.5), ("a", 0.5)])).contains("twice"));
    assert!(problem(Quotas::shares([("a", 0.5), ("b", 0.4)])).contains("sum to 0.9"));
    assert!(problem(Quotas::counts([("a", 0)])).contains("count of space \"a\""));
    for share in [0.0, -0.5, 1.5, f32::NAN] {
        let found = problem(Quotas::shares([("a", share)]));
        assert!(found.contains("share of space \"a\""), "{found}");
    }
    let thirds = Quotas::shares([("a", 0.3333), ("b", 0.3333), ("c", 0.3333)]);
    assert_eq!(problem(thirds), "");
    // The builder cannot mix them; JSON can.
    let mixed =
        r#"{"method":"quotas","channels":[{"space":"a","share":0.5},{"space":"b","count":4}]}"#;
    let mixed: Ensemble = serde_json::from_str(mixed).unwrap();
    assert!(problem(mixed).contains("one or the other"));
}

#[test]
fn invalid_business_weights_and_diversities_are_refused_with_the_reason() {
    let with = |weight| problem(WeightedSum::new().space("a", 1.0).business_weight(weight));
    let bid = || BusinessWeight::new("bid");
    assert_eq!(with(bid()), "");
    assert!(with(BusinessWeight::new("")).contains("0 bytes"));
    assert!(with(BusinessWeight::new("x".repeat(257))).contains("257 bytes"));
    for default in [-1.0, f64::NAN, f64::INFINITY] {
        assert!(with(bid().default_value(default)).contains("default"));
    }
    for exponent in [0.0, -1.0, 17.0, f64::NAN] {
        assert!(with(bid().exponents(exponent, 1.0)).contains("exponent"));
        assert!(with(bid().exponents(1.0, exponent)).contains("exponent"));
    }
    // The builder of quotas has no business weight; JSON can give one.
    let weighted_quotas =
        r#"{"method":"quotas","channels":[{"space":"a","share":1}],"business":{"field":"bid"}}"#;
    let weighted_quotas: Ensemble = serde_json::from_str(weighted_quotas).unwrap();
    assert!(problem(weighted_quotas).contains("no score"));
    let quotas = Quotas::shares([("a", 1.0)]);
    let various = |diversity| problem(quotas.clone().diversity(diversity));
    assert_eq!(various(Diversity::new("b", 1.0)), "");
    for lambda in [-0.1, 1.1, f32::NAN] {
        assert!(various(Diversity::new("b", lambda)).contains("lambda"));
    }
    for depth in [0, 1001] {
        assert!(various(Diversity::new("b", 0.5).depth(depth)).contains("depth of the diversity"));
    }
    let both = Cascade::new().stage("a", 9).stage("c", 5);
    let both = Ensemble::from(both.diversity(Diversity::new("b", 0.5)));
    assert_eq!(both.required_spaces().collect::<Vec<_>>(), ["a", "c", "b"]);
    assert_eq!(both.spaces().collect::<Vec<_>>(), ["a", "c"]);
    assert_eq!(both.score_spaces().collect::<Vec<_>>(), ["c"]);
}

/// Hostile bytes are refused, or read into a recipe whose problem can be told.
#[test]
fn truncated_or_changed_bytes_never_panic() {
    for (ensemble, ..) in all() {
        let bytes = twinspire_core::wire::pack(&ensemble).unwrap();
        for cut in 0..bytes.len() {
            assert!(twinspire_core::wire::unpack::<Ensemble>(&bytes[..cut]).is_err());
        }
        for at in 0..bytes.len() {
            for value in [0, 1, 7, 0x7f, 0x80, 0xff] {
                let mut changed = bytes.clone();
                changed[at] = value;
                if let Ok(read) = twinspire_core::wire::unpack::<Ensemble>(&changed) {
                    let (_, _) = (read.problem(), read.to_string());
                }
            }
        }
    }
}

#[test]
fn names_without_weights_have_weight_one() {
    let json = r#"{"method":"rank_fusion","spaces":["a","b"]}"#;
    let expected = RankFusion::new().space("a", 1.0).space("b", 1.0);
    assert_eq!(
        serde_json::from_str::<Ensemble>(json).unwrap(),
        expected.into()
    );
}

#[test]
fn equal_scores_are_shifted_but_not_stretched() {
    for by in [Normalisation::MinMax, Normalisation::ZScore] {
        assert_eq!(by.scale([0.5; 7].into_iter()).of(2.5), 2.0);
        assert_eq!(by.scale([].into_iter()).of(-3.0), -3.0);
        let scale = by.scale([1.0, 3.0, f32::NEG_INFINITY].into_iter());
        assert_eq!(scale.of(3.0), 1.0);
    }
}

#[test]
fn spaces_are_named_once_and_in_order() {
    let cascade = Cascade::new().stage("b", 9).stage("a", 5).stage("b", 2);
    let cascade = Ensemble::from(cascade);
    assert_eq!(cascade.spaces().collect::<Vec<_>>(), ["b", "a"]);
    assert_eq!(cascade.weights().count(), 0);
    let weighted = Ensemble::from(WeightedSum::new().space("b", 1.0).space("a", 2.0));
    let weights: Vec<_> = weighted.weights().collect();
    assert_eq!(weights, [("a", 2.0), ("b", 1.0)]);
}

#[test]
fn the_recipes_of_the_guide_are_valid() {
    let guide = include_str!("../../docs/ensembles.md");
    let blocks = guide.split("```json\n").skip(1);
    let recipes: Vec<Ensemble> = blocks
        .map(|block| serde_json::from_str(block.split("```").next().unwrap()).unwrap())
        .collect();
    let methods: Vec<&str> = recipes.iter().map(Ensemble::method).collect();
    for method in ["weighted", "cascade", "rank_fusion", "normalised", "quotas"] {
        assert!(methods.contains(&method), "{method}");
    }
    assert!(recipes.iter().all(|recipe| recipe.problem().is_none()));
}
