use super::gradients::side_index;
use super::initial::copy_weights;
use super::*;
use crate::loss::testing::vectors;
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use serde_json::{Value, json};
use twinspire_towers::internals::schema::Schema;
use twinspire_towers::internals::{Encoded, Model, Side};

/// Towers with every trainable kind of feature and layer.
fn schema() -> Value {
    let table = |lookup: Value| json!({"dimension": 3, "lookup": lookup});
    let hash = json!({"hash": {"buckets": 9, "hashes": 2}});
    let ids = json!({"vocabulary": {"ids": ["a", "b", "c", "d"], "unknown": {"buckets": 2}}});
    let field = |kind: &str, table: &str| json!({"kind": kind, "field": kind, "table": table, "missing": "zero"});
    let with = |mut feature: Value, key: &str, value: Value| {
        feature[key] = value;
        feature
    };
    let history = |pooling: &str| {
        let feature = json!({"kind": "ids", "field": "ids", "table": "ids", "limit": 3});
        with(feature, "pooling", json!(pooling))
    };
    let sequence = |encoder: Value| json!({"kind": "sequence", "field": "ids", "table": "ids", "limit": 3, "encoder": encoder});
    let number = json!({"kind": "number", "field": "n", "missing": "zero", "missing_flag": true});
    let activations = json!([
        "linear", "relu", {"leaky_relu": 0.2}, "gelu", "gelu_tanh", "selu", "tanh", "sigmoid", "swish"
    ]);
    let dense = |activation: &Value| json!({"kind": "dense", "units": 5, "activation": activation});
    let mut layers: Vec<Value> = activations.as_array().unwrap().iter().map(dense).collect();
    for (at, layer) in layers.iter_mut().enumerate() {
        // Each beside the others, so that none is squeezed by those before it.
        layer["name"] = json!(format!("d{at}"));
        layer["from"] = json!("input");
    }
    let names: Vec<_> = (0..layers.len()).map(|at| format!("d{at}")).collect();
    layers.extend([
        json!({"kind": "add", "name": "sum", "from": names}),
        json!({"kind": "concat", "name": "all", "from": ["sum", "d3", "input", "sum"]}),
        json!({"kind": "layer_norm"}),
        json!({"kind": "activation", "activation": "gelu"}),
        json!({"kind": "bias"}),
        json!({"kind": "temperature", "value": 0.5}),
        json!({"kind": "dense", "units": 4, "bias": false, "name": "narrow"}),
        // What nothing reads has no gradient.
        json!({"kind": "dense", "units": 7, "name": "unread"}),
        json!({"kind": "l2_normalise", "from": "narrow"}),
    ]);
    json!({
        "format": 1, "name": "all", "dimension": 4, "metric": "cosine",
        "tables": {
            "ids": table(ids), "grams": table(hash),
            "places": table(json!({"hash": {"buckets": 9}})),
            "index": table(json!({"index": {"rows": 24}})),
        },
        "user": {
            "features": [
                history("mean"), history("sqrtn"), history("max"), history("sum"),
                with(history("mean"), "recency", json!({"decay": 0.5})),
                sequence(json!({"attention": {"units": 4, "activation": "gelu", "scale": 1.5}})),
                sequence(json!({"attention": {"heads": 3, "blocks": 2, "units": 2,
                                              "activation": "tanh", "positions": "newest"}})),
                sequence(json!({"gru": {"units": 4, "layers": 2}})),
                field("text", "grams"),
                with(field("text", "grams"), "grams", json!({"words": [1, 2]})),
                number,
                with(field("geo", "places"), "scales", json!([10, 1])),
                {"kind": "distance", "field": "geo", "to": {"lat": 1, "lon": 2}, "log": true,
                 "missing": "zero"},
                {"kind": "hour", "field": "at", "table": "index"},
                {"kind": "weekday", "field": "at"},
                {"kind": "age", "field": "at", "until": 2e5},
                {"kind": "vector", "field": "v", "dimension": 2},
            ],
            "layers": layers
        },
        "item": {
            "features": [
                {"kind": "id", "field": "id", "table": "ids"},
                field("categories", "places"),
                with(field("text", "grams"), "pooling", json!("sum")),
                {"kind": "cross", "fields": ["id", "text"], "table": "places", "missing": "zero"},
                {"kind": "buckets", "field": "n", "boundaries": [0, 1], "table": "index"},
                {"kind": "buckets", "field": "n", "boundaries": [0, 1]},
            ],
            "layers": [{"kind": "dense", "units": 6, "activation": "tanh"},
                       {"kind": "dense", "units": 4}]
        }
    })
}

fn model(schema: Value) -> Model {
    let schema = Schema::parse(schema.to_string().as_bytes()).unwrap();
    let mut model = random(checked(schema).unwrap(), &mut Pcg64Mcg::seed_from_u64(3)).unwrap();
    for table in &mut model.tables {
        *table.weights.owned_mut().unwrap() *= 6.0;
    }
    for side in [Side::User, Side::Item] {
        for part in model.tower_mut(side).weights_mut() {
            for (at, weights) in part.into_iter().enumerate().skip(1) {
                let each = weights.iter_mut().enumerate();
                each.for_each(|(n, x)| *x += ((n + at) as f32).sin() * 0.3);
            }
        }
    }
    model
}

fn records() -> [Vec<Value>; 2] {
    let users = json!([
        {"ids": ["a", "b", "a", "new"], "text": "red shoes", "n": 0.5, "geo": {"lat": 3, "lon": 4},
         "at": 100_000, "v": [0.5, -1]},
        {"ids": [], "at": 7200, "v": [1, 2]},
        {"ids": ["c"], "at": 7300, "v": [0.3, 0.2]},
        {"ids": ["c", "d"], "text": "red, red roses", "n": -2, "at": 50_000, "v": [0, 0.1]}
    ]);
    let items = json!([
        {"id": "a", "categories": ["x", "y"], "text": "red", "n": 0.5},
        {"id": "other", "n": 3},
        {"id": "c", "categories": "x", "text": "blue roses", "n": -3}
    ]);
    [users, items].map(|all| all.as_array().unwrap().clone())
}

fn encoded(model: &Model, side: Side, records: &[Value]) -> Vec<Encoded> {
    let tower = model.tower(side);
    let each = records.iter();
    each.map(|record| tower.encode_alone(&model.tables, record).unwrap())
        .collect()
}

/// A number that depends on all vectors, and with `learn` its gradients by the weights.
fn value(network: &mut Network, batches: &[Vec<Encoded>; 2], learn: bool) -> f64 {
    let mut sum = 0.0;
    for (side, batch) in [Side::User, Side::Item].into_iter().zip(batches) {
        let found = network.forward(side, batch);
        let weights = vectors(batch.len(), 4, 1.0);
        sum += f64::from((&found * &weights).sum());
        if learn {
            network.backward(side, batch, weights.view());
        }
    }
    sum
}

const PARAMS: OptimiserParams = OptimiserParams {
    method: Method::Adagrad,
    rate: 0.1,
    decay: 0.0,
    fresh: false,
};

#[test]
fn every_gradient_of_every_layer_and_feature_agrees_with_finite_differences() {
    let model = model(schema());
    let [users, items] = records();
    let batches = [
        encoded(&model, Side::User, &users),
        encoded(&model, Side::Item, &items),
    ];
    let mut network = Network::new(model.clone(), PARAMS, false);
    value(&mut network, &batches, true);
    network.sum_gradients();
    let gradients = &network.gradients;

    let step = 2e-3;
    let (mut checked, mut rows) = (0, 0);
    let mut agrees = |place: String, found: f32, change: &dyn Fn(&mut Model, f32)| {
        let at = |delta: f32| {
            let mut changed = Network::new(model.clone(), PARAMS, false);
            change(&mut changed.model, delta);
            value(&mut changed, &batches, false)
        };
        let expected = (at(step) - at(-step)) / f64::from(2.0 * step);
        let error = (f64::from(found) - expected).abs();
        assert!(
            error < 3e-3 + 0.02 * expected.abs(),
            "{place}: {found}, should be {expected}"
        );
        checked += usize::from(expected.abs() > 1e-2);
    };
    for (table, of_rows) in gradients.tables.iter().enumerate() {
        let name = &model.tables[table].name;
        let (read, values) = of_rows.parts();
        for (row, gradient) in read.iter().copied().zip(values.chunks(3)) {
            rows += 1;
            for (column, found) in gradient.iter().enumerate() {
                agrees(format!("{name} {row} {column}"), *found, &|model, delta| {
                    let weights = model.tables[table].weights.owned_mut().unwrap();
                    weights[[row as usize, column]] += delta;
                });
            }
        }
    }
    for side in [Side::User, Side::Item] {
        let layers = gradients.layers[side_index(side)].iter().enumerate();
        for (at, tensors) in layers {
            for (tensor, gradient) in tensors.iter().enumerate() {
                // Of large matrices every so many is enough.
                for (n, found) in gradient.iter().enumerate().step_by(gradient.len() / 40 + 1) {
                    agrees(
                        format!("{side} {at} {tensor} {n}"),
                        *found,
                        &|model, delta| {
                            model.tower_mut(side).weights_mut()[at][tensor][n] += delta;
                        },
                    );
                }
            }
        }
    }
    assert!(checked > 300, "few gradients are large enough: {checked}");
    assert!(rows > 20, "few rows were read: {rows}");
}

/// A small description of two towers that could be one.
fn twins() -> Value {
    let tower = json!({
        "features": [{"kind": "text", "field": "text", "table": "grams", "pooling": "sqrtn"}],
        "layers": [{"kind": "dense", "units": 4, "activation": "tanh"}, {"kind": "l2_normalise"}]
    });
    json!({
        "format": 1, "name": "twins", "dimension": 4, "metric": "cosine",
        "tables": {"grams": {"dimension": 6, "lookup": {"hash": {"buckets": 50}}}},
        "user": tower, "item": tower
    })
}

/// A model after some steps, on `threads` threads.
fn trained(threads: usize, tied: bool, method: Method) -> Model {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
    pool.build().unwrap().install(|| {
        let model = model(twins());
        let text = |n: usize| json!({"text": format!("word{} and word{}", n % 13, n % 7)});
        let texts: Vec<_> = (0..100).map(text).collect();
        let users = encoded(&model, Side::User, &texts);
        let items = encoded(&model, Side::Item, &texts[..37]);
        let params = OptimiserParams { method, ..PARAMS };
        let mut network = Network::new(model, params, tied);
        for _ in 0..3 {
            for (side, batch) in [(Side::User, &users), (Side::Item, &items)] {
                let found = network.forward(side, batch);
                let gradient = &vectors(batch.len(), 4, 1.0) - &found;
                network.backward(side, batch, gradient.view());
            }
            network.step();
        }
        network.model
    })
}

fn bytes(model: &Model) -> Vec<Vec<u8>> {
    let parts = model.to_parts().unwrap();
    parts.iter().map(|(_, blob)| blob.to_vec()).collect()
}

#[test]
fn the_weights_are_the_same_on_any_number_of_cores() {
    use Method::{Adagrad, Adam};
    for method in [Adagrad, Adam] {
        let one = bytes(&trained(1, false, method));
        assert_ne!(one, bytes(&model(twins())));
        for threads in [2, 3, 8] {
            assert_eq!(one, bytes(&trained(threads, false, method)), "{threads}");
        }
    }
}

#[test]
fn tied_towers_stay_the_same_and_others_differ() {
    let layers = |model: &Model| {
        let of = |side: Side| {
            let layers = model.tower(side).layers.iter();
            let weights = layers.flat_map(|layer| {
                let weights = layer.weights().into_iter();
                weights.flat_map(|(_, all)| all.iter().collect::<Vec<_>>())
            });
            weights.collect::<Vec<_>>()
        };
        [of(Side::User), of(Side::Item)]
    };
    let [user, item] = layers(&trained(2, true, Method::Adam));
    assert_eq!(user, item);
    let [user, item] = layers(&trained(2, false, Method::Adam));
    assert_ne!(user, item);
}

#[test]
fn a_warm_start_matches_rows_by_their_strings() {
    let described = |ids: Value| {
        let mut schema = twins();
        let lookup = json!({"vocabulary": {"ids": ids, "unknown": {"buckets": 1}}});
        schema["tables"]["grams"]["lookup"] = lookup;
        schema
    };
    let before = model(described(json!(["one", "two", "three"])));
    let schema = described(json!(["zero", "three", "one"])).to_string();
    let schema = checked(Schema::parse(schema.as_bytes()).unwrap()).unwrap();
    let mut now = random(schema, &mut Pcg64Mcg::seed_from_u64(9)).unwrap();
    copy_weights(&mut now, &before).unwrap();
    let row = |model: &Model, row| {
        let row = model.tables[0].weights.row(row).unwrap();
        row.iter().collect::<Vec<_>>()
    };
    // What is new begins as the row of unknown strings, which answered for it so far.
    assert_eq!(row(&now, 0), row(&before, 3));
    assert_eq!(
        [row(&now, 1), row(&now, 2)],
        [row(&before, 2), row(&before, 0)]
    );
    assert_eq!(row(&now, 3), row(&before, 3));
    let layers = |model: &Model| -> Vec<f32> {
        let layers = model.user.layers.iter().chain(&model.item.layers);
        let weights = layers.flat_map(|layer| layer.weights().into_iter());
        weights.flat_map(|(_, all)| all.iter()).collect()
    };
    assert_eq!(layers(&now), layers(&before));

    let mut other = twins();
    other["tables"]["grams"]["lookup"]["hash"]["buckets"] = json!(51);
    let error = copy_weights(&mut model(other), &model(twins()))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("table \"grams\": its lookup differs"),
        "{error}"
    );
    let mut other = twins();
    other["item"]["layers"][0]["activation"] = json!("relu");
    let error = copy_weights(&mut model(other), &model(twins()))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("item tower: its features or layers differ"),
        "{error}"
    );
}
