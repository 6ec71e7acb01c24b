use super::{known, shop};
use crate::filter::{Filter, KnownFields};
use serde_json::json;
use twinspire_towers::internals::Fields;

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

#[test]
fn text_and_calls_give_equal_filters() {
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
fn texts_and_names_may_have_any_characters() {
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
        let condition = filter.condition(&KnownFields::unknown());
        assert!(condition.matches(&item), "{text}");
        assert_eq!(
            Filter::parse(&filter.to_string()).unwrap(),
            filter,
            "{filter}"
        );
    }
}

#[test]
fn syntax_errors_give_the_place_and_advice() {
    for (text, message, marked) in [
        ("", "the filter is empty", ""),
        ("  ", "the filter is empty", "  "),
        (
            "price <",
            "a value (a number, a text in quotes, true or false) expected, found the end",
            "",
        ),
        (
            "price < and",
            "a value (write a text in quotes, 'and') expected, found `and`",
            "and",
        ),
        (
            "city = Seattle",
            "write a text in quotes, 'Seattle'",
            "Seattle",
        ),
        ("price 30", "a comparison of `price` (=, !=,", "30"),
        (
            "city like 'S%'",
            "there is no `like`; write `starts with 'pre'`",
            "like",
        ),
        (
            "'Seattle' = city",
            "a field (without quotes, or in backquotes) expected",
            "'Seattle'",
        ),
        ("30 > price", "a field expected, found `30`", "30"),
        (
            "in = 3",
            "a field (write a field of this name in backquotes) expected",
            "in",
        ),
        (
            "price = null",
            "null equals nothing; write `is null`",
            "= null",
        ),
        ("price != NULL", "write `is not null`", "!= NULL"),
        ("price < null", "write `is null` or `is not null`", "< null"),
        (
            "price in (1, null)",
            "write `is null` or `is not null`",
            "null",
        ),
        (
            "price is 3",
            "`null` or `not null` after `is` expected, found `3`",
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
            "a comma or `)` expected, found the end",
            "",
        ),
        (
            "tags has ('a')",
            "`any` or `all` before a list expected",
            "(",
        ),
        (
            "price between 1, 2",
            "`and` and the upper end expected, found `,`",
            ",",
        ),
        (
            "price between 1 and 'a'",
            "the ends of the range, 1 and 'a', differ in type",
            "'a'",
        ),
        (
            "price between 5 and 3",
            "the range from 5 to 3 is empty",
            "5",
        ),
        ("city starts with 3", "a text expected", "3"),
        ("city starts 'a'", "`with` expected", "'a'"),
        (
            "price = 3 price",
            "`and`, `or` or the end expected, found `price`",
            "price",
        ),
        (
            "price = 3)",
            "`and`, `or` or the end expected, found `)`",
            ")",
        ),
        (
            "sold = true and (price = 3",
            "the parenthesis is not closed",
            "(",
        ),
        (
            "(price = 3 4)",
            "`and`, `or` or `)` expected, found `4`",
            "4",
        ),
        (
            "price = 3 && sold = true",
            "unexpected `&&`; write `and`",
            "&&",
        ),
        ("!sold", "unexpected `!`; write `not`", "!"),
        ("city = “Seattle”", "write texts in straight quotes", "“"),
        ("price = 3%", "unexpected `%`", "%"),
        (
            "city = 'Seattle",
            "the text is not closed; close it with '",
            "'Seattle",
        ),
        ("`price = 3", "the backquote is not closed", "`price = 3"),
        (r"city = 'a\d'", "unknown escape", r"\d"),
        (r"city = '\u{d800}'", "unknown escape", r"\u{d800"),
        ("price = 30kg", "`30kg` is not a number", "30kg"),
        ("price = 1.2.3", "`1.2.3` is not a number", "1.2.3"),
        ("price = 3e", "`3e` is not a number", "3e"),
        ("price = -", "`-` is not a number", "-"),
        ("price = 1e999", "the number is not finite", "1e999"),
        ("seller. = 3", "a name expected after the dot", ""),
        (
            "near(location, 1, 2, 3)",
            "there is no function `near`; the only one is within(",
            "near",
        ),
        (
            "within(location, 91, 0, 5)",
            "latitude 91 is out of range; use degrees from -90 to 90",
            "91",
        ),
        (
            "within(location, 0, -180.5, 5)",
            "longitude -180.5 is out of range",
            "-180.5",
        ),
        (
            "within(location, 0, 0, -5)",
            "distance -5 is out of range",
            "-5",
        ),
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
        // A text that stands for a filter keeps its error for the recall.
        assert_eq!(
            Filter::from(text).check(&KnownFields::unknown()),
            Err(error.clone())
        );
        assert_eq!(
            (!Filter::from(text) & Filter::all([])).check(&KnownFields::unknown()),
            Err(error)
        );
    }
}
