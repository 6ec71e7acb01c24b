//! The report of an evaluation.

use super::intervals::{Estimate, PairedDifference};
use super::segments::SegmentValue;
use serde::ser::{Serialize, SerializeMap, Serializer};

/// What to try when towers rank held-out items worse than a baseline.
pub(crate) const ADVICE: &str = "Try fewer epochs with early stopping (patience), a larger temperature, longer \
                                 histories, or no user ids (user_dimension 0)";

/// Metrics by name, in the order of a report. As JSON an object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scores(pub Vec<(String, Estimate)>);

impl Scores {
    /// The metric of this name, such as `ndcg@10`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Estimate> {
        let mut each = self.0.iter();
        each.find(|(own, _)| own == name)
            .map(|(_, estimate)| *estimate)
    }

    /// The mean of a metric; 0 without it.
    pub(crate) fn value(&self, name: &str) -> f64 {
        self.get(name).map_or(0.0, |estimate| estimate.value)
    }
}

impl Serialize for Scores {
    fn serialize<S: Serializer>(&self, into: S) -> Result<S::Ok, S::Error> {
        let mut map = into.serialize_map(Some(self.0.len()))?;
        for (name, estimate) in &self.0 {
            map.serialize_entry(name, estimate)?;
        }
        map.end()
    }
}

/// How models and baselines answer the questions of one evaluation.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct Report {
    /// How the test was taken out of the log, in words; empty if the caller did not say.
    pub split: String,
    /// Number of users.
    pub users: usize,
    /// Number of items to be found, over all users.
    pub relevant: usize,
    /// Number of these that are not in the catalogue, so that nobody can find them.
    pub outside_catalogue: usize,
    /// Users without an item that is new to them, which are left out.
    pub users_without_news: usize,
    /// Number of items that can be recommended.
    pub catalogue: usize,
    /// Whether items that a user had seen are left out of its answers.
    pub excludes_seen: bool,
    /// The metric by which models are compared with baselines.
    pub primary: String,
    /// Confidence of the intervals.
    pub confidence: f64,
    /// Number of bootstrap resamples.
    pub resamples: usize,
    /// Seed of resamples, sign flips and ties.
    pub seed: u64,
    /// The models in their order, then the baselines, the best first.
    pub results: Vec<Standing>,
    /// Paired differences of any two of them that are not both baselines.
    pub differences: Vec<Difference>,
    /// Metrics of parts of the users and items.
    pub segments: Vec<Segmentation>,
}

/// A model or a baseline.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct Standing {
    /// Its name.
    pub name: String,
    /// Whether it is a baseline.
    pub is_baseline: bool,
    /// Its metrics, by exact search.
    pub metrics: Scores,
    /// Share of the catalogue that is among the first K of any answer.
    pub coverage: f64,
    /// Popularity of the first K of its answers over that of histories, minus 1; `None` without histories.
    pub popularity_lift: Option<f64>,
    /// What its index loses of the exact search; `None` for a baseline.
    pub index: Option<IndexReport>,
    /// Number of users that it cannot read. They count as not served.
    pub refused: usize,
    /// Why it cannot read the first of them.
    pub refused_because: Option<String>,
}

/// The answers of an index beside those of an exact search.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct IndexReport {
    /// Share of the exact first K that the index finds, as `recall@K`.
    pub of_exact: Scores,
    /// Metrics of what the index finds.
    pub metrics: Scores,
    /// The primary metric of the index minus that of the exact search.
    pub loss: PairedDifference,
}

/// The difference of two models on one metric.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct Difference {
    /// The first one.
    pub first: String,
    /// The second one.
    pub second: String,
    /// The metric.
    pub metric: String,
    /// The first one's metric minus the second one's.
    #[serde(flatten)]
    pub found: PairedDifference,
}

/// The segments by one criterion.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct Segmentation {
    /// The criterion, such as `user.country`.
    pub by: String,
    /// Whether items to be found are parted, not users.
    pub of_items: bool,
    /// The segments.
    pub segments: Vec<Segment>,
}

/// Part of the users, or of the items to be found.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct Segment {
    /// What they share.
    pub of: SegmentValue,
    /// Number of users, or of items to be found.
    pub count: usize,
    /// The models and baselines, in the order of the report.
    pub results: Vec<SegmentResult>,
}

/// A model or a baseline in a segment.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct SegmentResult {
    /// Its name.
    pub name: String,
    /// Its metrics.
    pub metrics: Scores,
}

impl Report {
    /// The model or baseline of this name.
    #[must_use]
    pub fn standing(&self, name: &str) -> Option<&Standing> {
        self.results.iter().find(|standing| standing.name == name)
    }

    /// The best baseline by the primary metric, if this model is below it.
    #[must_use]
    pub fn better_baseline(&self, name: &str) -> Option<&Standing> {
        let own = self.standing(name)?.metrics.value(&self.primary);
        let best = self.results.iter().find(|standing| standing.is_baseline)?;
        (best.metrics.value(&self.primary) > own).then_some(best)
    }

    /// The difference of two models on a metric; `None` if both are baselines or a name is unknown.
    #[must_use]
    pub fn difference(&self, first: &str, second: &str, metric: &str) -> Option<&Difference> {
        self.differences.iter().find(|difference| {
            difference.first == first && difference.second == second && difference.metric == metric
        })
    }

    /// For each model below the best baseline, a sentence that says so and what to try.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let models = self.results.iter().filter(|standing| !standing.is_baseline);
        let each = models.filter_map(|model| {
            let better = self.better_baseline(&model.name)?;
            let primary = &self.primary;
            let found = self.difference(&model.name, &better.name, primary)?.found;
            let interval = match (found.difference.low, found.difference.high) {
                (Some(low), Some(high)) => format!(", interval {low:+.4} to {high:+.4}"),
                _ => String::new(),
            };
            Some(format!(
                "{:?} ranks held-out items worse than {}: {primary} {:+.4}{interval}. {ADVICE}",
                model.name, better.name, found.difference.value
            ))
        });
        each.collect()
    }
}
