//! Items, users, events and pairs from JSON objects, whatever file they come from.

use serde_json::{Map, Number, Value};

use twinspire_towers::internals::{Moment, TimeUnit, check_id, check_item, describe};
use twinspire_towers::{Event, TrainingPair};

use crate::names::Wanted;
use crate::options::ReadOptions;

/// Checks an item: an object with an `id`, a string or a whole number.
pub(super) fn items(
    options: &ReadOptions,
) -> impl FnMut(Value) -> Result<Value, String> + Send + use<> {
    let (options, wanted) = (options.clone(), Wanted::item_id(options));
    move |mut record| {
        if let Some(fields) = record.as_object_mut() {
            rename(fields, &wanted, "id")?;
            select(fields, &options, "id");
        }
        if let Some(id) = record.get_mut("id") {
            number_to_text(id);
        }
        check_item(&record).map_err(|error| of_item(&record, error.to_string()))?;
        Ok(record)
    }
}

/// An error in the words of the item: `item "B01": …`.
fn of_item(record: &Value, what: String) -> String {
    match record.get("id").and_then(Value::as_str) {
        Some(id) if check_id(id).is_ok() => format!("item {id:?}: {what}"),
        _ => what,
    }
}

/// Checks a user: an object with a `user_id`, or an `id`, which is renamed to `user_id`.
pub(super) fn users(
    options: &ReadOptions,
) -> impl FnMut(Value) -> Result<Value, String> + Send + use<> {
    let (options, wanted) = (options.clone(), Wanted::user_id(options));
    move |mut record| {
        let Some(fields) = record.as_object_mut() else {
            return Err(format!(
                "a JSON object with a `user_id` expected, found {}",
                describe(&record)
            ));
        };
        rename(fields, &wanted, "user_id")?;
        select(fields, &options, "user_id");
        match fields.get_mut("user_id") {
            Some(id) => {
                number_to_text(id);
                check_id_value("user_id", id)?;
            }
            None => {
                let names = wanted.names().join("` or `");
                return Err(format!("a user needs its id: `{names}`"));
            }
        }
        Ok(record)
    }
}

/// Renames the field of the id.
fn rename(fields: &mut Map<String, Value>, wanted: &Wanted, id: &str) -> Result<(), String> {
    let found = wanted.find(fields.keys().map(String::as_str));
    if let (None, Some(given)) = (found, wanted.given()) {
        return Err(format!(
            "a field `{given}` expected, which holds the id, found none"
        ));
    }
    let Some(found) = found.filter(|found| *found != id).map(str::to_owned) else {
        return Ok(());
    };
    if fields.contains_key(id) {
        return Err(format!(
            "field `{found}` is to be read as `{id}`, but there is a field `{id}` too: drop it"
        ));
    }
    if let Some(value) = fields.remove(&found) {
        fields.insert(id.to_owned(), value);
    }
    Ok(())
}

/// Removes the fields that are not read.
fn select(fields: &mut Map<String, Value>, options: &ReadOptions, id: &str) {
    if options.selects() {
        fields.retain(|name, _| options.keeps(name, &[id]));
    }
}

/// What reads events: the columns that are looked for, and the unit of their times.
pub(super) struct Events {
    user: Wanted,
    item: Wanted,
    time: Wanted,
    weight: Wanted,
    /// Whether the text of a query may stand for the user.
    queries: bool,
    clock: Clock,
}

impl Events {
    pub(super) fn new(options: &ReadOptions) -> Self {
        Self {
            user: Wanted::user(options),
            item: Wanted::item(options),
            time: Wanted::time(options),
            weight: Wanted::weight(options),
            queries: options.user.is_none(),
            clock: Clock::default(),
        }
    }

    /// An event: `user`/`user_id`/`query`, `item`/`item_id`, `timestamp`/`at`, and optionally `weight`/`rating`.
    pub(super) fn read(&mut self, mut record: Value) -> Result<Event, String> {
        let Some(fields) = record.as_object_mut() else {
            return Err(format!(
                "a JSON object expected, found {}",
                describe(&record)
            ));
        };
        let query = fields.remove("query").filter(|query| !query.is_null());
        let user = match (self.user.take(fields), query) {
            (Some((name, user)), _) => id(&name, user)?,
            (None, Some(query)) if self.queries => id("query", query)?,
            _ => return Err(missing(&self.user, "a user")),
        };
        let (name, item) = self
            .item
            .take(fields)
            .ok_or_else(|| missing(&self.item, "an item"))?;
        let item = id(&name, item)?;
        let (name, at) = self
            .time
            .take(fields)
            .ok_or_else(|| missing(&self.time, "a time"))?;
        let at = self.clock.seconds(&name, &at)?;
        let weight = match self.weight.take(fields) {
            Some((name, value)) => weight(&name, &value)?,
            None => 1.0,
        };
        Ok(Event {
            user,
            item,
            at,
            weight,
        })
    }
}

fn missing(wanted: &Wanted, what: &str) -> String {
    let names = wanted.names().join("` or `");
    format!("an event needs {what}: a field `{names}`")
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
    clock: &mut Clock,
) -> Result<Event, String> {
    Ok(Event {
        user: check_id_text("user", user)?,
        item: check_id_text("item", item)?,
        at: clock.seconds("timestamp", &text_value(at))?,
        weight: match weight_text {
            None | Some("") => 1.0,
            Some(given) => weight("weight", &text_value(given))?,
        },
    })
}

fn text_value(text: &str) -> Value {
    Value::String(text.to_owned())
}

/// A valid id; errors call its field `name`.
pub(super) fn check_id_text(name: &str, id: &str) -> Result<String, String> {
    check_id(id).map_err(|error| at_field(name, &error.expected, &error.found))?;
    Ok(id.to_owned())
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

/// Reads the times of a file, whose numbers have one unit.
#[derive(Debug, Default)]
pub(super) struct Clock {
    unit: Option<TimeUnit>,
}

impl Clock {
    /// A moment as seconds since 1970: a date and time as in ISO 8601, or a number whose unit follows from its size.
    pub(super) fn seconds(&mut self, name: &str, value: &Value) -> Result<i64, String> {
        const EXPECTED: &str = "a date and time or a Unix time (such as 881250949)";
        let found = || at_field(name, EXPECTED, &describe(value));
        let number = match value {
            Value::Number(number) => Some(number.clone()),
            // A number as text, as in CSV.
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        let size = number.as_ref().and_then(Number::as_f64);
        let moment = match number {
            Some(number) => Moment::of(&Value::Number(number)),
            None => Moment::of(value),
        };
        let moment = moment.ok_or_else(found)?;
        let Some(unit) = size.filter(|size| *size != 0.0).map(TimeUnit::of) else {
            return Ok(moment.seconds);
        };
        match self.unit.replace(unit) {
            Some(first) if first != unit => {
                self.unit = Some(first);
                Err(format!(
                    "{}: by its size in {}, but the times before it are in {}",
                    found(),
                    unit.name(),
                    first.name()
                ))
            }
            _ => Ok(moment.seconds),
        }
    }
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
