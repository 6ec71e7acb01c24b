//! Numbers that filters compare, and the check that JSON holds no others.

use super::item::RecordError;
use std::cmp::Ordering;
use std::fmt;

/// 2^64: integers of 64 bits, signed or not, lie below it.
const TWO_TO_64: f64 = 18_446_744_073_709_551_616.0;
/// 2^63: the least integer is its negative.
const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;
/// The least number of digits of an integer that exceeds 64 bits.
const LONG_DIGITS: usize = 19;

/// A number, compared exactly: an integer of 64 bits, signed or not, or a finite 64-bit float.
///
/// It is kept as the nearest float and what the float lacks. Rounding never changes the order of two numbers, so
/// comparing the floats first, then the rests, compares exactly: 2^53 + 1 differs from 2^53, and 5 equals 5.0.
#[derive(Clone, Copy, Debug)]
pub struct Number {
    nearest: f64,
    rest: i16,
}

impl Number {
    /// The number with this nearest float and rest.
    #[must_use]
    pub fn new(nearest: f64, rest: i16) -> Self {
        // Adding zero turns minus zero into zero.
        let nearest = nearest + 0.0;
        Self { nearest, rest }
    }

    /// The nearest 64-bit float; of two equally near ones, the one with an even significand.
    #[must_use]
    pub fn nearest(self) -> f64 {
        self.nearest
    }

    /// The number minus the nearest float: from -1,024 to 1,024, and 0 unless the number is an integer beyond 2^53.
    #[must_use]
    pub fn rest(self) -> i16 {
        self.rest
    }

    /// The number of a JSON number. Without a point or an exponent it is an integer of at most 64 bits.
    pub(super) fn of(number: &serde_json::Number) -> Option<Self> {
        let signed = number.as_i64().map(Self::from);
        let unsigned = || number.as_u64().map(Self::from);
        signed
            .or_else(unsigned)
            .or_else(|| number.as_f64().map(Self::from))
    }

    /// The integer of an integer type.
    fn of_integer(integer: i128, nearest: f64) -> Self {
        // The float of a 64-bit integer differs from it by at most half of 2^11.
        Self::new(nearest, (integer - nearest as i128) as i16)
    }
}

impl From<f64> for Number {
    fn from(number: f64) -> Self {
        Self::new(number, 0)
    }
}

impl From<i64> for Number {
    fn from(number: i64) -> Self {
        Self::of_integer(number.into(), number as f64)
    }
}

impl From<u64> for Number {
    fn from(number: u64) -> Self {
        Self::of_integer(number.into(), number as f64)
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        let floats = self.nearest.total_cmp(&other.nearest);
        floats.then(self.rest.cmp(&other.rest))
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Number {}

/// Text that reads as the same number: the digits of an integer of 64 bits, the fewest digits of any other.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let integer = self.nearest as i128 + i128::from(self.rest);
        let is_integer =
            self.nearest.fract() == 0.0 && (-TWO_TO_63..=TWO_TO_64).contains(&self.nearest);
        if is_integer && (i64::try_from(integer).is_ok() || u64::try_from(integer).is_ok()) {
            return integer.fmt(f);
        }
        write!(f, "{:?}", self.nearest)
    }
}

/// Checks that JSON text has no integer beyond 64 bits, which would be rounded without a word.
///
/// The text need not be valid JSON otherwise.
///
/// # Errors
/// Names the field and the number.
pub fn check_integers(text: &str) -> Result<(), RecordError> {
    let bytes = text.as_bytes();
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    // The last string, and the last one that a colon followed.
    let (mut string, mut name) = ("", "");
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let from = at;
        at += 1;
        match byte {
            b'"' => {
                at = end_of_string(bytes, at);
                string = part(from + 1, at.saturating_sub(1));
            }
            b':' => name = string,
            b'-' | b'0'..=b'9' => {
                let continues =
                    |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
                let more = bytes.get(at..).unwrap_or_default().iter();
                at += more.take_while(|byte| continues(byte)).count();
                let number = part(from, at);
                if is_long_integer(number) {
                    let expected =
                        "an integer of at most 64 bits (write a longer one in quotes, as a text)";
                    return Err(RecordError::new(name, expected, number));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// The position after the closing quote of a string whose first character is at `at`.
fn end_of_string(bytes: &[u8], mut at: usize) -> usize {
    while let Some(byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'"' => break,
            b'\\' => at += 1,
            _ => {}
        }
    }
    at.min(bytes.len())
}

/// Whether this is an integer beyond 64 bits.
fn is_long_integer(number: &str) -> bool {
    number.len() >= LONG_DIGITS
        && number.parse::<i64>().is_err()
        && number.parse::<u64>().is_err()
        && number.bytes().skip(1).all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    /// Integers near the ends of what floats and 64 bits hold, and any others.
    fn integer() -> impl Strategy<Value = i128> {
        let end = prop::sample::select(vec![
            0,
            1 << 53,
            (1 << 53) * 5,
            1 << 62,
            1 << 63,
            (1 << 64) - 1,
        ]);
        let near = (end, -3i128..=3, any::<bool>())
            .prop_map(|(end, by, negative)| (end + by) * if negative { -1 } else { 1 });
        let in_range =
            |number: &i128| (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(number);
        prop_oneof![
            near,
            any::<i64>().prop_map(i128::from),
            any::<u64>().prop_map(i128::from)
        ]
        .prop_filter("64 bits", in_range)
    }

    fn number(integer: i128) -> Number {
        match u64::try_from(integer) {
            Ok(integer) => integer.into(),
            Err(_) => i64::try_from(integer).unwrap().into(),
        }
    }

    /// The exact order of an integer and a float.
    fn order(integer: i128, float: f64) -> Ordering {
        let floor = float.floor();
        match floor {
            _ if floor >= 1e30 => Ordering::Less,
            _ if floor <= -1e30 => Ordering::Greater,
            _ => integer
                .cmp(&(floor as i128))
                .then(floor.partial_cmp(&float).unwrap()),
        }
    }

    proptest! {
        #[test]
        fn integers_compare_exactly_with_each_other(a in integer(), b in integer()) {
            prop_assert_eq!(number(a).cmp(&number(b)), a.cmp(&b));
        }

        #[test]
        fn integers_and_floats_compare_exactly(
            a in integer(), b in prop_oneof![integer().prop_map(|b| b as f64), any::<f64>(), -9.0..9.0]
        ) {
            prop_assume!(b.is_finite());
            prop_assert_eq!(number(a).cmp(&Number::from(b)), order(a, b));
            prop_assert_eq!(Number::from(b).cmp(&number(a)), order(a, b).reverse());
        }

        #[test]
        fn the_text_of_a_number_reads_as_the_same_number(
            number in prop_oneof![integer().prop_map(number), any::<f64>().prop_map(Number::from)]
        ) {
            prop_assume!(number.nearest().is_finite());
            let read: serde_json::Number = serde_json::from_str(&number.to_string()).unwrap();
            prop_assert_eq!(Number::of(&read), Some(number));
        }

        #[test]
        fn exactly_the_integers_beyond_64_bits_are_refused(
            digits in "-?[1-9][0-9]{0,24}", key in "[a-e\\\\\"]{0,3}"
        ) {
            let fits = digits.parse::<i64>().is_ok() || digits.parse::<u64>().is_ok();
            let key = Value::from(key).to_string();
            let text = format!("{{\"other\": \"{digits}{digits}\", {key}: [1, {digits}], \"f\": {digits}.5e1}}");
            prop_assert_eq!(check_integers(&text).is_ok(), fits, "{}", text);
            if fits {
                let value: Value = serde_json::from_str(&text).unwrap();
                let list = value.as_object().unwrap().values().find_map(Value::as_array).unwrap();
                prop_assert_eq!(list[1].to_string(), digits);
            }
        }

        #[test]
        fn any_text_is_checked_without_a_panic(text in any::<String>()) {
            let _ = check_integers(&text);
        }
    }

    #[test]
    fn a_long_integer_is_named_with_its_field() {
        let text = r#"{"id": "a:\"7", "seller": {"no": 123456789012345678901234567890}}"#;
        let error = check_integers(text).unwrap_err();
        assert_eq!(error.field, "no");
        assert_eq!(error.found, "123456789012345678901234567890");
        assert!(
            check_integers("{\"a\": 1e400, \"b\": \"123456789012345678901234567890\"}").is_ok()
        );
    }
}
