use super::super::test_events;
use super::*;
use crate::dataset::Dataset;
use proptest::prelude::*;
use serde_json::json;
use std::collections::HashMap;
use twinspire_towers::Event;

fn event(user: usize, item: usize, at: i64) -> Event {
    test_events::event(&format!("u{user:02}"), &format!("i{item}"), at)
}

/// Thirty users with one item to be found each, item n of user n.
fn questions() -> Questions {
    let data = Dataset {
        users: (0..30)
            .map(|user| json!({"user_id": format!("u{user:02}"), "team": if user < 10 { "a" } else { "b" }}))
            .collect(),
        events: (0..30).map(|user| event(user, 39, 1)).collect(),
        ..Dataset::default()
    };
    let test: Vec<Event> = (0..30).map(|user| event(user, user, 2)).collect();
    let catalogue = (0..40).map(|item| format!("i{item}"));
    Questions::new(&data, &test, catalogue, false, 99).unwrap()
}

fn settings() -> Judge {
    Judge {
        ks: vec![2, 5],
        primary: Measure::Hit(2),
        segments: vec![SegmentBy::UserField("team".to_owned())],
        bootstrap: Bootstrap {
            resamples: 50,
            ..Bootstrap::default()
        },
    }
}

#[test]
fn a_report_has_metrics_differences_segments_and_the_losses_of_an_index() {
    let questions = questions();
    // The first model finds the items of team a at rank 1, its index those of half of it.
    let list = |user: u32, found: bool| match found {
        true => vec![user, 38],
        false => vec![37, 36],
    };
    let mut model = Answers::new("model", (0..30).map(|user| list(user, user < 10)));
    model.served = Some((0..30).map(|user| list(user, user < 5)).collect());
    let good = Answers::new("good", (0..30).map(|user| list(user, user < 29))).of_baseline();
    let bad = Answers::new("bad", (0..30).map(|_| vec![35])).of_baseline();
    let mut blind = Answers::new("blind", (0..30).map(|_| Vec::new()));
    (blind.refused, blind.refused_because) = (30, Some("field <x>".to_owned()));
    let report = judge(&questions, &[bad, model, good, blind], &settings()).unwrap();

    let names: Vec<&str> = report.results.iter().map(|of| &*of.name).collect();
    assert_eq!(names, ["model", "blind", "good", "bad"]);
    let value = |name: &str, metric: &str| {
        report
            .standing(name)
            .unwrap()
            .metrics
            .get(metric)
            .unwrap()
            .value
    };
    assert!((value("model", "hit@2") - 1.0 / 3.0).abs() < 1e-12);
    assert!((value("good", "map@5") - 29.0 / 30.0).abs() < 1e-12);
    assert_eq!(
        (report.users, report.relevant, report.catalogue),
        (30, 30, 40)
    );
    assert_eq!(report.better_baseline("model").unwrap().name, "good");
    assert_eq!(report.better_baseline("good"), None);
    let below = report.difference("model", "good", "hit@2").unwrap().found;
    assert!((below.difference.value + 19.0 / 30.0).abs() < 1e-12);
    assert!(
        below.difference.is_below(0.0) && below.p_value < 0.001,
        "{below:?}"
    );
    assert!(report.difference("good", "bad", "hit@2").is_none());
    assert_eq!(report.warnings().len(), 2);
    assert!(
        report.warnings()[0].contains("worse than good: hit@2 -0.6333"),
        "{:?}",
        report.warnings()
    );

    let index = report.standing("model").unwrap().index.as_ref().unwrap();
    assert!((index.loss.difference.value + 5.0 / 30.0).abs() < 1e-12);
    // Five users lose both of their items: they are given others.
    assert!((index.of_exact.get("recall@2").unwrap().value - 25.0 / 30.0).abs() < 1e-12);
    assert!(report.standing("good").unwrap().index.is_none());

    let [team_b, team_a] = &report.segments[0].segments[..] else {
        panic!("{:?}", report.segments);
    };
    assert_eq!(
        (team_a.of.to_string(), team_a.count, team_b.count),
        ("a".to_owned(), 10, 20)
    );
    assert_eq!(team_a.results[0].metrics.get("hit@2").unwrap().value, 1.0);
    assert_eq!(team_b.results[0].metrics.get("hit@2").unwrap().value, 0.0);
    let document = serde_json::to_value(&report).unwrap();
    assert_eq!(
        document["results"][0]["metrics"]["hit@2"]["value"],
        1.0 / 3.0
    );
    assert_eq!(document["segments"][0]["segments"][1]["of"]["value"], "a");
    assert!(document["differences"][0]["p_value"].is_f64());
}

#[test]
fn settings_out_of_range_are_refused() {
    let wrong = |change: &dyn Fn(&mut Judge)| {
        let mut settings = settings();
        change(&mut settings);
        judge(&questions(), &[], &settings).unwrap_err().to_string()
    };
    for (found, says) in [
        (wrong(&|of| of.ks.clear()), "ks is 0"),
        (wrong(&|of| of.ks.push(0)), "k is 0"),
        (wrong(&|of| of.bootstrap.resamples = 0), "resamples is 0"),
        (
            wrong(&|of| of.bootstrap.confidence = 1.0),
            "confidence is 1",
        ),
    ] {
        assert!(found.starts_with(says), "{found}");
    }
    let nobody = judge(&questions(), &[], &settings()).unwrap();
    assert!(nobody.results.is_empty() && nobody.better_baseline("x").is_none());
    assert!(nobody.to_html("x").contains("</html>"));
}

proptest! {
    #[test]
    fn no_text_of_data_becomes_markup(text in "[<>&\"'a-c]{1,12}") {
        let page = |text: &str| {
            let questions = questions();
            let records = questions.relevant_items().map(|item| (item, json!({"f": text})));
            let records: HashMap<_, _> = records.collect();
            let questions = questions.with_item_records(records);
            let settings = Judge {
                segments: vec![SegmentBy::ItemField("f".to_owned())],
                bootstrap: Bootstrap { resamples: 1, ..Bootstrap::default() },
                ..settings()
            };
            let mut model = Answers::new(text, (0..30).map(|_| Vec::new()));
            (model.refused, model.refused_because) = (1, Some(text.to_owned()));
            model.served = Some(Vec::new());
            let better = Answers::new(format!("{text}!"), (0..30).map(|user| vec![user])).of_baseline();
            let mut report = judge(&questions, &[model, better], &settings).unwrap();
            report.split = text.to_owned();
            report.to_html(text)
        };
        let (page, plain) = (page(&text), page("plain"));
        prop_assert_eq!(page.matches('<').count(), plain.matches('<').count());
        prop_assert_eq!(page.matches('>').count(), plain.matches('>').count());
        for fetched in ["http", "src=", "url(", "<script", "@import"] {
            prop_assert!(!plain.contains(fetched));
        }
    }

    #[test]
    fn segments_add_up_to_the_metrics_of_all(
        lists in prop::collection::vec(prop::collection::vec(0u32..40, 0..6), 30),
    ) {
        let questions = questions();
        let report = judge(&questions, &[Answers::new("m", lists)], &Judge {
            bootstrap: Bootstrap { resamples: 1, ..Bootstrap::default() },
            segments: ["user.team", "history", "popularity", "cold_items"]
                .map(|by| by.parse().unwrap())
                .to_vec(),
            ..settings()
        }).unwrap();
        for segmentation in &report.segments {
            for metric in ["hit@2", "ndcg@2", "hit@5"] {
                let sum: f64 = segmentation.segments.iter()
                    .map(|segment| segment.count as f64 * segment.results[0].metrics.get(metric).unwrap().value)
                    .sum();
                let whole = report.results[0].metrics.get(metric).unwrap().value * 30.0;
                prop_assert!((sum - whole).abs() < 1e-9, "{} {}", segmentation.by, metric);
            }
        }
    }
}
