//! Splits of a log into training and test, and the order of events of the same time.

use clap::{Args, ValueEnum};
use twinspire::train::evaluate::{SplitBy, TieOrder};

use super::numbers::moment;

/// How one user's events of the same time are ordered.
#[derive(Debug, Args)]
pub struct TieArgs {
    /// Order of one user's events of the same time, which decides the last one where times are coarse [default: random]
    #[arg(long, value_name = "ORDER")]
    ties: Option<Ties>,
    /// Seed of the random order of events of the same time [default: 0]
    #[arg(long, value_name = "N")]
    tie_seed: Option<u64>,
}

/// An order of events.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Ties {
    /// At random, by --tie-seed; the order of the log makes no difference
    Random,
    /// As in the log
    Log,
    /// By item id
    Id,
}

impl TieArgs {
    /// The order, if one is given.
    pub fn order(&self) -> Option<TieOrder> {
        match (self.ties, self.tie_seed) {
            (None, None) => None,
            (None | Some(Ties::Random), seed) => Some(TieOrder::Random(seed.unwrap_or(0))),
            (Some(Ties::Log), _) => Some(TieOrder::Log),
            (Some(Ties::Id), _) => Some(TieOrder::Id),
        }
    }
}

/// A split: `last`, a share of the latest events, or the time at which the test begins.
pub fn split(text: &str) -> Result<SplitBy, String> {
    let wrong = |_| {
        "`last`, a share of the latest events from 0 to 0.5 such as 0.1, or a time such as 2024-08-04 expected"
            .to_owned()
    };
    match text.parse::<f64>() {
        _ if text == "last" => Ok(SplitBy::Last),
        Ok(share) if share > 0.0 && share < 1.0 => {
            let by = SplitBy::Latest(share);
            by.check().map_err(|error| error.to_string())?;
            Ok(by)
        }
        _ => moment(text).map(SplitBy::Since).map_err(wrong),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_is_last_a_share_or_a_time() {
        assert_eq!(split("last"), Ok(SplitBy::Last));
        assert_eq!(split("0.25"), Ok(SplitBy::Latest(0.25)));
        assert_eq!(split("2024-08-04"), Ok(SplitBy::Since(1_722_729_600)));
        assert_eq!(split("1722729600"), Ok(SplitBy::Since(1_722_729_600)));
        for text in ["first", "", "0.9", "nan"] {
            assert!(split(text).is_err(), "{text}");
        }
    }
}
