//! What a training reads of its data: every column, and ids of events without a record.

use super::dataset::Dataset;
use super::error::TrainError;
use super::schema::{Profile, Unread, columns};
use super::unknown_ids::{UnknownIds, as_text};
use serde::{Serialize, Serializer};
use serde_json::json;
use std::collections::{BTreeMap, HashMap, HashSet};
use twinspire_towers::internals::Side;
use twinspire_towers::internals::schema::{LookupSchema, Schema};

/// Share of repeats from which on they are spoken of.
const MANY_REPEATS: f64 = 0.1;
/// Number of unknown ids that are named.
const EXAMPLES: usize = 5;

/// What a training reads of its data.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct DataReport {
    /// The columns of users, then of items.
    pub columns: Vec<ColumnReport>,
    /// Ids that events name and no record has: of users, of items.
    pub unknown_ids: Vec<UnknownIds>,
    /// Share of the events whose user had the item before.
    pub repeats: f64,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ColumnReport {
    /// Whether it is a field of users or of items.
    #[serde(serialize_with = "as_text")]
    pub side: Side,
    /// The field.
    pub field: String,
    /// What it is read as; several kinds if several features read it. `None` if it is unread.
    pub read_as: Option<String>,
    /// Why it is unread.
    #[serde(serialize_with = "as_optional_text")]
    pub unread: Option<Unread>,
    /// Number of records with a value.
    pub values: usize,
    /// Number of records without one.
    pub nulls: usize,
    /// Number of values of another type than the column, which count as missing.
    pub strays: usize,
    /// One of them.
    pub example: Option<String>,
}

impl DataReport {
    /// The report on data that towers of a schema are trained on.
    pub(crate) fn new(data: &Dataset, schema: &Schema, unknown_ids: Vec<UnknownIds>) -> Self {
        let sides = [(Side::User, &data.users), (Side::Item, &data.items)];
        let columns = sides.into_iter().flat_map(|(side, records)| {
            let profiles = columns(records).into_iter();
            profiles
                .map(move |(field, profile)| column(side, field, profile, records.len(), schema))
        });
        Self {
            columns: columns.collect(),
            unknown_ids,
            repeats: repeats(data),
        }
    }

    /// If users often take items again: a sentence that says so.
    #[must_use]
    pub fn repeats_note(&self) -> Option<String> {
        (self.repeats >= MANY_REPEATS).then(|| {
            let percent = 100.0 * self.repeats;
            format!(
                "{percent:.0} % of the events are of items that their user had before; the setting `repeats` decides \
                 whether these are to be found"
            )
        })
    }
}

/// The share of events whose user had the item before.
fn repeats(data: &Dataset) -> f64 {
    let mut pairs: HashSet<(&str, &str)> = HashSet::new();
    let again = data.events.iter();
    let again = again.filter(|event| !pairs.insert((&event.user, &event.item)));
    again.count() as f64 / data.events.len().max(1) as f64
}

fn column(
    side: Side,
    field: String,
    profile: Profile,
    records: usize,
    schema: &Schema,
) -> ColumnReport {
    let towers = schema.towers().filter(|(of, _)| *of == side);
    let features = towers.flat_map(|(_, tower)| &tower.features);
    let readers = features.filter(|feature| feature.fields().any(|read| read == field));
    let kinds: Vec<String> = readers
        .map(|feature| {
            let kind = json!(feature)["kind"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            let table = feature.table().and_then(|name| schema.tables.get(name));
            match table.map(|table| &table.lookup) {
                Some(LookupSchema::Vocabulary { ids, .. }) => format!("{kind} ({})", ids.len()),
                _ => kind,
            }
        })
        .collect();
    let is_read = !kinds.is_empty();
    let unread = match profile.column {
        _ if is_read => None,
        Err(unread) => Some(unread),
        Ok(_) => Some(Unread::LeftOut),
    };
    ColumnReport {
        side,
        field,
        read_as: is_read.then(|| kinds.join(", ")),
        unread,
        values: profile.values,
        nulls: records - profile.values,
        strays: profile.strays,
        example: profile.example,
    }
}

/// Counts the ids of events without a record, of sides that have records.
///
/// # Errors
/// [`TrainError::UnknownIds`] if more than `most` of the events name such ids.
pub(crate) fn check_ids(data: &Dataset, most: f32) -> Result<Vec<UnknownIds>, TrainError> {
    let sides = [
        (Side::User, &data.users, "user_id"),
        (Side::Item, &data.items, "id"),
    ];
    let mut all = Vec::new();
    for (side, records, field) in sides {
        let ids = records
            .iter()
            .filter_map(|record| record.get(field)?.as_str());
        let ids: HashSet<&str> = ids.collect();
        let named = data.events.iter().map(|event| match side {
            Side::User => event.user.as_str(),
            Side::Item => event.item.as_str(),
        });
        let mut unknown: HashMap<&str, usize> = HashMap::new();
        for id in named.filter(|id| !ids.is_empty() && !ids.contains(id)) {
            *unknown.entry(id).or_default() += 1;
        }
        if unknown.is_empty() {
            continue;
        }
        let unknown = summary(side, &ids, unknown, data.events.len());
        if unknown.share() > f64::from(most) {
            return Err(TrainError::UnknownIds { unknown, most });
        }
        all.push(unknown);
    }
    Ok(all)
}

fn summary(
    side: Side,
    ids: &HashSet<&str>,
    unknown: HashMap<&str, usize>,
    of_events: usize,
) -> UnknownIds {
    // The first id in order, so that examples do not depend on the hash map.
    let mut alike: BTreeMap<String, &str> = BTreeMap::new();
    for id in ids {
        let first = alike.entry(normal(id)).or_insert(id);
        *first = (*first).min(id);
    }
    let (count, events) = (unknown.len(), unknown.values().sum());
    let mut unknown: Vec<(&str, usize)> = unknown.into_iter().collect();
    unknown.sort_unstable_by_key(|(id, events)| (usize::MAX - events, *id));
    let examples = unknown.into_iter().take(EXAMPLES).map(|(id, _)| {
        let nearest = alike.get(&normal(id)).map(|id| (*id).to_owned());
        (id.to_owned(), nearest)
    });
    UnknownIds {
        side,
        ids: count,
        events,
        of_events,
        examples: examples.collect(),
    }
}

/// An id without what programs change on the way: spaces, quotes, case, leading zeros, `.0` of a float.
fn normal(id: &str) -> String {
    let id = id.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '\u{feff}'));
    let whole = match id.split_once('.') {
        Some((whole, rest)) if rest.bytes().all(|digit| digit == b'0') => whole,
        _ => id,
    };
    let digits = whole.trim_start_matches('0');
    match whole.bytes().all(|byte| byte.is_ascii_digit()) && !whole.is_empty() {
        true if digits.is_empty() => "0".to_owned(),
        true => digits.to_owned(),
        false => id.to_lowercase(),
    }
}

#[expect(clippy::ref_option, reason = "serde passes a reference")]
fn as_optional_text<S: Serializer>(
    unread: &Option<Unread>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match unread {
        Some(unread) => serializer.collect_str(unread),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use twinspire_towers::Event;

    fn data(items: &[String], named: &[String]) -> Dataset {
        let event = |item: &String| Event {
            user: "u".to_owned(),
            item: item.clone(),
            at: 0,
            weight: 1.0,
        };
        Dataset {
            items: items.iter().map(|id| json!({"id": id})).collect(),
            users: Vec::new(),
            events: named.iter().map(event).collect(),
        }
    }

    /// What programs do to ids.
    fn mangled(id: u32, how: usize) -> String {
        match how {
            0 => format!("{id}.0"),
            1 => format!(" {id}"),
            2 => format!("{id:07}"),
            3 => format!("{id}.00 "),
            _ => format!("\"{id}\""),
        }
    }

    proptest! {
        #[test]
        fn mangled_ids_are_counted_and_named_with_the_id_they_were(
            ids in prop::collection::btree_set(1u32..100_000, 1..40), how in 0usize..5, good in 0usize..4,
        ) {
            let items: Vec<String> = ids.iter().map(u32::to_string).collect();
            let bad: Vec<String> = ids.iter().map(|id| mangled(*id, how)).collect();
            let named: Vec<String> = items.iter().cycle().take(items.len() * good).cloned()
                .chain(bad.iter().cloned()).collect();
            let error = check_ids(&data(&items, &named), 0.01).unwrap_err();
            let TrainError::UnknownIds { unknown, .. } = &error else { panic!("{error}") };
            prop_assert_eq!((unknown.ids, unknown.events), (ids.len(), ids.len()));
            for (id, nearest) in &unknown.examples {
                let at = bad.iter().position(|other| other == id).unwrap();
                prop_assert_eq!(nearest.as_ref(), Some(&items[at]));
            }
            prop_assert!(error.to_string().contains("there is"), "{}", error);
            let allowed = check_ids(&data(&items, &named), 1.0).unwrap();
            prop_assert_eq!(allowed.len(), 1);
            prop_assert!(check_ids(&data(&items, &items), 0.0).unwrap().is_empty());
        }
    }
}
