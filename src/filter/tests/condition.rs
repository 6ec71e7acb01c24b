use super::{known, shop};
use crate::filter::{Condition, Filter};
use std::ops::Bound::{Excluded, Included, Unbounded};
use twinspire_towers::internals::{Term, Test};

#[test]
fn compiling_merges_tests_of_one_field() {
    let shop = known(&shop());
    let condition = |text: &str| Filter::parse(text).unwrap().condition(&shop);
    let leaf = |field: &str, test| Condition::Leaf {
        field: field.to_owned(),
        test,
    };
    let number = |n: f64| Term::Number(n.into());
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
    // Different elements of a list may pass different tests.
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
