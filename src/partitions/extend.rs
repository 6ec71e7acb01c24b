//! Partitions of rows most of which were in other partitions. These lend their centroids, rotation and
//! codewords: known rows keep their leaves, and only new rows are assigned.

use super::builder::{PartitionParams, Quantiser};
use super::index::{OwnedPartitions, Partitions};
use super::kmeans;
use crate::graph::Rows;
use std::sync::atomic::AtomicBool;
use twinspire_core::kernel::{Level, Metric};

/// The leaf of a row that was in no other partitions.
pub(crate) const NO_LEAF: u32 = u32::MAX;

/// At most this share of the rows is new.
const MOST_NEW: f64 = 0.4;
/// The number of leaves is within these factors of that of partitions built anew.
const LEAVES: (f64, f64) = (0.6, 1.6);
/// The mean squared distance of new rows from their centroids is at most this many times that of known rows.
const MOST_DRIFT: f32 = 1.4;
/// Rows of each kind whose distances are compared.
const SAMPLE: usize = 2_048;

/// As [`build`](super::build), with centroids, rotation and codewords of a donor. `leaves` has the leaf of each row
/// in the donor, or [`NO_LEAF`]. `None` if the donor does not fit the rows, or once `cancelled` is set.
pub(crate) fn extend(
    metric: Metric,
    rows: Rows<'_>,
    donor: &Partitions<'_>,
    leaves: Vec<u32>,
    cancelled: &AtomicBool,
) -> Option<(OwnedPartitions, Vec<u32>)> {
    let all = f64::from(rows.count());
    let (new, old): (Vec<u32>, Vec<u32>) =
        (0..rows.count()).partition(|row| leaves[*row as usize] == NO_LEAF);
    let ratio = donor.leaves() as f64 / PartitionParams::for_rows(rows.count()).leaves as f64;
    let fits = (LEAVES.0..=LEAVES.1).contains(&ratio)
        && new.len() as f64 <= MOST_NEW * all
        && leaves.len() == rows.count() as usize
        && donor.dimension() == rows.dimension();
    if !fits {
        return None;
    }
    let rotated = |some: &[u32]| {
        let some = some.iter().filter_map(|row| rows.row(*row));
        let some: Vec<f32> = some.flatten().copied().collect();
        donor
            .rotation()
            .apply_all(Rows::new(&some, rows.dimension()))
    };
    let rotated_new = rotated(&new);
    let of_new = kmeans::assign(
        Rows::new(&rotated_new, rows.dimension()),
        donor.arrays.centroids,
    );
    let step = old.len().div_ceil(SAMPLE).max(1);
    let old: Vec<u32> = old.into_iter().step_by(step).collect();
    let of_old: Vec<u32> = old.iter().map(|row| leaves[*row as usize]).collect();
    let known = mean_squared_distance(donor, &rotated(&old), &of_old)?;
    let seen = rows.dimension() * new.len().min(SAMPLE);
    let drifted = mean_squared_distance(donor, &rotated_new[..seen], &of_new)?;
    if drifted > MOST_DRIFT * known {
        return None;
    }
    let mut leaf_of = leaves;
    for (row, leaf) in new.iter().zip(of_new) {
        leaf_of[*row as usize] = leaf;
    }
    Quantiser::of(donor, leaf_of).partition(metric, rows, cancelled)
}

/// The mean squared distance of rotated rows from the centroids of their leaves; 0 of no rows. `None` for a leaf
/// out of range.
fn mean_squared_distance(donor: &Partitions<'_>, rotated: &[f32], leaves: &[u32]) -> Option<f32> {
    let (level, dimension) = (Level::best(), donor.dimension());
    let mut sum = 0.0;
    let rows = rotated.chunks_exact(dimension.max(1)).zip(leaves);
    let count = rows.len();
    for (row, leaf) in rows {
        if *leaf as usize >= donor.leaves() {
            return None;
        }
        let centroid = donor.centroid(*leaf as usize).iter();
        let residual: Vec<f32> = row.iter().zip(centroid).map(|(x, c)| x - c).collect();
        sum += level.dot(&residual, &residual);
    }
    Some(sum / count.max(1) as f32)
}
