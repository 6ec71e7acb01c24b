//! Numbers, dates and foreign text as a terminal shows them.

use serde_json::Value;
use time::OffsetDateTime;
use unicode_width::UnicodeWidthStr;

/// Columns that a terminal needs for a text: 2 for a wide character such as an ideograph or an emoji, 0 for
/// a combining mark.
pub fn display_width(text: &str) -> usize {
    text.width()
}

/// The spaces that fill a text up to a width.
pub fn padding(text: &str, width: usize) -> String {
    " ".repeat(width.saturating_sub(display_width(text)))
}

/// Replaces control characters by escapes, so that a terminal does not obey what an id or a record contains.
pub fn escape_controls(text: &str) -> String {
    if !text.chars().any(char::is_control) {
        return text.to_owned();
    }
    let escaped = text.chars().map(|c| match c.is_control() {
        true => c.escape_default().to_string(),
        false => c.into(),
    });
    escaped.collect()
}

/// A count with separated thousands: `1,682`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count and its noun: `1 item`, `1,682 items`.
pub fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", thousands(number))
}

/// A 32-bit float as JSON with its own digits: 0.99, not 0.9900000095367432.
pub fn short(number: f32) -> Value {
    let digits = number.to_string().parse::<f64>();
    digits.map_or(Value::Null, Value::from)
}

/// A moment as `2026-11-23 23:03:29 UTC`.
pub fn moment(unix_ms: u64) -> String {
    let seconds = i64::try_from(unix_ms / 1000).ok();
    let moment = seconds.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    let Some(moment) = moment else {
        // Beyond the year 9999.
        return format!("{unix_ms} ms after 1970");
    };
    let (date, time) = (moment.date(), moment.time());
    format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02} UTC",
        date.year(),
        u8::from(date.month()),
        date.day(),
        time.hour(),
        time.minute(),
        time.second(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_dates_in_utc() {
        assert_eq!(moment(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(moment(951_827_696_000), "2000-02-29 12:34:56 UTC");
        assert_eq!(moment(1_735_689_599_999), "2024-12-31 23:59:59 UTC");
        assert_eq!(moment(253_402_300_799_999), "9999-12-31 23:59:59 UTC");
        assert_eq!(moment(253_402_300_800_000), "253402300800000 ms after 1970");
        assert_eq!(moment(u64::MAX), format!("{} ms after 1970", u64::MAX));
    }

    #[test]
    fn counts_have_separated_thousands_and_a_plural() {
        assert_eq!(counted(1, "item"), "1 item");
        assert_eq!(counted(1_682, "item"), "1,682 items");
        assert_eq!(thousands(100_000_000), "100,000,000");
    }

    #[test]
    fn widths_are_those_of_a_terminal() {
        assert_eq!(display_width("Łódź"), 4);
        assert_eq!(display_width("東京"), 4);
        assert_eq!(display_width("👟"), 2);
        // An e and a combining accent.
        assert_eq!(display_width("e\u{301}"), 1);
    }

    #[test]
    fn a_float_has_its_own_digits() {
        assert_eq!(short(0.99).to_string(), "0.99");
        assert_eq!(short(f32::NAN), Value::Null);
    }
}
