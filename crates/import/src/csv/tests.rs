//! CSV files of all kinds.

use super::*;
use crate::options::ReadOptions;
use proptest::prelude::*;
use serde_json::Value;
use serde_json::json;
use std::io;
use std::io::Cursor;
use twinspire_towers::Event;

fn rows(text: &str, options: &ReadOptions) -> Vec<Result<Value, String>> {
    match items_from(Cursor::new(text.to_owned()), "a.csv", options) {
        Ok(rows) => rows
            .map(|row| row.map_err(|error| error.to_string()))
            .collect(),
        Err(error) => vec![Err(error.to_string())],
    }
}

#[test]
fn columns_have_the_type_that_their_cells_look_like() {
    let text = "\u{feff}id,price,stock,new,colour,title,code,at\r\n\
                7,12.50,3,True,,1984,007,2022-06-24\r\n\r\n\
                B2,1e-05,-4,False,red,\"a, b\",12,2022-06-24 21:20:11\r\n";
    assert_eq!(
        rows(text, &ReadOptions::new()),
        [
            Ok(
                json!({"id": "7", "price": 12.5, "stock": 3, "new": true, "title": "1984",
                      "code": "007", "at": 1_656_028_800})
            ),
            Ok(
                json!({"id": "B2", "price": 1e-5, "stock": -4, "new": false, "colour": "red",
                      "title": "a, b", "code": "12", "at": 1_656_105_611})
            ),
        ]
    );
}

#[test]
fn numbers_in_quotes_are_text_where_other_cells_have_none() {
    let by_type = "id,code,n\n\"a\",\"7\",1\n\"b\",\"8\",2\n";
    let all = rows(by_type, &ReadOptions::new());
    assert_eq!(all[0], Ok(json!({"id": "a", "code": "7", "n": 1})));
    let everywhere = "id,code,n\n\"a\",\"7\",\"1\"\n\"b\",\"8\",\"2\"\n";
    let all = rows(everywhere, &ReadOptions::new());
    assert_eq!(all[0], Ok(json!({"id": "a", "code": 7, "n": 1})));
}

#[test]
fn options_name_lists_texts_and_the_id_column() {
    let options = ReadOptions::new()
        .id("movieId")
        .lists(["genres"])
        .text(["zip"])
        .delimiter(";");
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
fn a_table_of_many_columns_keeps_all_of_them() {
    const COLUMNS: usize = 1_500;
    let line = |cell: &dyn Fn(usize) -> String| {
        let cells: Vec<String> = (0..COLUMNS).map(cell).collect();
        cells.join(",")
    };
    let header = line(&|column| format!("c{column}"));
    let row = line(&|column| format!("{column}.5"));
    let rows = rows(
        &format!("id,{header}\na,{row}\nb,{row}\n"),
        &ReadOptions::new(),
    );
    assert_eq!(rows.len(), 2);
    for row in rows {
        let row = row.unwrap();
        assert_eq!(row.as_object().unwrap().len(), 1 + COLUMNS);
        assert_eq!(row["c1499"], json!(1499.5));
    }
}

#[test]
fn a_bad_row_is_reported_with_its_line_and_the_next_is_read() {
    let all = rows("id,n\na\n,1\nc,1,2\nd,1\n", &ReadOptions::new());
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
    let mut all = items_from(bytes, "a.csv", &ReadOptions::new()).unwrap();
    let error = all.next().unwrap().unwrap_err();
    assert_eq!(
        error.to_string(),
        "a.csv, line 2: UTF-8 text expected, found other bytes in cell 2"
    );
    assert!(all.next().unwrap().is_ok());
}

#[test]
fn a_header_with_missing_or_repeated_names_is_refused() {
    let says = |text: &str, options: &ReadOptions| rows(text, options)[0].clone().unwrap_err();
    let plain = ReadOptions::new();
    assert!(says("", &plain).contains("a header row expected, an empty file found"));
    assert!(says("id,,b\n", &plain).contains("column 2 has no name"));
    assert!(says("id,b,b\n", &plain).contains("two columns are called `b`"));
    assert!(
        says("name,b\n", &plain)
            .contains("a column `id` or `item_id` expected, but the header has: name, b")
    );
    assert!(says("id,b\n", &plain.clone().lists(["c"])).contains("a column `c` expected"));
    assert!(says("id,b\n", &plain.clone().id("b")).contains("there is a column `id` too"));
}

#[test]
fn after_an_unclosed_quote_the_next_lines_are_read() {
    let good = |from: usize, to: usize| (from..to).map(|n| format!("{n},y\n")).collect::<String>();
    for (bad, after) in [
        ("a,\"12 inch\n", String::new()),
        // A later quote closes it, with text behind it, or with other cells in the row.
        ("a,\"12 inch\n", "b,\"5 inch\"\n".to_owned()),
        ("a,\"12 inch\n", "b,\"a, b\"\n".to_owned()),
        ("a,\"12 inch\n", "\"b\",x\n".to_owned()),
    ] {
        let text = format!(
            "id,t\n{}{bad}{}{after}{}",
            good(0, 100),
            good(100, 200),
            good(200, 300)
        );
        let all = rows(&text, &ReadOptions::new());
        let errors: Vec<_> = all.iter().filter_map(|row| row.as_ref().err()).collect();
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(errors[0].starts_with("a.csv, line 102: "), "{}", errors[0]);
        assert!(errors[0].contains("quote"), "{}", errors[0]);
        let read = all.len() - 1;
        assert_eq!(read, 300 + usize::from(!after.is_empty()));
    }
}

#[test]
fn an_endless_row_takes_bounded_memory_and_the_next_is_read() {
    for head in ["id,b\nx,\"", "id,b\nx,"] {
        let text = io::Read::chain(
            Cursor::new(head.to_owned()),
            io::Read::take(io::repeat(b'y'), 20 << 20),
        );
        let text = io::Read::chain(text, Cursor::new("\nz,1\n".to_owned()));
        let mut all = items_from(text, "a.csv", &ReadOptions::new()).unwrap();
        let error = all.next().unwrap().unwrap_err();
        assert!(error.is_bad_record() && error.line == Some(2), "{error}");
        assert!(
            error.to_string().contains("is a quote never closed?"),
            "{error}"
        );
        assert_eq!(all.next().unwrap().unwrap()["id"], "z");
        assert!(all.next().is_none());
    }
}

#[test]
fn a_cut_file_gives_the_rows_before_the_cut_and_no_others() {
    let text = "id,b,c\n1,\"x \"\"y\"\"\nz\",2\n2,\"\",3\n";
    let whole = rows(text, &ReadOptions::new());
    assert!(whole.iter().all(Result::is_ok));
    for end in "id,b,c\n".len()..text.len() {
        let cut = rows(&text[..end], &ReadOptions::new());
        let good = cut.iter().take_while(|row| row.is_ok()).count();
        let lost = text[end..].contains('\n') && !text[..end].ends_with('\n');
        // Where the last cell is cut, or the line end alone, nothing tells.
        let tells = !text[..end].trim_end_matches('\n').ends_with(['2', '3'])
            && !text[..end].ends_with(',');
        assert!(
            !lost || !tells || good < cut.len(),
            "{:?}: {cut:?}",
            &text[..end]
        );
        assert!(good <= whole.len());
    }
}

#[test]
fn a_file_without_a_header_is_read_by_given_names_and_long_delimiters() {
    let options = ReadOptions::new()
        .header(["user", "item", "rating", "timestamp"])
        .delimiter("::");
    let all: Vec<_> = events_from(Cursor::new("1::7::5::978300760\n"), "ratings.dat", &options)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!((all[0].item.as_str(), all[0].weight), ("7", 5.0));
    let options = ReadOptions::new()
        .header(["id", "title", "genres"])
        .delimiter("::")
        .lists(["genres"]);
    assert_eq!(
        rows("1::\"Cats\": a play::A|B\n", &options),
        [Ok(
            json!({"id": "1", "title": "\"Cats\": a play", "genres": ["A", "B"]})
        )]
    );
}

#[test]
fn events_are_read_under_either_column_name() {
    let text = "user_id,item,rating,timestamp,extra\n1,B,4,881250949,x\n1,B,,5,x\n,B,1,1,x\n1,B,x,1,x\n1,B,1,,x\n";
    let all: Vec<_> = events_from(Cursor::new(text), "log.csv", &ReadOptions::new())
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
    assert!(says(4).contains("line 6: field `timestamp`: expected a date and time or a Unix time"));
    let none = events_from(Cursor::new("user,item\n"), "log.csv", &ReadOptions::new());
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
        let rows = items_from(Cursor::new(all), "x", &ReadOptions::new()).unwrap();
        prop_assert!(rows.count() <= text.len() + 1);
    }

    #[test]
    fn rows_are_those_of_the_csv_crate(text in prop::collection::vec(
        prop_oneof![Just("\""), Just(","), Just("\n"), Just("\r\n"), Just("a"), Just("\"\""), Just("\"b\""), Just("é")], 0..40)
    ) {
        let text = format!("h,i\n{}", text.concat());
        let options = ReadOptions::new().id("h").text(["i"]);
        let ours = rows(&text, &options);
        let mut theirs = ::csv::ReaderBuilder::new().from_reader(text.as_bytes());
        let theirs: Vec<_> = theirs.records().collect();
        // Wherever both read every row, they read the same.
        if theirs.iter().all(Result::is_ok) && ours.iter().all(Result::is_ok) {
            let expected: Vec<_> = theirs.iter().flatten().map(|row| {
                let cell = |at: usize| row.get(at).filter(|cell| !cell.is_empty()).map(Value::from);
                (cell(0), cell(1))
            }).collect();
            let found: Vec<_> = ours.iter().flatten()
                .map(|row| (row.get("id").cloned(), row.get("i").cloned())).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
