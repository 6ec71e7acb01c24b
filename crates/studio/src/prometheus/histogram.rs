//! Distributions of times, in buckets of fixed bounds.

use metrics::HistogramFn;
use std::sync::atomic::{AtomicU64, Ordering};

/// Upper bounds of the buckets, in seconds: three a decade, from 10 µs to 100 s.
const BOUNDS: [f64; 22] = [
    1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.2, 0.5, 1.0,
    2.0, 5.0, 10.0, 20.0, 50.0, 100.0,
];

/// A distribution, which threads add to at the same time.
#[derive(Debug, Default)]
pub struct Buckets {
    /// Numbers up to each bound and above the one before.
    counts: [AtomicU64; BOUNDS.len()],
    /// Numbers above the last bound.
    above: AtomicU64,
    /// The bits of the sum of all numbers.
    sum: AtomicU64,
}

impl Buckets {
    /// Numbers up to each bound, the last one infinite, and their sum.
    pub fn read(&self) -> (Vec<(f64, u64)>, f64) {
        let mut total = 0;
        let mut up_to = |bound: f64, count: &AtomicU64| {
            total += count.load(Ordering::Relaxed);
            (bound, total)
        };
        let each = BOUNDS.iter().zip(&self.counts);
        let mut buckets: Vec<_> = each.map(|(bound, count)| up_to(*bound, count)).collect();
        buckets.push(up_to(f64::INFINITY, &self.above));
        (buckets, f64::from_bits(self.sum.load(Ordering::Relaxed)))
    }
}

impl HistogramFn for Buckets {
    fn record(&self, value: f64) {
        let at = BOUNDS.partition_point(|bound| *bound < value);
        let count = self.counts.get(at).unwrap_or(&self.above);
        count.fetch_add(1, Ordering::Relaxed);
        let add = |bits| Some((f64::from_bits(bits) + value).to_bits());
        // The closure always gives a number.
        let _ = self
            .sum
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_counted_in_every_bucket_that_it_fits_into() {
        let buckets = Buckets::default();
        for value in [0.0, 1e-5, 1.5e-5, 3.0, 1e9] {
            buckets.record(value);
        }
        let (read, sum) = buckets.read();
        assert_eq!(read[0], (1e-5, 2));
        assert_eq!(read[1], (2e-5, 3));
        assert_eq!(read[17], (5.0, 4));
        assert_eq!(read[22], (f64::INFINITY, 5));
        assert!((sum - 1e9 - 3.0).abs() < 1.0);
        assert!(BOUNDS.is_sorted());
    }
}
