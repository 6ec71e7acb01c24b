//! Items, users, events and pairs from JSON objects, whatever file they come from.

use serde_json::{Map, Value};

use twinspire_towers::internals::{check_id, check_item, describe};
use twinspire_towers::{Event, TrainingPair};

/// The latest time accepted, in the year 5138. Anything beyond is in milliseconds or finer by mistake.
const LATEST_SECOND: i64 = 100_000_000_000;

/// An item: an object with an `id`, a string or a whole number.
pub(super) fn item(mut record: Value) -> Result<Value, String> {
    if let Some(id) = record.get_mut("id") {
        number_to_text(id);
    }
    check_item(&record).map_err(|error| error.to_string())?;
    Ok(record)
}

/// A user: an object with a `user_id`, or an `id`, which is renamed to `user_id`.
pub(super) fn user(mut record: Value) -> Result<Value, String> {
    let Some(fields) = record.as_object_mut() else {
        return Err(format!(
            "a JSON object with a `user_id` expected, found {}",
            describe(&record)
        ));
    };
    if !fields.contains_key("user_id")
        && let Some(id) = fields.remove("id")
    {
        fields.insert("user_id".to_owned(), id);
    }
    match fields.get_mut("user_id") {
        Some(id) => {
            number_to_text(id);
            check_id_value("user_id", id)?;
        }
        None => return Err("a user needs a `user_id` (or `id`)".to_owned()),
    }
    Ok(record)
}

/// An event: `user`/`user_id`/`query`, `item`/`item_id`, `timestamp`/`at`, and optionally `weight`/`rating`.
pub(super) fn event(mut record: Value) -> Result<Event, String> {
    let Some(fields) = record.as_object_mut() else {
        return Err(format!(
            "a JSON object expected, found {}",
            describe(&record)
        ));
    };
    let user = match take(fields, "query", "query") {
        Some((name, query)) if !fields.contains_key("user") && !fields.contains_key("user_id") => {
            id(name, query)?
        }
        _ => event_id(fields, "user", "user_id")?,
    };
    let item = event_id(fields, "item", "item_id")?;
    let at = match take(fields, "timestamp", "at") {
        Some((name, value)) => seconds(name, &value)?,
        None => {
            return Err(
                "an event needs its time: `timestamp` (or `at`) in Unix seconds".to_owned(),
            );
        }
    };
    let weight = match take(fields, "weight", "rating") {
        Some((name, value)) => weight(name, &value)?,
        None => 1.0,
    };
    Ok(Event {
        user,
        item,
        at,
        weight,
    })
}

/// A pair to mine: `user`, `positive` and optionally `known`; other fields are ignored.
pub(super) fn pair(mut record: Value) -> Result<TrainingPair, String> {
    let Some(fields) = record.as_object_mut() else {
        return Err(format!(
            "a JSON object expected, found {}",
            describe(&record)
        ));
    };
    let user = fields.remove("user").unwrap_or_default();
    if !user.is_object() {
        let found = describe(&user);
        return Err(at_field("user", "an object of the user's features", &found));
    }
    let positive = fields.remove("positive").unwrap_or_default();
    let known = match fields.remove("known") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(known)) => {
            let each = known.into_iter().map(|known| id("known", known));
            each.collect::<Result<_, _>>()?
        }
        Some(other) => return Err(at_field("known", "a list of ids", &describe(&other))),
    };
    Ok(TrainingPair::new(user, id("positive", positive)?).known(known))
}

/// An event from the text of its cells.
pub(super) fn event_from_cells(
    user: &str,
    item: &str,
    at: &str,
    weight_text: Option<&str>,
) -> Result<Event, String> {
    let text = |text: &str| Value::String(text.to_owned());
    Ok(Event {
        user: check_id_text("user", user)?,
        item: check_id_text("item", item)?,
        at: seconds("timestamp", &text(at))?,
        weight: match weight_text {
            None | Some("") => 1.0,
            Some(given) => weight("weight", &text(given))?,
        },
    })
}

/// A valid id; errors call its field `name`.
pub(super) fn check_id_text(name: &str, id: &str) -> Result<String, String> {
    check_id(id).map_err(|error| at_field(name, &error.expected, &error.found))?;
    Ok(id.to_owned())
}

fn event_id(
    fields: &mut Map<String, Value>,
    short: &'static str,
    long: &'static str,
) -> Result<String, String> {
    let Some((name, value)) = take(fields, short, long) else {
        return Err(format!("an event needs `{short}` (or `{long}`)"));
    };
    id(name, value)
}

/// Removes the first of two fields that is present and not null.
fn take(
    fields: &mut Map<String, Value>,
    first: &'static str,
    second: &'static str,
) -> Option<(&'static str, Value)> {
    [first, second].into_iter().find_map(|name| {
        let value = fields.remove(name).filter(|value| !value.is_null())?;
        Some((name, value))
    })
}

/// The id in a field: a valid string, or a whole number as text.
pub(super) fn id(name: &str, mut id: Value) -> Result<String, String> {
    number_to_text(&mut id);
    match id {
        Value::String(id) => check_id_text(name, &id),
        other => Err(at_field(
            name,
            "a string or a whole number",
            &describe(&other),
        )),
    }
}

/// Turns a whole number into its text.
fn number_to_text(id: &mut Value) {
    if let Value::Number(number) = id
        && (number.is_i64() || number.is_u64())
    {
        *id = Value::String(number.to_string());
    }
}

fn check_id_value(name: &str, id: &Value) -> Result<(), String> {
    let Value::String(text) = id else {
        return Err(at_field(name, "a string or a whole number", &describe(id)));
    };
    check_id_text(name, text).map(drop)
}

/// A time in Unix seconds.
fn seconds(name: &str, value: &Value) -> Result<i64, String> {
    const EXPECTED: &str = "Unix seconds (such as 881250949)";
    let found = || at_field(name, EXPECTED, &describe(value));
    let seconds = match value {
        Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
        Value::String(text) => {
            let text = text.trim();
            text.parse().ok().or_else(|| whole(text.parse().ok()?))
        }
        _ => None,
    };
    let seconds = seconds.ok_or_else(found)?;
    if !(-LATEST_SECOND..=LATEST_SECOND).contains(&seconds) {
        return Err(format!("{}: milliseconds perhaps? divide by 1000", found()));
    }
    Ok(seconds)
}

/// The whole seconds of a time with a fraction.
fn whole(seconds: f64) -> Option<i64> {
    // The cast saturates; the caller refuses times that far.
    seconds.is_finite().then(|| seconds.floor() as i64)
}

/// The weight of an event.
fn weight(name: &str, value: &Value) -> Result<f32, String> {
    let weight = match value {
        Value::Number(number) => number.as_f64(),
        Value::Bool(flag) => Some(f64::from(u8::from(*flag))),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    weight
        .map(|weight| weight as f32)
        .filter(|weight| weight.is_finite())
        .ok_or_else(|| at_field(name, "a finite number", &describe(value)))
}

/// The error text of a field.
fn at_field(name: &str, expected: &str, found: &str) -> String {
    format!("field `{name}`: expected {expected}, found {found}")
}
