use super::*;
use crate::Decile;
use crate::TrainError;
use crate::dataset::Dataset;
use crate::train_params::TrainParams;
use serde_json::Value;
use serde_json::json;
use twinspire_towers::Event;
use twinspire_towers::Towers;

const THINGS: [[&str; 3]; 3] = [
    ["sneakers", "running shoes", "light soles"],
    ["sofa", "couch with cushions", "soft seat"],
    ["kettle", "boils water", "steel pot"],
];

/// Documents that share no word with their queries.
fn shop() -> Dataset {
    let item = |n: usize| {
        let [_, first, second] = THINGS[n % 3];
        json!({"id": n.to_string(), "text": format!("{first}. The {second}, number {n}.")})
    };
    let event = |n: usize| Event {
        user: format!("q{n}"),
        item: n.to_string(),
        at: 0,
        weight: 1.0,
    };
    let query = |n: usize| json!({"user_id": format!("q{n}"), "query": THINGS[n % 3][0]});
    Dataset {
        items: (0..60).map(item).collect(),
        users: (0..60).map(query).collect(),
        events: (0..60).map(event).collect(),
    }
}

fn small() -> Config {
    Config {
        dimension: 8,
        hidden: vec![12],
        words: 1,
        buckets: 512,
        training: TrainParams {
            batch: 16,
            epochs: 12,
            learning_rate: 0.02,
            ..TRAINING
        },
        ..Config::default()
    }
}

/// Kinds of the best ten documents for a query.
fn best(towers: &Towers, query: &str) -> Vec<usize> {
    let query = towers.embed_user(&json!({"query": query})).unwrap();
    let items = shop().items;
    let vectors: Vec<_> = items
        .iter()
        .map(|item| towers.embed_item(item).unwrap())
        .collect();
    let score = |n: &usize| {
        query
            .iter()
            .zip(&vectors[*n])
            .map(|(a, b)| a * b)
            .sum::<f32>()
    };
    let mut order: Vec<usize> = (0..vectors.len()).collect();
    order.sort_by(|a, b| score(b).total_cmp(&score(a)));
    order[..10].iter().map(|n| n % 3).collect()
}

#[test]
fn clicks_teach_synonyms() {
    for (shared, negatives, pool) in [
        (true, 4, Pool::All),
        (true, 4, Pool::Batch),
        (false, 0, Pool::All),
    ] {
        let config = Config {
            shared,
            negatives,
            pool,
            ..small()
        };
        let trained = train(&shop(), &config, |_| {}).unwrap();
        for (kind, [query, ..]) in THINGS.iter().enumerate() {
            assert_eq!(
                best(&trained.towers, query),
                [kind; 10],
                "{query} {config:?}"
            );
        }
    }
}

#[test]
fn documents_alone_teach_co_occurrence() {
    let documents = Dataset {
        items: shop().items,
        ..Dataset::default()
    };
    let config = Config {
        average: 0.9,
        word_dropout: 0.2,
        activation: Activation::Linear,
        hidden: Vec::new(),
        training: TrainParams {
            patience: 3,
            ..small().training
        },
        ..small()
    };
    let trained = train(&documents, &config, |_| {}).unwrap();
    assert_eq!(trained.report.metric.as_deref(), Some("mrr"));
    // Of 60 documents, 6 are held out, with the two sentences of each.
    assert_eq!(trained.report.examples, 108);
    assert_eq!(best(&trained.towers, "soft"), [1; 10]);
    assert_eq!(best(&trained.towers, "a couch"), [1; 10]);
    let asked = queries(&documents, &config, 2);
    assert_eq!(
        asked,
        [
            json!({"query": "running shoes"}),
            json!({"query": "couch with cushions"})
        ]
    );
}

/// The documents of the shop with a title and two fields more, and a price; some lack one of them.
fn shop_of_fields() -> Dataset {
    let mut data = shop();
    for (n, item) in data.items.iter_mut().enumerate() {
        let [_, title, body] = THINGS[n % 3];
        *item = json!({"id": n.to_string(), "title": title, "body": format!("{body}, number {n}."), "price": n});
        if n % 7 == 1 {
            item.as_object_mut().unwrap().remove("title");
        }
    }
    data
}

/// The fields that towers read as a text.
fn fields(towers: &Towers) -> [Vec<String>; 2] {
    let info = towers.describe();
    [info.user, info.item].map(|tower| tower.unwrap().features[0].fields.clone())
}

#[test]
fn all_text_columns_are_read_or_those_that_are_named() {
    let trained = train(&shop_of_fields(), &small(), |_| {}).unwrap().towers;
    assert_eq!(fields(&trained), [vec!["query"], vec!["title", "body"]]);
    let similarity = |towers: &Towers, query: &str, item: Value| -> f32 {
        let query = towers.embed_user(&json!({"query": query})).unwrap();
        let item = towers.embed_item(&item).unwrap();
        query.iter().zip(&item).map(|(a, b)| a * b).sum()
    };
    for item in [
        json!({"id": "new", "title": "running shoes", "body": "light soles"}),
        json!({"id": "new", "title": "running shoes"}),
        json!({"id": "new", "body": "light soles"}),
    ] {
        let of = |query| similarity(&trained, query, item.clone());
        assert!(
            of("sneakers") > of("sofa").max(of("kettle")) + 0.3,
            "{item}"
        );
    }
    let none = trained.embed_item(&json!({"id": "new"})).unwrap_err();
    assert!(
        none.to_string()
            .contains("field `title`: expected a string, here or in `body`"),
        "{none}"
    );
    let config = Config {
        document: vec!["body".to_owned()],
        training: TrainParams {
            epochs: 1,
            ..small().training
        },
        ..small()
    };
    let named = train(&shop_of_fields(), &config, |_| {}).unwrap().towers;
    assert_eq!(fields(&named), [["query"], ["body"]]);
    let read = |text: &str| serde_json::from_str::<Config>(text).map(|config| config.document);
    assert_eq!(read(r#"{"document": "body"}"#).unwrap(), ["body"]);
    assert_eq!(read(r#"{"document": ["a", "b"]}"#).unwrap(), ["a", "b"]);
    let wrong = read(r#"{"document": 3}"#).unwrap_err().to_string();
    assert!(
        wrong.contains("a field's name or a list of them"),
        "{wrong}"
    );
}

#[test]
fn text_fields_are_found_by_their_values_if_no_name_tells() {
    let mut data = shop_of_fields();
    for (n, item) in data.items.iter_mut().enumerate() {
        let [_, first, second] = THINGS[n % 3];
        *item = json!({
            "id": format!("the item of number {n}"), "note": format!("{first}: {second}, number {n}"),
            "link": format!("http://shop.example/a/{n}"), "maker": format!("Maker {n}"),
            "shelf": format!("shelf in the hall {}", n % 3), "seen": format!("2026 01 {n}"),
        });
    }
    data.events.clear();
    let towers = train(&data, &small(), |_| {});
    let says = towers.unwrap_err().to_string();
    // Nothing but one sentence each.
    assert!(says.contains("no document of two sentences"), "{says}");
    for (n, item) in data.items.iter_mut().enumerate() {
        item["note"] = json!(format!(
            "{}. Number {n} of {}.",
            THINGS[n % 3][1],
            THINGS[n % 3][2]
        ));
    }
    let towers = train(&data, &small(), |_| {}).unwrap().towers;
    assert_eq!(fields(&towers), [["query"], ["note"]]);
    for item in &mut data.items {
        item["note"] = json!(3);
    }
    let error = train(&data, &small(), |_| {}).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no field of the items holds texts (found: id, link, maker, note, seen, shelf); \
         name text fields with the setting `document`"
    );
    let config = Config {
        document: vec!["maker".to_owned(), "titel".to_owned()],
        ..small()
    };
    let error = train(&data, &config, |_| {}).unwrap_err();
    assert!(
        matches!(&error, TrainError::NoField { field, .. } if field == "titel"),
        "{error}"
    );
}

#[test]
fn a_warm_start_reads_the_fields_of_the_earlier_towers() {
    let config = Config {
        document: vec!["body".to_owned(), "title".to_owned()],
        training: TrainParams {
            epochs: 2,
            ..small().training
        },
        ..small()
    };
    let first = train(&shop_of_fields(), &config, |_| {}).unwrap().towers;
    // No fields are named, the new data has others, and one is gone.
    let mut data = shop_of_fields();
    for item in &mut data.items {
        item.as_object_mut().unwrap().remove("title");
        item["text"] = json!("Of no use.");
    }
    let unnamed = Config {
        document: Vec::new(),
        ..config.clone()
    };
    let again = train_from(Some(&first), &data, &unnamed, |_| {})
        .unwrap()
        .towers;
    assert_eq!(fields(&again), [vec!["query"], vec!["body", "title"]]);
    assert_ne!(again.hash(), first.hash());
    let other = Config {
        document: vec!["text".to_owned()],
        ..config
    };
    let error = train_from(Some(&first), &data, &other, |_| {}).unwrap_err();
    assert!(matches!(error, TrainError::WarmStart { .. }), "{error}");
}

#[test]
fn only_clicks_give_recall_by_popularity() {
    let config = Config {
        held_out: 0.2,
        training: TrainParams {
            epochs: 2,
            patience: 2,
            ..small().training
        },
        ..small()
    };
    let report = train(&shop(), &config, |_| {}).unwrap().report;
    let sum = |of: fn(&Decile) -> f64| report.deciles.iter().map(of).sum::<f64>();
    assert_eq!(sum(|decile| decile.items as f64), 60.0);
    assert_eq!(sum(|decile| decile.held_out as f64), 12.0);
    assert!((sum(|decile| decile.event_share) - 1.0).abs() < 1e-9);
    assert!((sum(|decile| decile.answer_share) - 1.0).abs() < 1e-9);
    assert_eq!(
        (report.deciles[0].event_range, report.deciles[9].event_range),
        ([0, 0], [1, 1])
    );
    let alone = Dataset {
        items: shop().items,
        ..Dataset::default()
    };
    let report = train(&alone, &config, |_| {}).unwrap().report;
    assert!(report.deciles.is_empty());
}

#[test]
fn a_seed_fixes_the_towers_on_any_number_of_cores() {
    let hash = |threads: usize, seed: u64, pool: Pool| {
        let threads = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let config = Config {
            pool,
            word_dropout: 0.3,
            average: 0.9,
            training: TrainParams {
                seed,
                epochs: 2,
                ..small().training
            },
            ..small()
        };
        let train = || train(&shop(), &config, |_| {}).unwrap().towers.hash();
        threads.build().unwrap().install(train)
    };
    for pool in [Pool::All, Pool::Batch] {
        assert_eq!(hash(1, 7, pool), hash(3, 7, pool));
        assert_ne!(hash(1, 7, pool), hash(1, 8, pool));
    }
    assert_ne!(hash(1, 7, Pool::All), hash(1, 7, Pool::Batch));
}

#[test]
fn invalid_data_and_settings_are_named() {
    let says = |change: &dyn Fn(&mut Dataset, &mut Config)| {
        let (mut data, mut config) = (shop(), small());
        change(&mut data, &mut config);
        train(&data, &config, |_| {}).unwrap_err().to_string()
    };
    let nothing = says(&|data, _| data.items.clear());
    assert_eq!(nothing, "the dataset has no items");
    let other = says(&|_, config| config.document = vec!["body".to_owned()]);
    assert_eq!(
        other,
        "the setting `document`: no item has a field `body` (found: id, text)"
    );
    let other = says(&|_, config| config.query = vec!["body".to_owned()]);
    assert_eq!(
        other,
        "the setting `query`: no user has a field `body` (found: query, user_id)"
    );
    let empty = says(&|data, _| {
        data.items
            .iter_mut()
            .for_each(|item| item["text"] = json!("?"));
    });
    assert!(
        empty.contains("no click on a document with a text"),
        "{empty}"
    );
    let number = says(&|data, _| data.items[3]["text"] = json!(5));
    assert_eq!(
        number,
        "item 3: field `text`: expected a string, found a number (5)"
    );
    let gamma = says(&|_, config| config.gamma = 0.0);
    assert_eq!(gamma, "gamma is 0; it must be between 0.01 and 1000");
    let letters = says(&|_, config| config.letters = [4, 3]);
    assert!(
        letters.contains("grams are [from, to] within 1 to 16"),
        "{letters}"
    );
}

#[test]
fn settings_are_chosen_by_validation_beside_bm25() {
    let (clicks, config) = (shop(), small());
    let documents = Dataset {
        items: shop_of_fields().items,
        ..Dataset::default()
    };
    let given = Config {
        dimension: 8,
        ..Config::default()
    };
    for (data, config) in [(&clicks, &config), (&documents, &given)] {
        let params = crate::AutoParams { seconds: 2.0 };
        let auto = || train_auto(data, config, params, |_| {}).unwrap();
        let (one, two) = (auto(), auto());
        assert_eq!(one.towers.hash(), two.towers.hash());
        assert_eq!(one.towers.dimension(), 8);
        let report = one.report.auto.unwrap();
        assert!(report.candidates.len() > 3 && report.held_out > 0);
        assert_eq!(one.report.baselines.unwrap().baselines[0].name, "BM25");
    }
}

#[test]
fn large_logs_are_sampled_for_the_search() {
    let data = shop();
    let params = crate::AutoParams { seconds: 0.2 };
    let trained = train_auto(&data, &small(), params, |_| {}).unwrap();
    assert_eq!(trained.report.auto.unwrap().user_step, 5);
    assert_eq!(trained.report.examples, 60);
}
