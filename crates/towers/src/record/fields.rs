//! What filters see of a record: fields by path, and the tests that are asked of one field.
//!
//! A record is JSON of any shape; a filter compares scalars. [`Fields::of`] says, once for the whole
//! house, what the one is to the other:
//!
//! - Members of nested objects have dotted paths: `seller.city`.
//! - A scalar (boolean, number, string) is one [`Term`]; numbers compare as `f64`, so that integers
//!   beyond 2^53 round.
//! - A list holds its scalar elements, in order and without repeats; other elements are left out. A
//!   test matches a list if it matches any of its terms.
//! - An object of exactly the numbers `lat` in -90 to 90 and `lon` in -180 to 180 is a [`Place`].
//! - `null` is as if absent, and so is an object without members; an empty list is there.
//! - Two members that give one path (`{"a.b": 1, "a": {"b": 2}}`) are as one list of both; a place
//!   gives way to terms, and to a place further south, or as far south and further west.
//! - A path longer than [`MAX_PATH_BYTES`] is no field: a record of long names around many members
//!   would take a thousand times its own memory.
//!
//! Columns of a segment (`format::columns`) are an index of exactly this, and the overlay keeps it for
//! items that are not in a segment yet: [`Test::matches`] is the answer that every shortcut must give.
//!
//! Out of scope: how a filter is written and how its tests are joined (`filter`).

use serde_json::{Map, Value};
use std::cmp::Ordering;
use std::ops::Bound;

/// The longest path that is a field, in bytes.
pub const MAX_PATH_BYTES: usize = 256;

/// The mean radius of the earth.
const EARTH_RADIUS_KM: f64 = 6371.0088;

/// A value that filters compare, ordered by kind, then by value.
#[derive(Clone, Debug)]
pub enum Term {
    /// `true` or `false`; `false` is less.
    Bool(bool),
    /// A number. Minus zero is zero; JSON has no NaN.
    Number(f64),
    /// A string, ordered by its bytes.
    Text(String),
}

impl Term {
    /// The kind, in the order of kinds.
    fn kind(&self) -> u8 {
        match self {
            Self::Bool(_) => 0,
            Self::Number(_) => 1,
            Self::Text(_) => 2,
        }
    }

    /// The term of a scalar; none for null, lists and objects.
    fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Bool(flag) => Some(Self::Bool(*flag)),
            // Adding zero makes zero of minus zero.
            Value::Number(number) => Some(Self::Number(number.as_f64()? + 0.0)),
            Value::String(text) => Some(Self::Text(text.clone())),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

impl Ord for Term {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Number(a), Self::Number(b)) => (a + 0.0).total_cmp(&(b + 0.0)),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            _ => self.kind().cmp(&other.kind()),
        }
    }
}

impl PartialOrd for Term {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Term {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Term {}

/// A point on the earth, in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// Degrees north, -90 to 90.
    pub lat: f64,
    /// Degrees east, -180 to 180.
    pub lon: f64,
}

impl Place {
    /// Between two places on one meridian.
    pub const KM_PER_DEGREE: f64 = EARTH_RADIUS_KM * std::f64::consts::PI / 180.0;

    /// The distance on the surface of a sphere (haversine).
    pub fn distance_km(&self, other: &Self) -> f64 {
        let (here, there) = (self.lat.to_radians(), other.lat.to_radians());
        let half_lat = ((there - here) / 2.0).sin();
        let half_lon = ((other.lon - self.lon).to_radians() / 2.0).sin();
        let chord = half_lat * half_lat + here.cos() * there.cos() * half_lon * half_lon;
        2.0 * EARTH_RADIUS_KM * chord.clamp(0.0, 1.0).sqrt().asin()
    }

    /// The place at these degrees, if there is one.
    pub(crate) fn new(lat: f64, lon: f64) -> Option<Self> {
        let fits = lat.abs() <= 90.0 && lon.abs() <= 180.0;
        // Adding zero makes zero of minus zero.
        fits.then_some(Self {
            lat: lat + 0.0,
            lon: lon + 0.0,
        })
    }

    /// The place an object is, if it is one.
    pub fn of(object: &Map<String, Value>) -> Option<Self> {
        let number = |name| object.get(name).and_then(Value::as_f64);
        let place = Self::new(number("lat")?, number("lon")?);
        place.filter(|_| object.len() == 2)
    }
}

/// What a field of one record holds.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldValue {
    /// Scalars: one, or those of a list.
    Terms {
        /// In order, without repeats; exactly one unless it is a list.
        terms: Vec<Term>,
        /// Whether the record has a list here.
        list: bool,
    },
    /// A point on the earth.
    Place(Place),
}

/// The fields of a record that filters can see.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields {
    /// By path, sorted, each path once.
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

    /// What a field holds; none if the record has nothing there.
    pub fn field(&self, path: &str) -> Option<&FieldValue> {
        let at = self
            .fields
            .binary_search_by(|(other, _)| other.as_str().cmp(path));
        self.fields.get(at.ok()?).map(|(_, value)| value)
    }

    /// The largest number that a field holds.
    pub fn largest_number(&self, path: &str) -> Option<f64> {
        let FieldValue::Terms { terms, .. } = self.field(path)? else {
            return None;
        };
        // In order: numbers come before texts.
        terms.iter().rev().find_map(|term| match term {
            Term::Number(number) => Some(*number),
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
    /// Takes in what another member of the same path holds; always true.
    fn join(&mut self, other: &mut Self) -> bool {
        match (&mut *self, &mut *other) {
            (Self::Terms { terms, list }, Self::Terms { terms: more, .. }) => {
                terms.append(more);
                *list = true;
                tidy(terms);
            }
            (Self::Place(_), Self::Terms { .. }) => std::mem::swap(self, other),
            (Self::Place(place), Self::Place(other)) => {
                // Whatever the order in which members come.
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

/// Adds the fields of an object that lies at `path`.
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
                    tidy(&mut terms);
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

fn tidy(terms: &mut Vec<Term>) {
    terms.sort_unstable();
    terms.dedup();
}

/// What is asked of one field.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// A term in a range. Both bounds are of one kind, otherwise nothing matches; an unbounded side
    /// stays within the kind of the other bound, and without any bound every term matches.
    Between {
        /// The lower end.
        low: Bound<Term>,
        /// The upper end.
        high: Bound<Term>,
    },
    /// One of these terms, of any kinds.
    OneOf(Vec<Term>),
    /// Anything: a term, a place, a list even if it is empty.
    Present,
    /// A place at most so far away.
    Within {
        /// From where.
        centre: Place,
        /// How far.
        km: f64,
    },
}

impl Test {
    /// Whether what a record holds in the field (none: nothing) is what is asked.
    pub fn matches(&self, value: Option<&FieldValue>) -> bool {
        match (self, value) {
            (_, None) => false,
            (Self::Present, Some(_)) => true,
            (Self::Within { centre, km }, Some(FieldValue::Place(place))) => {
                centre.distance_km(place) <= *km
            }
            (_, Some(FieldValue::Terms { terms, .. })) => {
                terms.iter().any(|term| self.matches_term(term))
            }
            (_, Some(FieldValue::Place(_))) => false,
        }
    }

    /// Whether a single term is what is asked.
    fn matches_term(&self, term: &Term) -> bool {
        match self {
            Self::Between { low, high } => {
                let of_kind = |bound: &Bound<Term>| match bound {
                    Bound::Included(end) | Bound::Excluded(end) => end.kind() == term.kind(),
                    Bound::Unbounded => true,
                };
                let above = match low {
                    Bound::Included(low) => low <= term,
                    Bound::Excluded(low) => low < term,
                    Bound::Unbounded => true,
                };
                let below = match high {
                    Bound::Included(high) => term <= high,
                    Bound::Excluded(high) => term < high,
                    Bound::Unbounded => true,
                };
                above && below && of_kind(low) && of_kind(high)
            }
            Self::OneOf(terms) => terms.contains(term),
            Self::Present => true,
            Self::Within { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn terms(values: &Value, list: bool) -> FieldValue {
        let terms = values.as_array().unwrap().iter().map(Term::of);
        let terms = terms.collect::<Option<_>>().unwrap();
        FieldValue::Terms { terms, list }
    }

    fn between(low: Bound<&Value>, high: Bound<&Value>) -> Test {
        Test::Between {
            low: low.map(|value| Term::of(value).unwrap()),
            high: high.map(|value| Term::of(value).unwrap()),
        }
    }

    #[test]
    fn a_record_is_its_scalars_lists_and_places_by_dotted_path() {
        let record = json!({
            "id": "a", "price": 3, "new": true, "none": null, "empty": [], "hollow": {},
            "tags": ["y", 1, "x", null, ["z"], {"w": 1}, "y", true],
            "seller": {"city": "Bonn", "at": {"lat": 50.7, "lon": 7}, "none": null},
            "off": {"lat": 91, "lon": 0}, "more": {"lat": 1, "lon": 2, "alt": 3},
        });
        let fields = Fields::of(&record);
        let found: Vec<_> = fields.iter().map(|(path, _)| path).collect();
        let paths = [
            "empty",
            "id",
            "more.alt",
            "more.lat",
            "more.lon",
            "new",
            "off.lat",
            "off.lon",
            "price",
            "seller.at",
            "seller.city",
            "tags",
        ];
        assert_eq!(found, paths);
        let field = |path| fields.field(path).unwrap().clone();
        assert_eq!(field("price"), terms(&json!([3.0]), false));
        assert_eq!(field("id"), terms(&json!(["a"]), false));
        assert_eq!(field("empty"), terms(&json!([]), true));
        assert_eq!(field("tags"), terms(&json!([true, 1, "x", "y"]), true));
        let place = Place {
            lat: 50.7,
            lon: 7.0,
        };
        assert_eq!(field("seller.at"), FieldValue::Place(place));
        assert_eq!(fields.field("seller"), None);
        assert_eq!(fields.field("none"), None);
    }

    #[test]
    fn two_members_of_one_path_are_one_list() {
        let fields = Fields::of(&json!({"a.b": 2, "a": {"b": 1}, "a!": 0}));
        assert_eq!(fields.iter().count(), 2);
        assert_eq!(fields.field("a.b"), Some(&terms(&json!([1, 2]), true)));
        let fields = Fields::of(&json!({"a.b": 2, "a": {"b": {"lat": 1, "lon": 1}}}));
        assert_eq!(fields.field("a.b"), Some(&terms(&json!([2]), false)));
        let (north, south) = (json!({"lat": 2, "lon": 1}), json!({"lat": 1, "lon": 2}));
        for (outer, inner) in [(&north, &south), (&south, &north)] {
            let fields = Fields::of(&json!({"a.b": outer, "a": {"b": inner}}));
            let place = Place { lat: 1.0, lon: 2.0 };
            assert_eq!(fields.field("a.b"), Some(&FieldValue::Place(place)));
        }
    }

    #[test]
    fn long_names_around_many_members_take_little_memory() {
        let members: Map<_, _> = (0..100).map(|i| (i.to_string(), json!(i))).collect();
        let fields = Fields::of(&json!({"x".repeat(500_000): members, "y".repeat(256): 1}));
        assert_eq!(fields.iter().count(), 1);
    }

    #[test]
    fn tests_answer_by_kind_range_and_presence() {
        use Bound::{Excluded, Included, Unbounded};
        let number = terms(&json!([5]), false);
        let mixed = terms(&json!([false, 7, "b"]), true);
        let (three, five) = (json!(3), json!(5));
        assert!(between(Included(&three), Included(&five)).matches(Some(&number)));
        assert!(!between(Included(&three), Excluded(&five)).matches(Some(&number)));
        assert!(between(Excluded(&three), Unbounded).matches(Some(&mixed)));
        assert!(!between(Unbounded, Excluded(&json!("a"))).matches(Some(&mixed)));
        assert!(!between(Included(&json!(false)), Included(&json!("z"))).matches(Some(&mixed)));
        assert!(between(Unbounded, Unbounded).matches(Some(&mixed)));
        let one_of = Test::OneOf(vec![Term::Text("b".to_owned()), Term::Number(5.0)]);
        assert!(one_of.matches(Some(&number)) && one_of.matches(Some(&mixed)));
        let empty = terms(&json!([]), true);
        assert!(Test::Present.matches(Some(&empty)) && !Test::Present.matches(None));
        assert!(!between(Unbounded, Unbounded).matches(Some(&empty)));
        let minus_zero = Fields::of(&json!({"n": -0.0}));
        let zero = Test::OneOf(vec![Term::Number(0.0)]);
        assert!(zero.matches(minus_zero.field("n")));
        assert_eq!(Term::Number(-0.0), Term::Number(0.0));
    }

    #[test]
    fn distances_are_those_on_the_earth() {
        let place = |lat, lon| Place { lat, lon };
        let (berlin, paris) = (place(52.52, 13.405), place(48.8566, 2.3522));
        let distance = berlin.distance_km(&paris);
        assert!((distance - 877.46).abs() < 0.1, "{distance}");
        let poles = place(90.0, 0.0).distance_km(&place(-90.0, 123.0));
        assert!((poles - std::f64::consts::PI * EARTH_RADIUS_KM).abs() < 1e-6);
        let across = place(0.0, 179.5).distance_km(&place(0.0, -179.5));
        assert!((across - 111.195).abs() < 0.01, "{across}");
        let near = Test::Within {
            centre: berlin,
            km: 900.0,
        };
        assert!(near.matches(Some(&FieldValue::Place(paris))));
        assert!(!near.matches(Some(&terms(&json!([1]), false))));
        let exact = Test::Within {
            centre: berlin,
            km: 0.0,
        };
        assert!(exact.matches(Some(&FieldValue::Place(berlin))));
    }

    fn term() -> impl Strategy<Value = Term> {
        prop_oneof![
            any::<bool>().prop_map(Term::Bool),
            prop_oneof![Just(0.0), Just(-0.0), -1e300..1e300].prop_map(Term::Number),
            "[a-c]{0,2}".prop_map(Term::Text),
        ]
    }

    proptest! {
        #[test]
        fn terms_are_totally_ordered(a in term(), b in term(), c in term()) {
            prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
            prop_assert_eq!(a == b, a.cmp(&b).is_eq());
            let mut sorted = [a, b, c];
            sorted.sort();
            prop_assert!(sorted[0] <= sorted[1] && sorted[1] <= sorted[2] && sorted[0] <= sorted[2]);
        }
    }
}
