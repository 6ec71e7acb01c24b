//! Settings from JSON: keys that are given replace defaults, unknown keys are rejected.

use serde::Serialize;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt::{self, Formatter};

/// Deserialises settings over `defaults`; `parse` reads an object in which no key is missing.
///
/// The derived implementation would not do: with `flatten`, the shared settings would have the same
/// defaults in every recipe, and the error of an unknown key would not list the known ones.
///
/// # Errors
/// Names the key that is unknown, that is given twice or that has the wrong type.
pub(crate) fn deserialize_over<'de, D: Deserializer<'de>, C: Serialize>(
    from: D,
    defaults: &C,
    parse: impl Fn(Value) -> Result<C, serde_json::Error>,
) -> Result<C, D::Error> {
    let defaults = serde_json::to_value(defaults).map_err(D::Error::custom)?;
    let Given(given) = Given::deserialize(from)?;
    let Value::Object(mut settings) = defaults else {
        return parse(Value::Object(given)).map_err(D::Error::custom);
    };
    for (key, value) in given {
        let Some(setting) = settings.get_mut(&key) else {
            let known: Vec<String> = settings.keys().map(|key| format!("`{key}`")).collect();
            let known = known.join(", ");
            let error = format!("unknown field `{key}`, expected one of {known}");
            return Err(D::Error::custom(error));
        };
        *setting = value;
        // One key at a time, so that the error can name it.
        if let Err(error) = parse(Value::Object(settings.clone())) {
            return Err(D::Error::custom(format!("`{key}`: {error}")));
        }
    }
    parse(Value::Object(settings)).map_err(D::Error::custom)
}

/// The keys of an object, each at most once.
struct Given(Map<String, Value>);

impl<'de> Deserialize<'de> for Given {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Keys)
    }
}

struct Keys;

impl<'de> Visitor<'de> for Keys {
    type Value = Given;

    fn expecting(&self, into: &mut Formatter<'_>) -> fmt::Result {
        into.write_str("an object of settings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Given, A::Error> {
        let mut given = Map::new();
        while let Some((key, value)) = from.next_entry::<String, Value>()? {
            if given.contains_key(&key) {
                return Err(A::Error::custom(format!("duplicate field `{key}`")));
            }
            given.insert(key, value);
        }
        Ok(Given(given))
    }
}
