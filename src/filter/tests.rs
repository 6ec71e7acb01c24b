//! Filters against a plain reading of them, their text, and what is said of those that are wrong.

use super::expr::{Comparison, Expr, Op, Predicate};
use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::ops::Bound::{Excluded, Included, Unbounded};
use twinspire_towers::internals::{FieldValue, Fields, Term, Test};

fn known(records: &[Value]) -> Known {
    let mut known = Known::default();
    for record in records {
        known.see(&Fields::of(record));
    }
    known
}

fn shop() -> Vec<Value> {
    vec![
        json!({
            "id": "a", "price": 12.5, "city": "Seattle", "tags": ["new", "red"], "sold": false,
            "location": {"lat": 47.6, "lon": -122.3}, "seller": {"name": "Ann", "since": 2011},
            "code": "x1", "sizes": [], "in": 3,
        }),
        json!({"id": "b", "price": 80, "city": "Portland", "tags": ["new"], "code": 7}),
        json!({"id": "c", "city": null, "sold": true, "tags": []}),
    ]
}

/// The ids of the shop's items that a filter matches.
fn matching(filter: &Filter) -> String {
    let shop = shop();
    filter.check(&known(&shop)).unwrap();
    let condition = filter.condition(&known(&shop));
    let found = shop
        .iter()
        .filter(|item| condition.matches(&Fields::of(item)));
    found.map(|item| item["id"].as_str().unwrap()).collect()
}

fn fault(text: &str) -> String {
    let parsed = Filter::parse(text);
    let error = parsed
        .and_then(|filter| filter.check(&known(&shop())))
        .unwrap_err();
    error.to_string()
}

#[test]
fn text_and_calls_say_the_same_and_match_what_they_say() {
    let field = Filter::field;
    for (text, calls, wanted) in [
        ("price = 12.5", field("price").eq(12.5), "a"),
        ("price != 12.5", field("price").ne(12.5), "bc"),
        ("price <> 12.5", field("price").ne(12.5), "bc"),
        ("price < 80", field("price").lt(80), "a"),
        ("price <= 8e1", field("price").le(80u8), "ab"),
        ("price > +12.5", field("price").gt(12.5f32), "b"),
        ("price >= .125e+2", field("price").ge(12.5), "ab"),
        (
            "price between 0 and 12.5",
            field("price").between(0.0..=12.5),
            "a",
        ),
        (
            "price not between 0 and 12.5",
            !field("price").between(0.0..=12.5),
            "bc",
        ),
        (
            "city in ('Seattle', \"Bonn\")",
            field("city").one_of(["Seattle", "Bonn"]),
            "a",
        ),
        (
            "city NOT IN ('Seattle')",
            field("city").one_of(["Seattle"]).not(),
            "bc",
        ),
        ("city > 'Port'", field("city").gt("Port"), "ab"),
        (
            "city starts with 'Sea'",
            field("city").starts_with("Sea"),
            "a",
        ),
        ("city starts with ''", field("city").starts_with(""), "ab"),
        ("city is null", field("city").is_null(), "c"),
        ("city Is Not Null", field("city").is_not_null(), "ab"),
        ("tags has 'red'", field("tags").has("red"), "a"),
        ("tags = 'new'", field("tags").eq("new"), "ab"),
        (
            "tags has any ('red', 'blue')",
            field("tags").has_any(["red", "blue"]),
            "a",
        ),
        (
            "tags has all ('red', 'new')",
            field("tags").has_all(["red", "new"]),
            "a",
        ),
        ("tags not has 'red'", !field("tags").has("red"), "bc"),
        ("tags is not null", field("tags").is_not_null(), "abc"),
        ("sold == true", field("sold").eq(true), "c"),
        (
            "code = 7 or code = 'x1'",
            field("code").eq(7).or(field("code").eq("x1")),
            "ab",
        ),
        ("code < 100", field("code").lt(100), "b"),
        ("seller.since >= 2000", field("seller.since").ge(2000), "a"),
        (
            "`seller`.`name` = 'Ann'",
            field("seller.name").eq("Ann"),
            "a",
        ),
        ("`in` = 3", field("in").eq(3), "a"),
        (
            "within(location, 47, -122, 100)",
            field("location").within(47.0, -122.0, 100.0),
            "a",
        ),
        (
            "WITHIN ( location , 47.6, -122, 1 )",
            field("location").within(47.6, -122.0, 1.0),
            "",
        ),
        ("true", Filter::all([]), "abc"),
        ("not true", !Filter::all([]), ""),
        (
            "false or price = 80",
            Filter::any([Filter::any([]), field("price").eq(80)]),
            "b",
        ),
        (
            "city = 'Bonn' and price < 20 or sold = true",
            field("city").eq("Bonn").and(field("price").lt(20)) | field("sold").eq(true),
            "c",
        ),
        (
            "(city = 'Seattle' or sold = true) and not price < 20",
            (field("city").eq("Seattle") | field("sold").eq(true)) & !field("price").lt(20),
            "c",
        ),
    ] {
        let parsed = Filter::parse(text).unwrap();
        assert_eq!(parsed, calls, "{text}");
        assert_eq!(matching(&parsed), wanted, "{text}");
        assert_eq!(
            calls.to_string().parse::<Filter>().unwrap(),
            calls,
            "{calls}"
        );
    }
}

#[test]
fn texts_and_names_of_any_letters_can_be_written() {
    let item = Fields::of(&json!({"größe": 3, "a `b`.c": "it's \"\\\n\u{7}", "": 1}));
    for text in [
        "größe = 3",
        r#"`a ``b``.c` = 'it''s "\\\n\u{7}'"#,
        r#"`a ``b```.c = "it's ""\\\n\u{7}""#,
        r#"`a ``b``.c` = 'it\'s \"\\\n\u{7}'"#,
        "`` = 1",
        "größe\t=\n\u{2003}3",
    ] {
        let filter = Filter::parse(text).unwrap();
        let condition = filter.condition(&Known::nothing());
        assert!(condition.matches(&item), "{text}");
        assert_eq!(
            Filter::parse(&filter.to_string()).unwrap(),
            filter,
            "{filter}"
        );
    }
}

#[test]
fn what_is_no_filter_is_refused_with_the_place_and_what_would_be_right() {
    for (text, message, marked) in [
        ("", "the filter is empty", ""),
        ("  ", "the filter is empty", "  "),
        (
            "price <",
            "a value (a number, a text in quotes, true or false) expected, the end found",
            "",
        ),
        (
            "price < and",
            "a value (a text stands in quotes, 'and') expected, `and` found",
            "and",
        ),
        (
            "city = Seattle",
            "a text stands in quotes, 'Seattle'",
            "Seattle",
        ),
        ("price 30", "a comparison of `price` (=, !=,", "30"),
        (
            "city like 'S%'",
            "there is no `like`; `starts with 'pre'`",
            "like",
        ),
        (
            "'Seattle' = city",
            "a field (without quotes, or in backquotes) expected",
            "'Seattle'",
        ),
        ("30 > price", "a field expected, `30` found", "30"),
        (
            "in = 3",
            "a field (one of this name stands in backquotes) expected",
            "in",
        ),
        (
            "price = null",
            "nothing equals null; write `is null`",
            "= null",
        ),
        ("price != NULL", "write `is not null`", "!= NULL"),
        (
            "price < null",
            "there are `is null` and `is not null`",
            "< null",
        ),
        (
            "price in (1, null)",
            "there are `is null` and `is not null`",
            "null",
        ),
        (
            "price is 3",
            "`null` or `not null` after `is` expected, `3` found",
            "3",
        ),
        ("price is not 3", "`null` expected", "3"),
        (
            "price not = 3",
            "`in`, `between`, `has` or `starts with` after `not` expected",
            "=",
        ),
        ("price in ()", "the list is empty", "in ()"),
        ("price in 3", "a list in parentheses expected", "3"),
        ("price in (1 2)", "a comma or `)` expected", "2"),
        (
            "price in (1, 2",
            "a comma or `)` expected, the end found",
            "",
        ),
        (
            "tags has ('a')",
            "`any` or `all` before a list expected",
            "(",
        ),
        (
            "price between 1, 2",
            "`and` and the upper end expected, `,` found",
            ",",
        ),
        (
            "price between 1 and 'a'",
            "1 and 'a' are of two kinds",
            "'a'",
        ),
        ("price between 5 and 3", "nothing is between 5 and 3", "5"),
        ("city starts with 3", "a text expected", "3"),
        ("city starts 'a'", "`with` expected", "'a'"),
        (
            "price = 3 price",
            "`and`, `or` or the end expected, `price` found",
            "price",
        ),
        (
            "price = 3)",
            "`and`, `or` or the end expected, `)` found",
            ")",
        ),
        (
            "sold = true and (price = 3",
            "the parenthesis is not closed",
            "(",
        ),
        (
            "(price = 3 4)",
            "`and`, `or` or `)` expected, `4` found",
            "4",
        ),
        (
            "price = 3 && sold = true",
            "`&&` means nothing here; write `and`",
            "&&",
        ),
        ("!sold", "`!` means nothing here; write `not`", "!"),
        ("city = “Seattle”", "texts stand in straight quotes", "“"),
        ("price = 3%", "`%` means nothing here", "%"),
        (
            "city = 'Seattle",
            "the text is not closed; it ends with '",
            "'Seattle",
        ),
        ("`price = 3", "the backquote is not closed", "`price = 3"),
        (r"city = 'a\d'", "a backslash comes before", r"\d"),
        (r"city = '\u{d800}'", "a backslash comes before", r"\u{d800"),
        ("price = 30kg", "`30kg` is no number", "30kg"),
        ("price = 1.2.3", "`1.2.3` is no number", "1.2.3"),
        ("price = 3e", "`3e` is no number", "3e"),
        ("price = -", "`-` is no number", "-"),
        (
            "price = 1e999",
            "no number of an item is this large",
            "1e999",
        ),
        ("seller. = 3", "a name expected after the dot", ""),
        (
            "near(location, 1, 2, 3)",
            "there is no function `near`; there is within(",
            "near",
        ),
        (
            "within(location, 91, 0, 5)",
            "91 is no latitude; degrees from -90 to 90 are",
            "91",
        ),
        (
            "within(location, 0, -180.5, 5)",
            "-180.5 is no longitude",
            "-180.5",
        ),
        ("within(location, 0, 0, -5)", "-5 is no distance", "-5"),
        (
            "within(location, 0, 0)",
            "a comma and a distance in kilometres expected",
            ")",
        ),
        ("within(location, '0', 0, 1)", "a latitude expected", "'0'"),
    ] {
        let error = Filter::parse(text).unwrap_err();
        assert!(error.message.contains(message), "{text}: {error}");
        assert_eq!(&text[error.span.clone()], marked, "{text}: {error}");
        assert_eq!(error.text, text);
        // What stands for a filter keeps the error for the recall.
        assert_eq!(
            Filter::from(text).check(&Known::nothing()),
            Err(error.clone())
        );
        assert_eq!(
            (!Filter::from(text) & Filter::all([])).check(&Known::nothing()),
            Err(error)
        );
    }
}

#[test]
fn what_makes_no_sense_for_the_fields_there_are_is_refused_with_the_place() {
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
            "'3' is a text, and a number without the quotes",
            "'3'",
        ),
        (
            "city = 3",
            "`city` holds texts; 3 is a number, and a text in quotes",
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
            "`city` is never a list; compare it by `=` or `in`",
            "has 'a'",
        ),
        (
            "within(price, 1, 2, 3)",
            "`price` holds numbers, and no places",
            "price",
        ),
        (
            "location = 3",
            "of places one asks within(field, lat, lon, km)",
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
fn an_error_shows_the_text_and_marks_the_place() {
    assert_eq!(
        fault("city = 'Seattle' and prize < 30"),
        "there is no field `prize`; did you mean `price`?\n  \
           city = 'Seattle' and prize < 30\n                       ^^^^^"
    );
    let calls = Filter::field("city").eq("Seattle") & Filter::field("price").lt("30");
    assert_eq!(
        calls.check(&known(&shop())).unwrap_err().to_string(),
        "`price` holds numbers; '30' is a text, and a number without the quotes\n  \
           city = 'Seattle' and price < '30'\n                               ^^^^"
    );
}

#[test]
fn calls_that_make_no_filter_are_refused_by_the_recall() {
    let says = |filter: Filter| filter.check(&Known::nothing()).unwrap_err();
    let nan = says(Filter::field("price").lt(f64::NAN));
    assert_eq!(
        (&nan.text[nan.span.clone()], &*nan.text),
        ("NaN", "price < NaN")
    );
    let empty = says(Filter::field("city").one_of(Vec::<String>::new()) & Filter::all([]));
    assert!(empty.message.contains("the list is empty"), "{empty}");
    assert_eq!(&empty.text[empty.span.clone()], "in ()");
    let long = says(Filter::field("a").one_of(0..MAX_LIST as u32 + 1));
    assert!(long.message.contains("at most 10000"), "{}", long.message);
    let nowhere = says(Filter::field("a").within(0.0, 0.0, f64::INFINITY));
    assert!(nowhere.message.contains("inf"), "{nowhere}");
}

#[test]
fn depth_length_and_lists_are_bounded() {
    let nested = |open: &str, close: &str, levels| {
        let (open, close) = (open.repeat(levels), close.repeat(levels));
        Filter::parse(&format!("{open}a = 1{close}"))
    };
    for (open, close) in [
        ("(", ")"),
        ("not (", ")"),
        ("not ", ""),
        ("(b = 2 or (c = 1 and ", "))"),
    ] {
        assert!(nested(open, close, 40).is_ok());
        for levels in [1000, 100_000] {
            let error = nested(open, close, levels).unwrap_err();
            assert!(
                error.message.contains("at most") || error.message == expr::TOO_DEEP,
                "{error}"
            );
        }
    }
    let long = format!("a = '{}'", "x".repeat(MAX_TEXT_BYTES));
    assert!(
        Filter::parse(&long)
            .unwrap_err()
            .message
            .contains("at most 1048576 fit")
    );
    let list = |count: usize| Filter::parse(&format!("a in ({})", vec!["1"; count].join(",")));
    assert!(list(MAX_LIST).is_ok());
    assert!(
        list(MAX_LIST + 1)
            .unwrap_err()
            .message
            .contains("at most 10000")
    );

    // Calls can nest too.
    let leaf = || Filter::field("a").eq(1);
    let mut deep = leaf();
    for _ in 0..100_000 {
        deep = !(deep & leaf());
    }
    assert_eq!(
        deep.check(&Known::nothing()).unwrap_err().message,
        expr::TOO_DEEP
    );
    let mut wide = leaf();
    for _ in 0..10_000 {
        wide = leaf() & wide & leaf();
    }
    assert!(wide.check(&Known::nothing()).is_ok());
}

#[test]
fn conditions_say_nothing_twice() {
    let shop = known(&shop());
    let condition = |text: &str| Filter::parse(text).unwrap().condition(&shop);
    let leaf = |field: &str, test| Condition::Leaf {
        field: field.to_owned(),
        test,
    };
    let number = |n| Term::Number(n);
    let merged = condition("price > 3 and city is null and price <= 9 and price >= 2");
    let between = Test::Between {
        low: Excluded(number(3.0)),
        high: Included(number(9.0)),
    };
    let null = Condition::Not(Box::new(leaf("city", Test::Present)));
    assert_eq!(merged, Condition::All(vec![leaf("price", between), null]));
    assert_eq!(condition("price < 3 and price > 5"), Condition::Any(vec![]));
    assert_eq!(condition("code < 3 and code > 'a'"), Condition::Any(vec![]));
    let some = condition("price in (1, 2, 3) and price >= 2");
    assert_eq!(
        some,
        leaf("price", Test::OneOf(vec![number(2.0), number(3.0)]))
    );
    let any = condition("price = 3 or (price in (1, 3) or price = 2)");
    let terms = vec![number(1.0), number(2.0), number(3.0)];
    assert_eq!(any, leaf("price", Test::OneOf(terms)));
    assert_eq!(condition("not (not (price = 3))"), condition("price = 3"));
    assert_eq!(
        condition("true and (price = 3 or false)"),
        condition("price = 3")
    );
    assert_eq!(condition("not (price = 3 or true)"), Condition::Any(vec![]));
    // Of a list, one element may be above the one bound and another below the other.
    let Condition::All(parts) = condition("tags > 'a' and tags < 'z'") else {
        panic!()
    };
    assert_eq!(parts.len(), 2);
    let prefix = Test::Between {
        low: Included(Term::Text("a\u{d7ff}\u{10ffff}".to_owned())),
        high: Excluded(Term::Text("a\u{e000}".to_owned())),
    };
    assert_eq!(
        condition("city starts with 'a\\u{d7ff}\\u{10ffff}'"),
        leaf("city", prefix)
    );
    let last = Test::Between {
        low: Included(Term::Text("\u{10ffff}".to_owned())),
        high: Unbounded,
    };
    assert_eq!(
        condition("city starts with '\\u{10ffff}'"),
        leaf("city", last)
    );
}

/// What an expression says, read plainly.
fn naive(expr: &Expr, record: &Fields) -> bool {
    let Predicate { field, op } = match expr {
        Expr::All(parts) => return parts.iter().all(|part| naive(part, record)),
        Expr::Any(parts) => return parts.iter().any(|part| naive(part, record)),
        Expr::Not(inner) => return !naive(inner, record),
        Expr::Predicate(predicate) => predicate,
    };
    let value = record.field(field);
    let terms = match value {
        Some(FieldValue::Terms { terms, .. }) => terms.clone(),
        _ => Vec::new(),
    };
    let alike = |a: &Term, b: &Term| std::mem::discriminant(a) == std::mem::discriminant(b);
    let any = |passes: &dyn Fn(&Term) -> bool| terms.iter().any(passes);
    match op {
        Op::Compare(comparison, literal) => match comparison {
            Comparison::Equal => any(&|term| term == literal),
            Comparison::NotEqual => !any(&|term| term == literal),
            Comparison::Less => any(&|term| alike(term, literal) && term < literal),
            Comparison::AtMost => any(&|term| alike(term, literal) && term <= literal),
            Comparison::Greater => any(&|term| alike(term, literal) && term > literal),
            Comparison::AtLeast => any(&|term| alike(term, literal) && term >= literal),
        },
        Op::Between(low, high) => any(&|term| low <= term && term <= high),
        Op::In(list) | Op::HasAny(list) => any(&|term| list.contains(term)),
        Op::HasAll(list) => list.iter().all(|wanted| terms.contains(wanted)),
        Op::StartsWith(prefix) => {
            any(&|term| matches!(term, Term::Text(text) if text.starts_with(prefix)))
        }
        Op::IsNull => value.is_none(),
        Op::IsNotNull => value.is_some(),
        Op::Within { lat, lon, km } => {
            let centre = twinspire_towers::internals::Place {
                lat: *lat,
                lon: *lon,
            };
            matches!(value, Some(FieldValue::Place(place)) if centre.distance_km(place) <= *km)
        }
    }
}

fn term() -> impl Strategy<Value = Term> {
    prop_oneof![
        any::<bool>().prop_map(Term::Bool),
        prop_oneof![
            (-3i8..4).prop_map(f64::from),
            any::<f64>().prop_filter("JSON has no such number", |number| number.is_finite()),
        ]
        .prop_map(Term::Number),
        prop_oneof!["[ab]{0,3}", "\\PC{0,8}", any::<String>()].prop_map(Term::Text),
    ]
}

fn predicate() -> impl Strategy<Value = Filter> {
    let path = prop_oneof![
        3 => prop::sample::select(vec!["a", "b", "tags", "at", "in"]).prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    let op = prop_oneof![
        4 => (0..6_usize, term()).prop_map(|(which, term)| {
            let all = [
                Comparison::Equal, Comparison::NotEqual, Comparison::Less,
                Comparison::AtMost, Comparison::Greater, Comparison::AtLeast,
            ];
            Op::Compare(all[which], term)
        }),
        2 => (term(), term()).prop_map(|(a, b)| {
            let (low, high) = if a < b { (a, b) } else { (b, a) };
            let alike = std::mem::discriminant(&low) == std::mem::discriminant(&high);
            Op::Between(if alike { low } else { high.clone() }, high)
        }),
        1 => vec(term(), 1..4).prop_map(Op::In),
        1 => vec(term(), 1..4).prop_map(Op::HasAny),
        1 => vec(term(), 1..4).prop_map(Op::HasAll),
        1 => prop_oneof!["[ab]{0,2}", any::<String>()].prop_map(Op::StartsWith),
        1 => Just(Op::IsNull),
        1 => Just(Op::IsNotNull),
        1 => (-90.0..90.0, -180.0..180.0, 0.0..20_000.0)
            .prop_map(|(lat, lon, km)| Op::Within { lat, lon, km }),
    ];
    (path, op).prop_map(|(path, op)| Filter::predicate(path, op))
}

fn filter() -> impl Strategy<Value = Filter> {
    let leaf = prop_oneof![
        8 => predicate(),
        1 => Just(Filter::all([])),
        1 => Just(Filter::any([])),
    ];
    leaf.prop_recursive(5, 40, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Filter::all),
            vec(inner.clone(), 0..5).prop_map(Filter::any),
            inner.prop_map(|filter| !filter),
        ]
    })
}

fn record() -> impl Strategy<Value = Value> {
    let scalar = || {
        prop_oneof![
            any::<bool>().prop_map(Value::from),
            (-4i8..5).prop_map(Value::from),
            "[ab]{0,3}".prop_map(Value::from),
            Just(Value::Null),
        ]
    };
    let list = vec(scalar(), 0..4).prop_map(Value::from);
    let place = (-90.0..90.0, -180.0..180.0).prop_map(|(lat, lon)| json!({"lat": lat, "lon": lon}));
    (
        scalar(),
        scalar(),
        prop_oneof![scalar(), list],
        prop_oneof![scalar(), place.boxed()],
    )
        .prop_map(|(a, b, tags, at)| json!({"a": a, "b": b, "tags": tags, "at": at, "in": 1}))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn the_text_of_a_filter_reads_back_to_it(filter in filter()) {
        let text = filter.to_string();
        match Filter::parse(&text) {
            Ok(parsed) => {
                prop_assert_eq!(&parsed, &filter, "{}", text);
                prop_assert_eq!(parsed.to_string(), text);
            }
            Err(error) => prop_assert!(false, "{}", error),
        }
    }

    #[test]
    fn a_condition_matches_what_the_filter_says(
        filter in filter(), records in vec(record(), 1..12)
    ) {
        let known = known(&records);
        prop_assert!(filter.check(&Known::nothing()).is_ok());
        let conditions = [filter.condition(&known), filter.condition(&Known::nothing())];
        let text = filter.to_string();
        let expr = super::parse::parse(&text).unwrap().expr;
        for condition in conditions {
            for record in &records {
                let fields = Fields::of(record);
                prop_assert_eq!(condition.matches(&fields), naive(&expr, &fields), "{} {}", text, record);
            }
        }
    }

    #[test]
    fn any_text_is_a_filter_or_an_error_that_can_be_shown(
        text in prop_oneof![
            any::<String>(),
            "(price|city|not|and|or|in|has|any|all|is|null|between|true|within|[()=<>,.'\"`]|3|\\\\| ){0,30}",
        ]
    ) {
        match Filter::parse(&text) {
            Ok(filter) => prop_assert_eq!(Filter::parse(&filter.to_string()).unwrap(), filter),
            Err(error) => {
                prop_assert!(text.get(error.span.clone()).is_some(), "{error:?}");
                let shown = error.to_string();
                prop_assert_eq!(shown.lines().count(), 3);
            }
        }
    }
}
