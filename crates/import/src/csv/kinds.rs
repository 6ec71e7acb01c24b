//! The type of a column, read off all its cells.
//!
//! A column is what all its cells are: whole numbers, numbers, booleans, moments, or else text. So `007` among codes
//! makes all of them text, and `1e-05` among numbers is a number: a frame has the same types as if it had been written
//! as Parquet.

use serde_json::{Number, Value};
use twinspire_towers::internals::Moment;

use super::scan::{Cells, Fault, Scanner};
use crate::times;

/// Spellings of a missing value in a column of numbers, booleans or moments. Infinite numbers count as missing, as in
/// every kind of file.
const MISSING: [&str; 16] = [
    "NaN",
    "nan",
    "NA",
    "N/A",
    "NULL",
    "null",
    "None",
    "NaT",
    "<NA>",
    "-nan",
    "inf",
    "-inf",
    "Infinity",
    "-Infinity",
    "Inf",
    "-Inf",
];

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// No cell has a value.
    Empty,
    Text,
    Boolean,
    Integer,
    Float,
    Moment,
}

impl Kind {
    fn expected(self) -> &'static str {
        match self {
            Self::Empty | Self::Text => "text",
            Self::Boolean => "true or false",
            Self::Integer => "a whole number",
            Self::Float => "a number",
            Self::Moment => "a date or time",
        }
    }

    /// The value of a cell of such a column; null for a missing one.
    pub(super) fn value(self, cell: &str) -> Result<Value, String> {
        if cell.is_empty() {
            return Ok(Value::Null);
        }
        let value = match self {
            Self::Empty | Self::Text => return Ok(Value::String(cell.to_owned())),
            _ if MISSING.contains(&cell) => return Ok(Value::Null),
            Self::Boolean => boolean(cell).map(Value::Bool),
            Self::Integer => integer(cell).or_else(|| float(cell)),
            Self::Float => float(cell),
            Self::Moment => Moment::parse(cell).map(times::value),
        };
        value.ok_or_else(|| {
            let expected = self.expected();
            format!("{expected} expected, as in the rows before it, found {cell:?}; it can be read as text")
        })
    }
}

/// What the cells of a column look like.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "a set of looks")]
struct Looks {
    text: bool,
    boolean: bool,
    integer: bool,
    float: bool,
    /// `1e16` and `-0`: numbers among numbers with a decimal point, else codes.
    exponent: bool,
    moment: bool,
    /// A cell without quotes.
    bare: bool,
}

impl Looks {
    fn add(&mut self, cell: &str, quoted: bool) {
        if cell.is_empty() {
            return;
        }
        self.bare |= !quoted;
        let seen = match cell {
            _ if self.text || MISSING.contains(&cell) => return,
            _ if integer(cell).is_some() => &mut self.integer,
            _ if is_float(cell) => &mut self.float,
            _ if is_exponent(cell) || cell == "-0" => &mut self.exponent,
            _ if boolean(cell).is_some() => &mut self.boolean,
            _ if Moment::parse(cell).is_some() => &mut self.moment,
            _ => &mut self.text,
        };
        *seen = true;
    }

    /// The type; `mixed` says that the file has cells with quotes by their type: then numbers in quotes are text.
    fn kind(self, mixed: bool) -> Kind {
        let number = self.integer || self.float || self.exponent;
        match (number, self.boolean, self.moment) {
            _ if self.text => Kind::Text,
            (false, false, false) => Kind::Empty,
            (true, false, false) if mixed && !self.bare => Kind::Text,
            (true, false, false) if self.float => Kind::Float,
            (true, false, false) if self.exponent => Kind::Text,
            (true, false, false) => Kind::Integer,
            (false, true, false) => Kind::Boolean,
            (false, false, true) => Kind::Moment,
            _ => Kind::Text,
        }
    }
}

/// The types of all columns. Bad rows are passed over: they are reported when the rows are read.
pub(super) fn infer(scanner: &mut Scanner, columns: usize) -> Vec<Kind> {
    let mut looks = vec![Looks::default(); columns];
    let mut cells = Cells::default();
    loop {
        match scanner.next(&mut cells, Some(columns)) {
            Ok(true) => {
                for (at, looks) in looks.iter_mut().enumerate() {
                    looks.add(cells.get(at), cells.is_quoted(at));
                }
            }
            Err(Fault::Line(_)) => {}
            Ok(false) | Err(Fault::Io(_)) => break,
        }
    }
    let mixed = looks.iter().any(|looks| looks.bare);
    looks.into_iter().map(|looks| looks.kind(mixed)).collect()
}

fn boolean(cell: &str) -> Option<bool> {
    match cell {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

/// A whole number as it is usually written, within 64 bits. A larger one is a code, not a quantity.
fn integer(cell: &str) -> Option<Value> {
    let digits = cell.strip_prefix('-').unwrap_or(cell);
    let plain = is_digits(digits) && (digits == "0" || !digits.starts_with('0')) && cell != "-0";
    let signed = plain
        .then(|| cell.parse::<i64>().ok().map(Value::from))
        .flatten();
    signed.or_else(|| {
        plain
            .then(|| cell.parse::<u64>().ok().map(Value::from))
            .flatten()
    })
}

/// The value of anything that looks like a number; null if it is too large.
fn float(cell: &str) -> Option<Value> {
    let number = is_float(cell) || is_exponent(cell) || integer(cell).is_some() || cell == "-0";
    let value: f64 = number.then(|| cell.parse().ok()).flatten()?;
    Some(Number::from_f64(value).map_or(Value::Null, Value::Number))
}

/// `-?(0|[1-9][0-9]*)?\.[0-9]+([eE][+-]?[0-9]+)?`, or an exponent with a sign: codes are not written like this.
fn is_float(cell: &str) -> bool {
    let unsigned = cell.strip_prefix('-').unwrap_or(cell);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let signed = exponent.and_then(|exponent| exponent.strip_prefix(['+', '-']));
    if exponent.is_some_and(|exponent| !is_digits(signed.unwrap_or(exponent))) {
        return false;
    }
    match mantissa.split_once('.') {
        Some((whole, fraction)) => is_digits(fraction) && (whole.is_empty() || is_whole(whole)),
        None => signed.is_some() && is_whole(mantissa),
    }
}

/// `1e16`: a number that could as well be a code.
fn is_exponent(cell: &str) -> bool {
    let unsigned = cell.strip_prefix('-').unwrap_or(cell);
    let parts = unsigned.split_once(['e', 'E']);
    parts.is_some_and(|(mantissa, exponent)| is_whole(mantissa) && is_digits(exponent))
}

fn is_whole(text: &str) -> bool {
    is_digits(text) && (text == "0" || !text.starts_with('0'))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The parts of a list that are not empty.
pub(super) fn list(cell: &str) -> Value {
    let parts = cell
        .split('|')
        .map(str::trim)
        .filter(|part| !part.is_empty());
    Value::Array(parts.map(|part| Value::String(part.to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn kind(cells: &[&str]) -> Kind {
        let mut looks = Looks::default();
        for cell in cells {
            looks.add(cell, false);
        }
        looks.kind(false)
    }

    #[test]
    fn a_column_is_what_all_its_cells_are() {
        for (cells, expected) in [
            (&["1", "", "-4", "NaN"][..], Kind::Integer),
            (&["18446744073709551615"], Kind::Integer),
            (&["1", "2.50", "1e-05", "1E+16", "1e16", ".5"], Kind::Float),
            (&["True", "False", ""], Kind::Boolean),
            (&["true", "NA"], Kind::Boolean),
            (&["2024-08-04", "2024-08-04 10:00:00"], Kind::Moment),
            (&["", ""], Kind::Empty),
            (&["007", "12"], Kind::Text),
            (&["12", "1e5"], Kind::Text),
            (&["1", "true"], Kind::Text),
            (&["1", "2024-08-04"], Kind::Text),
            (&["99999999999999999999"], Kind::Text),
            (&["1.2.3"], Kind::Text),
            (&["1_0", "-", "--1", "٣", "+1", " 1"], Kind::Text),
        ] {
            assert_eq!(kind(cells), expected, "{cells:?}");
            let mut reversed = cells.to_vec();
            reversed.reverse();
            assert_eq!(kind(&reversed), expected, "{reversed:?}");
        }
    }

    #[test]
    fn a_cell_has_the_type_of_its_column() {
        assert_eq!(Kind::Float.value("7"), Ok(json!(7.0)));
        assert_eq!(Kind::Float.value("1e-05"), Ok(json!(1e-5)));
        assert_eq!(Kind::Float.value("1e999"), Ok(Value::Null));
        assert_eq!(Kind::Float.value("-0"), Ok(json!(-0.0)));
        assert_eq!(Kind::Float.value("nan"), Ok(Value::Null));
        assert_eq!(Kind::Integer.value("7"), Ok(json!(7)));
        assert_eq!(
            Kind::Integer.value("18446744073709551615"),
            Ok(json!(u64::MAX))
        );
        assert_eq!(Kind::Text.value("NA"), Ok(json!("NA")));
        assert_eq!(Kind::Moment.value("1970-01-02"), Ok(json!(86_400)));
        let error = Kind::Integer.value("many").unwrap_err();
        assert!(error.contains("a whole number expected"), "{error}");
    }
}
