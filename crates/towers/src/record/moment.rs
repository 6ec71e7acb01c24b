//! Times as text and as numbers: the one rule that towers, filters, events and the command line share.
//!
//! Every time becomes seconds since 1970-01-01 00:00 UTC. Text is a date, or a date and a time, as in ISO 8601; without
//! a zone it is UTC. The unit of a number follows from its size: below 10^11 it is seconds (up to the year 5138), below
//! 10^14 milliseconds, below 10^17 microseconds, else nanoseconds (each from March 1973 on). Times outside of the years
//! 0 to 9999 are refused.

use serde_json::Value;
use time::{Date, Month};

/// Numbers below this are seconds, up to the year 5138.
const LATEST_SECOND: f64 = 1e11;
/// The first second of the year 0, and the last one of the year 9999.
const SECONDS: std::ops::RangeInclusive<i64> = -62_167_219_200..=253_402_300_799;

/// The unit of a number that is a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeUnit {
    /// 1 a second.
    Seconds,
    /// 10^3 a second.
    Milliseconds,
    /// 10^6 a second.
    Microseconds,
    /// 10^9 a second.
    Nanoseconds,
}

impl TimeUnit {
    /// All units, the largest first.
    pub const ALL: [Self; 4] = [
        Self::Seconds,
        Self::Milliseconds,
        Self::Microseconds,
        Self::Nanoseconds,
    ];

    /// The unit of a number, by its size.
    #[must_use]
    pub fn of(number: f64) -> Self {
        let size = number.abs() / LATEST_SECOND;
        match size {
            _ if size < 1.0 => Self::Seconds,
            _ if size < 1e3 => Self::Milliseconds,
            _ if size < 1e6 => Self::Microseconds,
            _ => Self::Nanoseconds,
        }
    }

    /// The least size of a number in this unit, and the size from which it is in the next one.
    #[must_use]
    pub fn sizes(self) -> (f64, Option<f64>) {
        let end = LATEST_SECOND * self.per_second() as f64;
        match self {
            Self::Seconds => (0.0, Some(end)),
            Self::Nanoseconds => (end / 1e3, None),
            Self::Milliseconds | Self::Microseconds => (end / 1e3, Some(end)),
        }
    }

    /// Units in a second.
    #[must_use]
    pub fn per_second(self) -> i64 {
        match self {
            Self::Seconds => 1,
            Self::Milliseconds => 1_000,
            Self::Microseconds => 1_000_000,
            Self::Nanoseconds => 1_000_000_000,
        }
    }

    /// The name, in the plural.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Seconds => "seconds",
            Self::Milliseconds => "milliseconds",
            Self::Microseconds => "microseconds",
            Self::Nanoseconds => "nanoseconds",
        }
    }
}

/// A point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// Whole seconds since 1970.
    pub seconds: i64,
    /// Nanoseconds after them.
    pub nanoseconds: u32,
}

impl Moment {
    /// The time of a JSON value: a number, or text as of [`parse`](Self::parse).
    #[must_use]
    pub fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Number(number) => match number.as_i64() {
                Some(whole) => Self::of_integer(whole),
                None => Self::of_number(number.as_f64()?),
            },
            Value::String(text) => Self::parse(text),
            _ => None,
        }
    }

    /// The time of a number, whose unit follows from its size.
    #[must_use]
    pub fn of_number(number: f64) -> Option<Self> {
        if !number.is_finite() {
            return None;
        }
        let seconds = number / TimeUnit::of(number).per_second() as f64;
        let whole = seconds.floor();
        let rest = ((seconds - whole) * 1e9).round().min(999_999_999.0);
        Self::checked(whole as i64, rest as u32)
    }

    /// As [`of_number`](Self::of_number), exactly.
    #[must_use]
    pub fn of_integer(number: i64) -> Option<Self> {
        let unit = TimeUnit::of(number as f64).per_second();
        let rest = number.rem_euclid(unit) * (1_000_000_000 / unit);
        Self::checked(number.div_euclid(unit), rest as u32)
    }

    /// Seconds since 1970, with the fraction.
    #[must_use]
    pub fn as_seconds(self) -> f64 {
        self.seconds as f64 + f64::from(self.nanoseconds) / 1e9
    }

    fn checked(seconds: i64, nanoseconds: u32) -> Option<Self> {
        SECONDS.contains(&seconds).then_some(Self {
            seconds,
            nanoseconds,
        })
    }

    /// The time of a text: `2024-08-04`, `2024-08-04 21:20:11`, `2024-08-04T21:20:11.5Z`,
    /// `2024-08-04T21:20+02:00`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (date, rest) = text.split_at_checked(10)?;
        let midnight = days(date)?.checked_mul(86_400)?;
        if rest.is_empty() {
            return Self::checked(midnight, 0);
        }
        let rest = rest.strip_prefix(['T', 't', ' '])?;
        let zone = rest.find(|c: char| !matches!(c, '0'..='9' | ':' | '.'));
        let (time, zone) = rest.split_at_checked(zone.unwrap_or(rest.len()))?;
        let (seconds, nanoseconds) = time_of_day(time)?;
        Self::checked(midnight + seconds - offset(zone.trim_start())?, nanoseconds)
    }
}

/// Two digits as a number of at most `most`.
fn two(text: &str, most: i64) -> Option<i64> {
    let plain = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = plain.then(|| text.parse().ok()).flatten()?;
    (0..=most).contains(&number).then_some(number)
}

/// Days since 1970 of a date such as `2024-08-04`.
fn days(date: &str) -> Option<i64> {
    let mut parts = date.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let plain = year.len() == 4 && year.bytes().all(|byte| byte.is_ascii_digit());
    let year: i32 = plain.then(|| year.parse().ok()).flatten()?;
    let month = u8::try_from(two(month, 12)?).ok()?;
    let day = u8::try_from(two(day, 31)?).ok()?;
    let month = Month::try_from(month).ok()?;
    let date = Date::from_calendar_date(year, month, day).ok()?;
    let epoch = Date::from_calendar_date(1970, Month::January, 1).ok()?;
    Some(i64::from(date.to_julian_day()) - i64::from(epoch.to_julian_day()))
}

/// Seconds and nanoseconds of a time such as `21:20`, `21:20:11` or `21:20:11.123456`.
fn time_of_day(time: &str) -> Option<(i64, u32)> {
    let (time, fraction) = match time.split_once('.') {
        Some((time, fraction)) => (time, Some(fraction)),
        None => (time, None),
    };
    let mut parts = time.split(':');
    let (hour, minute) = (two(parts.next()?, 23)?, two(parts.next()?, 59)?);
    let second = match parts.next() {
        // A leap second.
        Some(second) => two(second, 60)?,
        None if fraction.is_none() => 0,
        None => return None,
    };
    if parts.next().is_some() {
        return None;
    }
    let nanoseconds = match fraction {
        None => 0,
        Some(digits) => {
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            let digits = plain.then(|| digits.get(..digits.len().min(9))).flatten()?;
            digits.parse::<u32>().ok()? * 10_u32.pow(9 - digits.len() as u32)
        }
    };
    Some((hour * 3_600 + minute * 60 + second, nanoseconds))
}

/// Seconds east of UTC of a zone such as `Z`, `UTC`, `+02:00`, `+0200`, `+02`; UTC without one.
fn offset(zone: &str) -> Option<i64> {
    if matches!(zone, "" | "Z" | "z" | "UTC" | "GMT") {
        return Some(0);
    }
    let (sign, rest) = match zone.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_at_checked(2)?;
    let minutes = match minutes.strip_prefix(':').unwrap_or(minutes) {
        "" => 0,
        minutes => two(minutes, 59)?,
    };
    Some(sign * (two(hours, 23)? * 3_600 + minutes * 60))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn dates_and_times_are_read_with_and_without_a_zone() {
        for (text, expected) in [
            ("1970-01-01", 0.0),
            ("2024-08-04", 1_722_729_600.0),
            ("2022-06-24 21:20:11", 1_656_105_611.0),
            ("2022-06-24T21:20:11Z", 1_656_105_611.0),
            ("2022-06-24T23:20:11+02:00", 1_656_105_611.0),
            ("2022-06-24 19:20:11-0200", 1_656_105_611.0),
            ("2022-06-24 21:20:11 UTC", 1_656_105_611.0),
            ("2022-06-24T21:20", 1_656_105_600.0),
            ("2022-06-24 21:20:11.250000", 1_656_105_611.25),
            ("1969-12-31 23:59:59.5", -0.5),
        ] {
            assert_eq!(
                Moment::parse(text).map(Moment::as_seconds),
                Some(expected),
                "{text}"
            );
        }
        for text in [
            "",
            "2024",
            "2024-13-01",
            "2024-02-30",
            "20240804",
            "04.08.2024",
            "2024-08-04x",
            "2024-08-04 25:00",
            "2024-08-04 10",
            "2024-08-04 10:00:00.",
            "2024-08-04 10:00 Europe",
            "2024-08-04 10:00+2",
            "١٩٧٠-٠١-٠١",
        ] {
            assert_eq!(Moment::parse(text), None, "{text}");
        }
        for value in [json!(null), json!([1]), json!(1e30), json!("soon")] {
            assert_eq!(Moment::of(&value), None, "{value}");
        }
    }

    proptest! {
        #[test]
        fn one_time_in_any_unit_and_form_is_one_moment(
            second in 200_000_000i64..4_000_000_000, milliseconds in 0i64..1000,
        ) {
            let expected = Moment::of(&json!(second)).unwrap();
            prop_assert_eq!(expected, Moment { seconds: second, nanoseconds: 0 });
            for unit in TimeUnit::ALL {
                let number = second * unit.per_second();
                prop_assert_eq!(TimeUnit::of(number as f64), unit);
                prop_assert_eq!(Moment::of(&json!(number)), Some(expected));
                prop_assert_eq!(Moment::of(&json!(number as f64)), Some(expected));
            }
            let fraction = Moment::of(&json!(second * 1000 + milliseconds)).unwrap();
            prop_assert_eq!(i64::from(fraction.nanoseconds), milliseconds * 1_000_000);
            let time = time::OffsetDateTime::from_unix_timestamp(second).unwrap();
            let (date, clock) = (time.date(), time.time());
            let (h, m, s) = clock.as_hms();
            for zone in ["", "Z", "+00:00", " UTC"] {
                let text = format!("{date}T{h:02}:{m:02}:{s:02}.{milliseconds:03}{zone}");
                prop_assert_eq!(Moment::parse(&text), Some(fraction));
            }
            let midnight = second - second % 86_400;
            prop_assert_eq!(Moment::parse(&date.to_string()).unwrap().seconds, midnight);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,30}") {
            let _ = Moment::parse(&text);
        }
    }
}
