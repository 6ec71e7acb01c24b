//! Columns beside a plain model: every record asked.

use super::*;
use crate::filter::{FieldKinds, MAX_LIST_NUMBERS};
use crate::format::FormatError;
use crate::format::container::{Header, Kind, Section, Sections, encode_footer, encode_table};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::ops::Bound;
use twinspire_core::files::Blob;
use twinspire_core::wire::checksum;
use twinspire_towers::internals::{FieldValue, Fields, Number, Place, Term, Test};

/// Columns of some rows, as bytes and as what they were made of.
struct Made {
    rows: Vec<Fields>,
    table: Vec<u8>,
    data: Vec<u8>,
}

/// The columns of records, none of which is a deleted one.
fn made_with(builder: ColumnsBuilder, records: &[Option<Value>]) -> Made {
    let fields = |record: &Option<Value>| record.as_ref().map(Fields::of).unwrap_or_default();
    let rows: Vec<Fields> = records.iter().map(fields).collect();
    let mut builder = builder;
    rows.iter().for_each(|fields| builder.push(fields));
    let mut data = Vec::new();
    let table = builder.finish(|bytes| {
        data.extend_from_slice(bytes);
        Ok::<_, FormatError>(())
    });
    let table = table.unwrap().encode().unwrap();
    Made { rows, table, data }
}

fn made(records: &[Option<Value>]) -> Made {
    made_with(ColumnsBuilder::default(), records)
}

/// A file of the two sections alone.
fn file(table: &[u8], data: &[u8]) -> Blob {
    let (identity, database) = (7, 8);
    let header = Header {
        kind: Kind::Items,
        identity,
        database,
        before: 0,
    };
    let mut bytes = header.encode().to_vec();
    let mut sections = Vec::new();
    for (id, part) in [(COLUMNS, data), (COLUMN_TABLE, table)] {
        sections.push(Section {
            id,
            offset: bytes.len() as u64,
            length: part.len() as u64,
            checksum: checksum(part),
            must_be_understood: false,
        });
        bytes.extend_from_slice(part);
        bytes.resize(bytes.len().next_multiple_of(64), 0);
    }
    let (entries, at) = (encode_table(&sections), bytes.len() as u64);
    bytes.extend_from_slice(&entries);
    let length = bytes.len() as u64 + 64;
    bytes.extend(encode_footer(&entries, at, length, identity));
    Blob::from_bytes(&bytes)
}

impl Made {
    /// Reads the columns, and gives them to `then`.
    fn read<T>(&self, then: impl FnOnce(&ColumnsLayout, &[u8]) -> T) -> T {
        let blob = file(&self.table, &self.data);
        let sections = Sections::decode(&blob, Kind::Items).unwrap();
        let layout = ColumnsLayout::decode(&blob, &sections, self.rows.len() as u64).unwrap();
        then(&layout, &blob)
    }

    /// Compares what columns say of a test with what the records do.
    fn compare(&self, path: &str, test: &Test) {
        let matching = |fields: &Fields| test.matches(fields.field(path));
        let expected: Vec<bool> = self.rows.iter().map(matching).collect();
        self.read(|layout, bytes| match layout.lookup(bytes, path) {
            Lookup::Absent => {
                assert!(self.rows.iter().all(|fields| fields.field(path).is_none()));
            }
            Lookup::Unindexed => assert!(!layout.is_complete()),
            Lookup::Column(column) => {
                let matches = column.resolve(test);
                let uncertain: Vec<u32> = matches.uncertain().to_vec();
                assert!(uncertain.is_sorted_by(|a, b| a < b));
                for (row, expected) in (0u32..).zip(&expected) {
                    assert_eq!(matches.is_uncertain(row), uncertain.contains(&row));
                    if matches.is_uncertain(row) {
                        assert!(*expected || !matches.contains(row));
                    } else {
                        assert_eq!(matches.contains(row), *expected, "row {row}");
                    }
                }
                let rows = rows_of(&matches);
                let set: BTreeSet<u32> = rows.iter().copied().collect();
                let all = 0..self.rows.len() as u32;
                let contained = all.filter(|row| matches.contains(*row));
                assert!(contained.eq(set.iter().copied()));
                let count = expected.iter().filter(|matches| **matches).count();
                assert!(matches.count() >= count);
                let shape = layout.table.columns.iter().find(|shape| shape.path == path);
                if !shape.unwrap().is_many() {
                    assert_eq!(rows.len(), set.len());
                    if uncertain.is_empty() && !matches!(test, Test::Within { .. }) {
                        assert_eq!(matches.count(), count);
                    }
                }
                assert!(!matches.contains(self.rows.len() as u32));
                assert!(!matches.contains(u32::MAX));
            }
        });
    }
}

/// The rows that match for certain.
fn rows_of(matches: &Matches<'_>) -> Vec<u32> {
    let mut all = Vec::new();
    matches.for_each_batch(|rows| all.extend_from_slice(rows));
    all
}

fn long(letter: char) -> String {
    letter.to_string().repeat(MAX_TEXT_BYTES + 1)
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-c]{0,2}",
        1 => Just("ß".repeat(MAX_TEXT_BYTES / 2)),
        1 => Just(long('b')),
        1 => Just(long('z')),
    ]
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        (-3i32..3).prop_map(f64::from),
        Just(-0.0),
        Just(0.5),
        Just(1e300),
        Just(-1e-300),
        Just(9_007_199_254_740_993i64 as f64),
    ]
}

/// An integer that no float equals, or that is next to one.
fn integer() -> impl Strategy<Value = Value> {
    let above = (9_007_199_254_740_991i64..9_007_199_254_740_996).prop_map(Value::from);
    prop_oneof![above, (u64::MAX - 3..=u64::MAX).prop_map(Value::from)]
}

fn exact_number() -> impl Strategy<Value = Number> {
    let of = |value: Value| match value.as_i64() {
        Some(number) => Number::from(number),
        None => value.as_u64().unwrap_or_default().into(),
    };
    prop_oneof![2 => number().prop_map(Number::from), 1 => integer().prop_map(of)]
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        1 => Just(Value::Null),
        2 => any::<bool>().prop_map(Value::from),
        2 => (-3i64..3).prop_map(Value::from),
        2 => number().prop_map(Value::from),
        1 => integer(),
        4 => text().prop_map(Value::from),
    ]
}

/// A list of more numbers than a dictionary takes, with a text and a boolean.
fn many_numbers(from: i64) -> Value {
    let numbers = (from..from + 1 + MAX_LIST_NUMBERS as i64).map(Value::from);
    numbers
        .chain([json!("a"), json!(true), json!(long('b'))])
        .collect()
}

fn degrees() -> impl Strategy<Value = (f64, f64)> {
    let round = (-4i32..=4, -4i32..=4)
        .prop_map(|(lat, lon)| (f64::from(lat) * 22.5, f64::from(lon) * 45.0));
    prop_oneof![round, (-90.0..90.0, -180.0..180.0)]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => scalar(),
        2 => vec(scalar(), 0..4).prop_map(Value::from),
        2 => degrees().prop_map(|(lat, lon)| json!({"lat": lat, "lon": lon})),
        1 => (scalar(), scalar()).prop_map(|(a, b)| json!({"x": a, "y": b})),
        1 => Just(json!([[1], {"x": 1}])),
        1 => (0..4i64).prop_map(many_numbers),
        1 => Just(json!({})),
    ]
}

/// Records with fields that all have, that some have, and that few have; and deletes.
fn records() -> impl Strategy<Value = Vec<Option<Value>>> {
    let often = |of: u32| prop::bool::weighted(f64::from(of) / 100.0);
    let one = (vec(value(), 5), scalar(), often(60), often(8), often(90)).prop_map(
        |(values, plain, some, few, there)| {
            let mut record = json!({"plain": plain, "any": values[0]});
            if some {
                record["some"] = values[1].clone();
                record["deep"] = json!({"any": values[2]});
            }
            if few {
                record["few"] = values[3].clone();
                record["deep.any"] = values[4].clone();
            }
            there.then_some(record)
        },
    );
    vec(one, 0..40)
}

fn term() -> impl Strategy<Value = Term> {
    prop_oneof![
        any::<bool>().prop_map(Term::Bool),
        exact_number().prop_map(Term::Number),
        text().prop_map(Term::Text),
    ]
}

fn test() -> impl Strategy<Value = Test> {
    let bound = || {
        prop_oneof![
            3 => term().prop_map(Bound::Included),
            3 => term().prop_map(Bound::Excluded),
            2 => Just(Bound::Unbounded),
        ]
    };
    let numbers = (exact_number(), exact_number()).prop_map(|(low, high)| Test::Between {
        low: Bound::Included(Term::Number(low)),
        high: Bound::Excluded(Term::Number(high)),
    });
    let km = prop_oneof![
        Just(0.0),
        Just(-1.0),
        Just(f64::NAN),
        1.0..21_000.0,
        Just(20_015.2)
    ];
    prop_oneof![
        (bound(), bound()).prop_map(|(low, high)| Test::Between { low, high }),
        numbers,
        vec(term(), 0..5).prop_map(Test::OneOf),
        Just(Test::Present),
        (degrees(), km).prop_map(|((lat, lon), km)| Test::Within {
            centre: Place { lat, lon },
            km
        }),
    ]
}

const PATHS: [&str; 9] = [
    "plain", "any", "any.x", "some", "few", "few.y", "deep.any", "deep", "nowhere",
];

proptest! {
    #[test]
    fn columns_answer_every_test_as_the_records_do(records in records(), tests in vec(test(), 1..6)) {
        let made = made(&records);
        for path in PATHS {
            for test in &tests {
                made.compare(path, test);
            }
            // A test of what is there, which those that are drawn may miss.
            let values = made.rows.iter().filter_map(|fields| fields.field(path));
            for value in values.take(3) {
                match value {
                    FieldValue::Terms { terms, .. } => made.compare(path, &Test::OneOf(terms.clone())),
                    FieldValue::Place(centre) => {
                        made.compare(path, &Test::Within { centre: *centre, km: 3000.0 });
                    }
                }
            }
        }
    }

    #[test]
    fn columns_say_what_occurs_and_are_found_right(records in records()) {
        let made = made(&records);
        let mut expected: Vec<(String, FieldKinds)> = Vec::new();
        for (path, value) in made.rows.iter().flat_map(Fields::iter) {
            let at = expected.iter().position(|(other, _)| other == path);
            let at = at.unwrap_or_else(|| {
                expected.push((path.to_owned(), FieldKinds::default()));
                expected.len() - 1
            });
            let kinds = &mut expected[at].1;
            match value {
                FieldValue::Place(_) => kinds.places = true,
                FieldValue::Terms { terms, list } => {
                    kinds.lists |= list;
                    let numbers = terms.iter().filter(|term| matches!(term, Term::Number(_)));
                    let many = numbers.count() > MAX_LIST_NUMBERS;
                    kinds.number_lists |= many;
                    for term in terms {
                        match term {
                            Term::Bool(_) => kinds.booleans = true,
                            Term::Number(_) => kinds.numbers |= !many,
                            Term::Text(_) => kinds.texts = true,
                        }
                    }
                }
            }
        }
        expected.sort_by(|(a, _), (b, _)| a.cmp(b));
        made.read(|layout, _| {
            prop_assert!(layout.is_complete());
            let found = layout.fields().map(|(path, kinds)| (path.to_owned(), kinds));
            prop_assert_eq!(found.collect::<Vec<_>>(), expected);
            Ok(())
        })?;
        let mut builder = ColumnsBuilder::default();
        made.rows.iter().for_each(|fields| builder.push(fields));
        let blob = file(&made.table, &made.data);
        let sections = Sections::decode(&blob, Kind::Items).unwrap();
        prop_assert!(check(&blob, &sections, builder).is_ok());
    }

    #[test]
    fn hostile_columns_are_refused_or_answer_something(
        records in records(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>(), any::<bool>()), 1..6),
        tests in vec(test(), 1..4),
    ) {
        let mut made = made(&records);
        for (at, byte, in_table) in changes {
            let bytes = if in_table { &mut made.table } else { &mut made.data };
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
        }
        let blob = file(&made.table, &made.data);
        let (sections, rows) = (Sections::decode(&blob, Kind::Items).unwrap(), made.rows.len() as u32);
        let Ok(layout) = ColumnsLayout::decode(&blob, &sections, u64::from(rows)) else {
            return Ok(());
        };
        for (path, _) in layout.fields() {
            let Lookup::Column(column) = layout.lookup(&blob, path) else {
                continue;
            };
            for matches in tests.iter().map(|test| column.resolve(test)) {
                matches.count();
                rows_of(&matches);
                for row in (0..rows + 2).chain([u32::MAX]).chain(matches.uncertain().iter().copied()) {
                    matches.contains(row);
                    matches.is_uncertain(row);
                }
            }
        }
    }
}

#[test]
fn long_texts_are_left_to_the_records() {
    let records = [
        json!({"t": long('m')}),
        json!({"t": "n"}),
        json!({"t": ["a", long('q')]}),
    ];
    let made = made(&records.map(Some));
    made.read(|layout, bytes| {
        let Lookup::Column(column) = layout.lookup(bytes, "t") else {
            panic!("there is no column");
        };
        let text = |text: &str| Term::Text(text.to_owned());
        let (low, high) = (Bound::Included(text("b")), Bound::Unbounded);
        let matches = column.resolve(&Test::Between { low, high });
        assert_eq!(matches.uncertain(), [0, 2]);
        assert_eq!(rows_of(&matches), [1]);
        assert_eq!(matches.count(), 3);
        assert!(matches.is_uncertain(2) && !matches.is_uncertain(1));
        let short = column.resolve(&Test::OneOf(vec![text("n"), text("a")]));
        assert_eq!(short.uncertain().len(), 0);
        let one = column.resolve(&Test::OneOf(vec![text(&long('q'))]));
        assert_eq!((one.count(), rows_of(&one).len()), (2, 0));
        let present = column.resolve(&Test::Present);
        assert_eq!((present.count(), present.uncertain().len()), (4, 0));
    });
}

#[test]
fn long_lists_of_numbers_are_left_to_the_records_and_take_no_room() {
    let embedding =
        |from: usize| -> Vec<f64> { (0..256).map(|at| (from + at) as f64 * 0.37).collect() };
    let mut records: Vec<_> = (0..50)
        .map(|at| Some(json!({"e": embedding(at)})))
        .collect();
    let made = made(&records);
    assert!(made.data.len() < 50 * 32, "{} bytes", made.data.len());
    records.push(Some(json!({"e": [0.37, 7]})));
    let made = made_with(ColumnsBuilder::default(), &records);
    let number = |number: f64| Term::Number(number.into());
    let (low, high) = (Bound::Excluded(number(200.0 * 0.37)), Bound::Unbounded);
    made.compare("e", &Test::Between { low, high });
    made.compare("e", &Test::OneOf(vec![number(0.37), number(7.0)]));
    made.compare("e", &Test::OneOf(vec![number(0.37), Term::Text(long('b'))]));
    made.compare("e", &Test::Present);
}

#[test]
fn omitted_paths_and_their_members_have_no_columns() {
    let record = json!({"raw": {"x": 1, "y": {"z": 2}}, "rawer": 3, "a": {"raw": 4, "b.c": 5}});
    let omitted = ["raw", "a.b"].map(str::to_owned);
    let made = made_with(ColumnsBuilder::omitting(&omitted.into()), &[Some(record)]);
    made.read(|layout, bytes| {
        let columns: Vec<_> = layout.fields().map(|(path, _)| path).collect();
        assert_eq!(columns, ["a.raw", "rawer"]);
        for path in ["raw", "raw.x", "raw.y.z", "raw.none", "a.b", "a.b.c"] {
            assert!(
                matches!(layout.lookup(bytes, path), Lookup::Unindexed),
                "{path}"
            );
        }
        assert!(matches!(layout.lookup(bytes, "a.none"), Lookup::Absent));
    });
}

#[test]
fn more_fields_than_columns_are_left_to_the_records() {
    let many = |from: usize, count: usize| -> Value {
        let fields = (from..from + count).map(|at| (format!("f{at:04}"), json!(at)));
        Value::Object(fields.collect())
    };
    let records = [
        Some(many(0, MAX_COLUMNS)),
        None,
        Some(many(MAX_COLUMNS - 1, 2)),
    ];
    let made = made(&records);
    made.read(|layout, bytes| {
        assert!(!layout.is_complete());
        assert_eq!(layout.fields().count(), MAX_COLUMNS);
        let lookup = |path: &str| layout.lookup(bytes, path);
        assert!(matches!(lookup("f0511"), Lookup::Column(_)));
        assert!(matches!(lookup("f0512"), Lookup::Unindexed));
        assert!(matches!(lookup("f"), Lookup::Unindexed));
        assert!(matches!(lookup(&"f".repeat(257)), Lookup::Absent));
    });
    made.compare("f0511", &Test::Present);
}

#[test]
fn columns_that_grow_too_large_are_given_up_for_good() {
    let records: Vec<_> = (0..20)
        .map(|at| Some(json!({"id": format!("{at:08}"), "n": at % 2})))
        .collect();
    let most = ColumnsBuilder::with_limit(100);
    let made = made_with(most, &records);
    made.read(|layout, bytes| {
        assert!(!layout.is_complete());
        assert!(matches!(layout.lookup(bytes, "id"), Lookup::Unindexed));
        assert!(matches!(layout.lookup(bytes, "n"), Lookup::Column(_)));
    });
    made.compare("n", &Test::OneOf(vec![Term::Number(1.0.into())]));
    let most = ColumnsBuilder::with_limit(19);
    made_with(most, &records).read(|layout, _| assert_eq!(layout.fields().count(), 0));
}

#[test]
fn a_field_few_rows_have_takes_little_room() {
    let record = |at: usize| match at % 100 {
        0 => json!({"id": "a", "rare": at}),
        _ => json!({"id": "a"}),
    };
    let records: Vec<_> = (0..10_000).map(|at| Some(record(at))).collect();
    let made = made(&records);
    // Ids: a posting and an entry a row. The rare ones: a number, a posting, a row, an entry each.
    assert!(
        made.data.len() < 8 * 10_000 + 20 * 100 + 200,
        "{}",
        made.data.len()
    );
    let (low, high) = (
        Bound::Included(Term::Number(500.0.into())),
        Bound::Unbounded,
    );
    made.compare("rare", &Test::Between { low, high });
}

#[test]
fn nothing_and_deletes_alone_have_no_columns() {
    for records in [&[][..], &[None, None]] {
        let made = made(records);
        assert!(made.data.is_empty());
        made.compare("id", &Test::Present);
    }
}
