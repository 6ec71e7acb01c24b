//! The value of a cell.

use serde_json::{Number, Value};

/// The parts of a list that are not empty.
pub(super) fn list(cell: &str) -> Value {
    let parts = cell
        .split('|')
        .map(str::trim)
        .filter(|part| !part.is_empty());
    Value::Array(parts.map(|part| Value::String(part.to_owned())).collect())
}

/// The value of a cell; a string where anything else would lose a character.
pub(super) fn value(cell: &str) -> Value {
    let text = || Value::String(cell.to_owned());
    match cell {
        "true" => return Value::Bool(true),
        "false" => return Value::Bool(false),
        _ => {}
    }
    if !is_plain_number(cell) {
        return text();
    }
    if !cell.contains('.') {
        // An integer too large for 64 bits is a code, not a quantity.
        return cell.parse::<i64>().map_or_else(|_| text(), Value::from);
    }
    let float = cell.parse::<f64>().ok().and_then(Number::from_f64);
    float.map_or_else(text, Value::Number)
}

/// `-?(0|[1-9][0-9]*)(\.[0-9]+)?`, and no `-0`.
fn is_plain_number(cell: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = match cell.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (cell, None),
    };
    let unsigned = whole.strip_prefix('-').unwrap_or(whole);
    digits(unsigned)
        && (unsigned == "0" || !unsigned.starts_with('0'))
        && fraction.is_none_or(digits)
        && (fraction.is_some() || whole != "-0")
}
