use super::{known, shop};
use crate::filter::limits::{MAX_DEPTH, MAX_LIST};
use crate::filter::{Filter, FilterErrorKind, KnownFields};

fn fault(text: &str) -> String {
    let parsed = Filter::parse(text);
    let error = parsed
        .and_then(|filter| filter.check(&known(&shop())))
        .unwrap_err();
    error.to_string()
}

#[test]
fn filters_that_do_not_fit_the_fields_are_refused_with_the_place() {
    for (text, message, marked) in [
        (
            "sold = true and prize < 30",
            "there is no field `prize`; did you mean `price`?",
            "prize",
        ),
        ("Price < 30", "did you mean `price`?", "Price"),
        ("since > 3", "did you mean `seller.since`?", "since"),
        (
            "colour = 'red'",
            "there is no field `colour`; there is `city`, `code`,",
            "colour",
        ),
        (
            "seller = 'Ann'",
            "`seller` is an object; compare `seller.name` or `seller.since`",
            "seller",
        ),
        ("colour is null", "there is no field `colour`", "colour"),
        (
            "price < 'abc'",
            "`price` holds numbers; 'abc' is a text",
            "'abc'",
        ),
        (
            "price = '3'",
            "'3' is a text; without the quotes it is a number",
            "'3'",
        ),
        (
            "city = 3",
            "`city` holds texts; 3 is a number; in quotes it is a text",
            "3",
        ),
        (
            "price in (1, 2, true)",
            "`price` holds numbers; true is a boolean",
            "true",
        ),
        ("price between 'a' and 'b'", "'a' is a text", "'a'"),
        (
            "price starts with 'a'",
            "`price` holds numbers; 'a' is a text",
            "'a'",
        ),
        (
            "tags has all ('a', 1)",
            "`tags` holds texts; 1 is a number",
            "1",
        ),
        (
            "code = true",
            "`code` holds numbers and texts; true is a boolean",
            "true",
        ),
        (
            "city has 'a'",
            "`city` never holds a list; compare it with `=` or `in`",
            "has 'a'",
        ),
        (
            "within(seller, 1, 2, 3)",
            "`seller` is an object with `seller.name` and `seller.since`, no place",
            "seller",
        ),
        (
            "within(price, 1, 2, 3)",
            "`price` holds numbers, no places",
            "price",
        ),
        (
            "location = 3",
            "test places with within(field, lat, lon, km)",
            "3",
        ),
    ] {
        let error = Filter::parse(text)
            .unwrap()
            .check(&known(&shop()))
            .unwrap_err();
        assert!(error.message.contains(message), "{text}: {error}");
        assert_eq!(&text[error.span.clone()], marked, "{text}: {error}");
    }
    for text in ["sizes has 3", "sizes has 'a'", "code = 7 or code = 'x'"] {
        assert!(
            Filter::parse(text).unwrap().check(&known(&shop())).is_ok(),
            "{text}"
        );
    }
}

#[test]
fn errors_display_the_text_and_mark_the_place() {
    assert_eq!(
        fault("city = 'Seattle' and prize < 30"),
        "there is no field `prize`; did you mean `price`?\n  \
           city = 'Seattle' and prize < 30\n                       ^^^^^"
    );
    let calls = Filter::field("city").eq("Seattle") & Filter::field("price").lt("30");
    assert_eq!(
        calls.check(&known(&shop())).unwrap_err().to_string(),
        "`price` holds numbers; '30' is a text; without the quotes it is a number\n  \
           city = 'Seattle' and price < '30'\n                               ^^^^"
    );
}

#[test]
fn invalid_calls_are_refused_when_the_filter_is_checked() {
    let says = |filter: Filter| filter.check(&KnownFields::unknown()).unwrap_err();
    let nan = says(Filter::field("price").lt(f64::NAN));
    assert_eq!(
        (&nan.text[nan.span.clone()], &*nan.text),
        ("NaN", "price < NaN")
    );
    let empty = says(Filter::field("city").one_of(Vec::<String>::new()) & Filter::all([]));
    assert!(empty.message.contains("the list is empty"), "{empty}");
    assert_eq!(&empty.text[empty.span.clone()], "in ()");
    let long = says(Filter::field("a").one_of(0..=(MAX_LIST as u32)));
    assert!(long.message.contains("at most 10000"), "{}", long.message);
    let nowhere = says(Filter::field("a").within(0.0, 0.0, f64::INFINITY));
    assert!(nowhere.message.contains("inf"), "{nowhere}");
}

#[test]
fn the_kind_of_an_error_tells_a_program_what_is_wrong() {
    let type_of = |field: &str| FilterErrorKind::Type {
        field: field.to_owned(),
    };
    let unknown = |field: &str, nearest: Option<&str>| FilterErrorKind::UnknownField {
        field: field.to_owned(),
        nearest: nearest.map(str::to_owned),
    };
    for (text, kind) in [
        ("price <", FilterErrorKind::Syntax),
        ("price < 'a", FilterErrorKind::Syntax),
        ("price between 3 and 2", FilterErrorKind::Operand),
        ("within(location, 100, 0, 1)", FilterErrorKind::Operand),
        ("city in ()", FilterErrorKind::Operand),
        ("prize < 3", unknown("prize", Some("price"))),
        ("colour = 'red'", unknown("colour", None)),
        ("price = 'a'", type_of("price")),
        ("city has 'a'", type_of("city")),
    ] {
        let checked = Filter::parse(text).and_then(|filter| filter.check(&known(&shop())));
        assert_eq!(checked.unwrap_err().kind, kind, "{text}");
    }
    let deep = "not ".repeat(MAX_DEPTH + 1) + "price < 3";
    assert_eq!(
        Filter::parse(&deep).unwrap_err().kind,
        FilterErrorKind::Limit
    );
    let long = Filter::field("city").one_of(0..=(MAX_LIST as u32));
    let long = long.check(&KnownFields::unknown()).unwrap_err();
    assert_eq!(long.kind, FilterErrorKind::Limit);
}
