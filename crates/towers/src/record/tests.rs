//! Fields, terms, places and tests of records.

use super::Test;
use super::fields::{FieldValue, Fields};
use super::place::{EARTH_RADIUS_KM, Place, misread_places};
use super::term::Term;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::ops::Bound;

fn terms(values: &Value, list: bool) -> FieldValue {
    let terms = values.as_array().unwrap().iter().map(Term::of);
    let terms = terms.collect::<Option<_>>().unwrap();
    FieldValue::Terms { terms, list }
}

fn between(low: Bound<&Value>, high: Bound<&Value>) -> Test {
    Test::Between {
        low: low.map(|value| Term::of(value).unwrap()),
        high: high.map(|value| Term::of(value).unwrap()),
    }
}

#[test]
fn fields_are_scalars_lists_and_places_by_dotted_path() {
    let record = json!({
        "id": "a", "price": 3, "new": true, "none": null, "empty": [], "hollow": {},
        "tags": ["y", 1, "x", null, ["z"], {"w": 1}, "y", true],
        "seller": {"city": "Bonn", "at": {"lat": 50.7, "lon": 7}, "none": null},
        "off": {"lat": 91, "lon": 0}, "more": {"lat": 1, "lon": 2, "alt": 3},
    });
    let fields = Fields::of(&record);
    let found: Vec<_> = fields.iter().map(|(path, _)| path).collect();
    let paths = [
        "empty",
        "id",
        "more.alt",
        "more.lat",
        "more.lon",
        "new",
        "off.lat",
        "off.lon",
        "price",
        "seller.at",
        "seller.city",
        "tags",
    ];
    assert_eq!(found, paths);
    let field = |path| fields.field(path).unwrap().clone();
    assert_eq!(field("price"), terms(&json!([3.0]), false));
    assert_eq!(field("id"), terms(&json!(["a"]), false));
    assert_eq!(field("empty"), terms(&json!([]), true));
    assert_eq!(field("tags"), terms(&json!([true, 1, "x", "y"]), true));
    let place = Place {
        lat: 50.7,
        lon: 7.0,
    };
    assert_eq!(field("seller.at"), FieldValue::Place(place));
    assert_eq!(fields.field("seller"), None);
    assert_eq!(fields.field("none"), None);
}

#[test]
fn objects_meant_as_places_that_are_none_are_told_of() {
    let of = |place: Value| misread_places(&json!({"id": "a", "seller": {"at": place}}));
    for (place, fault) in [
        (json!({"lat": 0, "lng": 179.9}), "has other names"),
        (
            json!({"latitude": 0, "Longitude": 179.9}),
            "has other names",
        ),
        (json!({"lat": 0, "lon": 190}), "is out of range"),
        (json!({"lat": 91, "lon": 0}), "is out of range"),
        (json!({"lat": "0", "lon": "179.9"}), "has no numbers"),
        (json!({"lat": 0, "lon": null}), "has no numbers"),
        (
            json!({"lat": 0, "lon": 179.9, "alt": 5}),
            "has other members",
        ),
        (
            json!({"type": "Point", "coordinates": [179.9, 0]}),
            "is GeoJSON",
        ),
    ] {
        assert_eq!(
            of(place.clone()),
            [("seller.at".to_owned(), fault)],
            "{place}"
        );
    }
    for other in [
        json!({"lat": 0, "lon": 180}),
        json!({"lat": 1}),
        json!([0, 1]),
        json!({"type": "x"}),
    ] {
        assert_eq!(of(other), []);
    }
}

#[test]
fn two_members_with_the_same_path_become_one_list() {
    let fields = Fields::of(&json!({"a.b": 2, "a": {"b": 1}, "a!": 0}));
    assert_eq!(fields.iter().count(), 2);
    assert_eq!(fields.field("a.b"), Some(&terms(&json!([1, 2]), true)));
    let fields = Fields::of(&json!({"a.b": 2, "a": {"b": {"lat": 1, "lon": 1}}}));
    assert_eq!(fields.field("a.b"), Some(&terms(&json!([2]), false)));
    let (north, south) = (json!({"lat": 2, "lon": 1}), json!({"lat": 1, "lon": 2}));
    for (outer, inner) in [(&north, &south), (&south, &north)] {
        let fields = Fields::of(&json!({"a.b": outer, "a": {"b": inner}}));
        let place = Place { lat: 1.0, lon: 2.0 };
        assert_eq!(fields.field("a.b"), Some(&FieldValue::Place(place)));
    }
}

#[test]
fn long_names_around_many_members_take_little_memory() {
    let members: Map<_, _> = (0..100).map(|i| (i.to_string(), json!(i))).collect();
    let fields = Fields::of(&json!({"x".repeat(500_000): members, "y".repeat(256): 1}));
    assert_eq!(fields.iter().count(), 1);
}

#[test]
fn tests_match_by_kind_range_and_presence() {
    use Bound::{Excluded, Included, Unbounded};
    let number = terms(&json!([5]), false);
    let mixed = terms(&json!([false, 7, "b"]), true);
    let (three, five) = (json!(3), json!(5));
    assert!(between(Included(&three), Included(&five)).matches(Some(&number)));
    assert!(!between(Included(&three), Excluded(&five)).matches(Some(&number)));
    assert!(between(Excluded(&three), Unbounded).matches(Some(&mixed)));
    assert!(!between(Unbounded, Excluded(&json!("a"))).matches(Some(&mixed)));
    assert!(!between(Included(&json!(false)), Included(&json!("z"))).matches(Some(&mixed)));
    assert!(between(Unbounded, Unbounded).matches(Some(&mixed)));
    let one_of = Test::OneOf(vec![Term::Text("b".to_owned()), Term::Number(5.0.into())]);
    assert!(one_of.matches(Some(&number)) && one_of.matches(Some(&mixed)));
    let empty = terms(&json!([]), true);
    assert!(Test::Present.matches(Some(&empty)) && !Test::Present.matches(None));
    assert!(!between(Unbounded, Unbounded).matches(Some(&empty)));
    let minus_zero = Fields::of(&json!({"n": -0.0}));
    let zero = Test::OneOf(vec![Term::Number(0.0.into())]);
    assert!(zero.matches(minus_zero.field("n")));
    assert_eq!(Term::Number((-0.0).into()), Term::Number(0.0.into()));
}

#[test]
fn distances_are_great_circles() {
    let place = |lat, lon| Place { lat, lon };
    let (berlin, paris) = (place(52.52, 13.405), place(48.8566, 2.3522));
    let distance = berlin.distance_km(&paris);
    assert!((distance - 877.46).abs() < 0.1, "{distance}");
    let poles = place(90.0, 0.0).distance_km(&place(-90.0, 123.0));
    assert!((poles - std::f64::consts::PI * EARTH_RADIUS_KM).abs() < 1e-6);
    let across = place(0.0, 179.5).distance_km(&place(0.0, -179.5));
    assert!((across - 111.195).abs() < 0.01, "{across}");
    let near = Test::Within {
        centre: berlin,
        km: 900.0,
    };
    assert!(near.matches(Some(&FieldValue::Place(paris))));
    assert!(!near.matches(Some(&terms(&json!([1]), false))));
    let exact = Test::Within {
        centre: berlin,
        km: 0.0,
    };
    assert!(exact.matches(Some(&FieldValue::Place(berlin))));
}

fn term() -> impl Strategy<Value = Term> {
    prop_oneof![
        any::<bool>().prop_map(Term::Bool),
        prop_oneof![Just(0.0), Just(-0.0), -1e300..1e300]
            .prop_map(|number: f64| Term::Number(number.into())),
        any::<i64>().prop_map(|number| Term::Number(number.into())),
        "[a-c]{0,2}".prop_map(Term::Text),
    ]
}

proptest! {
    #[test]
    fn terms_are_totally_ordered(a in term(), b in term(), c in term()) {
        prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
        prop_assert_eq!(a == b, a.cmp(&b).is_eq());
        let mut sorted = [a, b, c];
        sorted.sort();
        prop_assert!(sorted[0] <= sorted[1] && sorted[1] <= sorted[2] && sorted[0] <= sorted[2]);
    }
}
