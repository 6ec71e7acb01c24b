//! Computes metrics, intervals, differences and segments of answers.

use super::answers::Answers;
use super::exposure::Exposure;
use super::intervals::{Bootstrap, PairedDifference, Series};
use super::metrics::Measure;
use super::questions::Questions;
use super::report::{
    Difference, IndexReport, Report, Scores, Segment, SegmentResult, Segmentation, Standing,
};
use super::segments::{Parts, Place, SegmentBy, part};
use crate::error::TrainError;
use crate::range::{MAX_COUNT, check_range};
use rayon::prelude::*;
use std::cmp::Ordering;

/// What to measure.
#[derive(Clone, Debug, PartialEq)]
pub struct Judge {
    /// Numbers of best items that count, rising. The first one is the K of coverage, novelty and popularity; the last
    /// one is how deep answers are looked at.
    pub ks: Vec<usize>,
    /// The metric by which models are compared with baselines.
    pub primary: Measure,
    /// What segments are made by.
    pub segments: Vec<SegmentBy>,
    /// How intervals are drawn.
    pub bootstrap: Bootstrap,
}

impl Default for Judge {
    fn default() -> Self {
        Self {
            ks: vec![10, 100],
            primary: Measure::Hit(10),
            segments: vec![
                SegmentBy::History,
                SegmentBy::Popularity,
                SegmentBy::ColdUsers,
                SegmentBy::ColdItems,
            ],
            bootstrap: Bootstrap::default(),
        }
    }
}

impl Judge {
    /// Rejects settings outside of their ranges.
    ///
    /// # Errors
    /// [`TrainError::Config`].
    pub fn check(&self) -> Result<(), TrainError> {
        check_range("ks", self.ks.len(), 1..=20)?;
        for k in &self.ks {
            check_range("k", *k, 1..=MAX_COUNT)?;
        }
        check_range("k", self.primary.k(), 1..=MAX_COUNT)?;
        check_range("resamples", self.bootstrap.resamples, 1..=MAX_COUNT)?;
        check_range("confidence", self.bootstrap.confidence, 0.5..=0.9999)
    }

    /// The number of best items that answers need.
    #[must_use]
    pub fn depth(&self) -> usize {
        let ks = self.ks.iter().copied().chain([self.primary.k()]);
        ks.max().unwrap_or(1)
    }

    /// The K of coverage, novelty and popularity.
    fn shown(&self) -> usize {
        self.ks.first().copied().unwrap_or(10)
    }

    /// All measures of an answer; with `brief`, those of segments and differences.
    fn measures(&self, brief: bool) -> Vec<Measure> {
        let mut all: Vec<Measure> = Vec::new();
        for k in &self.ks {
            all.push(Measure::Hit(*k));
            if !brief {
                all.push(Measure::Recall(*k));
            }
            all.push(Measure::Ndcg(*k));
        }
        if !brief {
            all.extend([Measure::Mrr(self.depth()), Measure::Map(self.depth())]);
        }
        if !all.contains(&self.primary) {
            all.push(self.primary);
        }
        all
    }
}

/// Ranks of the relevant items of each question in one list of answers, from 0; `None` for those that were not found.
struct Ranked<'a> {
    name: &'a str,
    ranks: Vec<Vec<Option<usize>>>,
}

impl<'a> Ranked<'a> {
    fn new(name: &'a str, questions: &Questions, lists: &[Vec<u32>], depth: usize) -> Self {
        let questions: Vec<_> = questions.iter().zip(padded(lists)).collect();
        let each = questions.par_iter().map(|(question, list)| {
            let list = &list[..list.len().min(depth)];
            let rank = |item: &u32| list.iter().position(|other| other == item);
            question.relevant.iter().map(rank).collect()
        });
        Self {
            name,
            ranks: each.collect(),
        }
    }

    /// A measure of each question.
    fn values(&self, measure: Measure) -> Vec<f64> {
        let each = self.ranks.iter().map(|ranks| {
            let mut found: Vec<usize> = ranks.iter().flatten().copied().collect();
            found.sort_unstable();
            measure.of(&found, ranks.len())
        });
        each.collect()
    }

    /// A measure of the places of a segment.
    fn of_segment(&self, measure: Measure, places: &[Place]) -> Series {
        let each = places.iter().map(|place| {
            let ranks = &self.ranks[place.question as usize];
            let one: &[Option<usize>] = match place.relevant {
                Some(at) => std::slice::from_ref(&ranks[at as usize]),
                None => ranks,
            };
            let mut found: Vec<usize> = one.iter().flatten().copied().collect();
            found.sort_unstable();
            (place.question, measure.of(&found, one.len()))
        });
        Series::new(each)
    }
}

/// Lists, and empty ones behind them.
fn padded(lists: &[Vec<u32>]) -> impl Iterator<Item = &[u32]> {
    lists
        .iter()
        .map(Vec::as_slice)
        .chain(std::iter::repeat(&[][..]))
}

/// A series with one value for each question.
fn series(values: impl IntoIterator<Item = f64>) -> Series {
    Series::new((0u32..).zip(values))
}

/// Judges answers: metrics with intervals, index recall, paired differences and segments. A list that is shorter than
/// the largest K, or missing, found nothing more.
///
/// # Errors
/// [`TrainError::Config`] for a setting outside of its range.
pub fn judge(
    questions: &Questions,
    answers: &[Answers],
    settings: &Judge,
) -> Result<Report, TrainError> {
    settings.check()?;
    let exposure = Exposure::new(questions, settings.shown());
    let standings = answers
        .iter()
        .map(|of| (standing(questions, of, &exposure, settings), of));
    let mut standings: Vec<(Standing, &Answers)> = standings.collect();
    let primary = settings.primary.to_string();
    let ndcg = Measure::Ndcg(settings.shown()).to_string();
    let rank = |standing: &Standing| {
        let metrics = &standing.metrics;
        [&primary, &ndcg].map(|metric| metrics.value(metric))
    };
    // Models keep their order, baselines are sorted.
    standings.sort_by(|(a, _), (b, _)| match (a.is_baseline, b.is_baseline) {
        (true, true) => rank(b).partial_cmp(&rank(a)).unwrap_or(Ordering::Equal),
        (a, b) => a.cmp(&b),
    });
    let (results, ordered): (Vec<Standing>, Vec<&Answers>) = standings.into_iter().unzip();
    let depth = settings.depth();
    let ranked = ordered
        .iter()
        .map(|of| Ranked::new(&of.name, questions, &of.lists, depth));
    let ranked: Vec<Ranked<'_>> = ranked.collect();
    let outside = questions.iter().flat_map(|question| &question.relevant);
    let outside = outside.filter(|item| **item as usize >= questions.catalogue());
    Ok(Report {
        split: String::new(),
        users: questions.len(),
        relevant: questions
            .iter()
            .map(|question| question.relevant.len())
            .sum(),
        outside_catalogue: outside.count(),
        users_without_news: questions.users_without_news(),
        catalogue: questions.catalogue(),
        excludes_seen: !questions.repeats(),
        primary,
        confidence: settings.bootstrap.confidence,
        resamples: settings.bootstrap.resamples,
        seed: settings.bootstrap.seed,
        differences: differences(&ordered, &ranked, settings),
        segments: segments(questions, &ranked, settings),
        results,
    })
}

/// The metrics of one model.
fn standing(
    questions: &Questions,
    answers: &Answers,
    exposure: &Exposure<'_>,
    settings: &Judge,
) -> Standing {
    let (bootstrap, k) = (&settings.bootstrap, settings.shown());
    let depth = settings.depth();
    let exact = Ranked::new(&answers.name, questions, &answers.lists, depth);
    let measures = settings.measures(false);
    let mut names: Vec<String> = measures.iter().map(Measure::to_string).collect();
    let mut all: Vec<Series> = measures
        .iter()
        .map(|of| series(exact.values(*of)))
        .collect();
    let each = || (0u32..).zip(questions.iter().zip(padded(&answers.lists)));
    names.push(format!("novelty@{k}"));
    all.push(Series::new(each().filter_map(|(user, (_, list))| {
        exposure.novelty(list).map(|bits| (user, bits))
    })));
    names.push(format!("popularity_divergence@{k}"));
    all.push(Series::new(each().filter_map(
        |(user, (question, list))| {
            exposure
                .divergence(question, list)
                .map(|value| (user, value))
        },
    )));
    let estimates = bootstrap.estimates(questions.len(), &all);
    let index = answers.served.as_ref().map(|served| {
        let found = Ranked::new(&answers.name, questions, served, depth);
        let values = measures.iter().map(|of| series(found.values(*of)));
        let of_measures = bootstrap.estimates(questions.len(), &values.collect::<Vec<_>>());
        let lost = found
            .values(settings.primary)
            .into_iter()
            .zip(exact.values(settings.primary));
        let lost = series(lost.map(|(served, exact)| served - exact));
        let loss = bootstrap.differences(questions.len(), &[lost]);
        let of_exact = settings
            .ks
            .iter()
            .map(|k| series(shares_found(&answers.lists, served, *k)));
        let of_exact = bootstrap.estimates(questions.len(), &of_exact.collect::<Vec<_>>());
        let recalls = settings.ks.iter().map(|k| Measure::Recall(*k).to_string());
        IndexReport {
            of_exact: Scores(recalls.zip(of_exact).collect()),
            metrics: Scores(
                measures
                    .iter()
                    .map(Measure::to_string)
                    .zip(of_measures)
                    .collect(),
            ),
            loss: loss.first().copied().unwrap_or_default(),
        }
    });
    Standing {
        name: answers.name.clone(),
        is_baseline: answers.is_baseline,
        metrics: Scores(names.into_iter().zip(estimates).collect()),
        coverage: exposure.coverage(&answers.lists),
        popularity_lift: exposure.popularity_lift(&answers.lists),
        index,
        refused: answers.refused,
        refused_because: answers.refused_because.clone(),
    }
}

/// For each list, the share of its first `k` items that `served` has among its own; 1 for an empty list.
fn shares_found(exact: &[Vec<u32>], served: &[Vec<u32>], k: usize) -> Vec<f64> {
    let each = exact.iter().zip(padded(served)).map(|(exact, served)| {
        let served = &served[..served.len().min(k)];
        let first = &exact[..exact.len().min(k)];
        let found = first.iter().filter(|item| served.contains(item)).count();
        match first.len() {
            0 => 1.0,
            all => found as f64 / all as f64,
        }
    });
    each.collect()
}

/// The paired differences of any two that are not both baselines.
fn differences(answers: &[&Answers], ranked: &[Ranked<'_>], settings: &Judge) -> Vec<Difference> {
    let measures = settings.measures(true);
    let values = ranked
        .iter()
        .map(|of| measures.iter().map(|measure| of.values(*measure)).collect());
    let values: Vec<Vec<Vec<f64>>> = values.collect();
    let (mut named, mut all) = (Vec::new(), Vec::new());
    for first in 0..ranked.len() {
        for second in first + 1..ranked.len() {
            if answers[first].is_baseline && answers[second].is_baseline {
                continue;
            }
            for (at, measure) in measures.iter().enumerate() {
                let pairs = values[first][at].iter().zip(&values[second][at]);
                all.push(series(pairs.map(|(first, second)| first - second)));
                named.push((ranked[first].name, ranked[second].name, measure.to_string()));
            }
        }
    }
    let users = ranked.first().map_or(0, |one| one.ranks.len());
    let found: Vec<PairedDifference> = settings.bootstrap.differences(users, &all);
    let each = named.into_iter().zip(found);
    each.map(|((first, second, metric), found)| Difference {
        first: first.to_owned(),
        second: second.to_owned(),
        metric,
        found,
    })
    .collect()
}

/// The metrics of all segments.
fn segments(questions: &Questions, ranked: &[Ranked<'_>], settings: &Judge) -> Vec<Segmentation> {
    let measures = settings.measures(true);
    let names: Vec<String> = measures.iter().map(Measure::to_string).collect();
    let each = settings.segments.iter().map(|by| {
        let Parts { of_items, each } = part(by, questions);
        let mut all = Vec::new();
        for (_, places) in &each {
            for of in ranked {
                all.extend(
                    measures
                        .iter()
                        .map(|measure| of.of_segment(*measure, places)),
                );
            }
        }
        let mut estimates = settings
            .bootstrap
            .estimates(questions.len(), &all)
            .into_iter();
        let segments = each.into_iter().map(|(of, places)| Segment {
            of,
            count: places.len(),
            results: ranked
                .iter()
                .map(|of| SegmentResult {
                    name: of.name.to_owned(),
                    metrics: Scores(names.iter().cloned().zip(estimates.by_ref()).collect()),
                })
                .collect(),
        });
        Segmentation {
            by: by.to_string(),
            of_items,
            segments: segments.collect(),
        }
    });
    each.collect()
}

#[cfg(test)]
mod tests;
