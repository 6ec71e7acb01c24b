//! CSV files of all kinds.

use super::*;
use proptest::prelude::*;
use serde_json::Value;
use serde_json::json;
use std::io;
use std::io::Cursor;
use twinspire_towers::Event;

fn rows(text: &str, options: &CsvOptions) -> Vec<Result<Value, String>> {
    match items_from(Cursor::new(text.to_owned()), "a.csv", options) {
        Ok(rows) => rows
            .map(|row| row.map_err(|error| error.to_string()))
            .collect(),
        Err(error) => vec![Err(error.to_string())],
    }
}

#[test]
fn cells_have_the_type_they_look_like() {
    let text = "\u{feff}id,price,stock,new,colour,title\r\n\
                7,12.50,3,true,,1984\r\n\r\nB2,,-4,false,red,\"a, b\"\r\n";
    assert_eq!(
        rows(text, &CsvOptions::new()),
        [
            Ok(json!({"id": "7", "price": 12.5, "stock": 3, "new": true, "title": "1984"})),
            Ok(json!({"id": "B2", "stock": -4, "new": false, "colour": "red", "title": "a, b"})),
        ]
    );
}

#[test]
fn codes_stay_strings() {
    for code in [
        "007",
        "+1",
        "1e5",
        "NaN",
        "inf",
        "-0",
        "1.",
        ".5",
        "00.5",
        " 1",
        "1_0",
        "True",
        "99999999999999999999",
        "1.2.3",
        "-",
        "--1",
        "٣",
    ] {
        assert_eq!(cells::value(code), json!(code), "{code}");
    }
    assert_eq!(cells::value("-0.5"), json!(-0.5));
    assert_eq!(cells::value("0"), json!(0));
}

#[test]
fn options_name_lists_texts_and_the_id_column() {
    let options = CsvOptions::new()
        .id("movieId")
        .lists(["genres"])
        .text(["zip"])
        .delimiter(b';');
    let text = "movieId;genres;zip\n1;Comedy| Drama|;12345\n2;;\n";
    assert_eq!(
        rows(text, &options),
        [
            Ok(json!({"id": "1", "genres": ["Comedy", "Drama"], "zip": "12345"})),
            Ok(json!({"id": "2"})),
        ]
    );
}

#[test]
fn a_bad_row_is_reported_with_its_line_and_the_next_is_read() {
    let all = rows("id,n\na\n,1\nc,1,2\nd,1\n", &CsvOptions::new());
    assert_eq!(all.len(), 4);
    let says = |index: usize| all[index].clone().unwrap_err();
    assert_eq!(
        says(0),
        "a.csv, line 2: 2 cells expected, as in the header, found 1"
    );
    assert!(
        says(1).starts_with("a.csv, line 3: field `id`: expected a non-empty"),
        "{}",
        says(1)
    );
    assert_eq!(
        says(2),
        "a.csv, line 4: 2 cells expected, as in the header, found 3"
    );
    assert_eq!(all[3], Ok(json!({"id": "d", "n": 1})));

    let bytes = Cursor::new(b"id,n\na,\xff\nb,1\n".to_vec());
    let mut all = items_from(bytes, "a.csv", &CsvOptions::new()).unwrap();
    let error = all.next().unwrap().unwrap_err();
    assert_eq!(
        error.to_string(),
        "a.csv, line 2: UTF-8 text expected, found other bytes in cell 2"
    );
    assert!(all.next().unwrap().is_ok());
}

#[test]
fn a_header_with_missing_or_repeated_names_is_refused() {
    let says = |text: &str, options: &CsvOptions| rows(text, options)[0].clone().unwrap_err();
    let plain = CsvOptions::new();
    assert!(says("", &plain).contains("a header row expected, an empty file found"));
    assert!(says("id,,b\n", &plain).contains("column 2 has no name"));
    assert!(says("id,b,b\n", &plain).contains("two columns are called `b`"));
    assert!(
        says("name,b\n", &plain).contains("a column `id` expected, but the header has: name, b")
    );
    assert!(says("id,b\n", &plain.clone().lists(["c"])).contains("a column `c` expected"));
    assert!(says("id,b\n", &plain.clone().id("b")).contains("there is an `id` too"));
}

#[test]
fn an_unclosed_quote_ends_the_iteration_in_bounded_memory() {
    let endless = io::Read::chain(Cursor::new("id,b\nx,\"".to_owned()), io::repeat(b'y'));
    let mut all = items_from(endless, "a.csv", &CsvOptions::new()).unwrap();
    let error = all.next().unwrap().unwrap_err();
    assert!(
        error.to_string().contains("is a quote never closed?"),
        "{error}"
    );
    assert!(all.next().is_none());
}

#[test]
fn events_are_read_under_either_column_name() {
    let text = "user_id,item,rating,timestamp,extra\n1,B,4,881250949,x\n1,B,,5,x\n,B,1,1,x\n1,B,x,1,x\n1,B,1,,x\n";
    let all: Vec<_> = events_from(Cursor::new(text), "log.csv", &CsvOptions::new())
        .unwrap()
        .map(|event| event.map_err(|error| error.to_string()))
        .collect();
    let event = |at, weight| Event {
        user: "1".into(),
        item: "B".into(),
        at,
        weight,
    };
    assert_eq!(all[0], Ok(event(881_250_949, 4.0)));
    assert_eq!(all[1], Ok(event(5, 1.0)));
    let says = |index: usize| all[index].clone().unwrap_err();
    assert!(says(2).starts_with("log.csv, line 4: field `user`: expected a non-empty"));
    assert!(says(3).contains("line 5: field `weight`: expected a finite number, found a string"));
    assert!(says(4).contains("line 6: field `timestamp`: expected Unix seconds"));
    let none = events_from(Cursor::new("user,item\n"), "log.csv", &CsvOptions::new());
    assert!(
        none.unwrap_err()
            .to_string()
            .contains("a column `timestamp` or `at` expected")
    );
}

proptest! {
    #[test]
    fn any_bytes_end_without_a_panic(text in prop::collection::vec(
        prop_oneof![Just(b'"'), Just(b','), Just(b'\n'), Just(b'\r'), any::<u8>()], 0..200)
    ) {
        let mut all = b"id,b\n".to_vec();
        all.extend_from_slice(&text);
        let rows = items_from(Cursor::new(all), "x", &CsvOptions::new()).unwrap();
        prop_assert!(rows.count() <= text.len() + 1);
    }

    #[test]
    fn a_number_has_the_value_of_its_cell(cell in "-?[0-9]{1,6}(\\.[0-9]{1,4})?") {
        match cells::value(&cell) {
            Value::Number(number) => prop_assert_eq!(
                number.as_f64().unwrap(), cell.parse::<f64>().unwrap()
            ),
            other => prop_assert_eq!(other, json!(cell)),
        }
    }
}
