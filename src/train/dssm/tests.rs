use super::*;
use crate::record::Event;

const THINGS: [[&str; 3]; 3] = [
    ["sneakers", "running shoes", "light soles"],
    ["sofa", "couch with cushions", "soft seat"],
    ["kettle", "boils water", "steel pot"],
];

/// Documents that never say what queries call them.
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
        batch: 16,
        epochs: 12,
        learning_rate: 0.02,
        ..Config::default()
    }
}

/// Of which kind the best ten documents for a query are.
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
fn clicks_teach_what_words_do_not_say() {
    for (shared, negatives) in [(true, 4), (false, 0)] {
        let config = Config {
            shared,
            negatives,
            ..small()
        };
        let trained = train(&shop(), &config, |_| {}).unwrap();
        for (kind, [query, ..]) in THINGS.iter().enumerate() {
            assert_eq!(best(&trained.towers, query), [kind; 10], "{query} {shared}");
        }
    }
}

#[test]
fn documents_alone_teach_what_goes_together() {
    let documents = Dataset {
        items: shop().items,
        ..Dataset::default()
    };
    let config = Config {
        patience: 3,
        average: 0.9,
        word_dropout: 0.2,
        activation: Activation::Linear,
        hidden: Vec::new(),
        ..small()
    };
    let trained = train(&documents, &config, |_| {}).unwrap();
    assert_eq!(trained.report.metric, Some("mrr"));
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

#[test]
fn a_seed_fixes_the_towers_on_any_number_of_cores() {
    let hash = |threads: usize, seed: u64| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let config = Config {
            seed,
            epochs: 2,
            word_dropout: 0.3,
            average: 0.9,
            ..small()
        };
        let train = || train(&shop(), &config, |_| {}).unwrap().towers.hash();
        pool.build().unwrap().install(train)
    };
    assert_eq!(hash(1, 7), hash(3, 7));
    assert_ne!(hash(1, 7), hash(1, 8));
}

#[test]
fn what_cannot_be_learnt_from_is_named() {
    let says = |change: &dyn Fn(&mut Dataset, &mut Config)| {
        let (mut data, mut config) = (shop(), small());
        change(&mut data, &mut config);
        train(&data, &config, |_| {}).unwrap_err().to_string()
    };
    let nothing = says(&|data, _| data.items.clear());
    assert_eq!(nothing, "the dataset has no items");
    let other = says(&|_, config| config.document = "body".to_owned());
    assert!(
        other.contains("no click on a document with a text"),
        "{other}"
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
        letters.contains("grams are of 1 to 16, the fewer first"),
        "{letters}"
    );
}
