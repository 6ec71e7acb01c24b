use super::{known, shop};
use crate::filter::{Filter, FilterErrorKind};
use proptest::prelude::*;
use serde_json::{Value, json};
use twinspire_towers::internals::Fields;
use twinspire_towers::{Moment, TimeUnit};

/// 2024-08-04 00:00 UTC, in each unit and as text.
const DAY: i64 = 1_722_729_600;

fn day_in_all_forms() -> [Value; 5] {
    [
        json!(DAY),
        json!(DAY * 1_000),
        json!(DAY * 1_000_000),
        json!(DAY * 1_000_000_000),
        json!("2024-08-04"),
    ]
}

/// Which of the values a filter of the field `at` matches.
fn matches(filter: &str, values: &[Value]) -> Vec<bool> {
    let items: Vec<Value> = values.iter().map(|at| json!({"at": at})).collect();
    let known = known(&items);
    let filter = Filter::parse(filter).unwrap();
    filter.check(&known).unwrap();
    let condition = filter.condition(&known);
    let matches = |item| condition.matches(&Fields::of(item));
    items.iter().map(matches).collect()
}

#[test]
fn a_date_matches_numbers_of_every_unit_and_the_same_text() {
    let values = day_in_all_forms();
    for (filter, expected) in [
        ("at = '2024-08-04'", true),
        ("at != '2024-08-04'", false),
        ("at in ('1999-01-01', '2024-08-04')", true),
        ("at >= '2024-08-04'", true),
        ("at > '2024-08-04'", false),
        ("at < '2024-08-04'", false),
        ("at <= '2024-08-04'", true),
        ("at > '2024-08-03'", true),
        ("at < '2024-08-05'", true),
        ("at between '2024-08-01' and '2024-08-31'", true),
        ("at >= '2024-08-05' and at < '2025-01-01'", false),
        ("at >= '2024-01-01' and at < '2025-01-01'", true),
    ] {
        assert_eq!(matches(filter, &values), [expected; 5], "{filter}");
    }
}

#[test]
fn a_date_matches_elements_of_lists_and_times_before_1970() {
    let values = [
        json!([3, DAY]),
        json!([3]),
        json!(-1),
        json!(-200_000_000_000_i64),
    ];
    assert_eq!(
        matches("at has '2024-08-04'", &values),
        [true, false, false, false]
    );
    // -2 * 10^11 are milliseconds: in the year 1963.
    assert_eq!(
        matches("at between '1963-01-01' and '1964-01-01'", &values),
        [false, false, false, true]
    );
    assert_eq!(
        matches("at < '1970-01-01' and at > '1965-01-01'", &values[2..]),
        [true, false]
    );
}

#[test]
fn only_a_time_stands_for_a_number_and_never_as_a_prefix() {
    let refused = |text: &str| {
        let checked = Filter::parse(text).and_then(|filter| filter.check(&known(&shop())));
        checked.unwrap_err().kind
    };
    let field = "price".to_owned();
    for text in [
        "price < 'cheap'",
        "price < '2024-13-01'",
        "price starts with '2024-08-04'",
    ] {
        let field = field.clone();
        assert_eq!(refused(text), FilterErrorKind::Type { field }, "{text}");
    }
}

proptest! {
    #[test]
    fn numbers_compare_with_times_as_their_times_do(
        (year, month, day) in (1_i64..=9_999, 1_u8..=12, 1_u8..=28),
        value in any::<i64>(),
        shift in 0_u32..64,
        near in -1_i64..=1,
        unit in proptest::option::of(proptest::sample::select(TimeUnit::ALL.to_vec())),
    ) {
        let date = format!("{year:04}-{month:02}-{day:02}");
        let bound = Moment::parse(&date).unwrap();
        // A number near the date in one of the units, or of any size.
        let value = match unit {
            Some(unit) => bound.seconds.saturating_mul(unit.per_second()).saturating_add(near),
            None => value >> shift,
        };
        let Some(time) = Moment::of_integer(value) else { return Ok(()) };
        let values = [json!(value)];
        for (op, expected) in [
            ("<", time < bound),
            ("<=", time <= bound),
            (">", time > bound),
            (">=", time >= bound),
            ("=", time == bound),
        ] {
            let filter = format!("at {op} '{date}'");
            prop_assert_eq!(matches(&filter, &values), [expected], "{} of {}", filter, value);
        }
    }
}
