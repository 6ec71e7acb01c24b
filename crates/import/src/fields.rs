//! What makes a JSON object an item, a user or an event, whatever file it came from.

use serde_json::{Map, Value};

use twinspire_towers::Event;
use twinspire_towers::TrainingPair;
use twinspire_towers::internals::{check_id, check_item, describe};

/// Times beyond this are milliseconds or finer by mistake: it is the year 5138.
const LATEST_SECOND: i64 = 100_000_000_000;

/// An item: an object with an `id`; a whole number as id becomes its text.
pub(super) fn item(mut record: Value) -> Result<Value, String> {
    if let Some(id) = record.get_mut("id") {
        number_to_text(id);
    }
    check_item(&record).map_err(|error| error.to_string())?;
    Ok(record)
}

/// A user: an object with `user_id`, or `id`, which is then called `user_id`.
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
            check_text_id("user_id", id)?;
        }
        None => return Err("a user needs a `user_id` (or `id`)".to_owned()),
    }
    Ok(record)
}

/// An event: `user`/`user_id`/`query`, `item`/`item_id`, `timestamp`/`at`, and maybe `weight`/`rating`.
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

/// A pair to mine: `user`, `positive`, and maybe `known`; other fields are passed over.
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

/// An event from the texts of its cells.
pub(super) fn event_of_text(
    user: &str,
    item: &str,
    at: &str,
    weight_text: Option<&str>,
) -> Result<Event, String> {
    let text = |text: &str| Value::String(text.to_owned());
    Ok(Event {
        user: checked("user", user)?,
        item: checked("item", item)?,
        at: seconds("timestamp", &text(at))?,
        weight: match weight_text {
            None | Some("") => 1.0,
            Some(given) => weight("weight", &text(given))?,
        },
    })
}

/// A text that may be an id; `name` is what errors call its field.
pub(super) fn checked(name: &str, id: &str) -> Result<String, String> {
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

/// Takes the first of two names that is there and not null.
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

/// The id of a field: a text that may be one, or a whole number, which becomes its text.
pub(super) fn id(name: &str, mut id: Value) -> Result<String, String> {
    number_to_text(&mut id);
    match id {
        Value::String(id) => checked(name, &id),
        other => Err(at_field(
            name,
            "a string or a whole number",
            &describe(&other),
        )),
    }
}

fn number_to_text(id: &mut Value) {
    if let Value::Number(number) = id
        && (number.is_i64() || number.is_u64())
    {
        *id = Value::String(number.to_string());
    }
}

fn check_text_id(name: &str, id: &Value) -> Result<(), String> {
    let Value::String(text) = id else {
        return Err(at_field(name, "a string or a whole number", &describe(id)));
    };
    checked(name, text).map(drop)
}

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
    // The cast saturates, and far times are refused by the caller.
    seconds.is_finite().then(|| seconds.floor() as i64)
}

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

pub(super) fn at_field(name: &str, expected: &str, found: &str) -> String {
    format!("field `{name}`: expected {expected}, found {found}")
}
