//! Any JSON document laid out for people.

use std::fmt::Write as _;

use serde_json::Value;

use super::table::Table;
use super::text::{display_width, escape_controls, padding, thousands};

/// Objects nested deeper than this are shown as JSON.
const MAX_DEPTH: usize = 4;
/// Fields that name a row; they come first in a table.
const NAME_FIELDS: [&str; 4] = ["name", "number", "id", "file"];

/// A document as aligned names and values; lists of objects become tables.
pub fn outline(document: &Value) -> String {
    let mut text = String::new();
    write_outline(document, 0, &mut text);
    text
}

fn write_outline(document: &Value, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    let Value::Object(fields) = document else {
        let _ = writeln!(text, "{indent}{}", cell(document));
        return;
    };
    let labels: Vec<String> = fields.keys().map(|name| label(name)).collect();
    let widths = labels.iter().map(|label| display_width(label));
    let width = widths.max().unwrap_or(0);
    for (label, value) in labels.iter().zip(fields.values()) {
        match value {
            Value::Object(inner) if !inner.is_empty() && depth < MAX_DEPTH => {
                let _ = writeln!(text, "{indent}{label}");
                write_outline(value, depth + 1, text);
            }
            Value::Array(list) if !list.is_empty() && list.iter().all(Value::is_object) => {
                let _ = writeln!(text, "{indent}{label}");
                for line in table_of(list).lines() {
                    let _ = writeln!(text, "{indent}  {line}");
                }
            }
            _ => {
                let padding = padding(label, width);
                let _ = writeln!(text, "{indent}{label}{padding}  {}", cell(value));
            }
        }
    }
}

/// The name of a field for people.
fn label(name: &str) -> String {
    escape_controls(&name.replace('_', " "))
}

/// Objects as a table with the fields of the first one as columns.
fn table_of(list: &[Value]) -> String {
    let Some(Value::Object(first)) = list.first() else {
        return String::new();
    };
    let mut fields: Vec<(&String, &Value)> = first.iter().collect();
    fields.sort_by_key(|(name, _)| !NAME_FIELDS.contains(&name.as_str()));
    let columns: Vec<String> = fields
        .iter()
        .map(|(name, value)| {
            let mark = if value.is_number() { ">" } else { "" };
            format!("{mark}{}", label(name))
        })
        .collect();
    let names: Vec<&str> = columns.iter().map(String::as_str).collect();
    let mut table = Table::new(&names);
    for object in list {
        let cells = fields.iter().map(|(name, _)| object.get(name.as_str()));
        table.row(cells.map(|value| value.map_or_else(String::new, cell)));
    }
    table.render()
}

/// One value in a cell.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => escape_controls(text),
        Value::Number(number) => number
            .as_u64()
            .map_or_else(|| number.to_string(), thousands),
        Value::Array(list) => {
            let cells: Vec<String> = list.iter().map(unquoted).collect();
            cells.join(", ")
        }
        Value::Object(_) => escape_controls(&value.to_string()),
    }
}

/// A string as it is, anything else as JSON.
fn unquoted(value: &Value) -> String {
    match value {
        Value::String(text) => escape_controls(text),
        other => escape_controls(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_and_values_are_aligned_and_lists_become_tables() {
        let document = json!({
            "items": 1682,
            "journal_bytes": null,
            "spaces": [{"name": "movies", "items": 5}, {"name": "text"}],
        });
        let text = outline(&document);
        assert!(text.contains("items          1,682\n"), "{text}");
        assert!(text.contains("journal bytes  -\n"), "{text}");
        assert!(
            text.contains("  name    items\n  movies      5\n  text\n"),
            "{text}"
        );
    }

    #[test]
    fn wide_names_are_aligned() {
        let text = outline(&json!({"東京": 1, "abcdef": 2, "e\u{301}": 3}));
        let columns = text.lines().map(display_width);
        assert!(columns.collect::<Vec<_>>() == [9, 9, 9], "{text}");
    }
}
