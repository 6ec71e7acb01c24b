//! JSON values in words, for error messages.

use serde_json::Value;

/// The number of characters of a string that a description quotes.
const SHOWN: usize = 40;

/// Names a value in words: `a number (42)`, `a string ("red")`, `a list of 3`.
///
/// The result is always short: long strings are truncated, lists and objects are only counted.
pub fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => format!("a boolean ({flag})"),
        Value::Number(number) => format!("a number ({number})"),
        Value::String(text) if text.is_empty() => "an empty string".to_owned(),
        Value::String(text) => format!("a string ({})", quote(text)),
        Value::Array(list) if list.is_empty() => "an empty list".to_owned(),
        Value::Array(list) => format!("a list of {}", list.len()),
        Value::Object(fields) if fields.is_empty() => "an empty object".to_owned(),
        Value::Object(fields) if fields.len() == 1 => "an object with 1 field".to_owned(),
        Value::Object(fields) => format!("an object with {} fields", fields.len()),
    }
}

/// A text in quotes, escaped and truncated.
pub(crate) fn quote(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("{shown:?}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_named_in_words() {
        assert_eq!(describe(&json!(null)), "null");
        assert_eq!(describe(&json!(true)), "a boolean (true)");
        assert_eq!(describe(&json!(42)), "a number (42)");
        assert_eq!(describe(&json!("red")), "a string (\"red\")");
        assert_eq!(describe(&json!("")), "an empty string");
        assert_eq!(describe(&json!([1, 2, 3])), "a list of 3");
        assert_eq!(describe(&json!({"a": 1})), "an object with 1 field");
        assert_eq!(
            describe(&json!({"a": 1, "b": 2})),
            "an object with 2 fields"
        );
    }

    #[test]
    fn a_description_is_short_whatever_the_value() {
        let long = json!("é\u{1b}".repeat(100_000));
        assert!(describe(&long).len() < 400);
        assert!(
            !describe(&long).contains('\u{1b}'),
            "control characters are escaped"
        );
    }
}
