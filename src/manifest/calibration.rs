//! Recall by beam width, as measured, and the beam width for a recall target.

use crate::graph::DEFAULT_EF;
use bincode::{Decode, Encode};
use serde::Serialize;
use std::fmt;

/// The values of k for which recall is measured.
pub(crate) const KS: [usize; 3] = [1, 10, 100];
/// The beam widths for which recall is measured, as far as they are cheaper than scoring every item.
pub(crate) const EFS: [u32; 21] = [
    4, 8, 16, 24, 32, 48, 64, 100, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096,
    6144, 8192,
];
/// The confidence of the lower bounds of a [`Calibration`].
pub const CONFIDENCE: f32 = 0.95;

/// Expanding one more node of a graph takes as long as scoring this many items by their codes in order.
/// Measured with 128 components; fewer with more.
const SCANNED_PER_EXPANSION: usize = 48;
/// Minimum number of queries of one real kind. From then on real kinds alone count, before that all kinds.
const ENOUGH: u32 = 256;
/// Minimum recall of recalls by user that name neither `ef` nor `recall_target`.
const MIN_DEFAULT_RECALL: f32 = 0.9;
/// A measurement stands while the number of vectors is within these factors of what was measured.
const STANDS: (f64, f64) = (0.5, 1.25);

/// The recall of a space by beam width, measured against exact search with several kinds of queries.
///
/// The bounds hold for queries drawn from the population that a kind of query stands for: with a
/// probability of [`CONFIDENCE`], recall on queries that were never seen is at least the bound.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode, Serialize)]
#[non_exhaustive]
pub struct Calibration {
    /// Share of the sampled vectors that are near copies of another one: nearer to it than a tenth of the
    /// usual distance.
    pub near_copies: f32,
    /// Length of the longest percent of the vectors, over the median length.
    pub length_ratio: f32,
    /// The measurements, at most one for each kind of query.
    pub samples: Vec<CalibrationSample>,
}

/// Recall by beam width, measured with one kind of query.
#[derive(Clone, Debug, PartialEq, Encode, Decode, Serialize)]
#[non_exhaustive]
pub struct CalibrationSample {
    /// The kind of query.
    pub kind: QueryKind,
    /// Number of vectors that were searched. With far fewer or far more, the figures say nothing.
    pub vectors: u64,
    /// Number of queries.
    pub queries: u32,
    /// Number of given users that could not be embedded and are not among the queries.
    pub left_out: u32,
    /// Mean score of the best item of a query.
    pub best_score: f32,
    /// Mean score of the hundredth item of a query, or of the last if there are fewer. With `best_score` it
    /// is the scale of the space for the normalisation of an
    /// [ensemble](crate::Normalisation::Calibration).
    pub hundredth_score: f32,
    /// By increasing `ef`, up to where scoring every item is cheaper.
    pub points: Vec<CalibrationPoint>,
}

/// Where the queries of a measurement come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum QueryKind {
    /// Made up: each lies between two items, as a user lies between two interests.
    Near,
    /// Made up: each is a blend of many directions and far from every item, as users of a two-tower model
    /// often are.
    Far,
    /// A uniform sample of the queries that the space received.
    Asked,
    /// Users that were given for the measurement.
    Given,
    /// Made up: the best items of each are near copies of one another. Only for vectors of which many are.
    Crowd,
    /// Synthetic users: the user tower reads random items as a history. Only for towers that read histories.
    MadeUpUser,
}

/// Recall at one beam width.
#[derive(Clone, Copy, Debug, PartialEq, Encode, Decode, Serialize)]
#[non_exhaustive]
pub struct CalibrationPoint {
    /// Beam width (efSearch).
    pub ef: u32,
    /// Mean recall@1.
    pub recall_at_1: f32,
    /// Mean recall@10.
    pub recall_at_10: f32,
    /// Mean recall@100.
    pub recall_at_100: f32,
    /// Lower confidence bound of recall@1.
    pub lower_at_1: f32,
    /// Lower confidence bound of recall@10.
    pub lower_at_10: f32,
    /// Lower confidence bound of recall@100.
    pub lower_at_100: f32,
}

/// What was measured for a search: a share of the exact answer, on which queries, and how sure that is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct MeasuredRecall {
    /// Mean recall.
    pub recall: f32,
    /// Lower confidence bound of the recall.
    pub lower: f32,
    /// The confidence of the bound.
    pub confidence: f32,
    /// The kind of query it was measured with. If several kinds count, the one with the least bound.
    pub kind: QueryKind,
    /// Number of queries.
    pub queries: u32,
}

impl QueryKind {
    /// Whether these are queries of users, not made-up ones.
    #[must_use]
    pub fn is_real(self) -> bool {
        matches!(self, Self::Asked | Self::Given)
    }
}

impl fmt::Display for QueryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Near => "made-up queries between items",
            Self::Far => "made-up queries far from items",
            Self::Asked => "queries of users",
            Self::Given => "given users",
            Self::Crowd => "made-up queries of near copies",
            Self::MadeUpUser => "made-up users",
        })
    }
}

impl fmt::Display for MeasuredRecall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.3} (at least {:.3} with {:.0} % confidence) on {} {}",
            self.recall,
            self.lower,
            100.0 * self.confidence,
            self.queries,
            self.kind
        )
    }
}

impl CalibrationPoint {
    /// Mean recall and lower bound for `k`: the least of those of the measured values up to the next one
    /// that is not below `k`.
    fn at(&self, k: usize) -> (f32, f32) {
        let (mut recall, mut lower) = (self.recall_at_1, self.lower_at_1);
        if k > 1 {
            (recall, lower) = (recall.min(self.recall_at_10), lower.min(self.lower_at_10));
        }
        if k > 10 {
            (recall, lower) = (recall.min(self.recall_at_100), lower.min(self.lower_at_100));
        }
        (recall, lower)
    }
}

impl Calibration {
    /// Whether enough real queries were measured to replace made-up ones.
    #[must_use]
    pub fn is_real(&self) -> bool {
        self.is_real_for(self.vectors())
    }

    /// Whether real queries decide for a search of this many vectors.
    fn is_real_for(&self, vectors: u64) -> bool {
        let mut samples = self.samples.iter();
        samples.any(|sample| sample.is_enough() && sample.stands_for(vectors))
    }

    /// The measured recall@`k` at a beam width (efSearch). Of the kinds of query that count, the one with the least lower
    /// bound decides. `None` for more than a hundred items, and below the least width measured.
    #[must_use]
    pub fn recall_at(&self, k: usize, ef: usize) -> Option<MeasuredRecall> {
        self.measured(k, ef, self.vectors())
    }

    /// recall@10 of recalls by user at their default beam width; 1 where they score every item.
    pub(crate) fn default_recall(&self) -> Option<MeasuredRecall> {
        match self.default_width(10) {
            Some(ef) => self.recall_at(10, ef),
            None => self
                .recall_at(10, DEFAULT_EF)
                .map(|measured| MeasuredRecall {
                    recall: 1.0,
                    lower: 1.0,
                    ..measured
                }),
        }
    }

    /// Number of distinct vectors that were measured; the largest where kinds of queries differ.
    fn vectors(&self) -> u64 {
        let vectors = self.samples.iter().map(|sample| sample.vectors);
        vectors.max().unwrap_or(0)
    }

    /// The measurement with a kind of query.
    #[must_use]
    pub fn sample(&self, kind: QueryKind) -> Option<&CalibrationSample> {
        self.samples.iter().find(|sample| sample.kind == kind)
    }

    /// The measurements that count for a search of this many vectors: real queries if there are enough of
    /// them, otherwise all kinds. If the number of vectors has changed too much for all of them, all count.
    fn counted(&self, vectors: u64) -> impl Iterator<Item = &CalibrationSample> {
        let (real, stands) = (self.is_real_for(vectors), self.stands_for(vectors));
        let samples = self.samples.iter();
        let samples = samples.filter(move |sample| !stands || sample.stands_for(vectors));
        samples.filter(move |sample| !real || sample.kind.is_real())
    }

    /// Whether a measurement says something about a search of this many vectors.
    pub(crate) fn stands_for(&self, vectors: u64) -> bool {
        self.samples.iter().any(|sample| sample.stands_for(vectors))
    }

    /// The measured recall@`k` of a search of this many vectors at beam width `ef`, of the kind of query with
    /// the least lower bound. `None` for more than a hundred items, and below the least width measured.
    pub(crate) fn measured(&self, k: usize, ef: usize, vectors: u64) -> Option<MeasuredRecall> {
        if k > KS.into_iter().max().unwrap_or_default() {
            return None;
        }
        let of_sample = |sample: &CalibrationSample| {
            let (recall, lower) = sample.at(ef)?.at(k);
            Some(MeasuredRecall {
                recall,
                lower,
                confidence: CONFIDENCE,
                kind: sample.kind,
                queries: sample.queries,
            })
        };
        let measured = self.counted(vectors).filter_map(of_sample);
        measured.min_by(|a, b| a.lower.total_cmp(&b.lower))
    }

    /// The least measured beam width whose lower bounds reach a target for `k` of this many vectors, with every
    /// kind of query that counts. `None` if none does, or if scoring every item is cheaper.
    ///
    /// The widths are tested from the widest down, and the first that fails ends it. So the confidence of
    /// one bound is that of the choice: no error adds up over the widths (fixed-sequence testing).
    pub(crate) fn beam(&self, k: usize, target: f32, vectors: u64) -> Option<usize> {
        beam(self.counted(vectors), k, target, vectors)
    }

    /// The default beam width (efSearch) of a recall by user for `k` items, without `ef` or `recall_target`. `None` if it
    /// scores every item. The number of vectors is the measured one.
    ///
    /// It is [`DEFAULT_EF`](crate::DEFAULT_EF). If recall for users is below 0.9 at that width, it is the narrowest
    /// measured width whose lower bound reaches 0.9. Users are real ones, or synthetic ones
    /// ([`QueryKind::MadeUpUser`]) before enough real ones were measured. Recalls by vector or item are not widened.
    #[must_use]
    pub fn default_width(&self, k: usize) -> Option<usize> {
        self.default_width_for(k, self.vectors())
    }

    /// [`default_width`](Self::default_width) of a search of this many vectors.
    pub(crate) fn default_width_for(&self, k: usize, vectors: u64) -> Option<usize> {
        let real = self.is_real_for(vectors);
        let is_counted = move |sample: &&CalibrationSample| {
            sample.is_from_user_tower() && (!real || sample.kind.is_real())
        };
        // An old measurement counts as well: only a publish measures synthetic users.
        let users = || self.samples.iter().filter(is_counted);
        let is_enough = |sample: &CalibrationSample| {
            let point = sample.at(DEFAULT_EF);
            point.is_none_or(|point| point.at(k).0 >= MIN_DEFAULT_RECALL)
        };
        match users().all(is_enough) {
            true => Some(DEFAULT_EF),
            false => beam(users(), k, MIN_DEFAULT_RECALL, vectors).map(|ef| ef.max(DEFAULT_EF)),
        }
    }

    /// Mean score of the hundredth and of the best item: of real queries if there are any, otherwise of
    /// those between items.
    pub(crate) fn scale(&self) -> (f32, f32) {
        let samples = self.samples.iter();
        let best = samples.min_by_key(|sample| (!sample.kind.is_real(), sample.kind));
        best.map_or((0.0, 0.0), |sample| {
            (sample.hundredth_score, sample.best_score)
        })
    }

    /// This calibration with the measurements of a newer one in place of those of the same kinds.
    pub(crate) fn updated(&self, newer: Self) -> Self {
        let kept = self.samples.iter();
        let kept = kept.filter(|sample| newer.sample(sample.kind).is_none());
        let mut samples: Vec<_> = kept.cloned().collect();
        samples.extend(newer.samples);
        samples.sort_by_key(|sample| sample.kind);
        Self { samples, ..newer }
    }
}

impl CalibrationSample {
    /// The measurement at this beam width, or at the next narrower one.
    fn at(&self, ef: usize) -> Option<&CalibrationPoint> {
        let mut points = self.points.iter().rev();
        points.find(|point| point.ef as usize <= ef)
    }

    /// Whether the user tower made the queries: of enough real users, or of synthetic ones.
    fn is_from_user_tower(&self) -> bool {
        self.is_enough() || self.kind == QueryKind::MadeUpUser
    }

    fn is_enough(&self) -> bool {
        self.kind.is_real() && self.queries >= ENOUGH
    }

    fn stands_for(&self, vectors: u64) -> bool {
        let ratio = vectors as f64 / self.vectors.max(1) as f64;
        (STANDS.0..=STANDS.1).contains(&ratio)
    }
}

/// The least measured width whose lower bounds reach a target with each of these kinds of queries; see
/// [`Calibration::beam`].
fn beam<'a>(
    samples: impl Iterator<Item = &'a CalibrationSample>,
    k: usize,
    target: f32,
    vectors: u64,
) -> Option<usize> {
    let reach = |sample: &CalibrationSample| {
        let wide = sample.points.iter().rev();
        let enough = wide.take_while(|point| point.at(k).1 >= target);
        enough.last().map(|point| point.ef as usize)
    };
    let widths: Option<Vec<usize>> = samples.map(reach).collect();
    let ef = widths?.into_iter().max()?;
    // A k between two measured ones is searched as the larger; beyond the last, in proportion.
    let [_, ten, hundred] = KS;
    let ef = match k {
        0..=10 => ef.max(ten),
        11..=100 => ef.max(hundred),
        _ => ((ef.max(hundred) as f64 * (k as f64 / hundred as f64)) as usize).max(k),
    };
    is_cheaper_than_scan(ef, vectors as usize).then_some(ef)
}

/// Whether a graph search with this beam width takes less time than scoring this many vectors by their codes.
pub(crate) fn is_cheaper_than_scan(ef: usize, vectors: usize) -> bool {
    ef.saturating_mul(SCANNED_PER_EXPANSION) < vectors
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const VECTORS: u64 = 1_000_000;

    fn sample(kind: QueryKind, queries: u32, recalls: &[(u32, f32, f32)]) -> CalibrationSample {
        let point = |&(ef, ten, hundred): &(u32, f32, f32)| CalibrationPoint {
            ef,
            recall_at_1: (ten + 0.02).min(1.0),
            recall_at_10: (ten + 0.02).min(1.0),
            recall_at_100: (hundred + 0.02).min(1.0),
            lower_at_1: ten,
            lower_at_10: ten,
            lower_at_100: hundred,
        };
        CalibrationSample {
            kind,
            vectors: VECTORS,
            queries,
            left_out: 0,
            best_score: 0.0,
            hundredth_score: 0.0,
            points: recalls.iter().map(point).collect(),
        }
    }

    fn calibration(samples: &[CalibrationSample]) -> Calibration {
        Calibration {
            samples: samples.to_vec(),
            ..Calibration::default()
        }
    }

    #[test]
    fn a_target_yields_the_least_width_whose_bounds_reach_it_for_every_kind() {
        let near = sample(
            QueryKind::Near,
            500,
            &[(16, 0.8, 0.5), (64, 0.96, 0.7), (256, 0.99, 0.95)],
        );
        let far = sample(
            QueryKind::Far,
            500,
            &[(16, 0.3, 0.2), (64, 0.8, 0.7), (256, 0.95, 0.95)],
        );
        let known = calibration(std::slice::from_ref(&near));
        assert_eq!(known.beam(10, 0.8, VECTORS), Some(16));
        assert_eq!(known.beam(1, 0.9, VECTORS), Some(64));
        assert_eq!(known.beam(11, 0.9, VECTORS), Some(256));
        assert_eq!(
            known.beam(100, 0.4, VECTORS),
            Some(100),
            "measured with a beam of 100"
        );
        assert_eq!(known.beam(400, 0.95, VECTORS), Some(1_024));
        assert_eq!(known.beam(10, 0.995, VECTORS), None);
        assert_eq!(known.measured(10, 100, VECTORS).unwrap().lower, 0.96);
        assert_eq!(known.measured(10, 15, VECTORS), None);

        let both = calibration(&[near.clone(), far]);
        assert_eq!(both.beam(10, 0.8, VECTORS), Some(64));
        assert_eq!(both.beam(10, 0.96, VECTORS), None);
        assert_eq!(
            both.measured(10, 300, VECTORS).unwrap().kind,
            QueryKind::Far
        );

        let few = sample(QueryKind::Given, 30, &[(16, 0.9, 0.9), (64, 0.9, 0.9)]);
        let all = both.updated(calibration(&[few]));
        assert_eq!(all.samples.len(), 3);
        assert_eq!(
            all.beam(10, 0.8, VECTORS),
            Some(64),
            "few users do not replace the others"
        );
        let many = sample(QueryKind::Given, 300, &[(16, 0.9, 0.9), (64, 0.9, 0.9)]);
        let all = all.updated(calibration(&[many]));
        assert_eq!(
            (all.samples.len(), all.beam(10, 0.8, VECTORS)),
            (3, Some(16))
        );
        let again = all.updated(calibration(std::slice::from_ref(&near)));
        assert_eq!(
            again.beam(10, 0.8, VECTORS),
            Some(16),
            "made-up queries replace no users"
        );

        let mut near = near;
        near.vectors = 5_000;
        let few = calibration(&[near]);
        assert_eq!(few.beam(10, 0.8, 5_000), Some(16));
        assert_eq!(
            few.beam(10, 0.99, 5_000),
            None,
            "scoring every item is cheaper"
        );
        // Users that were measured with half as many items say nothing any more.
        assert!(again.is_real_for(VECTORS) && !again.is_real_for(2 * VECTORS));
        assert!(again.stands_for(VECTORS) && !again.stands_for(2 * VECTORS));
        assert_eq!(Calibration::default().beam(10, 0.1, VECTORS), None);
    }

    #[test]
    fn the_default_width_follows_recall_for_users_alone() {
        let points = [(100, 0.3, 0.2), (256, 0.7, 0.6), (512, 0.93, 0.8)];
        let blends = calibration(&[sample(QueryKind::Far, 500, &points)]);
        assert_eq!(blends.default_width(10), Some(DEFAULT_EF));
        assert_eq!(blends.default_recall(), blends.recall_at(10, DEFAULT_EF));
        let users = calibration(&[sample(QueryKind::MadeUpUser, 500, &points)]);
        assert_eq!(users.default_width(10), Some(512));
        assert_eq!(users.default_recall(), users.recall_at(10, 512));
        assert_eq!(users.default_width(100), None, "no width reaches 0.9");
        let grown = CalibrationSample {
            vectors: 9 * VECTORS,
            ..sample(QueryKind::Near, 500, &[(100, 1.0, 1.0)])
        };
        let grown = users.updated(calibration(&[grown]));
        assert_eq!(grown.default_width(10), Some(512));
        let high = [(100, 0.95, 0.95)];
        let few = users.updated(calibration(&[sample(QueryKind::Asked, 30, &high)]));
        assert_eq!(few.default_width(10), Some(512));
        let real = users.updated(calibration(&[sample(QueryKind::Asked, 300, &high)]));
        assert_eq!(real.default_width(10), Some(DEFAULT_EF));
        assert_eq!(Calibration::default().default_width(10), Some(DEFAULT_EF));
    }

    #[test]
    fn default_recall_is_1_where_every_item_is_scored() {
        let users = calibration(&[sample(QueryKind::MadeUpUser, 500, &[(100, 0.06, 0.04)])]);
        assert_eq!(users.default_width(10), None);
        assert!(users.recall_at(10, DEFAULT_EF).unwrap().recall < 0.1);
        let measured = users.default_recall().unwrap();
        assert_eq!((measured.recall, measured.lower), (1.0, 1.0));
    }

    #[test]
    fn a_width_above_one_that_fails_is_not_trusted() {
        let odd = sample(
            QueryKind::Near,
            500,
            &[(16, 0.99, 0.9), (64, 0.5, 0.9), (256, 0.99, 0.9)],
        );
        assert_eq!(calibration(&[odd]).beam(10, 0.9, VECTORS), Some(256));
    }

    proptest! {
        #[test]
        fn a_higher_target_or_k_never_narrows_the_beam(
            recalls in prop::collection::vec((0.0f32..1.0, 0.0f32..1.0), 1..12),
            targets in (0.0f32..1.0, 0.0f32..1.0),
            ks in (1usize..300, 1usize..300),
        ) {
            let points = EFS.iter().zip(&recalls).map(|(ef, (ten, all))| (*ef, *ten, ten * all));
            let known = calibration(&[sample(QueryKind::Far, 500, &points.collect::<Vec<_>>())]);
            let (less, more) = (targets.0.min(targets.1), targets.0.max(targets.1));
            let (few, many) = (ks.0.min(ks.1), ks.0.max(ks.1));
            // None is a scan of every item.
            let width = |k, target| known.beam(k, target, VECTORS).unwrap_or(usize::MAX);
            prop_assert!(width(few, less) <= width(few, more));
            prop_assert!(width(few, less) <= width(many, less));
            prop_assert!(width(few, less) >= few);
        }
    }
}
