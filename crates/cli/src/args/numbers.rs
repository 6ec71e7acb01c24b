//! Numbers with limits, as value parsers of clap.

use twinspire::Moment;

/// A count of at least 1.
pub fn at_least_one(argument: &str) -> Result<usize, String> {
    at_least(1, argument)
}

/// A count of at least 2.
pub fn at_least_two(argument: &str) -> Result<usize, String> {
    at_least(2, argument)
}

fn at_least(least: usize, argument: &str) -> Result<usize, String> {
    match argument.parse() {
        Ok(count) if count >= least => Ok(count),
        _ => Err(format!("a whole number of at least {least} expected")),
    }
}

/// A share of the exact answer: above 0, at most 1.
pub fn recall_share(argument: &str) -> Result<f32, String> {
    match argument.parse() {
        Ok(share) if share > 0.0 && share <= 1.0 => Ok(share),
        _ => Err("a number above 0 and at most 1 expected, as in 0.95".to_owned()),
    }
}

/// Seconds since 1970 of a date, a date and time, or a Unix time in any unit.
pub fn moment(argument: &str) -> Result<i64, String> {
    let number = argument.parse().ok().and_then(Moment::of_integer);
    let moment = number.or_else(|| Moment::parse(argument));
    moment.map(|moment| moment.seconds).ok_or_else(|| {
        "a date or time as in 2024-08-04 or 2024-08-04T10:00:00Z, or a Unix time expected"
            .to_owned()
    })
}

/// A number from 0 to 1.
pub fn share(argument: &str) -> Result<f64, String> {
    match argument.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("a number from 0 to 1 expected".to_owned()),
    }
}

/// A finite number.
pub fn finite(argument: &str) -> Result<f32, String> {
    match argument.parse::<f32>() {
        Ok(number) if number.is_finite() => Ok(number),
        _ => Err("a finite number expected".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_date_or_a_number_in_any_unit() {
        for text in [
            "1722729600",
            "1722729600000",
            "2024-08-04",
            "2024-08-04T02:00+02:00",
        ] {
            assert_eq!(moment(text), Ok(1_722_729_600), "{text}");
        }
        assert_eq!(moment("-5"), Ok(-5));
        for text in ["", "yesterday", "2024", "04.08.2024"] {
            assert_eq!(moment(text).is_err(), text != "2024", "{text}");
        }
    }
}
