use super::backward::{Gradients, backward, view};
use super::loss::{Batch, softmax};
use super::youtube::{self, Config, initial};
use super::*;
use crate::record::Event;
use crate::tower::schema::Activation;
use crate::tower::{Encoded, Model, Pass, Side, Step};
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use serde_json::{Value, json};

/// Users of two tastes, and items of two kinds that say so in every kind of column.
fn world(events_each: i64) -> Dataset {
    let kind = |n: usize| if n.is_multiple_of(2) { "night" } else { "day" };
    let items = (0..20).map(|n| {
        json!({"id": format!("i{n}"), "title": format!("{} thing {n}", kind(n)),
               "tags": [kind(n), "all"], "year": 1980 + n, "link": format!("http://x/{n}")})
    });
    let users =
        (0..30).map(|n| json!({"user_id": format!("u{n}"), "age": 20 + n, "city": kind(n)}));
    let events = (0..30).flat_map(|user: usize| {
        (0..events_each).map(move |at| Event {
            user: format!("u{user}"),
            item: format!("i{}", (user % 2 + 2 * ((user + 3 * at as usize) % 10)) % 20),
            at,
            weight: 1.0 + (at % 3) as f32,
        })
    });
    Dataset {
        items: items.collect(),
        users: users.collect(),
        events: events.collect(),
    }
}

fn small() -> Config {
    Config {
        dimension: 8,
        user_dimension: 4,
        category_dimension: 3,
        text_dimension: 3,
        batch: 32,
        epochs: 12,
        learning_rate: 0.1,
        ..Config::default()
    }
}

/// The loss of a fixed batch, and its gradients when asked for.
fn loss_of(
    model: &Model,
    users: &[&Encoded],
    items: &[&Encoded],
    into: Option<&mut Gradients>,
) -> f32 {
    let (mut user, mut item) = (Pass::default(), Pass::default());
    model
        .user
        .forward(&model.tables, users.iter().copied(), &mut user)
        .unwrap();
    model
        .item
        .forward(&model.tables, items.iter().copied(), &mut item)
        .unwrap();
    let batch = Batch {
        positives: &[0, 2, 1],
        rewards: &[1.0, 3.0, 0.5],
        ln_probability: &[-1.0, -0.2, -3.0],
        temperature: 0.5,
    };
    // The first user met the second item elsewhere.
    let known = |row: usize, hide: &mut dyn FnMut(usize)| {
        if row == 0 {
            hide(1);
        }
    };
    let vectors = [(&user, users), (&item, items)].map(|(pass, of)| view(pass.last(), of.len()));
    let loss = softmax(vectors[0], vectors[1], &batch, known);
    if let Some(into) = into {
        backward(model, Side::User, users, &user, loss.users, into);
        backward(model, Side::Item, items, &item, loss.items, into);
    }
    loss.value
}

#[test]
fn every_gradient_agrees_with_finite_differences() {
    let config = Config {
        hidden: vec![6],
        ..small()
    };
    let ids = |name: &str, count| (0..count).map(|n| format!("{name}{n}")).collect();
    let schema = schema::derive(&world(4), ids("i", 20), ids("u", 30), &config);
    let mut model = initial(schema, &mut Pcg64Mcg::seed_from_u64(3)).unwrap();
    model
        .tables
        .iter_mut()
        .for_each(|table| *table.weights.owned_mut().unwrap() *= 8.0);
    if let Step::Dense {
        activation,
        bias: Some(bias),
        ..
    } = &mut model.user.layers[0].step
    {
        *activation = Activation::Tanh;
        bias.fill(0.1);
    }
    let encode = |model: &Model, side: Side, record: Value| {
        let tower = model.tower(side);
        tower.encode_alone(&model.tables, &record).unwrap()
    };
    let users = [
        json!({"user_id": "u1", "age": 33, "city": "day", "history": ["i1", "i2", "i3", "i2"]}),
        json!({"user_id": "who?", "history": ["i4"]}),
        json!({"age": 21, "history": []}),
    ]
    .map(|user| encode(&model, Side::User, user));
    let items = [
        json!({"id": "i1", "title": "day thing", "tags": ["day", "all"], "year": 1990}),
        json!({"id": "new", "title": "thing", "tags": []}),
        json!({"id": "i2", "tags": ["night"], "year": 1981}),
    ]
    .map(|item| encode(&model, Side::Item, item));
    let (users, items): (Vec<_>, Vec<_>) = (users.iter().collect(), items.iter().collect());
    let mut gradients = Gradients::new(&model);
    loss_of(&model, &users, &items, Some(&mut gradients));

    let step = 2e-3;
    let mut checked = 0;
    let mut agrees = |place: String, found: f32, change: &dyn Fn(&mut Model, f32)| {
        let at = |delta: f32| {
            let mut changed = model.clone();
            change(&mut changed, delta);
            f64::from(loss_of(&changed, &users, &items, None))
        };
        let expected = (at(step) - at(-step)) / f64::from(2.0 * step);
        let error = (f64::from(found) - expected).abs();
        assert!(
            error < 2e-3 + 0.02 * expected.abs(),
            "{place}: {found}, should be {expected}"
        );
        checked += usize::from(expected.abs() > 1e-2);
    };
    for (table, rows) in gradients.tables.iter().enumerate() {
        let name = &model.tables[table].name;
        for (row, gradient) in rows.iter() {
            for (column, found) in gradient.iter().enumerate() {
                agrees(format!("{name} {row} {column}"), *found, &|model, delta| {
                    let weights = model.tables[table].weights.owned_mut().unwrap();
                    weights[[row as usize, column]] += delta;
                });
            }
        }
    }
    for (side, layers) in gradients.layers.iter().enumerate() {
        for (at, layer) in layers.iter().enumerate() {
            let Some((weights, biases)) = layer else {
                continue;
            };
            let dense = |model: &mut Model, delta: f32, place: Option<(usize, usize)>, unit| {
                let tower = if side == 0 {
                    &mut model.user
                } else {
                    &mut model.item
                };
                if let Step::Dense {
                    weight,
                    bias: Some(bias),
                    ..
                } = &mut tower.layers[at].step
                {
                    match place {
                        Some(place) => weight.owned_mut().unwrap()[place] += delta,
                        None => bias[unit] += delta,
                    }
                }
            };
            for (place, found) in weights.indexed_iter() {
                let name = format!("{side} layer {at} {place:?}");
                agrees(name, *found, &|model, delta| {
                    dense(model, delta, Some(place), 0)
                });
            }
            for (unit, found) in biases.iter().enumerate() {
                let name = format!("{side} layer {at} bias {unit}");
                agrees(name, *found, &|model, delta| {
                    dense(model, delta, None, unit)
                });
            }
        }
    }
    assert!(
        checked > 200,
        "few gradients are large enough to compare: {checked}"
    );
}

/// How many of a user's first five items are of the kind of odd numbers.
fn odd_of_five(towers: &Towers, user: Value) -> usize {
    let user = towers.embed_user(&user).unwrap();
    let items = world(1).items;
    let items: Vec<_> = items
        .iter()
        .map(|item| towers.embed_item(item).unwrap())
        .collect();
    let score = |n: usize| user.iter().zip(&items[n]).map(|(a, b)| a * b).sum::<f32>();
    let mut order: Vec<usize> = (0..20).collect();
    order.sort_by(|a, b| score(*b).total_cmp(&score(*a)));
    order[..5].iter().filter(|n| *n % 2 == 1).count()
}

#[test]
fn it_learns_tastes_from_histories_where_there_is_nothing_else() {
    let data = Dataset {
        users: Vec::new(),
        ..world(8)
    };
    let config = Config {
        user_dimension: 0,
        ..small()
    };
    let trained = youtube::train(&data, &config, |_| {}).unwrap();
    let losses = &trained.report.losses;
    assert!(losses.last() < losses.first(), "{losses:?}");
    let odd = |history: Value| odd_of_five(&trained.towers, json!({ "history": history }));
    assert_eq!(odd(json!(["i1", "i3", "i5"])), 5);
    assert_eq!(odd(json!(["i2", "i8", "i4"])), 0);
}

#[test]
fn it_learns_tastes_from_ids_and_attributes_and_places_new_items_by_theirs() {
    let towers = youtube::train(&world(8), &small(), |_| {}).unwrap().towers;
    let odd = |user: Value| odd_of_five(&towers, user);
    assert!(odd(json!({"user_id": "u7", "city": "day"})) >= 4);
    assert!(odd(json!({"user_id": "u8", "city": "night"})) <= 1);
    assert!(odd(json!({"user_id": "stranger", "city": "day"})) >= 4);
    assert!(odd(json!({"city": "night"})) <= 1);
    let embed = |item: &Value| towers.embed_item(item).unwrap();
    let new =
        embed(&json!({"id": "new", "title": "day thing", "tags": ["day", "all"], "year": 1990}));
    let items = world(1).items;
    let near = |odd: usize| -> f32 {
        let kind = items.iter().skip(odd).step_by(2).map(embed);
        kind.map(|item| new.iter().zip(&item).map(|(a, b)| a * b).sum::<f32>())
            .sum()
    };
    assert!(near(1) > near(0));
}

#[test]
fn a_seed_fixes_the_model_and_progress_is_told() {
    let bytes = |trained: &Trained| -> Vec<Vec<u8>> {
        let parts = trained.towers.parts.iter();
        parts.map(|(_, blob)| blob.to_vec()).collect()
    };
    let mut told = Vec::new();
    let one = youtube::train(&world(5), &small(), |progress| told.push(progress)).unwrap();
    let two = youtube::train(&world(5), &small(), |_| {}).unwrap();
    assert_eq!(bytes(&one), bytes(&two));
    let other = Config {
        seed: 43,
        ..small()
    };
    let other = youtube::train(&world(5), &other, |_| {}).unwrap();
    assert_ne!(bytes(&one), bytes(&other));
    let last = told.last().unwrap();
    assert_eq!((last.epoch, last.done, last.total), (12, 60, 60));
    assert_eq!(told.len(), 60);
    assert_eq!(one.report.examples, 150);
}

#[test]
fn events_alone_are_enough_but_not_nothing_and_not_nonsense() {
    let config = small();
    let train = |data: &Dataset| youtube::train(data, &config, |_| {}).map(|_| ());
    let full = world(5);
    let known = Dataset {
        users: Vec::new(),
        items: full.items[..1].to_vec(),
        events: full.events.clone(),
    };
    train(&known).unwrap();
    let refused = |change: &dyn Fn(&mut Dataset)| {
        let mut data = full.clone();
        change(&mut data);
        train(&data).unwrap_err().to_string()
    };
    let says = [
        (
            refused(&|data| data.events.clear()),
            "the dataset has no events",
        ),
        (
            refused(&|data| data.items.clear()),
            "the dataset has no items",
        ),
        (
            refused(&|data| data.events[7].weight = f32::NAN),
            "event 7: its weight is NaN",
        ),
        (
            refused(&|data| data.items[3] = json!({"id": "i1"})),
            "items 1 and 3 have the same id \"i1\"",
        ),
        (
            refused(&|data| data.items[3] = json!({"x": 1})),
            "item 3: field `id`",
        ),
        (
            refused(&|data| data.users[2] = json!({"age": 1})),
            "user 2: field `user_id`",
        ),
    ];
    for (found, expected) in says {
        assert!(found.contains(expected), "{found}");
    }
    let bad = Config {
        temperature: 0.0,
        ..small()
    };
    let error = youtube::train(&full, &bad, |_| {}).unwrap_err();
    assert_eq!(
        error.to_string(),
        "temperature is 0; it must be between 0.001 and 1000"
    );
    let bad = Config {
        batch: 1,
        ..small()
    };
    let error = youtube::train(&full, &bad, |_| {}).unwrap_err();
    assert_eq!(
        error.to_string(),
        "batch is 1; it must be between 2 and 65536"
    );
}
