//! Records from all over the database, and what fields they have.

use super::problem::Problem;
use super::state::State;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use twinspire::Database;

/// Records to learn the fields from.
pub const SAMPLE: usize = 1_000;
/// Maximum number of example values of a field.
const EXAMPLES: usize = 12;
/// Maximum number of distinct values that are counted.
const MAX_DISTINCT: usize = 200;
/// Maximum length of an example in bytes.
const MAX_EXAMPLE: usize = 80;

/// At most `count` records, evenly spaced over the database.
pub fn records(database: &Database, count: usize) -> Result<Vec<Value>, Problem> {
    let items = database.items().count()? as usize;
    let step = items.div_ceil(count.max(1)).max(1);
    let mut export = database.export().run()?;
    let mut records = Vec::with_capacity(count.min(items));
    let mut next = export.next();
    while let Some(item) = next {
        records.push(item?.record);
        next = export.nth(step - 1);
    }
    Ok(records)
}

/// A field of the items, by its path.
#[derive(Debug, Serialize, Default)]
pub struct FieldView {
    pub path: String,
    /// The types of its values: `string`, `number`, `boolean`, `list`.
    pub kinds: BTreeSet<&'static str>,
    /// Number of sampled records that have it.
    pub present: usize,
    /// Number of distinct values; none if there are too many to count.
    pub distinct: Option<usize>,
    /// Common values first.
    pub examples: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub least: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub most: Option<f64>,
}

/// The fields of a sample.
#[derive(Debug, Serialize)]
pub struct Fields {
    pub sampled: usize,
    pub fields: Vec<FieldView>,
}

/// The fields of the items, as a sample shows them.
pub fn get(state: &State) -> Result<Fields, Problem> {
    let records = records(state.database(), SAMPLE)?;
    Ok(Fields {
        sampled: records.len(),
        fields: fields(&records),
    })
}

/// The values of one field.
#[derive(Default)]
struct Seen {
    kinds: BTreeSet<&'static str>,
    present: usize,
    values: BTreeMap<String, (usize, Value)>,
    overflow: bool,
    range: Option<(f64, f64)>,
}

/// The fields of records, by path.
pub fn fields(records: &[Value]) -> Vec<FieldView> {
    let mut seen: BTreeMap<String, Seen> = BTreeMap::new();
    for record in records {
        visit(record, "", &mut |path, value| {
            let field = seen.entry(path.to_owned()).or_default();
            field.present += 1;
            field.add(value);
        });
    }
    seen.into_iter()
        .map(|(path, seen)| seen.view(path))
        .collect()
}

/// Visits each field that is no object, with its path.
pub fn visit<'a>(record: &'a Value, prefix: &str, each: &mut impl FnMut(&str, &'a Value)) {
    for (name, value) in record.as_object().into_iter().flatten() {
        let path = match prefix {
            "" => name.clone(),
            prefix => format!("{prefix}.{name}"),
        };
        match value {
            Value::Object(_) => visit(value, &path, each),
            Value::Null => {}
            value => each(&path, value),
        }
    }
}

impl Seen {
    fn add(&mut self, value: &Value) {
        let kind = match value {
            Value::String(_) => "string",
            Value::Number(_) => "number",
            Value::Bool(_) => "boolean",
            Value::Array(values) => {
                for one in values
                    .iter()
                    .filter(|one| !one.is_object() && !one.is_array())
                {
                    self.count(one);
                }
                self.kinds.insert("list");
                return;
            }
            Value::Object(_) | Value::Null => return,
        };
        self.kinds.insert(kind);
        if let Some(number) = value.as_f64() {
            let (least, most) = self.range.unwrap_or((number, number));
            self.range = Some((least.min(number), most.max(number)));
        }
        self.count(value);
    }

    fn count(&mut self, value: &Value) {
        let key = value.to_string();
        if let Some((count, _)) = self.values.get_mut(&key) {
            *count += 1;
        } else if self.values.len() < MAX_DISTINCT {
            self.values.insert(key, (1, value.clone()));
        } else {
            self.overflow = true;
        }
    }

    fn view(self, path: String) -> FieldView {
        let distinct = (!self.overflow).then_some(self.values.len());
        let mut values: Vec<(usize, Value)> = self.values.into_values().collect();
        values.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
        let short = |value: &Value| value.as_str().is_none_or(|text| text.len() <= MAX_EXAMPLE);
        let examples = values.into_iter().map(|(_, value)| value).filter(short);
        FieldView {
            path,
            kinds: self.kinds,
            present: self.present,
            distinct,
            examples: examples.take(EXAMPLES).collect(),
            least: self.range.map(|(least, _)| least),
            most: self.range.map(|(_, most)| most),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_have_paths_types_and_common_values_first() {
        let records = [
            json!({"id": "a", "price": 3, "seller": {"city": "Oslo"}, "tags": ["x", "y"]}),
            json!({"id": "b", "price": 9.5, "seller": {"city": "Bern"}, "tags": ["y"], "gone": null}),
            json!({"id": "c", "price": "much", "seller": {"city": "Oslo"}}),
        ];
        let found = fields(&records);
        let paths: Vec<&str> = found.iter().map(|field| field.path.as_str()).collect();
        assert_eq!(paths, ["id", "price", "seller.city", "tags"]);
        assert_eq!(found[1].kinds, BTreeSet::from(["number", "string"]));
        assert_eq!((found[1].least, found[1].most), (Some(3.0), Some(9.5)));
        assert_eq!(found[2].examples, [json!("Oslo"), json!("Bern")]);
        assert_eq!(found[3].examples[0], json!("y"));
        assert_eq!((found[3].present, found[3].distinct), (2, Some(2)));
    }
}
