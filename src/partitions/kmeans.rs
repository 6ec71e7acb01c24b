//! k-means (Lloyd, 1982) over a sample of rows: the coarse quantiser.
//!
//! The result does not depend on the number of threads: sums run over the rows of a cluster in their
//! order.

use crate::graph::Rows;
use rayon::prelude::*;
use twinspire_core::kernel::{Level, Weights};

/// Rows of the sample per centroid.
const PER_CENTROID: usize = 64;
/// Rounds of assignment and update.
const ROUNDS: usize = 7;
/// A cluster this many times as large as the average is split into a tiny one, while rounds remain.
const OVERSIZED: usize = 6;
/// Rows that are compared with all centroids at once.
const BATCH: usize = 64;
/// How far the halves of a split cluster start from its centre, as a share of each component.
const NUDGE: f32 = 0.02;

/// `count` centroids of the rows, or fewer if there are fewer rows; row-major. `report` receives the number of
/// rounds done and of all rounds; it ends the rounds by `false`.
pub(super) fn centroids(
    rows: Rows<'_>,
    count: usize,
    report: &mut dyn FnMut(usize, usize) -> bool,
) -> Vec<f32> {
    let dimension = rows.dimension();
    let sample = sample(rows, count.saturating_mul(PER_CENTROID));
    let size = sample.len() / dimension.max(1);
    let count = count.min(size);
    let mut centroids = sample[..count * dimension].to_vec();
    for round in 0..ROUNDS {
        if !report(round, ROUNDS) {
            break;
        }
        let nearest = assign(Rows::new(&sample, dimension), &centroids);
        let mut clusters = vec![Vec::new(); count];
        for (row, cluster) in nearest.iter().enumerate() {
            clusters[*cluster as usize].push(row);
        }
        centroids
            .par_chunks_exact_mut(dimension)
            .zip(&clusters)
            .for_each(|(centroid, rows)| mean(&sample, rows, centroid));
        if round + 1 < ROUNDS {
            split_oversized(&mut centroids, &clusters, size, dimension);
        }
    }
    centroids
}

/// The nearest centroid of each row, by Euclidean distance; of equally near ones the first.
pub(super) fn assign(rows: Rows<'_>, centroids: &[f32]) -> Vec<u32> {
    let (level, dimension) = (Level::best(), rows.dimension());
    let count = centroids.len() / dimension.max(1);
    // |x - c|² = |x|² - 2 (x·c - |c|² / 2): the largest difference is the nearest.
    let halves: Vec<f32> = centroids
        .chunks_exact(dimension)
        .map(|centroid| level.dot(centroid, centroid) / 2.0)
        .collect();
    let batches = rows.data().par_chunks(BATCH * dimension);
    let nearest = batches.map_init(
        || vec![0.0; BATCH * count],
        |products, batch| {
            let products = &mut products[..batch.len() / dimension * count];
            level.multiply(batch, Weights::F32(centroids), dimension, products);
            products
                .chunks_exact_mut(count)
                .map(|products| {
                    products
                        .iter_mut()
                        .zip(&halves)
                        .for_each(|(x, half)| *x -= half);
                    first_largest(products)
                })
                .collect::<Vec<u32>>()
        },
    );
    nearest.flatten_iter().collect()
}

/// The place of the largest number; of equal ones the first.
fn first_largest(numbers: &[f32]) -> u32 {
    // In lanes, which the compiler turns into vector instructions, unlike a search with places.
    let (chunks, rest) = numbers.as_chunks::<16>();
    let mut lanes = [f32::NEG_INFINITY; 16];
    for chunk in chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane = if *x > *lane { *x } else { *lane };
        }
    }
    let largest = lanes
        .iter()
        .chain(rest)
        .copied()
        .fold(f32::NEG_INFINITY, f32::max);
    let place = numbers.iter().position(|x| *x == largest);
    place.unwrap_or_default() as u32
}

/// Rows in an order that has nothing to do with their numbers, at most `most`.
fn sample(rows: Rows<'_>, most: usize) -> Vec<f32> {
    let mut numbers: Vec<u32> = (0..rows.count()).collect();
    numbers.sort_unstable_by_key(|number| (mix(u64::from(*number)), *number));
    numbers.truncate(most);
    let rows = numbers
        .iter()
        .flat_map(|number| rows.row(*number).unwrap_or_default());
    rows.copied().collect()
}

/// A number that looks random (SplitMix64; Steele et al., 2014).
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Sets the centroid to the mean of its rows; one without rows stays.
fn mean(sample: &[f32], rows: &[usize], centroid: &mut [f32]) {
    let dimension = centroid.len();
    if rows.is_empty() {
        return;
    }
    centroid.fill(0.0);
    let share = 1.0 / rows.len() as f32;
    for row in rows {
        let row = &sample[row * dimension..][..dimension];
        centroid
            .iter_mut()
            .zip(row)
            .for_each(|(sum, x)| *sum += share * x);
    }
}

/// Moves the centroids of the smallest clusters into the largest ones.
fn split_oversized(
    centroids: &mut [f32],
    clusters: &[Vec<usize>],
    sample: usize,
    dimension: usize,
) {
    let mut by_size: Vec<usize> = (0..clusters.len()).collect();
    by_size.sort_by_key(|cluster| (std::cmp::Reverse(clusters[*cluster].len()), *cluster));
    let average = sample.div_ceil(clusters.len().max(1));
    let pairs = by_size.iter().zip(by_size.iter().rev());
    for (large, small) in pairs.take(clusters.len() / 2) {
        let (most, least) = (clusters[*large].len(), clusters[*small].len());
        if most < OVERSIZED * average.max(1) && (least > 0 || most < 2) {
            break;
        }
        for at in 0..dimension {
            let x = centroids[large * dimension + at];
            let nudge = if at % 2 == 0 { NUDGE } else { -NUDGE } * x;
            centroids[small * dimension + at] = x + nudge;
            centroids[large * dimension + at] = x - nudge;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separated_clusters_are_kept_apart() {
        let row = |at: usize| [(at % 5) as f32 * 10.0 + (at % 7) as f32 * 0.01, 1.0];
        let data: Vec<f32> = (0..500).flat_map(row).collect();
        let found = centroids(Rows::new(&data, 2), 25, &mut |_, _| true);
        let nearest = assign(Rows::new(&data, 2), &found);
        for (row, centroid) in data.chunks(2).zip(nearest) {
            let centroid = &found[2 * centroid as usize..][..2];
            assert!((row[0] - centroid[0]).abs() < 0.5, "{row:?} {centroid:?}");
        }
    }

    #[test]
    fn fewer_rows_than_centroids_and_equal_rows_are_no_problem() {
        let found = |data: &[f32], count| centroids(Rows::new(data, 2), count, &mut |_, _| true);
        assert_eq!(found(&[1.0, 2.0], 9), [1.0, 2.0]);
        assert_eq!(found(&[], 9), Vec::<f32>::new());
        let equal = [0.5; 200];
        let found = found(&equal, 4);
        assert!(found.iter().all(|x| (x - 0.5).abs() < 0.1), "{found:?}");
    }
}
