//! Metrics of ranks: the one implementation, for reports of trainings, releases and evaluations.

use crate::error::TrainError;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A metric of one answer, from the ranks of the relevant items in it. The value for many users is the mean.
///
/// As text it is `hit@10`, `recall@10`, `ndcg@10`, `mrr@10` or `map@10`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Measure {
    /// 1 if a relevant item is among the first K, otherwise 0.
    Hit(usize),
    /// Share of the relevant items that are among the first K. Below 1 if there are more than K.
    Recall(usize),
    /// Normalised discounted cumulative gain of the first K: the sum of 1 / log₂(rank + 1) over relevant items, with
    /// ranks from 1, divided by that of an ideal answer.
    Ndcg(usize),
    /// Reciprocal rank of the first relevant item, 0 beyond K.
    Mrr(usize),
    /// Average precision of the first K: precision at the rank of each relevant item, summed and divided by the number
    /// of relevant items or by K, whichever is less.
    Map(usize),
}

impl Measure {
    /// The metric of one answer. `ranks` are those of the relevant items that were found, from 0 and rising; `relevant`
    /// is the number of all relevant items.
    ///
    /// ```
    /// # mod twinspire { pub use twinspire_train as train; }
    /// use twinspire::train::evaluate::Measure;
    ///
    /// // Relevant items at ranks 1 and 4; a third one was not found.
    /// let ranks = [0, 3];
    /// assert_eq!(Measure::Hit(10).of(&ranks, 3), 1.0);
    /// assert_eq!(Measure::Recall(10).of(&ranks, 3), 2.0 / 3.0);
    /// assert_eq!(Measure::Map(10).of(&ranks, 3), (1.0 / 1.0 + 2.0 / 4.0) / 3.0);
    /// ```
    #[must_use]
    pub fn of(self, ranks: &[usize], relevant: usize) -> f64 {
        let within = |k: usize| ranks.iter().copied().take_while(move |rank| *rank < k);
        if relevant == 0 {
            return 0.0;
        }
        match self {
            Self::Hit(k) => f64::from(u8::from(within(k).next().is_some())),
            Self::Recall(k) => within(k).count() as f64 / relevant as f64,
            Self::Ndcg(k) => {
                let ideal: f64 = (0..relevant.min(k)).map(gain).sum();
                within(k).map(gain).sum::<f64>() / ideal
            }
            Self::Mrr(k) => within(k).next().map_or(0.0, |rank| 1.0 / (rank + 1) as f64),
            Self::Map(k) => {
                let found = within(k).enumerate();
                let precisions =
                    found.map(|(before, rank)| (before + 1) as f64 / (rank + 1) as f64);
                precisions.sum::<f64>() / relevant.min(k) as f64
            }
        }
    }

    /// The number of best items that count.
    #[must_use]
    pub fn k(self) -> usize {
        let (Self::Hit(k) | Self::Recall(k) | Self::Ndcg(k) | Self::Mrr(k) | Self::Map(k)) = self;
        k
    }
}

/// The discount of a rank from 0.
fn gain(rank: usize) -> f64 {
    1.0 / (rank as f64 + 2.0).log2()
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hit(k) => write!(f, "hit@{k}"),
            Self::Recall(k) => write!(f, "recall@{k}"),
            Self::Ndcg(k) => write!(f, "ndcg@{k}"),
            Self::Mrr(k) => write!(f, "mrr@{k}"),
            Self::Map(k) => write!(f, "map@{k}"),
        }
    }
}

impl FromStr for Measure {
    type Err = TrainError;

    fn from_str(text: &str) -> Result<Self, TrainError> {
        let unknown = || TrainError::UnknownMeasure {
            found: text.to_owned(),
        };
        let (name, k) = text.split_once('@').ok_or_else(unknown)?;
        let k = k.parse().ok().filter(|k| *k > 0).ok_or_else(unknown)?;
        match name {
            "hit" => Ok(Self::Hit(k)),
            "recall" => Ok(Self::Recall(k)),
            "ndcg" => Ok(Self::Ndcg(k)),
            "mrr" => Ok(Self::Mrr(k)),
            "map" => Ok(Self::Map(k)),
            _ => Err(unknown()),
        }
    }
}

/// Metrics of one held-out item for each user, averaged over users.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Share of users whose item ranks first.
    #[serde(rename = "hit@1")]
    pub hit_1: f64,
    /// Share of users whose item is among the first 10.
    #[serde(rename = "hit@10")]
    pub hit_10: f64,
    /// Share of users whose item is among the first 50.
    #[serde(rename = "hit@50")]
    pub hit_50: f64,
    /// Share of users whose item is among the first 100.
    #[serde(rename = "hit@100")]
    pub hit_100: f64,
    /// [nDCG](Measure::Ndcg) of the first 10. With one relevant item the ideal is 1.
    #[serde(rename = "ndcg@10")]
    pub ndcg_10: f64,
}

/// nDCG of the whole ranking, for each rank. Trainings validate by it: unlike a hit rate it changes with every rank, so
/// its noise is small.
pub(crate) fn ndcg_of_ranking(ranks: &[Option<usize>]) -> Vec<f64> {
    values(Measure::Ndcg(usize::MAX), ranks).collect()
}

/// Metrics of ranks, from 0; `None` for an item without a rank.
#[must_use]
pub fn metrics(ranks: &[Option<usize>]) -> Metrics {
    Metrics {
        hit_1: mean(Measure::Hit(1), ranks),
        hit_10: mean(Measure::Hit(10), ranks),
        hit_50: mean(Measure::Hit(50), ranks),
        hit_100: mean(Measure::Hit(100), ranks),
        ndcg_10: mean(Measure::Ndcg(10), ranks),
    }
}

/// Reciprocal ranks; an item without a rank counts 0.
pub(crate) fn reciprocal_ranks(ranks: &[Option<usize>]) -> Vec<f64> {
    values(Measure::Mrr(usize::MAX), ranks).collect()
}

/// The mean of a measure over ranks of one relevant item each.
fn mean(measure: Measure, ranks: &[Option<usize>]) -> f64 {
    values(measure, ranks).sum::<f64>() / ranks.len().max(1) as f64
}

/// A measure of each of several ranks of one relevant item.
pub fn values(measure: Measure, ranks: &[Option<usize>]) -> impl Iterator<Item = f64> {
    ranks.iter().map(move |rank| measure.of(rank.as_slice(), 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn metrics_agree_with_a_calculation_by_hand() {
        let found = metrics(&[Some(0), Some(9), Some(60), None]);
        assert_eq!((found.hit_1, found.hit_10), (0.25, 0.5));
        assert_eq!((found.hit_50, found.hit_100), (0.5, 0.75));
        assert_eq!(
            reciprocal_ranks(&[Some(0), Some(3), None]),
            [1.0, 0.25, 0.0]
        );
        assert_eq!(ndcg_of_ranking(&[Some(0), Some(2), None]), [1.0, 0.5, 0.0]);
        assert!((found.ndcg_10 - (1.0 + 1.0 / 11f64.log2()) / 4.0).abs() < 1e-12);
    }

    #[test]
    fn a_measure_is_read_as_it_is_written() {
        for text in ["hit@1", "recall@100", "ndcg@10", "mrr@20", "map@5"] {
            assert_eq!(text.parse::<Measure>().unwrap().to_string(), text);
        }
        for text in ["hit", "hit@0", "hit@x", "auc@10", "", "@3"] {
            let error = text.parse::<Measure>().unwrap_err().to_string();
            assert!(error.contains("hit@10"), "{error}");
        }
    }

    /// The measure by walking down the list, as papers define it.
    fn plain(measure: Measure, list: &[bool], relevant: usize) -> f64 {
        let (mut found, mut precision, mut gain, mut first) = (0, 0.0, 0.0, 0.0);
        for (at, is_relevant) in list.iter().take(measure.k()).enumerate() {
            if *is_relevant {
                found += 1;
                precision += f64::from(found) / (at + 1) as f64;
                gain += 2f64.ln() / (at as f64 + 2.0).ln();
                if first == 0.0 {
                    first = 1.0 / (at + 1) as f64;
                }
            }
        }
        let best = relevant.min(measure.k());
        let ideal: f64 = (0..best).map(|at| 2f64.ln() / (at as f64 + 2.0).ln()).sum();
        match measure {
            Measure::Hit(_) => f64::from(u8::from(found > 0)),
            Measure::Recall(_) => f64::from(found) / relevant as f64,
            Measure::Ndcg(_) => gain / ideal,
            Measure::Mrr(_) => first,
            Measure::Map(_) => precision / best as f64,
        }
    }

    proptest! {
        #[test]
        fn every_measure_follows_its_definition(
            list in prop::collection::vec(prop::bool::weighted(0.3), 0..30), missed in 0usize..4,
            k in 1usize..40,
        ) {
            let ranks: Vec<usize> = (0..list.len()).filter(|at| list[*at]).collect();
            let relevant = ranks.len() + missed;
            prop_assume!(relevant > 0);
            for measure in [Measure::Hit(k), Measure::Recall(k), Measure::Ndcg(k), Measure::Mrr(k), Measure::Map(k)] {
                let found = measure.of(&ranks, relevant);
                prop_assert!((found - plain(measure, &list, relevant)).abs() < 1e-12, "{measure}");
                prop_assert!((0.0..=1.0 + 1e-12).contains(&found));
            }
        }
    }
}
