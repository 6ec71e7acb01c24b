use super::known;
use crate::filter::expr::{Comparison, Expr, Op, Predicate};
use crate::filter::parse::parse;
use crate::filter::{Filter, KnownFields};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};
use twinspire_towers::internals::{FieldValue, Fields, Term};

/// Evaluates an expression in the plainest way.
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
        .prop_map(|number| Term::Number(number.into())),
        prop_oneof![any::<i64>(), (1i64 << 53) - 2..(1 << 53) + 3]
            .prop_map(|number| Term::Number(number.into())),
        any::<u64>().prop_map(|number| Term::Number(number.into())),
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
    fn the_text_of_a_filter_parses_to_an_equal_filter(filter in filter()) {
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
    fn a_condition_matches_as_a_plain_evaluation_does(
        filter in filter(), records in vec(record(), 1..12)
    ) {
        let known = known(&records);
        prop_assert!(filter.check(&KnownFields::unknown()).is_ok());
        let conditions = [filter.condition(&known), filter.condition(&KnownFields::unknown())];
        let text = filter.to_string();
        let expr = parse(&text).unwrap().expr;
        for condition in conditions {
            for record in &records {
                let fields = Fields::of(record);
                prop_assert_eq!(condition.matches(&fields), naive(&expr, &fields), "{} {}", text, record);
            }
        }
    }

    #[test]
    fn any_text_parses_or_gives_a_three_line_error(
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
