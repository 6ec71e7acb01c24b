//! JSON lines: one JSON object per line.

use std::io::BufRead;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use twinspire_towers::{Event, MinedPair, TrainingPair};

use crate::error::ImportError;
use crate::fields;
use crate::input::Text;
use crate::json::parse;
use crate::lines::Lines;
use crate::options::ReadOptions;

/// Items from a file: each line an object with an `id`, a string or a whole number.
pub fn items(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Lines<Value>, ImportError> {
    let path = path.as_ref();
    Ok(items_of(Text::open(path)?, path, options))
}

/// Items from an export with vectors: each line an object with an `item`. The vectors are ignored, as a publish with
/// the same towers computes them again.
pub fn exported(
    path: impl AsRef<Path>,
    options: &ReadOptions,
) -> Result<Lines<Value>, ImportError> {
    let path = path.as_ref();
    Ok(exported_of(Text::open(path)?, path, options))
}

/// Users from a file: each line an object with a `user_id`, or an `id`, which is renamed to `user_id`.
pub fn users(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Lines<Value>, ImportError> {
    let path = path.as_ref();
    Ok(users_of(Text::open(path)?, path, options))
}

/// Events from a file.
///
/// Each line is an object with `user` or `user_id` (or `query`, whose text then identifies the user), `item` or
/// `item_id`, `timestamp` or `at` (a Unix time or a date and time as in ISO 8601), and optionally `weight` or `rating`
/// (1 by default).
pub fn events(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Lines<Event>, ImportError> {
    let path = path.as_ref();
    Ok(events_of(Text::open(path)?, path, options))
}

/// Pairs to mine from a file: each line an object with the features of a `user`, the id `positive` of an item that the
/// user took, and optionally a list `known` of other such items. Ids are strings or whole numbers.
pub fn pairs(path: impl AsRef<Path>) -> Result<Lines<TrainingPair>, ImportError> {
    Lines::open(path.as_ref(), pair)
}

/// Mined pairs from a file that `twinspire mine` wrote, for training: each line an object with a `user`, a `positive` and
/// `negatives`, a list of objects with an `id`.
pub fn mined(path: impl AsRef<Path>) -> Result<Lines<MinedPair>, ImportError> {
    Lines::open(path.as_ref(), mined_pair)
}

/// Items from any reader; errors call it `name`.
pub fn items_from(
    reader: impl BufRead + Send + 'static,
    name: impl AsRef<Path>,
    options: &ReadOptions,
) -> Lines<Value> {
    items_of(Text::plain(reader), name.as_ref(), options)
}

/// Items from an export with vectors, from any reader; errors call it `name`.
pub fn exported_from(
    reader: impl BufRead + Send + 'static,
    name: impl AsRef<Path>,
    options: &ReadOptions,
) -> Lines<Value> {
    exported_of(Text::plain(reader), name.as_ref(), options)
}

/// Users from any reader; errors call it `name`.
pub fn users_from(
    reader: impl BufRead + Send + 'static,
    name: impl AsRef<Path>,
    options: &ReadOptions,
) -> Lines<Value> {
    users_of(Text::plain(reader), name.as_ref(), options)
}

/// Events from any reader; errors call it `name`.
pub fn events_from(
    reader: impl BufRead + Send + 'static,
    name: impl AsRef<Path>,
    options: &ReadOptions,
) -> Lines<Event> {
    events_of(Text::plain(reader), name.as_ref(), options)
}

/// Mined pairs from any reader; errors call it `name`.
pub fn mined_from(
    reader: impl BufRead + Send + 'static,
    name: impl AsRef<Path>,
) -> Lines<MinedPair> {
    Lines::new(reader, name.as_ref(), mined_pair)
}

/// Pairs from any reader; errors call it `name`.
pub fn pairs_from(
    reader: impl BufRead + Send + 'static,
    name: impl AsRef<Path>,
) -> Lines<TrainingPair> {
    Lines::new(reader, name.as_ref(), pair)
}

fn pair(line: &[u8]) -> Result<TrainingPair, String> {
    fields::pair(parse(line)?)
}

fn mined_pair(line: &[u8]) -> Result<MinedPair, String> {
    let mined = serde_json::from_value(parse(line)?);
    mined.map_err(|error| format!("not what `mine` writes: {error}"))
}

pub(crate) fn items_of(text: Text, path: &Path, options: &ReadOptions) -> Lines<Value> {
    let mut check = fields::items(options);
    Lines::of(text, path, move |line| {
        let record: Value = parse(line)?;
        let wrapped =
            record.get("id").is_none() && record.get("item").is_some_and(Value::is_object);
        check(record).map_err(|what| match wrapped {
            true => format!("{what} (an `item` in an object of its own is the format `export`)"),
            false => what,
        })
    })
}

pub(crate) fn exported_of(text: Text, path: &Path, options: &ReadOptions) -> Lines<Value> {
    let mut check = fields::items(options);
    Lines::of(text, path, move |line| check(exported_item(line)?))
}

pub(crate) fn users_of(text: Text, path: &Path, options: &ReadOptions) -> Lines<Value> {
    let mut check = fields::users(options);
    Lines::of(text, path, move |line| check(parse(line)?))
}

pub(crate) fn events_of(text: Text, path: &Path, options: &ReadOptions) -> Lines<Event> {
    let mut events = fields::Events::new(options);
    Lines::of(text, path, move |line| events.read(parse(line)?))
}

/// The part of an export line that is read.
#[derive(Deserialize)]
struct Exported {
    item: Option<Value>,
}

fn exported_item(line: &[u8]) -> Result<Value, String> {
    let object = line.trim_ascii_start().starts_with(b"{");
    let item = match object {
        true => parse::<Exported>(line)?.item,
        // Invalid JSON is reported first.
        false => parse::<Value>(line).map(|_| None)?,
    };
    item.ok_or_else(|| {
        "an object with an `item` expected, as `twinspire export --vectors` writes it, found none"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;
    use std::io::Cursor;

    fn event_of(line: &str) -> Result<Event, String> {
        let mut all = events_from(
            Cursor::new(line.to_owned()),
            "log.jsonl",
            &ReadOptions::new(),
        );
        all.next().unwrap().map_err(|error| error.to_string())
    }

    fn user_of(line: &str) -> Result<Value, String> {
        let mut all = users_from(
            Cursor::new(line.to_owned()),
            "users.jsonl",
            &ReadOptions::new(),
        );
        all.next().unwrap().map_err(|error| error.to_string())
    }

    #[test]
    fn a_bad_line_does_not_stop_the_items_after_it() {
        let text = "{\"id\":\"a\"}\n{oops}\n{\"id\":7,\"n\":1}\n{\"name\":\"b\"}\n[1]\n[{\n";
        let all: Vec<_> = items_from(Cursor::new(text), "items.jsonl", &ReadOptions::new())
            .map(|item| item.map_err(|error| error.to_string()))
            .collect();
        let expected = "expected a non-empty string of at most 1024 bytes";
        assert_eq!(
            all,
            [
                Ok(json!({"id": "a"})),
                Err("items.jsonl, line 2: not JSON: key must be a string at column 2".into()),
                Ok(json!({"id": "7", "n": 1})),
                Err(format!(
                    "items.jsonl, line 4: field `id`: {expected}, found no such field"
                )),
                Err(
                    "items.jsonl, line 5: the record: expected a JSON object with an `id`, \
                     found a list of 1"
                        .into()
                ),
                Err(
                    "items.jsonl, line 6: not JSON: EOF while parsing an object at column 2 \
                     (one object per line expected, not one list of all)"
                        .into()
                ),
            ]
        );
    }

    #[test]
    fn integers_keep_their_value_to_64_bits_and_longer_ones_are_refused() {
        let text = "{\"id\":9007199254740993,\"n\":18446744073709551615,\"m\":-9223372036854775808}\n\
                    {\"id\":\"b\",\"n\":123456789012345678901234567890}\n\
                    {\"id\":\"c\",\"n\":\"123456789012345678901234567890\",\"x\":1e30}\n";
        let all: Vec<_> = items_from(Cursor::new(text), "items.jsonl", &ReadOptions::new())
            .map(|item| item.map_err(|error| error.to_string()))
            .collect();
        let exact = json!({"id": "9007199254740993", "n": u64::MAX, "m": i64::MIN});
        assert_eq!(all[0], Ok(exact));
        let refused = all[1].as_ref().unwrap_err();
        assert!(
            refused.contains("line 2: field `n`: expected an integer of at most 64 bits"),
            "{refused}"
        );
        assert!(all[2].is_ok());
        let event = event_of(r#"{"user":18446744073709551615,"item":9007199254740993,"at":1}"#);
        assert_eq!(event.unwrap().user, "18446744073709551615");
        assert!(event_of(r#"{"user":28446744073709551615,"item":"a","at":1}"#).is_err());
    }

    #[test]
    fn an_export_gives_its_items_and_ignores_the_vectors() {
        let text = "{\"item\":{\"id\":\"a\"},\"vectors\":{\"s\":[0.5,1e999]}}\n{\"id\":\"b\"}\n\
                    [{\"id\":\"c\"}]\n{\"item\":7}\n{\"item\":{\"id\":\"d\"}\n{\"item\":{\"id\":5}}\n";
        let all: Vec<_> = exported_from(Cursor::new(text), "all.jsonl", &ReadOptions::new())
            .map(|item| item.map_err(|error| error.to_string()))
            .collect();
        let none = "an object with an `item` expected, as `twinspire export --vectors` writes it, \
                    found none";
        let place = |line: u8, what: &str| Err(format!("all.jsonl, line {line}: {what}"));
        assert_eq!(all.len(), 6);
        assert_eq!(all[0], Ok(json!({"id": "a"})));
        assert_eq!(all[1], place(2, none));
        assert_eq!(all[2], place(3, none));
        let number = "the record: expected a JSON object with an `id`, found a number (7)";
        assert_eq!(all[3], place(4, number));
        assert!(
            all[4]
                .as_ref()
                .is_err_and(|what| what.contains("line 5: not JSON: EOF"))
        );
        assert_eq!(all[5], Ok(json!({"id": "5"})));
    }

    #[test]
    fn events_are_read_under_either_name_and_numeric_ids_become_text() {
        let expected = Event {
            user: "u1".into(),
            item: "7".into(),
            at: 12,
            weight: 1.0,
        };
        for line in [
            r#"{"user":"u1","item":"7","at":12}"#,
            r#"{"user_id":"u1","item_id":7,"timestamp":12,"weight":1}"#,
            r#"{"user_id":"u1","item_id":7,"timestamp":"12","rating":"1.0"}"#,
            r#"{"user":"u1","item":"7","at":12.75,"weight":true}"#,
            r#"{"user":null,"user_id":"u1","item":"7","at":12,"weight":null}"#,
            r#"{"query":"u1","item":"7","at":12}"#,
            r#"{"query":"red shoes","user":"u1","item":"7","at":12}"#,
        ] {
            assert_eq!(event_of(line).as_ref(), Ok(&expected), "{line}");
        }
    }

    #[test]
    fn each_fault_of_an_event_is_named() {
        for (line, says) in [
            ("3", "a JSON object expected, found a number (3)"),
            (
                r#"{"item":"a","at":1}"#,
                "an event needs a user: a field `user` or `user_id`",
            ),
            (
                r#"{"user":"a","at":1}"#,
                "an event needs an item: a field `item` or `item_id`",
            ),
            (
                r#"{"user":"a","item":"b"}"#,
                "an event needs a time: a field `timestamp` or `at`",
            ),
            (
                r#"{"user":"","item":"b","at":1}"#,
                "field `user`: expected a non-empty string",
            ),
            (
                r#"{"user":1.5,"item":"b","at":1}"#,
                "a string or a whole number, found a number (1.5)",
            ),
            (
                r#"{"user":"a","item_id":[],"at":1}"#,
                "field `item_id`: expected a string or a",
            ),
            (
                r#"{"user":"a","item":"b","at":"Monday"}"#,
                "a Unix time (such as 881250949), found",
            ),
            (
                r#"{"user":"a","item":"b","at":1e300}"#,
                "a Unix time (such as 881250949), found",
            ),
            (
                r#"{"user":"a","item":"b","at":1,"weight":1e39}"#,
                "expected a finite number",
            ),
            (
                r#"{"user":"a","item":"b","at":1,"rating":"NaN"}"#,
                "field `rating`: expected a finite",
            ),
        ] {
            let error = event_of(line).unwrap_err();
            assert!(error.contains(says), "{line}: {error}");
            assert!(error.starts_with("log.jsonl, line 1: "));
        }
    }

    #[test]
    fn times_are_text_or_numbers_of_one_unit() {
        let times = |times: &[&str]| {
            let lines = times
                .iter()
                .map(|at| format!("{{\"user\":1,\"item\":2,\"at\":{at}}}\n"));
            let lines = Cursor::new(lines.collect::<String>());
            let all = events_from(lines, "log.jsonl", &ReadOptions::new());
            all.map(|event| event.map(|event| event.at).map_err(|error| error.what))
                .collect::<Vec<_>>()
        };
        let (first, second) = (Ok(1_656_105_611), Ok(1_656_105_612));
        for all in [
            ["1656105611", "1656105612"],
            ["1656105611000", "1656105612999"],
            ["1656105611000000", "\"1656105612000001\""],
            ["1656105611000000000", "1656105612000000000"],
            ["\"2022-06-24T21:20:11Z\"", "\"2022-06-24 21:20:12\""],
            ["\"2022-06-24T23:20:11.5+02:00\"", "1656105612"],
        ] {
            assert_eq!(times(&all), [first.clone(), second.clone()], "{all:?}");
        }
        let mixed = times(&["0", "1656105611000", "1656105612", "1656105612000"]);
        let error = mixed[2].as_ref().unwrap_err();
        assert!(
            error.contains("by its size in seconds, but the times before it are in milliseconds"),
            "{error}"
        );
        assert_eq!((&mixed[0], &mixed[1], &mixed[3]), (&Ok(0), &first, &second));
    }

    #[test]
    fn columns_are_read_under_other_names_and_left_out() {
        let options = ReadOptions::new().id("movieId").drop(["secret"]);
        let line = r#"{"movieId":7,"secret":1,"year":1995}"#;
        let mut all = items_from(Cursor::new(line), "a.jsonl", &options);
        assert_eq!(
            all.next().unwrap().unwrap(),
            json!({"id": "7", "year": 1995})
        );
        let mut all = items_from(Cursor::new(r#"{"id":7}"#), "a.jsonl", &options);
        let error = all.next().unwrap().unwrap_err();
        assert!(error.what.contains("a field `movieId` expected"), "{error}");
        let line = r#"{"movieId":7,"id":8}"#;
        let mut all = items_from(Cursor::new(line), "a.jsonl", &options);
        let error = all.next().unwrap().unwrap_err();
        assert!(error.what.contains("there is a field `id` too"), "{error}");
        let options = ReadOptions::new().columns(["year"]);
        let line = r#"{"id":"7","secret":1,"year":1995}"#;
        let mut all = items_from(Cursor::new(line), "a.jsonl", &options);
        assert_eq!(
            all.next().unwrap().unwrap(),
            json!({"id": "7", "year": 1995})
        );
        let line = r#"{"userId":3,"movieId":7,"when":"2022-06-24","stars":4,"user":9}"#;
        let options = options
            .user("userId")
            .item("movieId")
            .time("when")
            .weight("stars");
        let event = events_from(Cursor::new(line), "a.jsonl", &options)
            .next()
            .unwrap()
            .unwrap();
        assert_eq!(
            (event.user.as_str(), event.item.as_str(), event.weight),
            ("3", "7", 4.0)
        );
        assert_eq!(event.at, 1_656_028_800);
    }

    #[test]
    fn users_are_known_by_user_id() {
        assert_eq!(
            user_of(r#"{"id":3,"age":4}"#),
            Ok(json!({"user_id": "3", "age": 4}))
        );
        assert_eq!(
            user_of(r#"{"user_id":"u","id":9}"#),
            Ok(json!({"user_id": "u", "id": 9}))
        );
        assert!(
            user_of("{}")
                .unwrap_err()
                .contains("a user needs its id: `user_id` or `id`")
        );
        assert!(user_of("[]").unwrap_err().contains("found an empty list"));
        assert!(
            user_of(r#"{"user_id":{}}"#)
                .unwrap_err()
                .contains("found an empty object")
        );
    }

    #[test]
    fn pairs_are_a_user_a_positive_and_what_is_known() {
        let pair_of = |line: &str| {
            let mut all = pairs_from(Cursor::new(line.to_owned()), "pairs.jsonl");
            all.next().unwrap().map_err(|error| error.to_string())
        };
        let user = || json!({"age": 4});
        assert_eq!(
            pair_of(r#"{"user":{"age":4},"positive":7,"known":["a",8],"at":3}"#),
            Ok(TrainingPair::new(user(), "7").known(["a", "8"]))
        );
        let bare = Ok(TrainingPair::new(user(), "b"));
        assert_eq!(
            pair_of(r#"{"user":{"age":4},"positive":"b","known":null}"#),
            bare
        );
        let written = serde_json::to_string(bare.as_ref().unwrap()).unwrap();
        assert_eq!(written, r#"{"user":{"age":4},"positive":"b"}"#);
        assert_eq!(pair_of(&written), bare);
        for (line, says) in [
            ("7", "a JSON object expected, found a number (7)"),
            (
                r#"{"positive":"b"}"#,
                "field `user`: expected an object of the user's features, found null",
            ),
            (
                r#"{"user":{}}"#,
                "field `positive`: expected a string or a whole number, found null",
            ),
            (
                r#"{"user":{},"positive":""}"#,
                "field `positive`: expected a non-empty string",
            ),
            (
                r#"{"user":{},"positive":"b","known":"c"}"#,
                "field `known`: expected a list of ids",
            ),
            (
                r#"{"user":{},"positive":"b","known":[1.5]}"#,
                "field `known`: expected a string or a whole number",
            ),
        ] {
            let error = pair_of(line).unwrap_err();
            assert!(error.contains(says), "{line}: {error}");
            assert!(error.starts_with("pairs.jsonl, line 1: "));
        }
    }

    #[test]
    fn mined_pairs_are_read_as_they_were_written() {
        let mined_of = |line: &str| {
            let mut all = mined_from(Cursor::new(line.to_owned()), "hard.jsonl");
            all.next().unwrap().map_err(|error| error.to_string())
        };
        let written = r#"{"pair":3,"generation":2,"user":{"age":4},"positive":"b","positive_score":0.5,"positive_rank":null,"hard_positive":true,"negatives":[{"id":"c","rank":101,"score":0.25}]}"#;
        let mined = mined_of(written).unwrap();
        assert_eq!(mined.pair, TrainingPair::new(json!({"age": 4}), "b"));
        assert_eq!((mined.at, mined.hard_positive), (3, true));
        assert_eq!(
            (&*mined.negatives[0].id, mined.negatives[0].rank),
            ("c", 101)
        );
        assert_eq!(serde_json::to_string(&mined).unwrap(), written);
        let least = mined_of(r#"{"user":{},"positive":"b","negatives":[{"id":"c"}]}"#).unwrap();
        assert_eq!((least.negatives.len(), least.hard_positive), (1, false));
        for (line, says) in [
            (r#"{"user":{}}"#, "missing field `positive`"),
            (
                r#"{"user":{},"positive":"b","negatives":["c"]}"#,
                "expected struct MinedNegative",
            ),
            ("{", "not JSON"),
        ] {
            let error = mined_of(line).unwrap_err();
            assert!(error.contains(says), "{error}");
            assert!(error.starts_with("hard.jsonl, line 1: "));
        }
    }

    #[test]
    fn unbounded_nesting_is_an_error_and_not_a_crash() {
        let deep = format!("{{\"id\":{}", "[".repeat(100_000));
        let error = items_from(Cursor::new(deep), "deep", &ReadOptions::new())
            .next()
            .unwrap()
            .unwrap_err();
        assert!(error.to_string().contains("recursion limit"), "{error}");
    }

    proptest! {
        #[test]
        fn any_bytes_end_without_a_panic(text in prop::collection::vec(any::<u8>(), 0..300)) {
            let lines = text.split(|&byte| byte == b'\n').count();
            let plain = ReadOptions::new();
            prop_assert!(items_from(Cursor::new(text.clone()), "x", &plain).count() <= lines);
            prop_assert!(users_from(Cursor::new(text.clone()), "x", &plain).count() <= lines);
            prop_assert!(events_from(Cursor::new(text), "x", &plain).count() <= lines);
        }

        #[test]
        fn an_event_written_as_json_is_read_back(user in "\\PC{1,9}", item in "\\PC{1,9}",
                                                at in -1_000_000i64..2_000_000_000) {
            let event = Event { user, item, at, weight: 0.5 };
            let line = serde_json::to_string(&event).unwrap();
            prop_assert_eq!(event_of(&line), Ok(event));
        }
    }
}
