//! Vectors in one byte a component: what a walk compares, a quarter of what exact scores would read.
//!
//! A component `x` of a row is the code `c`, from -127 to 127, when `x ≈ centre + scale · c`; the
//! centre is the mean of the component over all rows, the scale one for all, so that inner products
//! and distances of codes are those of vectors but for a factor and a term that is the same for
//! every row. The query gets codes of its own, with a scale of its own under inner products.
//!
//! The scale is such that no component is clipped, for then no row is far from its codes, and the bound
//! on what their scores are off by is tight. Only where that would be much coarser than the scale of
//! the least squared error, as where few components are far larger than the rest, these are clipped.
//! Rows that one byte cannot tell apart get no codes at all and are
//! walked on their floats.

use super::near::Near;
use super::{Rows, StoredRows};
use bincode::{Decode, Encode};
use rayon::prelude::*;
use twinspire_core::kernel::{CodeQuery, Level, Metric, prefetch};

/// Codes lie between this and its negative.
const LIMIT: f32 = 127.0;
/// Rows looked at for the choice of the scale.
const SAMPLE: usize = 4096;
/// A scale may be this much coarser than that of the least squared error, so that nothing is clipped.
const COARSER: f32 = 2.0;
/// A row may lose this share of its squared distance to the centre, in the median, before its codes
/// are of no use. Chosen, not measured: unit vectors of 128 components lose less than a tenth of it.
const LOSS: f32 = 0.002;
/// A walk ends at a node whose squared distance is larger than that of the k-th best by this share: what
/// lies behind it is hardly ever among the best k. Inner products are seen as distances between
/// vectors that all are as long as the longest.
const STOP: f32 = 0.3;
/// By so much of themselves sums of floats may be off, where codes are exact: equal scores must not
/// come out as unequal ones.
const ROUNDING: f32 = 1e-5;
/// A query beyond the codes by more than this many steps is not rounded to them.
const BEYOND: f32 = 4.0;

/// How codes are read.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub(crate) struct CodeBook {
    /// A step of a code.
    pub(crate) scale: f32,
    /// The longest way of a row from what its codes say.
    pub(crate) error: f32,
    /// The longest row.
    pub(crate) longest: f32,
    /// What a code of 0 stands for, by component.
    pub(crate) centre: Vec<f32>,
}

/// Codes of all rows, in their order.
#[derive(Clone, Debug)]
pub(crate) struct OwnedCodes {
    /// How they are read.
    pub(crate) book: CodeBook,
    /// `stride` codes a row.
    pub(crate) data: Vec<i8>,
}

/// Codes of rows, wherever they lie.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Codes<'a> {
    book: &'a CodeBook,
    data: &'a [i8],
    stride: usize,
}

/// Codes a row takes: the dimension and zeros, so that a row begins where a line of the cache does, or
/// at least none lies in two lines.
pub(crate) fn code_stride(dimension: usize) -> usize {
    match dimension {
        0..=16 => 16,
        17..=32 => 32,
        _ => dimension.next_multiple_of(64),
    }
}

impl CodeBook {
    /// Whether the numbers are such as codes can be read by.
    pub(crate) fn is_sound(&self) -> bool {
        let bounded = |x: f32| x.is_finite() && x >= 0.0;
        let centre = self.centre.iter().all(|x| x.is_finite());
        bounded(self.scale) && bounded(self.error) && bounded(self.longest) && centre
    }

    /// The codes of a row, into as many places.
    fn encode(&self, row: &[f32], codes: &mut [i8]) {
        for ((code, x), centre) in codes.iter_mut().zip(row).zip(&self.centre) {
            *code = ((x - centre) / self.scale).round().clamp(-LIMIT, LIMIT) as i8;
        }
    }

    /// The squared distance of a row from what its codes say, and from the centre.
    fn loss(&self, row: &[f32]) -> (f32, f32) {
        let apart = row.iter().zip(&self.centre).map(|(x, centre)| x - centre);
        apart.fold((0.0, 0.0), |(loss, all), x| {
            let code = (x / self.scale).round().clamp(-LIMIT, LIMIT);
            let off = x - code * self.scale;
            (loss + off * off, all + x * x)
        })
    }
}

impl OwnedCodes {
    /// The codes of rows; none where they would tell too little of them.
    pub(crate) fn of(rows: Rows<'_>) -> Option<Self> {
        let count = rows.count();
        let step = (count as usize).div_ceil(SAMPLE).max(1);
        let sample: Vec<&[f32]> = (0..count)
            .step_by(step)
            .filter_map(|n| rows.row(n))
            .collect();
        let dimension = rows.dimension();
        let mut centre = vec![0.0f64; dimension];
        for row in &sample {
            centre
                .iter_mut()
                .zip(*row)
                .for_each(|(sum, x)| *sum += f64::from(*x));
        }
        let centre: Vec<f32> = centre
            .iter()
            .map(|sum| (sum / sample.len() as f64) as f32)
            .collect();
        let apart = |row: &[f32]| {
            let each = row
                .iter()
                .zip(&centre)
                .map(|(x, centre)| (x - centre).abs());
            each.fold(0.0, f32::max)
        };
        let most = sample.iter().map(|row| apart(row)).fold(0.0, f32::max);
        let all = (0..count).into_par_iter();
        let all = all.map(|node| rows.row(node).map_or(0.0, apart));
        let unclipped = all.reduce(|| 0.0, f32::max) / LIMIT;
        let mut book = CodeBook {
            scale: 0.0,
            error: 0.0,
            longest: 0.0,
            centre,
        };
        let shares = [1.0f32, 0.85, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1];
        let losses = shares.map(|share| {
            book.scale = share * most / LIMIT;
            let losses = sample.iter().map(|row| f64::from(book.loss(row).0));
            (losses.sum::<f64>(), book.scale)
        });
        let least = losses
            .into_iter()
            .filter(|(loss, _)| loss.is_finite())
            .min_by(|a, b| a.0.total_cmp(&b.0));
        book.scale = match least?.1 {
            finest if unclipped <= COARSER * finest => unclipped,
            finest => finest,
        };
        if !book.scale.is_normal() || !tells(&book, &sample) {
            return None;
        }
        let stride = code_stride(dimension);
        let mut data = vec![0; count as usize * stride];
        let bounds = data
            .par_chunks_exact_mut(stride)
            .enumerate()
            .map(|(row, codes)| {
                let row = rows.row(row as u32).unwrap_or_default();
                book.encode(row, codes);
                let length: f32 = row.iter().map(|x| x * x).sum();
                (book.loss(row).0.sqrt(), length.sqrt())
            });
        let (error, longest) = bounds.reduce(|| (0.0, 0.0), |a, b| (a.0.max(b.0), a.1.max(b.1)));
        (book.error, book.longest) = (error, longest);
        book.is_sound().then_some(Self { book, data })
    }

    /// A view of them.
    pub(crate) fn view(&self) -> Codes<'_> {
        let stride = code_stride(self.book.centre.len());
        Codes {
            book: &self.book,
            data: &self.data,
            stride,
        }
    }
}

/// A number rounded to an integer, ties to even, if it is below 2^22: beyond 2^23 floats have no places
/// after the point. It takes two additions; what is in the library is a call for each.
fn rounded(x: f32) -> f32 {
    const SHIFT: f32 = 12_582_912.0;
    (x + SHIFT) - SHIFT
}

/// Whether codes lose little of most of the rows.
fn tells(book: &CodeBook, sample: &[&[f32]]) -> bool {
    let mut losses: Vec<f32> = sample
        .iter()
        .map(|row| book.loss(row))
        .map(|(loss, all)| if all > 0.0 { loss / all } else { 0.0 })
        .collect();
    let middle = losses.len() / 2;
    losses.select_nth_unstable_by(middle, f32::total_cmp);
    losses.get(middle).is_some_and(|median| *median <= LOSS)
}

impl<'a> Codes<'a> {
    /// Codes that were stored, `code_stride` of the dimension a row.
    pub(crate) fn new(book: &'a CodeBook, data: &'a [i8]) -> Self {
        let stride = code_stride(book.centre.len());
        Self { book, data, stride }
    }

    /// The first row whose codes are others than these.
    pub(crate) fn differs(&self, rows: StoredRows<'_>) -> Option<u32> {
        let (mut right, mut buffer) = (vec![0; self.stride], Vec::new());
        (0..rows.count()).find(|node| {
            if let Some(row) = rows.row(*node) {
                self.book.encode(row.floats(&mut buffer), &mut right);
            }
            self.row(*node) != Some(right.as_slice())
        })
    }

    /// How many rows there are.
    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.data.len() / self.stride).unwrap_or(u32::MAX)
    }

    fn row(&self, node: u32) -> Option<&'a [i8]> {
        let from = (node as usize).checked_mul(self.stride)?;
        self.data.get(from..from.checked_add(self.stride)?)
    }

    /// What scores rows for a query, whose codes go into `buffer`; none where codes would mislead.
    pub(super) fn scorer<'b>(
        &self,
        metric: Metric,
        query: &[f32],
        buffer: &'b mut CodeQuery,
    ) -> Option<CodeScorer<'b>>
    where
        'a: 'b,
    {
        let book = self.book;
        let level = Level::best();
        let padding = std::iter::repeat_n(0, self.stride.saturating_sub(query.len()));
        let (factor, term, error, top) = match metric {
            Metric::Cosine | Metric::InnerProduct => {
                let step = query.iter().fold(0.0f32, |most, x| most.max(x.abs())) / LIMIT;
                if !step.is_normal() {
                    return None;
                }
                let codes = query.iter().map(|x| rounded(x / step) as i8);
                buffer.set(codes.chain(padding));
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
                let term = level.dot(query, &book.centre);
                (step * book.scale, term, error, length.sqrt() * book.longest)
            }
            Metric::L2 => {
                let steps = |(x, centre): (&f32, &f32)| (x - centre) / book.scale;
                let mut each = query.iter().zip(&book.centre).map(steps);
                if each.any(|steps| steps.abs() > LIMIT + BEYOND) {
                    return None;
                }
                let each = query.iter().zip(&book.centre).map(steps);
                let codes = each.map(|steps| rounded(steps).clamp(-LIMIT, LIMIT) as i8);
                buffer.set(codes.chain(padding));
                let off = query.iter().zip(&book.centre).zip(buffer.codes());
                let off = off.map(|((x, centre), code)| x - centre - f32::from(*code) * book.scale);
                let off: f32 = off.map(|off| off * off).sum();
                (-book.scale * book.scale, 0.0, off.sqrt() + book.error, 0.0)
            }
        };
        let codes = *self;
        Some(CodeScorer {
            codes,
            metric,
            level,
            query: buffer,
            factor,
            term,
            error,
            top,
        })
    }
}

/// Scores rows by their codes: within `error` of the score of the row itself, but for L2, where
/// that is so for the roots of the distances.
pub(super) struct CodeScorer<'a> {
    codes: Codes<'a>,
    metric: Metric,
    level: Level,
    query: &'a CodeQuery,
    factor: f32,
    term: f32,
    error: f32,
    /// No row scores more than this.
    top: f32,
}

impl Near for CodeScorer<'_> {
    fn count(&self) -> u32 {
        self.codes.count()
    }

    fn score(&self, node: u32) -> Option<f32> {
        let row = self.codes.row(node)?;
        let number = match self.metric {
            Metric::Cosine | Metric::InnerProduct => self.level.dot_codes(self.query, row),
            Metric::L2 => self.level.l2_squared_codes(self.query, row),
        };
        Some(self.factor * number as f32 + self.term)
    }

    fn score_4(&self, nodes: [u32; 4]) -> Option<[f32; 4]> {
        let [a, b, c, d] = nodes.map(|node| self.codes.row(node));
        let rows = [a?, b?, c?, d?];
        let numbers = match self.metric {
            Metric::Cosine | Metric::InnerProduct => self.level.dot_codes_4(self.query, rows),
            Metric::L2 => self.level.l2_squared_codes_4(self.query, rows),
        };
        Some(numbers.map(|number| self.factor * number as f32 + self.term))
    }

    fn prefetch(&self, node: u32) {
        if let Some(row) = self.codes.row(node) {
            prefetch(row);
        }
    }

    fn lowest(&self, score: f32) -> f32 {
        match self.metric {
            Metric::Cosine | Metric::InnerProduct => {
                score - self.error - ROUNDING * (self.top + score.abs())
            }
            Metric::L2 => {
                let distance = (-score).max(0.0).sqrt() + self.error;
                -distance * distance * (1.0 + ROUNDING)
            }
        }
    }

    fn worth(&self, score: f32) -> f32 {
        score - STOP * (self.top - score)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn metric() -> impl Strategy<Value = Metric> {
        prop_oneof![
            Just(Metric::Cosine),
            Just(Metric::InnerProduct),
            Just(Metric::L2)
        ]
    }

    proptest! {
        #[test]
        fn scores_of_codes_are_as_near_to_the_exact_ones_as_is_said(
            dimension in 1usize..70,
            data in vec(-1.0f32..1.0, 200..1_000),
            query in vec(-1.3f32..1.3, 70),
            metric in metric(),
            shift in -2.0f32..2.0,
        ) {
            let data: Vec<f32> = data.iter().map(|x| x + shift).collect();
            let query: Vec<f32> = query[..dimension].iter().map(|x| x + shift).collect();
            let rows = Rows::new(&data[..data.len() / dimension * dimension], dimension);
            let Some(codes) = OwnedCodes::of(rows) else { return Ok(()) };
            prop_assert_eq!(codes.view().differs(rows.into()), None);
            let mut buffer = CodeQuery::default();
            let scorer = codes.view().scorer(metric, &query, &mut buffer);
            let Some(scorer) = scorer else { return Ok(()) };
            let nodes = rows.count();
            for node in 0..nodes {
                let exact = metric.score(&query, rows.row(node).unwrap());
                let score = scorer.score(node).unwrap();
                let slack = 1e-4 * (1.0 + exact.abs());
                prop_assert!(score + slack >= scorer.lowest(exact), "{score} for {exact}");
                prop_assert!(exact + slack >= scorer.lowest(score), "{score} for {exact}");
                let four = [node, 0, node / 2, nodes - 1];
                let each = four.map(|node| scorer.score(node).unwrap());
                prop_assert_eq!(scorer.score_4(four).unwrap(), each);
                prop_assert!(exact <= scorer.top + slack || metric == Metric::L2);
            }
            prop_assert_eq!(scorer.score(nodes), None);
            prop_assert_eq!(scorer.score_4([0, 0, nodes, 0]), None);
        }

        #[test]
        fn any_rows_get_sound_codes_or_none(
            data in vec(any::<f32>().prop_filter("finite", |x| x.is_finite()), 0..60),
            dimension in 1usize..5,
            query in vec(any::<f32>(), 5),
            metric in metric(),
        ) {
            let rows = Rows::new(&data, dimension);
            if let Some(codes) = OwnedCodes::of(rows) {
                prop_assert!(codes.book.is_sound());
                let mut buffer = CodeQuery::default();
                if let Some(scorer) = codes.view().scorer(metric, &query[..dimension], &mut buffer) {
                    let scores = (0..rows.count()).map(|node| scorer.score(node));
                    prop_assert!(scores.into_iter().all(|score| score.is_some()));
                }
            }
        }
    }

    #[test]
    fn rows_that_a_byte_cannot_tell_apart_get_no_codes() {
        let mut data: Vec<f32> = (0..400).map(|at| ((at * 7) % 11) as f32).collect();
        assert!(OwnedCodes::of(Rows::new(&data, 4)).is_some());
        data[9] = 1e9;
        assert!(OwnedCodes::of(Rows::new(&data, 4)).is_none());
        assert!(OwnedCodes::of(Rows::new(&[0.5; 40], 4)).is_none());
        assert!(OwnedCodes::of(Rows::new(&[], 4)).is_none());
    }

    #[test]
    fn a_query_far_beyond_the_rows_is_not_put_into_codes_of_distances() {
        let data: Vec<f32> = (0..400).map(|at| ((at * 7) % 11) as f32).collect();
        let codes = OwnedCodes::of(Rows::new(&data, 4)).unwrap();
        let mut buffer = CodeQuery::default();
        let mut scorer = |metric, query: f32| {
            codes
                .view()
                .scorer(metric, &[query; 4], &mut buffer)
                .is_some()
        };
        assert!(scorer(Metric::L2, 9.0) && !scorer(Metric::L2, 90.0));
        assert!(scorer(Metric::InnerProduct, 90.0) && !scorer(Metric::InnerProduct, 0.0));
    }
}
