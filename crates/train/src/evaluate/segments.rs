//! Parts of the questions: by a field, by history, by popularity, cold users and cold items.

use super::questions::Questions;
use crate::error::TrainError;
use crate::popularity::parts;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// Most values of a field that are segments of their own; the rest is one segment.
const MAX_VALUES: usize = 20;
/// Number of ranges that numbers are cut into, if there are more values than this.
const RANGES: usize = 4;
/// First lengths of histories of each segment.
const HISTORY: [usize; 5] = [0, 1, 5, 20, 100];

/// What segments are made by. As text: `history`, `popularity`, `cold_users`, `cold_items`, `user.FIELD` or
/// `item.FIELD`.
///
/// Segments of users part the questions. Segments of items part the relevant items: each counts as a question of its
/// own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SegmentBy {
    /// Number of the user's events before the split.
    History,
    /// Tenth of the catalogue that the item belongs to by its number of events before the split.
    Popularity,
    /// Whether the user had events before the split.
    ColdUsers,
    /// Whether the item had events before the split.
    ColdItems,
    /// A field of users. Of a list every value counts, so segments overlap.
    UserField(String),
    /// A field of items, likewise.
    ItemField(String),
}

impl fmt::Display for SegmentBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::History => f.write_str("history"),
            Self::Popularity => f.write_str("popularity"),
            Self::ColdUsers => f.write_str("cold_users"),
            Self::ColdItems => f.write_str("cold_items"),
            Self::UserField(field) => write!(f, "user.{field}"),
            Self::ItemField(field) => write!(f, "item.{field}"),
        }
    }
}

impl FromStr for SegmentBy {
    type Err = TrainError;

    fn from_str(text: &str) -> Result<Self, TrainError> {
        let field = |prefix: &str| text.strip_prefix(prefix).filter(|field| !field.is_empty());
        match text {
            "history" => Ok(Self::History),
            "popularity" => Ok(Self::Popularity),
            "cold_users" => Ok(Self::ColdUsers),
            "cold_items" => Ok(Self::ColdItems),
            _ => match (field("user."), field("item.")) {
                (Some(field), _) => Ok(Self::UserField(field.to_owned())),
                (_, Some(field)) => Ok(Self::ItemField(field.to_owned())),
                (None, None) => Err(TrainError::UnknownSegment {
                    found: text.to_owned(),
                }),
            },
        }
    }
}

/// What the users or items of a segment share.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SegmentValue {
    /// A value.
    Value(String),
    /// Numbers from the first to the second, both included; without a second one, any from the first on.
    Range(f64, Option<f64>),
    /// The field is missing or null.
    Missing,
    /// Any of the rarer values.
    Other,
}

impl fmt::Display for SegmentValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => f.write_str(value),
            Self::Range(from, Some(to)) if from == to => write!(f, "{from}"),
            Self::Range(from, Some(to)) => write!(f, "{from} to {to}"),
            Self::Range(from, None) => write!(f, "{from} or more"),
            Self::Missing => f.write_str("(no value)"),
            Self::Other => f.write_str("(other values)"),
        }
    }
}

/// The parts of the questions by one criterion: for each, the places of its questions or of its relevant items.
pub(crate) struct Parts {
    /// Whether relevant items are parted, not users.
    pub(crate) of_items: bool,
    pub(crate) each: Vec<(SegmentValue, Vec<Place>)>,
}

/// A question, or one of its relevant items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) question: u32,
    /// The place among the relevant items; `None` for all of them.
    pub(crate) relevant: Option<u32>,
}

/// Parts the questions.
pub(crate) fn part(by: &SegmentBy, questions: &Questions) -> Parts {
    let users = || {
        questions.iter().zip(0u32..).map(|(of, question)| {
            let relevant = None;
            (of, Place { question, relevant })
        })
    };
    let items = || {
        questions.iter().zip(0u32..).flat_map(|(of, question)| {
            of.relevant.iter().zip(0u32..).map(move |(item, at)| {
                let relevant = Some(at);
                (*item, Place { question, relevant })
            })
        })
    };
    let of_items = matches!(
        by,
        SegmentBy::Popularity | SegmentBy::ColdItems | SegmentBy::ItemField(_)
    );
    let each = match by {
        SegmentBy::History => {
            let of = |length: usize| HISTORY.partition_point(|from| *from <= length) - 1;
            let values = (0..HISTORY.len()).map(|at| {
                let to = HISTORY.get(at + 1).map(|next| (next - 1) as f64);
                SegmentValue::Range(HISTORY[at] as f64, to)
            });
            numbered(
                values,
                users().map(|(user, place)| (of(user.seen.len()), place)),
            )
        }
        SegmentBy::ColdUsers => {
            let values = ["cold", "warm"].map(|name| SegmentValue::Value(name.to_owned()));
            let cold = |length: usize| usize::from(length > 0);
            numbered(
                values,
                users().map(|(user, place)| (cold(user.seen.len()), place)),
            )
        }
        SegmentBy::ColdItems => {
            let values = ["cold", "warm"].map(|name| SegmentValue::Value(name.to_owned()));
            let warm = |item: u32| usize::from(questions.counts()[item as usize] > 0);
            numbered(values, items().map(|(item, place)| (warm(item), place)))
        }
        SegmentBy::Popularity => {
            let counts = questions.counts();
            let tenths = parts(&counts[..questions.catalogue()]);
            let mut of = vec![tenths.len(); counts.len()];
            let values = tenths.iter().enumerate().map(|(number, tenth)| {
                tenth.iter().for_each(|item| of[*item] = number);
                let count = |item: Option<&usize>| item.map_or(0.0, |item| counts[*item] as f64);
                SegmentValue::Range(count(tenth.first()), Some(count(tenth.last())))
            });
            let mut values: Vec<SegmentValue> = values.collect();
            // Items that are not in the catalogue.
            values.push(SegmentValue::Missing);
            numbered(
                values,
                items().map(|(item, place)| (of[item as usize], place)),
            )
        }
        SegmentBy::UserField(field) => by_value(
            users()
                .map(|(user, place)| (user.user.get(field).cloned(), place))
                .collect(),
        ),
        SegmentBy::ItemField(field) => {
            let value = |item: u32| questions.item_record(item)?.get(field).cloned();
            by_value(items().map(|(item, place)| (value(item), place)).collect())
        }
    };
    Parts { of_items, each }
}

/// Parts by numbers of values; empty ones are left out.
fn numbered(
    values: impl IntoIterator<Item = SegmentValue>,
    places: impl Iterator<Item = (usize, Place)>,
) -> Vec<(SegmentValue, Vec<Place>)> {
    let mut parts: Vec<_> = values
        .into_iter()
        .map(|value| (value, Vec::new()))
        .collect();
    for (number, place) in places {
        parts[number].1.push(place);
    }
    parts.retain(|(_, places)| !places.is_empty());
    parts
}

/// Parts by the values of a field: ranges of numbers, or the most frequent values.
fn by_value(values: Vec<(Option<Value>, Place)>) -> Vec<(SegmentValue, Vec<Place>)> {
    let numbers = values
        .iter()
        .filter_map(|(value, _)| value.as_ref()?.as_f64());
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_unstable_by(f64::total_cmp);
    let mut distinct = numbers.clone();
    distinct.dedup();
    if distinct.len() > MAX_VALUES {
        return by_range(values, &numbers);
    }
    let mut found: BTreeMap<String, Vec<Place>> = BTreeMap::new();
    let mut missing = Vec::new();
    for (value, place) in values {
        let mut texts: Vec<String> = match value {
            Some(Value::Array(list)) => list.iter().filter_map(text).collect(),
            value => value.as_ref().and_then(text).into_iter().collect(),
        };
        texts.sort_unstable();
        texts.dedup();
        match texts.is_empty() {
            true => missing.push(place),
            false => texts
                .into_iter()
                .for_each(|text| found.entry(text).or_default().push(place)),
        }
    }
    let mut found: Vec<(String, Vec<Place>)> = found.into_iter().collect();
    found.sort_by_key(|(_, places)| std::cmp::Reverse(places.len()));
    let mut other: Vec<Place> = found
        .drain(found.len().min(MAX_VALUES)..)
        .flat_map(|(_, places)| places)
        .collect();
    // An item with several rare values counts once.
    other.sort_unstable();
    other.dedup();
    let found = found.into_iter();
    let mut parts: Vec<_> = found
        .map(|(value, places)| (SegmentValue::Value(value), places))
        .collect();
    parts.push((SegmentValue::Other, other));
    parts.push((SegmentValue::Missing, missing));
    parts.retain(|(_, places)| !places.is_empty());
    parts
}

/// Parts by ranges with about as many numbers each. Other values count as missing.
fn by_range(
    values: Vec<(Option<Value>, Place)>,
    sorted: &[f64],
) -> Vec<(SegmentValue, Vec<Place>)> {
    let mut starts: Vec<f64> = (0..RANGES)
        .map(|at| sorted[sorted.len() * at / RANGES])
        .collect();
    starts.dedup();
    let ends = starts.iter().skip(1).map(|start| {
        let before = sorted.partition_point(|number| number < start);
        sorted[before - 1]
    });
    let ends: Vec<f64> = ends.chain(sorted.last().copied()).collect();
    let ranges = starts.iter().zip(ends);
    let mut of_values: Vec<_> = ranges
        .map(|(from, to)| SegmentValue::Range(*from, Some(to)))
        .collect();
    of_values.push(SegmentValue::Missing);
    let places = values.into_iter().map(|(value, place)| {
        let number = value.and_then(|value| value.as_f64());
        let at = number.map(|number| starts.partition_point(|start| *start <= number) - 1);
        (at.unwrap_or(starts.len()), place)
    });
    numbered(of_values, places)
}

/// A value as the name of a segment; objects and lists have none.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_events::numbered as event;
    use super::*;
    use crate::dataset::Dataset;
    use proptest::prelude::*;
    use serde_json::json;

    fn any_value() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (0i32..40).prop_map(Value::from),
            (0..30u8).prop_map(|n| json!(format!("<{n}>"))),
            prop::collection::vec(0..30u8, 0..4).prop_map(|list| json!(list)),
            Just(json!({"a": 1})),
        ]
    }

    proptest! {
        #[test]
        fn segments_sum_to_the_whole(
            before in prop::collection::vec((0usize..12, 0usize..9), 0..80),
            after in prop::collection::vec((0usize..14, 0usize..12), 1..40),
            fields in prop::collection::vec(any_value(), 14),
        ) {
            let users = (0..14).map(|user| json!({"user_id": format!("u{user}"), "f": fields[user]}));
            let data = Dataset {
                users: users.collect(),
                events: before.iter().map(|(user, item)| event(*user, *item, 1)).collect(),
                ..Dataset::default()
            };
            let held_out: Vec<_> = after.iter().map(|(user, item)| event(*user, *item, 2)).collect();
            let catalogue = (0..10).map(|item| format!("i{item}"));
            let questions = Questions::new(&data, &held_out, catalogue, true, 99).unwrap();
            let records = questions.relevant_items().map(|item| (item, json!({"f": fields[item as usize]})));
            let records = records.collect();
            let questions = questions.with_item_records(records);
            let relevant: usize = questions.iter().map(|question| question.relevant.len()).sum();
            for by in ["history", "popularity", "cold_users", "cold_items", "user.f", "item.f", "user.none"] {
                let by: SegmentBy = by.parse().unwrap();
                let parts = part(&by, &questions);
                prop_assert!(parts.each.iter().all(|(_, places)| !places.is_empty()));
                let mut all: Vec<Place> = parts.each.iter().flat_map(|(_, places)| places.clone()).collect();
                all.sort_unstable();
                let count = all.len();
                all.dedup();
                let whole = if parts.of_items { relevant } else { questions.len() };
                prop_assert_eq!(all.len(), whole, "{}", by);
                // Only values of a list overlap.
                let lists = fields.iter().any(Value::is_array)
                    && matches!(by, SegmentBy::UserField(_) | SegmentBy::ItemField(_));
                prop_assert!(count == whole || lists, "{}", by);
            }
        }
    }

    #[test]
    fn numbers_become_ranges_and_rare_values_one_segment() {
        let place = |question| Place {
            question,
            relevant: None,
        };
        let numbers = (0..40).map(|n| (Some(json!(n * 10)), place(n)));
        let ranges = by_value(numbers.chain([(None, place(40))]).collect());
        let names: Vec<String> = ranges.iter().map(|(value, _)| value.to_string()).collect();
        assert_eq!(
            names,
            [
                "0 to 90",
                "100 to 190",
                "200 to 290",
                "300 to 390",
                "(no value)"
            ]
        );
        assert!(ranges[..4].iter().all(|(_, places)| places.len() == 10));
        let words = (0..30).map(|n| (Some(json!(format!("w{}", n.min(24)))), place(n)));
        let values = by_value(words.collect());
        assert_eq!(values.len(), MAX_VALUES + 1);
        assert_eq!(
            (values[0].0.to_string(), values[0].1.len()),
            ("w24".to_owned(), 6)
        );
        assert_eq!(
            (&values[20].0, values[20].1.len()),
            (&SegmentValue::Other, 5)
        );
    }

    #[test]
    fn a_criterion_is_read_as_it_is_written() {
        for text in [
            "history",
            "popularity",
            "cold_users",
            "cold_items",
            "user.a.b",
            "item.genre",
        ] {
            assert_eq!(text.parse::<SegmentBy>().unwrap().to_string(), text);
        }
        for text in ["", "genre", "user.", "items.x"] {
            let error = text.parse::<SegmentBy>().unwrap_err().to_string();
            assert!(error.contains("item.FIELD"), "{error}");
        }
    }
}
