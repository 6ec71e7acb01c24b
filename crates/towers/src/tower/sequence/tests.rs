//! The values are tested against `tests/fixtures/reference.py`, the gradients in the crate `train`.

use crate::tower::encode::Reading;
use crate::tower::files::{NamedBlob, TOWER_FILES};
use crate::tower::model::Model;
use crate::tower::schema::Schema;
use crate::tower::side::Side;
use serde_json::{Value, json};
use twinspire_core::files::Blob;

fn parts() -> Vec<NamedBlob> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sequences");
    let read = |name: &&str| {
        let bytes = std::fs::read(path.join(name)).ok()?;
        Some(((*name).to_owned(), Blob::from_bytes(&bytes).into()))
    };
    TOWER_FILES.iter().filter_map(read).collect()
}

#[test]
fn a_record_has_the_same_vector_whatever_comes_before_it_in_a_batch() {
    let model = Model::from_parts(&parts()).unwrap();
    let user = |seen: &[u32], pages: &[u32]| {
        let seen: Vec<String> = seen.iter().map(|n| format!("f{n}")).collect();
        json!({"age": 30, "seen": seen, "pages": pages})
    };
    // Sequences that continue the one before, are a part of it, begin alike, are empty, or have nothing in common.
    let users = [
        user(&[1, 2], &[7]),
        user(&[1, 2, 3], &[7, 8]),
        user(&[1, 2], &[7, 8, 9]),
        user(&[1, 2, 4], &[7, 9, 9]),
        user(&[], &[7]),
        user(&[1, 2, 4, 5], &[]),
        user(&[5, 4, 2, 1, 1, 1], &[7, 7, 7, 7]),
        user(&[1], &[7, 7, 7, 7, 7, 7]),
    ];
    let together = model
        .embed_many(Side::User, &users, Reading::default())
        .unwrap();
    let alone: Vec<f32> = users
        .iter()
        .flat_map(|user| model.embed(Side::User, user, Reading::default()).unwrap())
        .collect();
    assert_eq!(together, alone);
}

#[test]
fn what_is_written_is_read_again() {
    let model = Model::from_parts(&parts()).unwrap();
    let again = Model::from_parts(&model.in_memory().to_parts().unwrap()).unwrap();
    let user = json!({"age": 30, "seen": ["f1", "f2"], "pages": [1, 2, 3]});
    let [a, b] = [&model, &again].map(|model| model.embed(Side::User, &user, Reading::default()));
    assert_eq!(a.unwrap(), b.unwrap());
    assert_eq!(model.parameters(), again.parameters());
}

/// Why a description is refused whose sequence has this limit and encoder.
fn refusal(limit: u32, encoder: Value, hashes: u32) -> String {
    let schema = json!({
        "format": 1, "name": "small", "dimension": 6, "metric": "cosine",
        "tables": {"t": {"dimension": 6, "lookup": {"hash": {"buckets": 9, "hashes": hashes}}}},
        "user": {
            "features": [{"kind": "sequence", "field": "f", "table": "t", "limit": limit, "encoder": encoder}],
            "layers": [{"kind": "dense", "units": 6}]
        }
    });
    let schema = Schema::parse(schema.to_string().as_bytes());
    schema.map_or_else(|error| error.to_string(), |_| String::new())
}

#[test]
fn descriptions_of_encoders_that_cannot_be_built_are_refused() {
    let attention = |keys: Value| {
        let mut all = json!({"units": 4});
        for (key, value) in keys.as_object().unwrap() {
            all[key] = value.clone();
        }
        json!({"attention": all})
    };
    let gru = |units: u32, layers: u32| json!({"gru": {"units": units, "layers": layers}});
    assert_eq!(refusal(1024, attention(json!({"heads": 3})), 1), "");
    assert_eq!(refusal(50, gru(6, 2), 1), "");
    for (limit, encoder, hashes, says) in [
        (0, gru(6, 1), 1, "limit"),
        (
            1025,
            gru(6, 1),
            1,
            "limit of a sequence is 1025, not 1 to 1024",
        ),
        (9, gru(0, 1), 1, "units is 0"),
        (9, gru(6, 0), 1, "layers is 0"),
        (9, gru(6, 17), 1, "layers is 17"),
        (9, gru(6, 1), 2, "several hashes"),
        (1024, gru(65_536, 1), 1, "numbers for the longest sequence"),
        (9, attention(json!({"heads": 4})), 1, "does not divide"),
        (9, attention(json!({"heads": 0})), 1, "heads is 0"),
        (9, attention(json!({"blocks": 0})), 1, "blocks is 0"),
        (9, attention(json!({"blocks": 17})), 1, "blocks is 17"),
        (9, attention(json!({"units": 0})), 1, "units is 0"),
        (9, attention(json!({"units": 65_537})), 1, "units is 65537"),
        (9, attention(json!({"epsilon": 0})), 1, "epsilon"),
        (9, attention(json!({"mask": true})), 1, "mask"),
        (
            1024,
            attention(json!({"blocks": 16, "heads": 6})),
            1,
            "numbers for the longest",
        ),
        (9, json!("lstm"), 1, "lstm"),
    ] {
        let found = refusal(limit, encoder.clone(), hashes);
        assert!(found.contains(says), "{limit} {encoder}: {found:?}");
    }
}

#[test]
fn a_tensor_of_another_shape_is_refused() {
    let mut parts = parts();
    let (_, description) = parts
        .iter_mut()
        .find(|(name, _)| name == "tower.json")
        .unwrap();
    let text = String::from_utf8(description.to_vec()).unwrap();
    let longer = text.replacen("\"limit\": 4", "\"limit\": 5", 1);
    assert_ne!(text, longer);
    *description = Blob::from_bytes(longer.as_bytes()).into();
    let error = Model::from_parts(&parts).unwrap_err().to_string();
    assert!(
        error.contains("feature.1.positions") && error.contains("[5, 4]"),
        "{error}"
    );
}
