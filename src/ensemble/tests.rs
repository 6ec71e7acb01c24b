use super::*;

fn says(ensemble: &Ensemble) -> String {
    ensemble
        .problem()
        .map_or_else(String::new, |problem| problem.to_string())
}

/// A recipe of every method with everything that can be said in it, and its JSON.
fn all() -> Vec<(Ensemble, &'static str, &'static str)> {
    vec![
        (
            Ensemble::weighted().space("text", 0.5).space("all", 2.0),
            r#"{"method":"weighted","spaces":{"all":2.0,"text":0.5}}"#,
            "2 × all + 0.5 × text",
        ),
        (
            Ensemble::cascade()
                .stage("text", 500)
                .stage_at_least("all", 50, -0.5),
            r#"{"method":"cascade","stages":[{"space":"text","take":500},{"space":"all","take":50,"at_least":-0.5}]}"#,
            "best 500 by text → best 50 by all from -0.5",
        ),
        (
            Ensemble::ranks()
                .space("text", 1.0)
                .space("all", 0.5)
                .k(10)
                .depth(20),
            r#"{"method":"rank_fusion","spaces":{"all":0.5,"text":1.0},"k":10,"depth":20}"#,
            "ranks of the best 20, k 10: 0.5 × all + 1 × text",
        ),
        (
            Ensemble::normalised(Normalisation::MinMax)
                .space("text", 1.0)
                .depth(20),
            r#"{"method":"normalised","spaces":{"text":1.0},"by":"min_max","depth":20}"#,
            "min-max of the best 20: 1 × text",
        ),
        (
            Ensemble::normalised(Normalisation::ZScore).space("text", 1.0),
            r#"{"method":"normalised","spaces":{"text":1.0},"by":"z_score","depth":100}"#,
            "z-score of the best 100: 1 × text",
        ),
        (
            Ensemble::quotas().share("text", 0.75).share("all", 0.25),
            r#"{"method":"quotas","channels":[{"space":"text","share":0.75},{"space":"all","share":0.25}]}"#,
            "0.75 of all by text, 0.25 of all by all",
        ),
        (
            Ensemble::quotas().count("text", 6).count("all", 4),
            r#"{"method":"quotas","channels":[{"space":"text","count":6},{"space":"all","count":4}]}"#,
            "6 by text, 4 by all",
        ),
        (
            Ensemble::weighted()
                .space("text", 1.0)
                .business(Business::by("bid").default_value(0.0).exponents(2.0, 0.5))
                .diversity(Diversity::by("all", 0.75).depth(30)),
            r#"{"method":"weighted","spaces":{"text":1.0},"business":{"field":"bid","default":0.0,"score_exponent":2.0,"field_exponent":0.5},"diversity":{"space":"all","lambda":0.75,"depth":30}}"#,
            "1 × text; to the power of 2; × bid^0.5 (or 0); of the best 30 unlike by all, λ 0.75",
        ),
    ]
}

#[test]
fn a_recipe_is_the_same_as_json_as_bytes_and_shown() {
    for (ensemble, json, shown) in all() {
        assert_eq!(says(&ensemble), "");
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
fn json_that_is_no_recipe_is_refused() {
    for json in [
        r#"{}"#,
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
fn a_recipe_that_means_nothing_is_told_why() {
    let weighted = Ensemble::weighted;
    assert!(says(&weighted()).contains("0 spaces"));
    for weight in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        let problem = says(&weighted().space("text", weight));
        assert!(problem.contains("weight of space \"text\""), "{problem}");
    }
    let many = (0..33).fold(weighted(), |all, at| all.space(at.to_string(), 1.0));
    assert!(says(&many).contains("33 spaces"));

    let cascade = Ensemble::cascade;
    assert!(says(&cascade()).contains("0 stages"));
    let many = (0..33).fold(cascade(), |all, at| all.stage(at.to_string(), 1));
    assert!(says(&many).contains("33 stages"));
    for take in [0, 100_001] {
        let problem = says(&cascade().stage("text", take));
        assert!(problem.contains("stage \"text\" takes"), "{problem}");
    }
    let nan = cascade().stage_at_least("text", 1, f32::NAN);
    assert!(says(&nan).contains("finite"));

    for list in [Ensemble::ranks, || {
        Ensemble::normalised(Normalisation::ZScore)
    }] {
        assert!(says(&list()).contains("0 spaces"));
        assert!(says(&list().space("a", f32::NAN)).contains("weight of space \"a\""));
        for depth in [0, 100_001] {
            let problem = says(&list().space("a", 1.0).depth(depth));
            assert!(problem.contains("depth of the lists"), "{problem}");
        }
    }

    let quotas = Ensemble::quotas;
    assert!(says(&quotas()).contains("0 channels"));
    assert!(says(&quotas().share("a", 0.5).share("a", 0.5)).contains("twice"));
    assert!(says(&quotas().share("a", 0.5).share("b", 0.4)).contains("make 0.9"));
    assert!(says(&quotas().share("a", 0.5).count("b", 4)).contains("one or the other"));
    assert!(says(&quotas().count("a", 0)).contains("count of space \"a\""));
    for share in [0.0, -0.5, 1.5, f32::NAN] {
        let problem = says(&quotas().share("a", share));
        assert!(problem.contains("share of space \"a\""), "{problem}");
    }
    let thirds = quotas()
        .share("a", 0.3333)
        .share("b", 0.3333)
        .share("c", 0.3333);
    assert_eq!(says(&thirds), "");
}

#[test]
fn worth_and_variety_that_mean_nothing_are_told_why() {
    let with = |business: Business| says(&Ensemble::weighted().space("a", 1.0).business(business));
    let bid = || Business::by("bid");
    assert_eq!(with(bid()), "");
    assert!(with(Business::by("")).contains("0 bytes"));
    assert!(with(Business::by("x".repeat(257))).contains("257 bytes"));
    for default in [-1.0, f64::NAN, f64::INFINITY] {
        assert!(with(bid().default_value(default)).contains("default"));
    }
    for exponent in [0.0, -1.0, 17.0, f64::NAN] {
        assert!(with(bid().exponents(exponent, 1.0)).contains("exponent"));
        assert!(with(bid().exponents(1.0, exponent)).contains("exponent"));
    }
    let turns = Ensemble::quotas().share("a", 1.0);
    assert!(says(&turns.clone().business(bid())).contains("no score"));
    let various = |diversity| says(&turns.clone().diversity(diversity));
    assert_eq!(various(Diversity::by("b", 1.0)), "");
    for lambda in [-0.1, 1.1, f32::NAN] {
        assert!(various(Diversity::by("b", lambda)).contains("lambda"));
    }
    for depth in [0, 1001] {
        assert!(various(Diversity::by("b", 0.5).depth(depth)).contains("depth of the diversity"));
    }
    let both = Ensemble::cascade().stage("a", 9).stage("c", 5);
    let both = both.diversity(Diversity::by("b", 0.5));
    assert_eq!(both.needs().collect::<Vec<_>>(), ["a", "c", "b"]);
    assert_eq!(both.spaces().collect::<Vec<_>>(), ["a", "c"]);
    assert_eq!(both.scored_by().collect::<Vec<_>>(), ["c"]);
}

/// As a hostile author would write it: whatever a recipe cannot be, its bytes are refused or told.
#[test]
fn bytes_of_recipes_cut_short_or_changed_do_no_harm() {
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
fn names_alone_have_the_weight_one() {
    let json = r#"{"method":"rank_fusion","spaces":["a","b"]}"#;
    let expected = Ensemble::ranks().space("a", 1.0).space("b", 1.0);
    assert_eq!(serde_json::from_str::<Ensemble>(json).unwrap(), expected);
}

#[test]
fn equal_scores_are_moved_and_not_stretched() {
    for by in [Normalisation::MinMax, Normalisation::ZScore] {
        assert_eq!(by.scale([0.5; 7].into_iter()).of(2.5), 2.0);
        assert_eq!(by.scale([].into_iter()).of(-3.0), -3.0);
        let scale = by.scale([1.0, 3.0, f32::NEG_INFINITY].into_iter());
        assert_eq!(scale.of(3.0), 1.0);
    }
}

#[test]
fn a_call_that_does_not_fit_the_method_is_told() {
    let problem = says(&Ensemble::weighted().space("a", 1.0).stage("b", 1));
    assert_eq!(problem, "it is weighted: `stage` is for a cascade");
    let problem = says(&Ensemble::cascade().stage("b", 1).space("a", 1.0));
    assert!(problem.contains("cascade"), "{problem}");
    for wrong in [
        Ensemble::weighted().k(1),
        Ensemble::normalised(Normalisation::MinMax).k(1),
        Ensemble::cascade().depth(1),
        Ensemble::ranks().share("a", 1.0),
        Ensemble::quotas().space("a", 1.0),
    ] {
        assert!(says(&wrong).starts_with("it is "), "{wrong}");
    }
}

#[test]
fn spaces_are_named_once_and_in_order() {
    let cascade = Ensemble::cascade()
        .stage("b", 9)
        .stage("a", 5)
        .stage("b", 2);
    assert_eq!(cascade.spaces().collect::<Vec<_>>(), ["b", "a"]);
    assert_eq!(cascade.weights().count(), 0);
    let weighted = Ensemble::weighted().space("b", 1.0).space("a", 2.0);
    let weights: Vec<_> = weighted.weights().collect();
    assert_eq!(weights, [("a", 2.0), ("b", 1.0)]);
}

#[test]
fn the_recipes_of_the_guide_are_recipes() {
    let guide = include_str!("../../docs/ensembles.md");
    let blocks = guide.split("```json\n").skip(1);
    let recipes: Vec<Ensemble> = blocks
        .map(|block| serde_json::from_str(block.split("```").next().unwrap()).unwrap())
        .collect();
    let methods: Vec<&str> = recipes.iter().map(Ensemble::method).collect();
    for method in ["weighted", "cascade", "rank_fusion", "normalised", "quotas"] {
        assert!(methods.contains(&method), "{method}");
    }
    assert!(recipes.iter().all(|recipe| says(recipe).is_empty()));
}
