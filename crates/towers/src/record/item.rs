//! Checks of an item before it is stored: an object, a valid id, a bounded size and depth.

use std::io;

use serde_json::Value;
use thiserror::Error;

use super::describe::describe;

/// The longest id, in bytes of UTF-8. Ids are keys of the journal and of every segment; the bound keeps their tables
/// small.
const MAX_ID_BYTES: usize = 1024;

/// The largest record, in bytes of its JSON text. Records are always read whole, so larger data (an image, a document)
/// belongs outside the database, with its address in the record.
pub const MAX_RECORD_BYTES: usize = 1 << 20;

/// The deepest nesting of a record. JSON parsers stop at 128 levels: a deeper record could be written but never read.
const MAX_DEPTH: usize = 100;

/// Why a record cannot be stored or embedded, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}: expected {expected}, found {found}", place(.field))]
#[non_exhaustive]
pub struct RecordError {
    /// The field at fault; empty for the record as a whole.
    pub field: String,
    /// What was expected.
    pub expected: String,
    /// What was found instead.
    pub found: String,
}

impl RecordError {
    /// An error for `field` (empty for the record as a whole), which should be `expected` but is `found`.
    pub fn new(
        field: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Self {
            field: field.into(),
            expected: expected.into(),
            found: found.into(),
        }
    }
}

fn place(field: &str) -> String {
    if field.is_empty() {
        "the record".to_owned()
    } else {
        format!("field `{field}`")
    }
}

/// Checks that `record` can be stored as an item; returns its id.
pub fn check_item(record: &Value) -> Result<&str, RecordError> {
    let Value::Object(fields) = record else {
        return Err(RecordError::new(
            "",
            "a JSON object with an `id`",
            describe(record),
        ));
    };
    let id = match fields.get("id") {
        Some(Value::String(id)) => id.as_str(),
        Some(other) => {
            return Err(RecordError::new("id", ID_EXPECTED, describe(other)));
        }
        None => return Err(RecordError::new("id", ID_EXPECTED, "no such field")),
    };
    check_id(id)?;
    if !is_shallow(record, MAX_DEPTH) {
        let expected = format!("at most {MAX_DEPTH} levels of lists and objects");
        return Err(RecordError::new("", expected, "more than that"));
    }
    check_size(record)?;
    Ok(id)
}

const ID_EXPECTED: &str = "a non-empty string of at most 1024 bytes";

/// Checks that `id` is a valid item id.
pub fn check_id(id: &str) -> Result<(), RecordError> {
    if id.is_empty() {
        return Err(RecordError::new("id", ID_EXPECTED, "an empty string"));
    }
    if id.len() > MAX_ID_BYTES {
        let found = format!("a string of {} bytes", id.len());
        return Err(RecordError::new("id", ID_EXPECTED, found));
    }
    Ok(())
}

/// Whether a value has at most `levels` levels.
fn is_shallow(value: &Value, levels: usize) -> bool {
    let deeper = |value: &Value| levels > 0 && is_shallow(value, levels - 1);
    match value {
        Value::Array(list) => list.iter().all(deeper),
        Value::Object(fields) => fields.values().all(deeper),
        _ => true,
    }
}

/// Counts the bytes of the record's JSON text without building it, up to the bound.
fn check_size(record: &Value) -> Result<(), RecordError> {
    struct Budget(usize);
    impl io::Write for Budget {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            match self.0.checked_sub(bytes.len()) {
                Some(left) => self.0 = left,
                None => return Err(io::ErrorKind::FileTooLarge.into()),
            }
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    serde_json::to_writer(Budget(MAX_RECORD_BYTES), record).map_err(|_| {
        RecordError::new(
            "",
            format!("at most {MAX_RECORD_BYTES} bytes of JSON"),
            "more than that",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn an_object_with_a_string_id_is_an_item() {
        assert_eq!(check_item(&json!({"id": "B01", "price": 3.5})), Ok("B01"));
        let longest = "x".repeat(MAX_ID_BYTES);
        assert_eq!(check_item(&json!({ "id": longest })), Ok(longest.as_str()));
    }

    #[test]
    fn invalid_items_are_refused_with_field_expected_and_found() {
        let says = |record: Value| check_item(&record).unwrap_err().to_string();
        assert_eq!(
            says(json!([1, 2])),
            "the record: expected a JSON object with an `id`, found a list of 2"
        );
        let id = "field `id`: expected a non-empty string of at most 1024 bytes, found";
        assert_eq!(says(json!({"id": 42})), format!("{id} a number (42)"));
        assert_eq!(says(json!({"id": null})), format!("{id} null"));
        assert_eq!(says(json!({"id": ""})), format!("{id} an empty string"));
        assert_eq!(says(json!({"ID": "x"})), format!("{id} no such field"));
        assert_eq!(
            says(json!({"id": "é".repeat(513)})),
            format!("{id} a string of 1026 bytes")
        );
    }

    #[test]
    fn a_record_too_deep_to_be_read_back_is_refused() {
        let nested = |levels| {
            let inner = (1..levels).fold(json!([]), |inner, _| json!([inner]));
            json!({"id": "a", "t": inner})
        };
        let deepest = nested(MAX_DEPTH);
        assert_eq!(check_item(&deepest), Ok("a"));
        let text = deepest.to_string();
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), deepest);
        let error = check_item(&nested(MAX_DEPTH + 1)).unwrap_err().to_string();
        assert!(error.contains("at most 100 levels"), "{error}");
    }

    #[test]
    fn the_size_bound_counts_the_json_text_exactly() {
        let frame = json!({"id": "a", "t": ""}).to_string().len();
        let fits = json!({"id": "a", "t": "x".repeat(MAX_RECORD_BYTES - frame)});
        assert_eq!(check_item(&fits), Ok("a"));
        let over = json!({"id": "a", "t": "x".repeat(MAX_RECORD_BYTES - frame + 1)});
        assert!(
            check_item(&over)
                .unwrap_err()
                .to_string()
                .contains("1048576 bytes")
        );
    }

    proptest! {
        #[test]
        fn any_reasonable_id_is_accepted_as_it_is(id in "\\PC{1,200}") {
            let record = json!({"id": id, "n": 1});
            prop_assert_eq!(check_item(&record), Ok(id.as_str()));
        }
    }
}
