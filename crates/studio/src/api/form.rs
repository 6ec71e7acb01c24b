//! The form of a recall, made from what the user towers read.

use super::problem::Problem;
use super::sample::records;
use super::state::State;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use twinspire::{Database, FeatureInfo, Lexical};

/// Number of items to make example histories of.
const ITEMS: usize = 200;
/// Number of words of an example text.
const EXAMPLE_WORDS: usize = 3;

/// What a recall of a space or an ensemble takes.
#[derive(Debug, Serialize)]
pub struct Form {
    pub name: String,
    /// Whether it takes a user: every space has a user tower, or reads a text of the user.
    pub takes_user: bool,
    /// Components of a query vector; none for an ensemble.
    pub dimension: Option<usize>,
    pub fields: Vec<FormField>,
    /// A user that the towers can read.
    pub example: Value,
    /// Ids of items for example histories.
    pub items: Vec<String>,
}

/// A field of a user.
#[derive(Debug, Serialize)]
pub struct FormField {
    pub name: String,
    pub input: Input,
    /// Whether it may be missing in every space.
    pub optional: bool,
    /// The kinds of features that read it, as `tower.json` names them.
    pub kinds: BTreeSet<String>,
    /// The spaces whose towers read it.
    pub spaces: BTreeSet<String>,
    /// Whether its values are ids of items.
    pub is_items: bool,
    /// Maximum number of values that are read; none without a limit.
    pub limit: Option<u64>,
}

/// How a value is given.
#[derive(Debug, Serialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    Text,
    LongText,
    Number,
    List,
    Place,
    Time,
    Json,
}

/// The form of a space or an ensemble.
pub fn get(state: &State, name: &str) -> Result<Form, Problem> {
    let database = state.database();
    let is_ensemble = database.ensembles().get(name).is_some();
    let mut form = Form {
        name: name.to_owned(),
        takes_user: true,
        dimension: None,
        fields: Vec::new(),
        example: Value::Object(Map::new()),
        items: Vec::new(),
    };
    let mut fields: BTreeMap<String, FormField> = BTreeMap::new();
    let words = database.lexical().list();
    for space in spaces(database, name)? {
        if let Some(lexical) = words.get(&space) {
            add_text(&mut fields, &space, &definition(lexical).query);
            continue;
        }
        let towers = database.towers(&space)?.describe();
        form.dimension = (!is_ensemble).then_some(towers.dimension);
        let Some(user) = towers.user else {
            form.takes_user = false;
            continue;
        };
        for feature in &user.features {
            add(&mut fields, &space, feature, &user.example);
        }
        if let (Value::Object(all), Value::Object(example)) = (&mut form.example, user.example) {
            for (field, value) in example {
                all.entry(field).or_insert(value);
            }
        }
    }
    form.takes_user &= !fields.is_empty();
    let sampled = records(database, ITEMS)?;
    let ids = sampled.iter().filter_map(|record| record["id"].as_str());
    form.items = ids.map(str::to_owned).collect();
    for lexical in words.iter().filter(|(space, _)| is_read(&fields, space)) {
        let lexical = definition(lexical.1);
        let example = example_text(&lexical, &sampled);
        if let (Value::Object(all), Some(text)) = (&mut form.example, example) {
            all.entry(lexical.query).or_insert(Value::String(text));
        }
    }
    for field in fields.values_mut() {
        field.is_items = are_items(database, &form.example[&field.name])?;
    }
    form.fields = fields.into_values().collect();
    // What a person would give first: short values before histories and vectors.
    form.fields
        .sort_by_key(|field| (field.optional, field.input as u8, field.name.clone()));
    Ok(form)
}

/// The spaces whose towers read the user.
fn spaces(database: &Database, name: &str) -> Result<Vec<String>, Problem> {
    let named: Vec<String> = match database.ensembles().get(name) {
        Some(ensemble) => ensemble.spaces().map(str::to_owned).collect(),
        None => vec![name.to_owned()],
    };
    let mut spaces = Vec::new();
    let words = database.lexical().list();
    for space in named {
        if words.contains_key(&space) {
            spaces.push(space);
            continue;
        }
        let members = database.members(&space)?;
        match members.is_empty() {
            true => spaces.push(space),
            false => spaces.extend(members.into_keys()),
        }
    }
    spaces.dedup();
    Ok(spaces)
}

/// What a form needs of the definition of a lexical space.
#[derive(Default, Deserialize)]
struct Definition {
    query: String,
    fields: BTreeMap<String, f64>,
}

/// A definition as its JSON has it, which is documented.
fn definition(lexical: &Lexical) -> Definition {
    let document = serde_json::to_value(lexical).unwrap_or_default();
    serde_json::from_value(document).unwrap_or_default()
}

/// Adds the text that a lexical space searches for.
fn add_text(fields: &mut BTreeMap<String, FormField>, space: &str, name: &str) {
    let known = fields.entry(name.to_owned());
    let field = known.or_insert_with(|| FormField {
        name: name.to_owned(),
        input: Input::LongText,
        optional: true,
        kinds: BTreeSet::new(),
        spaces: BTreeSet::new(),
        is_items: false,
        limit: None,
    });
    field.kinds.insert("words".to_owned());
    field.spaces.insert(space.to_owned());
}

/// Whether one of the fields is for a space.
fn is_read(fields: &BTreeMap<String, FormField>, space: &str) -> bool {
    fields.values().any(|field| field.spaces.contains(space))
}

/// The first words that one of the sampled items has in a field of a lexical space.
fn example_text(lexical: &Definition, sampled: &[Value]) -> Option<String> {
    let texts = sampled.iter().flat_map(|record| {
        let fields = lexical.fields.keys();
        fields.filter_map(|field| record.get(field)?.as_str())
    });
    let mut texts = texts.filter(|text| text.split_whitespace().nth(1).is_some());
    let words = texts.next()?.split_whitespace().take(EXAMPLE_WORDS);
    Some(words.collect::<Vec<_>>().join(" "))
}

/// Adds what a feature reads.
fn add(
    fields: &mut BTreeMap<String, FormField>,
    space: &str,
    feature: &FeatureInfo,
    example: &Value,
) {
    let input = match feature.kind.as_str() {
        "id" | "index" | "cross" => Input::Text,
        "ids" | "sequence" | "items" | "indices" | "categories" => Input::List,
        "text" => Input::LongText,
        "number" | "buckets" => Input::Number,
        "geo" | "distance" => Input::Place,
        "hour" | "weekday" | "age" => Input::Time,
        _ => Input::Json,
    };
    let limit = feature.description.get("limit").and_then(Value::as_u64);
    for name in &feature.fields {
        let known = fields.entry(name.clone());
        let field = known.or_insert_with(|| FormField {
            name: name.clone(),
            input: match &example[name] {
                // A list of anything but strings and numbers is easier to see as JSON.
                Value::Array(values) if values.iter().any(Value::is_object) => Input::Json,
                _ => input,
            },
            optional: true,
            kinds: BTreeSet::new(),
            spaces: BTreeSet::new(),
            is_items: false,
            limit,
        });
        field.optional &= feature.optional;
        field.kinds.insert(feature.kind.clone());
        field.spaces.insert(space.to_owned());
        field.limit = field.limit.max(limit);
    }
}

/// Whether the example of a field names an item.
fn are_items(database: &Database, example: &Value) -> Result<bool, Problem> {
    let first = match example {
        Value::Array(values) => values.first(),
        _ => None,
    };
    match first.and_then(Value::as_str) {
        Some(id) => Ok(database.items().contains(id)?),
        None => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{shop, shop_with_words};
    use super::*;

    #[test]
    fn the_text_of_a_lexical_space_is_a_field_of_the_user() {
        let (_dir, state) = shop_with_words();
        let form = get(&state, "titles").unwrap();
        assert!(form.takes_user && form.dimension.is_none());
        assert_eq!(form.fields[0].name, "query");
        assert_eq!(form.example, serde_json::json!({"query": "red shoes"}));
        let both = get(&state, "both").unwrap();
        let names: Vec<&str> = both.fields.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names.len(), 2, "{names:?}");
        assert!(both.takes_user && both.example["price"].is_number());
    }

    #[test]
    fn a_form_has_a_field_for_each_that_the_tower_reads() {
        let (_dir, state) = shop();
        let form = get(&state, "price").unwrap();
        assert!(form.takes_user);
        assert_eq!(form.dimension, Some(1));
        let [price] = form.fields.as_slice() else {
            panic!("{:?}", form.fields);
        };
        assert_eq!((price.name.as_str(), price.input), ("price", Input::Number));
        assert!(form.example["price"].is_number());
        assert_eq!(form.items.len(), 3);
        assert!(get(&state, "absent").is_err());
    }
}
