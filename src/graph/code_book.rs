//! How vectors are quantised to one byte per component.
//!
//! A component `x` of a row has the code `c`, from -127 to 127, where `x ≈ centre + scale · c`. The
//! centre is the mean of that component over all rows. All components share one scale. So inner
//! products and distances of codes are those of the vectors, apart from a factor and a term that is the
//! same for every row.
//!
//! The scale is chosen such that no component is clipped: then no row is far from its codes, and the
//! bound on the error of their scores is tight. The exception is a scale much coarser than the one of
//! least squared error, as where few components are far larger than the rest. These are clipped, but not
//! for inner products: the longest rows answer most queries.
//! Rows that one byte per component cannot rank are [rotated](super::rotation) first, or get no codes:
//! [`code_choice`](super::code_choice) decides by measurement.

use super::rows::Rows;
use bincode::{Decode, Encode};
use rayon::prelude::*;
use twinspire_core::kernel::Metric;

/// The largest code; the least is its negative.
pub(super) const LIMIT: f32 = 127.0;
/// Rows that the choice of the scale looks at.
const SAMPLE: usize = 4096;
/// The fewest rows of a parallel task. Fewer than twice as many rows are quantised on the calling thread,
/// which may hold a lock that tasks of other threads wait for.
pub(super) const MIN_TASK_ROWS: usize = 2048;
/// The scale that clips nothing may be coarser than that of least squared error by this factor.
const COARSER: f32 = 2.0;
/// Scales that are tried, as shares of the one that clips nothing in the sample.
const SCALES: [f32; 9] = [1.0, 0.85, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1];

/// How codes are read.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub(crate) struct CodeBook {
    /// One step of a code.
    pub(crate) scale: f32,
    /// Largest quantisation error: the distance of a row from its decoded codes.
    pub(crate) error: f32,
    /// Length of the longest row.
    pub(crate) longest: f32,
    /// Whether codes are those of [rotated](super::rotation::rotate) rows, and need rotated queries.
    pub(crate) rotated: bool,
    /// What the code 0 stands for, by component.
    pub(crate) centre: Vec<f32>,
}

/// Codes per row: the dimension, padded with zeros so that a row starts on a cache line, or at least
/// does not cross one.
pub(crate) fn code_stride(dimension: usize) -> usize {
    match dimension {
        0..=16 => 16,
        17..=32 => 32,
        _ => dimension.next_multiple_of(64),
    }
}

impl CodeBook {
    /// The code book of these rows for searches by `metric`. The rows are rotated already if `rotated` says
    /// so. `error` and `longest` are still 0. `None` if there is no usable scale.
    pub(super) fn fit(rows: Rows<'_>, metric: Metric, rotated: bool) -> Option<Self> {
        let count = rows.count();
        let step = (count as usize).div_ceil(SAMPLE).max(1);
        let sample: Vec<&[f32]> = (0..count)
            .step_by(step)
            .filter_map(|n| rows.row(n))
            .collect();
        let centre = mean(&sample, rows.dimension());
        let largest_offset = |row: &[f32]| {
            let offsets = row
                .iter()
                .zip(&centre)
                .map(|(x, centre)| (x - centre).abs());
            offsets.fold(0.0, f32::max)
        };
        let of_sample = sample
            .iter()
            .map(|row| largest_offset(row))
            .fold(0.0, f32::max);
        let all = (0..count).into_par_iter().with_min_len(MIN_TASK_ROWS);
        let all = all.map(|node| rows.row(node).map_or(0.0, largest_offset));
        let unclipped = all.reduce(|| 0.0, f32::max) / LIMIT;
        let mut book = Self {
            scale: 0.0,
            error: 0.0,
            longest: 0.0,
            rotated,
            centre,
        };
        let losses = SCALES.map(|share| {
            book.scale = share * of_sample / LIMIT;
            let losses = sample.iter().map(|row| f64::from(book.loss(row)));
            (losses.sum::<f64>(), book.scale)
        });
        let (_, finest) = losses
            .into_iter()
            .filter(|(loss, _)| loss.is_finite())
            .min_by(|a, b| a.0.total_cmp(&b.0))?;
        let may_clip = metric != Metric::InnerProduct;
        book.scale = if may_clip && unclipped > COARSER * finest {
            finest
        } else {
            unclipped
        };
        book.scale.is_normal().then_some(book)
    }

    /// Whether codes can be read by these numbers.
    pub(crate) fn is_sound(&self) -> bool {
        let bounded = |x: f32| x.is_finite() && x >= 0.0;
        let centre = self.centre.iter().all(|x| x.is_finite());
        bounded(self.scale) && bounded(self.error) && bounded(self.longest) && centre
    }

    /// Writes the codes of a row.
    pub(super) fn encode(&self, row: &[f32], codes: &mut [i8]) {
        for ((code, x), centre) in codes.iter_mut().zip(row).zip(&self.centre) {
            *code = ((x - centre) / self.scale).round().clamp(-LIMIT, LIMIT) as i8;
        }
    }

    /// The squared distance of a row from its decoded codes.
    pub(super) fn loss(&self, row: &[f32]) -> f32 {
        let offsets = row.iter().zip(&self.centre).map(|(x, centre)| x - centre);
        let lost = offsets.map(|x| {
            let code = (x / self.scale).round().clamp(-LIMIT, LIMIT);
            let off = x - code * self.scale;
            off * off
        });
        lost.sum()
    }
}

/// The mean row.
fn mean(rows: &[&[f32]], dimension: usize) -> Vec<f32> {
    let mut sums = vec![0.0f64; dimension];
    for row in rows {
        sums.iter_mut()
            .zip(*row)
            .for_each(|(sum, x)| *sum += f64::from(*x));
    }
    sums.iter()
        .map(|sum| (sum / rows.len() as f64) as f32)
        .collect()
}
