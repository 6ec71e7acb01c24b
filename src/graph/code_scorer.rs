//! Approximate scores, from codes.

use super::code_book::LIMIT;
use super::codes::Codes;
use super::node_scorer::NodeScorer;
use super::rotation::rotate;
use twinspire_core::files::Blob;
use twinspire_core::kernel::{CodeBatch, CodeQuery, Level, Metric, ScoreScale, prefetch};

/// Early stop: a walk ends at the first node whose squared distance exceeds that of the k-th best by this
/// fraction, because nodes beyond it are rarely among the best k. Inner products are converted to distances
/// as if every vector had the length of the longest.
const STOP: f32 = 0.3;
/// Relative rounding error of a float sum. Codes are summed exactly; equal scores must not come out
/// unequal because of it.
const ROUNDING: f32 = 1e-5;
/// Relative rounding error of a rotation.
const ROTATION: f32 = 4e-6;
/// The part of an error along the query has a standard deviation of its length over the root of the dimension, if it
/// has any direction; one in 370 is larger than this many deviations.
const DEVIATIONS: f32 = 3.0;
/// Queries that exceed the code range by more than this many steps are scored on floats.
const MAX_EXCESS: f32 = 4.0;

/// A query as a code scorer reads it; reused by one query after another.
#[derive(Debug, Default)]
pub(super) struct QueryBuffer {
    codes: CodeQuery,
    /// The rotated query, if codes are of rotated rows.
    rotated: Vec<f32>,
}

/// Scores nodes by their codes.
///
/// A score is within `error` of the exact one. For L2 that holds for the roots of the distances.
/// Under inner products the query has codes with a scale of its own.
pub(super) struct CodeScorer<'a> {
    codes: Codes<'a>,
    metric: Metric,
    level: Level,
    query: &'a CodeQuery,
    scale: ScoreScale,
    error: f32,
    /// No node scores more than this.
    top: f32,
    /// The file of the codes, if it is larger than memory.
    pub(super) paged: Option<&'a Blob>,
}

impl<'a> CodeScorer<'a> {
    /// The scorer of a query, whose codes are written to `buffer`. `None` if codes would mislead.
    pub(super) fn new(
        codes: Codes<'a>,
        metric: Metric,
        query: &[f32],
        buffer: &'a mut QueryBuffer,
    ) -> Option<Self> {
        let book = codes.book;
        let QueryBuffer {
            codes: buffer,
            rotated,
        } = buffer;
        let (query, rotation) = match book.rotated {
            true => {
                rotated.clear();
                rotated.extend_from_slice(query);
                rotate(rotated);
                (rotated.as_slice(), ROTATION)
            }
            false => (query, 0.0),
        };
        let level = Level::best();
        let padding = std::iter::repeat_n(0, codes.rows.stride().saturating_sub(query.len()));
        let (factor, term, error, top) = match metric {
            Metric::Cosine | Metric::InnerProduct => {
                let step = query.iter().fold(0.0f32, |most, x| most.max(x.abs())) / LIMIT;
                if !step.is_normal() {
                    return None;
                }
                let rounded = query.iter().map(|x| round(x / step) as i8);
                buffer.set(rounded.chain(padding));
                let (mut off, mut length) = (0.0f32, 0.0f32);
                for (x, code) in query.iter().zip(buffer.codes()) {
                    let lost = x - step * f32::from(*code);
                    off += lost * lost;
                    length += x * x;
                }
                let centre = level.dot(&book.centre, &book.centre).sqrt();
                // |q·x - q'·x'| <= |q| |x - x'| + |q - q'| |x' - centre|
                let error =
                    length.sqrt() * book.error + off.sqrt() * (book.longest + centre + book.error);
                let error = error + rotation * length.sqrt() * book.longest;
                let term = level.dot(query, &book.centre);
                (step * book.scale, term, error, length.sqrt() * book.longest)
            }
            Metric::L2 => {
                let steps = |(x, centre): (&f32, &f32)| (x - centre) / book.scale;
                let mut each = query.iter().zip(&book.centre).map(steps);
                if each.any(|steps| steps.abs() > LIMIT + MAX_EXCESS) {
                    return None;
                }
                let each = query.iter().zip(&book.centre).map(steps);
                let rounded = each.map(|steps| round(steps).clamp(-LIMIT, LIMIT) as i8);
                buffer.set(rounded.chain(padding));
                let off = query.iter().zip(&book.centre).zip(buffer.codes());
                let off = off.map(|((x, centre), code)| x - centre - f32::from(*code) * book.scale);
                let off: f32 = off.map(|off| off * off).sum();
                let length: f32 = query.iter().map(|x| x * x).sum();
                let rotation = rotation * (length.sqrt() + book.longest);
                let error = off.sqrt() + book.error + rotation;
                (-book.scale * book.scale, 0.0, error, 0.0)
            }
        };
        Some(Self {
            codes,
            metric,
            level,
            query: buffer,
            scale: ScoreScale { factor, term },
            error,
            top,
            paged: None,
        })
    }
}

impl CodeScorer<'_> {
    /// The least score by codes if the exact one is `score`, and codes are off by no more than `error`.
    #[inline]
    fn lower_by(&self, score: f32, error: f32) -> f32 {
        match self.metric {
            Metric::Cosine | Metric::InnerProduct => {
                score - error - ROUNDING * (self.top + score.abs())
            }
            Metric::L2 => {
                let distance = (-score).max(0.0).sqrt() + error;
                -distance * distance * (1.0 + ROUNDING)
            }
        }
    }
}

/// Rounds a number below 2^22 to an integer, ties to even, by two additions: beyond 2^23 floats have no
/// fraction. The function of the standard library is a call each.
#[inline]
fn round(x: f32) -> f32 {
    const SHIFT: f32 = 12_582_912.0;
    (x + SHIFT) - SHIFT
}

impl NodeScorer for CodeScorer<'_> {
    #[inline]
    fn count(&self) -> u32 {
        u32::try_from(self.codes.rows.count()).unwrap_or(u32::MAX)
    }

    #[inline]
    fn score(&self, node: u32) -> Option<f32> {
        let row = self.codes.rows.row(node)?;
        let sum = match self.metric {
            Metric::Cosine | Metric::InnerProduct => self.level.dot_codes(self.query, row),
            Metric::L2 => self.level.l2_squared_codes(self.query, row),
        };
        Some(self.scale.score(sum))
    }

    #[inline]
    fn score_all(&self, nodes: &[u32], scores: &mut Vec<f32>) {
        let batch = CodeBatch {
            query: self.query,
            codes: self.codes.rows,
            rows: nodes,
            scale: self.scale,
        };
        match self.metric {
            Metric::Cosine | Metric::InnerProduct => self.level.dot_scores(batch, scores),
            Metric::L2 => self.level.l2_squared_scores(batch, scores),
        }
    }

    #[inline]
    fn prefetch(&self, node: u32) {
        if let Some(row) = self.codes.rows.row(node) {
            match self.paged {
                Some(file) => file.will_need(bytemuck::cast_slice(row)),
                None => prefetch(row),
            }
        }
    }

    #[inline]
    fn lower_bound(&self, score: f32) -> f32 {
        self.lower_by(score, self.error)
    }

    #[inline]
    fn likely_lower_bound(&self, score: f32) -> f32 {
        let dimension = self.codes.book.centre.len() as f32;
        self.lower_by(score, self.error * (DEVIATIONS / dimension.sqrt()).min(1.0))
    }

    #[inline]
    fn expansion_cutoff(&self, kth: f32) -> f32 {
        kth - STOP * (self.top - kth)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{OwnedCodes, Rows};
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64Mcg;

    fn metric() -> impl Strategy<Value = Metric> {
        prop_oneof![
            Just(Metric::Cosine),
            Just(Metric::InnerProduct),
            Just(Metric::L2)
        ]
    }

    fn rotated_rows(rows: Rows<'_>) -> Vec<f32> {
        let mut data = rows.data().to_vec();
        data.chunks_mut(rows.dimension()).for_each(rotate);
        data
    }

    proptest! {
        #[test]
        fn scores_of_codes_stay_within_the_stated_error(
            dimension in 1usize..70,
            data in vec(-1.0f32..1.0, 200..1_000),
            query in vec(-1.3f32..1.3, 70),
            metric in metric(),
            shift in -2.0f32..2.0,
            rotated in any::<bool>(),
        ) {
            let data: Vec<f32> = data.iter().map(|x| x + shift).collect();
            let query: Vec<f32> = query[..dimension].iter().map(|x| x + shift).collect();
            let rows = Rows::new(&data[..data.len() / dimension * dimension], dimension);
            let rotated_rows = rotated_rows(rows);
            let codes = match rotated {
                true => OwnedCodes::encode(Rows::new(&rotated_rows, dimension), metric, true),
                false => OwnedCodes::encode(rows, metric, false),
            };
            let Some(codes) = codes else { return Ok(()) };
            prop_assert_eq!(codes.view().first_mismatch(rows.into()), None);
            let mut buffer = QueryBuffer::default();
            let scorer = CodeScorer::new(codes.view(), metric, &query, &mut buffer);
            let Some(scorer) = scorer else { return Ok(()) };
            let nodes = rows.count();
            for node in 0..nodes {
                let exact = metric.score(&query, rows.row(node).unwrap());
                let score = scorer.score(node).unwrap();
                let slack = 1e-4 * (1.0 + exact.abs());
                prop_assert!(score + slack >= scorer.lower_bound(exact), "{score} for {exact}");
                prop_assert!(exact + slack >= scorer.lower_bound(score), "{score} for {exact}");
                let some = [node, 0, node / 2, nodes - 1, node];
                let each = some.map(|node| scorer.score(node).unwrap());
                let mut scores = Vec::new();
                scorer.score_all(&some, &mut scores);
                prop_assert_eq!(scores, each);
                prop_assert!(exact <= scorer.top + slack || metric == Metric::L2);
            }
            prop_assert_eq!(scorer.score(nodes), None);
        }

        #[test]
        fn any_rows_get_sound_codes_or_none(
            data in vec(any::<f32>().prop_filter("finite", |x| x.is_finite()), 0..60),
            dimension in 1usize..5,
            query in vec(any::<f32>(), 5),
            metric in metric(),
        ) {
            let rows = Rows::new(&data, dimension);
            if let Some(codes) = OwnedCodes::quantise(rows, metric) {
                prop_assert!(codes.book.is_sound());
                let mut buffer = QueryBuffer::default();
                let scorer = CodeScorer::new(codes.view(), metric, &query[..dimension], &mut buffer);
                if let Some(scorer) = scorer {
                    let scores = (0..rows.count()).map(|node| scorer.score(node));
                    prop_assert!(scores.into_iter().all(|score| score.is_some()));
                }
            }
        }
    }

    /// One in 740 errors is larger, if errors have any direction: they are bounded on one side. The largest error is
    /// that of the worst row, so that fewer are.
    #[test]
    fn few_scores_are_below_the_likely_bound_and_none_is_below_the_proven_one() {
        const DIMENSION: usize = 128;
        let random = &mut Pcg64Mcg::seed_from_u64(5);
        let mut draw = |count: usize| -> Vec<f32> {
            (0..count).map(|_| random.random_range(-1.0..1.0)).collect()
        };
        let (data, queries) = (draw(1_000 * DIMENSION), draw(20 * DIMENSION));
        let rows = Rows::new(&data, DIMENSION);
        for metric in [Metric::InnerProduct, Metric::L2] {
            let codes = OwnedCodes::encode(rows, metric, false).unwrap();
            let (mut unlikely, mut wide, mut buffer) = (0, 0, QueryBuffer::default());
            for query in queries.chunks(DIMENSION) {
                let scorer = CodeScorer::new(codes.view(), metric, query, &mut buffer).unwrap();
                for node in 0..rows.count() {
                    let exact = metric.score(query, rows.row(node).unwrap());
                    let score = scorer.score(node).unwrap();
                    assert!(score >= scorer.lower_bound(exact), "{score} for {exact}");
                    unlikely += usize::from(score < scorer.likely_lower_bound(exact));
                    wide += usize::from(score < scorer.lower_by(exact, 0.1 * scorer.error));
                }
            }
            assert!(unlikely <= 20_000 / 740, "{unlikely} of 20,000");
            assert!(wide > unlikely, "a narrower bound is exceeded");
        }
    }

    #[test]
    fn an_l2_query_far_outside_the_code_range_is_scored_on_floats() {
        let data: Vec<f32> = (0..400).map(|at| ((at * 7) % 11) as f32).collect();
        let codes = OwnedCodes::encode(Rows::new(&data, 4), Metric::L2, false).unwrap();
        let mut buffer = QueryBuffer::default();
        let mut has_scorer = |metric, query: f32| {
            CodeScorer::new(codes.view(), metric, &[query; 4], &mut buffer).is_some()
        };
        assert!(has_scorer(Metric::L2, 9.0) && !has_scorer(Metric::L2, 90.0));
        assert!(has_scorer(Metric::InnerProduct, 90.0));
        assert!(!has_scorer(Metric::InnerProduct, 0.0));
    }
}
