//! The fields of a record that filters see, by path, and the conditions on one field.
//!
//! A record is JSON of any shape; a filter compares scalars. [`Fields::of`] defines the mapping:
//!
//! - Members of nested objects have dotted paths: `seller.city`.
//! - A scalar (boolean, number, string) is one [`Term`]. Integers of 64 bits and floats compare exactly.
//! - A list holds its scalar elements, sorted and without duplicates; other elements are ignored. A test
//!   matches a list if it matches any of its terms.
//! - An object of exactly the numbers `lat` in -90 to 90 and `lon` in -180 to 180 is a [`Place`].
//! - `null` and an object without members count as absent; an empty list counts as present.
//! - Two members with the same path (`{"a.b": 1, "a": {"b": 2}}`) become one list of both. Of a place and
//!   terms, the terms are kept; of two places, the southern one, then the western one.
//! - A path longer than [`MAX_PATH_BYTES`] is ignored: otherwise a record with long names around many
//!   members could take a thousand times its own size.
//!
//! The columns of a segment (`format::columns`) index exactly these fields, and the overlay keeps them for fresh
//! items. [`Test::matches`](super::Test::matches) is the reference: every index must give its answer.
//!
//! Out of scope: the syntax of filters, and how tests are combined (`filter`).

use super::place::Place;
use super::term::Term;
use serde_json::{Map, Value};

/// The longest path of a field, in bytes.
pub const MAX_PATH_BYTES: usize = 256;

/// The value of a field.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldValue {
    /// A scalar, or the scalars of a list.
    Terms {
        /// Sorted, without duplicates; exactly one unless it is a list.
        terms: Vec<Term>,
        /// Whether the value is a list.
        list: bool,
    },
    /// A point on the earth.
    Place(Place),
}

/// The fields of a record that filters see.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields {
    /// Sorted by path, each path once.
    fields: Vec<(String, FieldValue)>,
}

impl Fields {
    /// The fields of a record.
    pub fn of(record: &Value) -> Self {
        let mut fields = Vec::new();
        if let Value::Object(members) = record {
            collect(members, &mut String::new(), &mut fields);
        }
        if !fields.is_sorted_by(|(a, _), (b, _)| a < b) {
            fields.sort_by(|(a, _), (b, _)| a.cmp(b));
            fields.dedup_by(|(path, value), (kept, first)| path == kept && first.join(value));
        }
        Self { fields }
    }

    /// The value of a field; `None` if it is absent.
    pub fn field(&self, path: &str) -> Option<&FieldValue> {
        let at = self
            .fields
            .binary_search_by(|(other, _)| other.as_str().cmp(path));
        self.fields.get(at.ok()?).map(|(_, value)| value)
    }

    /// The largest number of a field, as the nearest float.
    pub fn largest_number(&self, path: &str) -> Option<f64> {
        let FieldValue::Terms { terms, .. } = self.field(path)? else {
            return None;
        };
        // Sorted: numbers come before texts.
        terms.iter().rev().find_map(|term| match term {
            Term::Number(number) => Some(number.nearest()),
            Term::Bool(_) | Term::Text(_) => None,
        })
    }

    /// All fields, sorted by path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &FieldValue)> {
        let fields = self.fields.iter();
        fields.map(|(path, value)| (path.as_str(), value))
    }
}

impl FieldValue {
    /// Merges the value of another member with the same path; always true, for `dedup_by`.
    fn join(&mut self, other: &mut Self) -> bool {
        match (&mut *self, &mut *other) {
            (Self::Terms { terms, list }, Self::Terms { terms: more, .. }) => {
                terms.append(more);
                *list = true;
                normalise(terms);
            }
            (Self::Place(_), Self::Terms { .. }) => std::mem::swap(self, other),
            (Self::Place(place), Self::Place(other)) => {
                // Independent of the order of the members.
                let further = other.lat.total_cmp(&place.lat);
                if further.then(other.lon.total_cmp(&place.lon)).is_lt() {
                    *place = *other;
                }
            }
            (Self::Terms { .. }, Self::Place(_)) => {}
        }
        true
    }
}

/// Adds the fields of the object at `path`.
fn collect(object: &Map<String, Value>, path: &mut String, fields: &mut Vec<(String, FieldValue)>) {
    let above = path.len();
    for (name, value) in object {
        if above > 0 {
            path.push('.');
        }
        path.push_str(name);
        if path.len() <= MAX_PATH_BYTES {
            match value {
                Value::Null => {}
                Value::Object(inner) => match Place::of(inner) {
                    Some(place) => fields.push((path.clone(), FieldValue::Place(place))),
                    None => collect(inner, path, fields),
                },
                Value::Array(elements) => {
                    let mut terms = elements.iter().filter_map(Term::of).collect();
                    normalise(&mut terms);
                    fields.push((path.clone(), FieldValue::Terms { terms, list: true }));
                }
                Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                    let terms = Vec::from_iter(Term::of(value));
                    fields.push((path.clone(), FieldValue::Terms { terms, list: false }));
                }
            }
        }
        path.truncate(above);
    }
}

/// Sorts terms and removes duplicates.
fn normalise(terms: &mut Vec<Term>) {
    terms.sort_unstable();
    terms.dedup();
}
