//! The versions of an item that are still stored, and what changed between them.

use super::problem::Problem;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use twinspire::{Database, ItemRevision};

/// Maximum number of versions that are shown.
const MAX_SHOWN: usize = 100;

/// The stored versions of an item.
#[derive(Debug, Serialize)]
pub struct History {
    /// Newest first.
    pub revisions: Vec<RevisionView>,
    /// Number of stored versions, which may exceed those shown.
    pub total: usize,
}

/// A stored version.
#[derive(Debug, Serialize)]
pub struct RevisionView {
    pub revision: u64,
    pub deleted: bool,
    pub replaced: bool,
    pub sealed: bool,
    /// Fields that differ from the next older stored version. `None` for the oldest.
    pub changes: Option<Vec<Change>>,
}

/// A field that differs.
#[derive(Debug, Serialize, PartialEq)]
pub struct Change {
    pub field: String,
    /// The value before; `None` if the field was absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// The history of an item.
pub fn history(database: &Database, id: &str) -> Result<History, Problem> {
    let revisions = database.items().revisions(id)?;
    let older = revisions.iter().skip(1).map(Some).chain([None]);
    let views = revisions
        .iter()
        .zip(older)
        .map(|(one, older)| RevisionView {
            revision: one.revision.0,
            deleted: one.record.is_none(),
            replaced: one.replaced,
            sealed: one.sealed,
            changes: older.map(|older| changes(older, one)),
        });
    Ok(History {
        revisions: views.take(MAX_SHOWN).collect(),
        total: revisions.len(),
    })
}

/// The fields that differ between two versions. Fields of objects are named by their path.
fn changes(before: &ItemRevision, after: &ItemRevision) -> Vec<Change> {
    let none = Map::new();
    let [before, after] = [before, after].map(|one| {
        let record = one.record.as_ref().and_then(Value::as_object);
        record.unwrap_or(&none)
    });
    let mut found = Vec::new();
    compare("", before, after, &mut found);
    found
}

fn compare(
    prefix: &str,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    found: &mut Vec<Change>,
) {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for name in names {
        let field = match prefix {
            "" => name.clone(),
            prefix => format!("{prefix}.{name}"),
        };
        match (before.get(name), after.get(name)) {
            (before, after) if before == after => {}
            (Some(Value::Object(before)), Some(Value::Object(after))) => {
                compare(&field, before, after, found);
            }
            (before, after) => found.push(Change {
                field,
                before: before.cloned(),
                after: after.cloned(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use twinspire::Database;

    #[test]
    fn versions_are_shown_with_what_changed() {
        let dir = tempfile::tempdir().unwrap();
        let db = Database::open(dir.path().join("a.twin")).unwrap();
        let put = |record: Value| db.items().put(&record).unwrap();
        put(json!({"id": "a", "price": 3, "seller": {"city": "Oslo", "name": "x"}}));
        put(json!({"id": "a", "price": 4, "seller": {"city": "Bern", "name": "x"}, "new": null}));
        db.items().delete("a").unwrap();
        let found = history(&db, "a").unwrap();
        assert_eq!(found.total, 3);
        let [gone, second, first] = &found.revisions[..] else {
            panic!("three versions are stored: {found:?}");
        };
        assert!(gone.deleted && !gone.replaced && second.replaced);
        assert_eq!(gone.changes.as_ref().map(Vec::len), Some(4));
        let change = |field: &str, before: Option<Value>, after: Option<Value>| Change {
            field: field.to_owned(),
            before,
            after,
        };
        let expected = [
            change("new", None, Some(Value::Null)),
            change("price", Some(json!(3)), Some(json!(4))),
            change("seller.city", Some(json!("Oslo")), Some(json!("Bern"))),
        ];
        assert_eq!(second.changes.as_deref(), Some(&expected[..]));
        assert!(first.changes.is_none());
        assert_eq!(history(&db, "b").unwrap().total, 0);
    }
}
