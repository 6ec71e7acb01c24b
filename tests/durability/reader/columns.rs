//! Columns of an items segment, compared row by row with the records.

use super::{Packed, u32s, u64s};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// What a row has in a field. Numbers are the bits of the nearest float and the rest; degrees are kept as
/// bits, floats having no order of sets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Seen {
    Bool(bool),
    Number(u64, i16),
    Text(Vec<u8>),
    Long,
    Place(u64, u64),
    Empty,
    Numbers,
}

/// The fields of a record, by path, and whether a list is there.
type Fields = BTreeMap<String, (BTreeSet<Seen>, bool)>;

fn term(value: &Value) -> Option<Seen> {
    match value {
        Value::Bool(flag) => Some(Seen::Bool(*flag)),
        Value::Number(number) => {
            let nearest = number.as_f64().unwrap() + 0.0;
            let signed = number.as_i64().map(i128::from);
            let integer = signed.or(number.as_u64().map(i128::from));
            let rest = integer.map_or(0, |integer| integer - nearest as i128);
            Some(Seen::Number(nearest.to_bits(), rest as i16))
        }
        Value::String(text) if text.len() > 256 => Some(Seen::Long),
        Value::String(text) => Some(Seen::Text(text.clone().into_bytes())),
        _ => None,
    }
}

fn place(object: &Map<String, Value>) -> Option<Seen> {
    let (lat, lon) = (object.get("lat")?.as_f64()?, object.get("lon")?.as_f64()?);
    let fits = object.len() == 2 && lat.abs() <= 90.0 && lon.abs() <= 180.0;
    fits.then(|| Seen::Place((lat + 0.0).to_bits(), (lon + 0.0).to_bits()))
}

fn fields(object: &Map<String, Value>, above: &str, found: &mut Fields) {
    for (name, value) in object {
        let path = if above.is_empty() {
            name.clone()
        } else {
            format!("{above}.{name}")
        };
        let (seen, list) = match value {
            Value::Null => continue,
            Value::Object(inner) => match place(inner) {
                Some(place) => (BTreeSet::from([place]), false),
                None => {
                    fields(inner, &path, found);
                    continue;
                }
            },
            Value::Array(elements) => {
                let mut terms: BTreeSet<Seen> = elements.iter().filter_map(term).collect();
                if terms.is_empty() {
                    terms.insert(Seen::Empty);
                }
                let is_number = |seen: &Seen| matches!(seen, Seen::Number(..));
                if terms.iter().filter(|seen| is_number(seen)).count() > 32 {
                    terms.retain(|seen| !is_number(seen));
                    terms.insert(Seen::Numbers);
                }
                (terms, true)
            }
            scalar => (BTreeSet::from([term(scalar).unwrap()]), false),
        };
        assert!(path.len() <= 256, "no golden path is that long");
        let twice = found.insert(path, (seen, list));
        assert_eq!(twice, None, "no golden path is there twice");
    }
}

/// A column's counts, in the order in which they are stored.
struct Counts {
    booleans: u32,
    numbers: usize,
    rests: bool,
    texts: usize,
    text_bytes: usize,
    term_postings: usize,
    long: usize,
    places: usize,
    empty: usize,
    number_lists: usize,
    present: usize,
    lists: bool,
}

/// Reads sections 9 and 10 and sees that they say what the records (none: deleted) say. Gives the kinds
/// of values in each field: booleans, numbers, texts, places, lists, long lists of numbers.
pub fn check(records: &[Option<Value>], table: &[u8], data: &[u8]) -> BTreeMap<String, [bool; 6]> {
    let mut expected: Vec<Fields> = Vec::new();
    for record in records {
        let mut found = Fields::new();
        if let Some(record) = record {
            fields(record.as_object().unwrap(), "", &mut found);
        }
        expected.push(found);
    }
    let mut table = Packed(table);
    assert_eq!(table.take(1), [1], "so few fields all have columns");
    let columns = table.list(|packed| {
        let path = packed.text();
        let (booleans, numbers) = (packed.u32(), packed.u32() as usize);
        let rests = packed.bool();
        let mut count = || packed.u32() as usize;
        let counts = Counts {
            booleans,
            numbers,
            rests,
            texts: count(),
            text_bytes: count(),
            term_postings: count(),
            long: count(),
            places: count(),
            empty: count(),
            number_lists: count(),
            present: count(),
            lists: packed.bool(),
        };
        (path, counts)
    });
    let omitted = table.list(Packed::text);
    assert!(omitted.is_sorted_by(|a, b| a < b));
    table.done();
    for fields in &mut expected {
        let within = |path: &str, omitted: &String| {
            let below = path.strip_prefix(omitted.as_str());
            below.is_some_and(|below| below.is_empty() || below.starts_with('.'))
        };
        fields.retain(|path, _| !omitted.iter().any(|omitted| within(path, omitted)));
    }
    let paths: BTreeSet<&String> = expected.iter().flat_map(BTreeMap::keys).collect();
    assert!(columns.iter().map(|(path, _)| path).eq(paths));
    let mut data = Packed(data);
    for (path, counts) in &columns {
        let of_rows: Vec<_> = expected.iter().map(|fields| fields.get(path)).collect();
        counts.check(&of_rows, &mut data);
    }
    data.done();
    let kinds = columns.into_iter().map(|(path, counts)| {
        let texts = counts.texts + counts.long > 0;
        let (booleans, numbers) = (counts.booleans > 0, counts.numbers > 0);
        let (places, many) = (counts.places > 0, counts.number_lists > 0);
        let kinds = [booleans, numbers, texts, places, counts.lists, many];
        (path, kinds)
    });
    kinds.collect()
}

/// The next array, and the zeros behind it.
fn array<'a>(data: &mut Packed<'a>, bytes: usize) -> &'a [u8] {
    let array = data.take(bytes);
    let fill = data.take(bytes.next_multiple_of(8) - bytes);
    assert!(fill.iter().all(|byte| *byte == 0));
    array
}

impl Counts {
    fn check(&self, of_rows: &[Option<&(BTreeSet<Seen>, bool)>], data: &mut Packed<'_>) {
        let terms = self.booleans.count_ones() as usize + self.numbers + self.texts;
        let marks = [self.long, self.places, self.empty, self.number_lists];
        let postings = self.term_postings + marks.iter().sum::<usize>();
        let (unique, many) = (self.term_postings == terms, postings > self.present);
        let dense = 4 * self.present > of_rows.len();
        let slots = if dense { of_rows.len() } else { self.present };
        let with_end = |count: usize, there: bool| if there { 4 * (count + 1) } else { 0 };
        let numbers = u64s(array(data, 8 * self.numbers));
        let rests = array(data, if self.rests { 2 * self.numbers } else { 0 });
        let latitudes = u64s(array(data, 8 * self.places));
        let longitudes = u64s(array(data, 8 * self.places));
        let text_offsets = u32s(array(data, with_end(self.texts, self.texts > 0)));
        let texts = array(data, self.text_bytes);
        let posting_offsets = u32s(array(data, with_end(terms, !unique)));
        let posted = u32s(array(data, 4 * postings));
        let slot_rows = u32s(array(data, if dense { 0 } else { 4 * slots }));
        let entry_offsets = u32s(array(data, with_end(slots, many)));
        let entries = u32s(array(data, 4 * if many { postings } else { slots }));
        let by_latitude = u32s(array(data, 4 * self.places));

        let mut dictionary: Vec<Seen> = Vec::new();
        dictionary.extend((self.booleans & 1 != 0).then_some(Seen::Bool(false)));
        dictionary.extend((self.booleans & 2 != 0).then_some(Seen::Bool(true)));
        let rests = rests
            .chunks(2)
            .map(|rest| i16::from_le_bytes([rest[0], rest[1]]));
        let rests: Vec<i16> = match self.rests {
            true => rests.collect(),
            false => vec![0; self.numbers],
        };
        assert_eq!(self.rests, rests.iter().any(|rest| *rest != 0));
        let exact: Vec<(u64, i16)> = numbers.iter().copied().zip(rests).collect();
        dictionary.extend(
            exact
                .iter()
                .map(|(nearest, rest)| Seen::Number(*nearest, *rest)),
        );
        dictionary.extend(text_offsets.windows(2).map(|pair| {
            let text = &texts[pair[0] as usize..pair[1] as usize];
            Seen::Text(text.to_vec())
        }));
        let value = |bits: &u64| f64::from_bits(*bits);
        assert!(exact.is_sorted_by(|(a, x), (b, y)| (value(a), x) < (value(b), y)));
        assert!(dictionary[terms - self.texts..].is_sorted_by(|a, b| a < b));

        // Postings: each row's ordinals, gathered from the rows of each ordinal.
        let mut starts: Vec<usize> = if unique {
            (0..=terms).collect()
        } else {
            posting_offsets.iter().map(|at| *at as usize).collect()
        };
        assert_eq!(starts[terms], self.term_postings);
        for mark in marks {
            starts.push(starts.last().unwrap() + mark);
        }
        let mut ordinals: Vec<Vec<u32>> = vec![Vec::new(); of_rows.len()];
        for ordinal in 0..terms + 4 {
            let rows = &posted[starts[ordinal]..starts[ordinal + 1]];
            assert!(!rows.is_empty() || ordinal >= terms);
            assert!(rows.is_sorted_by(|a, b| a < b));
            rows.iter()
                .for_each(|row| ordinals[*row as usize].push(ordinal as u32));
        }
        // Entries: the same, row by row.
        let mut slotted: Vec<Vec<u32>> = vec![Vec::new(); of_rows.len()];
        for slot in 0..slots {
            let row = if dense {
                slot
            } else {
                slot_rows[slot] as usize
            };
            slotted[row] = if many {
                entries[entry_offsets[slot] as usize..entry_offsets[slot + 1] as usize].to_vec()
            } else {
                let has = |ordinal: &u32| *ordinal != u32::MAX;
                Some(entries[slot]).filter(has).into_iter().collect()
            };
        }
        assert!(slot_rows.is_sorted_by(|a, b| a < b));
        assert_eq!(ordinals, slotted);

        let places = &posted[starts[terms + 1]..starts[terms + 2]];
        for (row, ordinals) in ordinals.iter().enumerate() {
            let seen = ordinals.iter().map(|ordinal| {
                let mark = (*ordinal as usize).checked_sub(terms);
                match mark {
                    None => dictionary[*ordinal as usize].clone(),
                    Some(0) => Seen::Long,
                    Some(1) => {
                        let at = places.binary_search(&(row as u32)).unwrap();
                        Seen::Place(latitudes[at], longitudes[at])
                    }
                    Some(2) => Seen::Empty,
                    Some(_) => Seen::Numbers,
                }
            });
            let seen: BTreeSet<Seen> = seen.collect();
            let expected = of_rows[row].map(|(seen, _)| seen.clone());
            assert_eq!(seen, expected.unwrap_or_default());
        }
        let by_latitude: Vec<(f64, u32)> = by_latitude
            .iter()
            .map(|at| (value(&latitudes[*at as usize]), *at))
            .collect();
        assert!(by_latitude.is_sorted_by(|a, b| a < b));
        let there = of_rows.iter().flatten();
        assert_eq!(there.clone().count(), self.present);
        assert_eq!(there.clone().any(|(_, list)| *list), self.lists);
    }
}
