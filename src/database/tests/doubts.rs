//! Publishes of towers that do not belong to the items.

use super::*;
use crate::error::PublishDoubt;
use proptest::prelude::*;
use twinspire_testkit::towers::tower_files;

/// Towers of a genre in a vocabulary and a size, both of which may be missing.
fn towers() -> Towers {
    let tower = json!({
        "features": [
            {"kind": "categories", "field": "genre", "table": "g", "missing": "zero"},
            {"kind": "number", "field": "size", "missing": "zero"},
        ],
        "layers": []
    });
    let schema = json!({
        "format": 1, "name": "doubts", "dimension": 3, "metric": "l2",
        "tables": {"g": {"dimension": 2, "lookup": {"vocabulary": {"ids": ["a", "b"], "unknown": "skip"}}}},
        "user": tower, "item": tower
    });
    let table = [("table.g".to_owned(), vec![2, 2], vec![0.0, 1.0, 1.0, 0.0])];
    Towers::from_bytes(tower_files(&schema, &[("shared.safetensors", &table[..])])).unwrap()
}

/// Publishes items, and returns the doubt. A forced publish always succeeds.
fn doubt(items: &[Value]) -> Option<PublishDoubt> {
    let db = open(&MemoryFiles::default()).unwrap();
    db.items().put_many(items).unwrap();
    let published = db.publish(SPACE).towers(towers()).run();
    db.publish(SPACE).towers(towers()).force().run().unwrap();
    match published {
        Ok(_) => None,
        Err(Error::Doubtful { source, .. }) => Some(source),
        Err(other) => panic!("{other}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn towers_of_other_items_are_not_published_unless_forced(
        items in 20usize..40, known in any::<bool>(), genres in 0usize..3, sizes in 0usize..3, alike in any::<bool>(),
    ) {
        // One item in `genres` has a genre, one in `sizes` a size; 0 for none.
        let has = |of: usize, n: usize| of > 0 && n.is_multiple_of(of);
        let genre = if known { "b" } else { "c" };
        let all: Vec<Value> = (0..items).map(|n| {
            let mut item = json!({"id": n.to_string(), "Genre": "a", "genre": null});
            if has(genres, n) {
                item["genre"] = json!([genre]);
            }
            if has(sizes, n) {
                item["size"] = json!(if alike { 5 } else { n });
            }
            item
        }).collect();
        let absent: Vec<String> = [("genre", genres), ("size", sizes)].into_iter()
            .filter(|(_, of)| *of == 0).map(|(field, _)| field.to_owned()).collect();
        // Vectors differ by size, or where some items have a value and some have none.
        let varied = !alike || sizes == 2 || genres == 2;
        let expected = match (absent.is_empty(), known, varied) {
            (false, ..) => Some(PublishDoubt::AbsentFeatures { fields: absent }),
            (_, false, _) => Some(PublishDoubt::UnknownIds { field: "genre".into(), id: "c".into() }),
            (_, _, false) => Some(PublishDoubt::EqualVectors { items }),
            _ => None,
        };
        prop_assert_eq!(doubt(&all), expected);
        // A few items may be alike.
        prop_assert_eq!(doubt(&all[..19]), None);
    }
}
