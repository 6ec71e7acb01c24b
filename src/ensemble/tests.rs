use super::*;

fn says(ensemble: &Ensemble) -> String {
    ensemble.problem().unwrap_or_default()
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
        let bytes = crate::wire::pack(&ensemble).unwrap();
        let back: Ensemble = crate::wire::unpack(&bytes).unwrap();
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
}

#[test]
fn a_call_that_does_not_fit_the_method_is_told() {
    let problem = says(&Ensemble::weighted().space("a", 1.0).stage("b", 1));
    assert_eq!(problem, "it is weighted: `stage` is for a cascade");
    let problem = says(&Ensemble::cascade().stage("b", 1).space("a", 1.0));
    assert!(problem.contains("cascade"), "{problem}");
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
