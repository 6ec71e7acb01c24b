//! Numbers with limits, as value parsers of clap.

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
