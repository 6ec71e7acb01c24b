//! JSON lines: an id and a list of numbers in each.
//!
//! The list is parsed directly into components: as a JSON value it would take ten times the memory of its text.

use std::fmt;
use std::path::Path;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use twinspire_towers::internals::describe;

use super::options::{Setting, VectorOptions};
use super::row::{self, MAX_DIMENSION, Row, Shape};
use crate::error::ImportError;
use crate::fields;
use crate::json::parse_seed;

/// Maximum number of fields that an error lists.
const MAX_NAMES: usize = 30;

/// The function that turns a line into its row.
pub(super) fn convert(
    path: &Path,
    options: &VectorOptions,
) -> Result<impl FnMut(&[u8]) -> Result<Row, String> + Send + use<>, ImportError> {
    options.only(path, &[Setting::Columns, Setting::Space])?;
    let id = options.id_column.as_deref().unwrap_or("id").to_owned();
    let vector = options
        .vector_column
        .as_deref()
        .unwrap_or("vector")
        .to_owned();
    let (id, vector) = match &options.space {
        Some(space) => (
            vec!["item".to_owned(), "id".to_owned()],
            vec!["vectors".to_owned(), space.clone()],
        ),
        None => (vec![id], vec![vector]),
    };
    let exported = options.space.is_some();
    let mut shape = Shape::default();
    Ok(move |line: &[u8]| {
        let mut found = Found::default();
        let seed = At {
            id: Some(&id),
            vector: Some(&vector),
            found: &mut found,
        };
        parse_seed(line, seed)?;
        if let Some(fault) = found.fault {
            return Err(fault);
        }
        let value = found.id.ok_or_else(|| {
            let hint = match found.wrapped && !exported {
                true => "; of an export with vectors name the space",
                false => "",
            };
            missing(&id, &found.beside_id, hint)
        })?;
        let id = fields::id(&id.join("."), value)?;
        let components = found
            .vector
            .ok_or_else(|| missing(&vector, &found.beside_vector, ""))?;
        let name = vector.join(".");
        let components = components.map_err(|what| format!("field `{name}`: {what}"))?;
        shape
            .check(&components)
            .map_err(|what| format!("field `{name}`: {what}"))?;
        Ok((id, components))
    })
}

fn missing(path: &[String], beside: &[String], hint: &str) -> String {
    let found = match beside {
        [] => "none".to_owned(),
        names => names.join(", "),
    };
    let path = path.join(".");
    format!("a field `{path}` expected, found these fields: {found}{hint}")
}

/// What was found in a line.
#[derive(Default)]
struct Found {
    id: Option<Value>,
    vector: Option<Result<Vec<f32>, String>>,
    /// Fields of the objects in which the id and the vector were expected, for the error message.
    beside_id: Vec<String>,
    beside_vector: Vec<String>,
    /// Whether it looks like a line of an export.
    wrapped: bool,
    fault: Option<String>,
}

/// A value in the line, with the paths from it to the id and to the vector. An empty path means this value.
struct At<'a> {
    id: Option<&'a [String]>,
    vector: Option<&'a [String]>,
    found: &'a mut Found,
}

impl At<'_> {
    /// Records a value of the wrong kind.
    fn wrong_kind<E>(self, value: &Value) -> Result<(), E> {
        let found = describe(value);
        if self.vector.is_some_and(<[String]>::is_empty) {
            let what = format!("a list of numbers expected, found {found}");
            self.found.vector = Some(Err(what));
        } else {
            let what = format!("a JSON object expected, found {found}");
            self.found.fault.get_or_insert(what);
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for At<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<(), D::Error> {
        value.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for At<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { id, vector, found } = self;
        let mut fields = 0;
        // Whether a path leads through a field.
        let leads = |way: Option<&'_ [String]>, key: &str| {
            let way = way.and_then(<[String]>::split_first);
            way.is_some_and(|(first, _)| first == key)
        };
        while let Some(key) = map.next_key::<String>()? {
            fields += 1;
            let (to_id, to_vector) = (leads(id, &key), leads(vector, &key));
            for (way, beside) in [
                (id, &mut found.beside_id),
                (vector, &mut found.beside_vector),
            ] {
                if way.is_some_and(|way| way.len() == 1) && beside.len() < MAX_NAMES {
                    beside.push(key.clone());
                }
            }
            let id = id.filter(|_| to_id).and_then(|way| way.get(1..));
            let vector = vector.filter(|_| to_vector).and_then(|way| way.get(1..));
            let is_id = id.is_some_and(<[String]>::is_empty);
            let is_vector = vector.is_some_and(<[String]>::is_empty);
            if is_id && found.id.is_some() || is_vector && found.vector.is_some() {
                let what = format!("one field `{key}` expected, found two");
                found.fault.get_or_insert(what);
                map.next_value::<IgnoredAny>()?;
            } else if is_id && vector.is_none() {
                found.id = Some(map.next_value()?);
            } else if id.is_some() || vector.is_some() {
                map.next_value_seed(At { id, vector, found })?;
            } else {
                found.wrapped |= key == "item";
                map.next_value::<IgnoredAny>()?;
            }
        }
        if vector.is_some_and(<[String]>::is_empty) {
            let what = format!("a list of numbers expected, found an object with {fields} fields");
            found.vector = Some(Err(what));
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        if !self.vector.is_some_and(<[String]>::is_empty) {
            let mut length = 0;
            while list.next_element::<IgnoredAny>()?.is_some() {
                length += 1;
            }
            let what = format!("a JSON object expected, found a list of {length}");
            self.found.fault.get_or_insert(what);
            return Ok(());
        }
        let mut components = Vec::new();
        let mut fault = None;
        let mut length = 0;
        while let Some(value) = list.next_element::<Value>()? {
            length += 1;
            if fault.is_some() || length > MAX_DIMENSION {
                continue;
            }
            fault = match value.as_f64() {
                Some(x) => row::narrow(length, x, &mut components).err(),
                None => Some(format!(
                    "component {length}: a number expected, found {}",
                    describe(&value)
                )),
            };
        }
        self.found.vector = Some(match (fault, row::check_length(length)) {
            (None, Ok(())) => Ok(components),
            (_, Err(what)) | (Some(what), _) => Err(what),
        });
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.wrong_kind(&value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.wrong_kind(&value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.wrong_kind(&value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.wrong_kind(&value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.wrong_kind(&value.into())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.wrong_kind(&Value::Null)
    }
}
