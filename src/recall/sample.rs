//! Uniform samples without replacement.

/// `wanted` of the numbers below `count`, or all of them if there are fewer, in increasing order. Every
/// choice is equally likely, as far as `random` is uniform; it is called with 0, 1, 2 and so on
/// (selection sampling, Knuth's algorithm S).
pub(super) fn sample(count: usize, wanted: usize, random: impl Fn(u64) -> u64) -> Vec<usize> {
    let mut wanted = wanted.min(count);
    let mut chosen = Vec::with_capacity(wanted);
    for at in 0..count {
        let below = (u128::from(random(at as u64)) * (count - at) as u128) >> 64;
        if below < wanted as u128 {
            chosen.push(at);
            wanted -= 1;
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use twinspire_core::wire::checksum;

    /// Pearson's chi-square statistic for equal probabilities.
    fn chi_square(counts: &[u32]) -> f64 {
        let expected = f64::from(counts.iter().sum::<u32>()) / counts.len() as f64;
        let parts = counts.iter().map(|count| {
            let off = f64::from(*count) - expected;
            off * off / expected
        });
        parts.sum()
    }

    #[test]
    fn every_number_and_every_pair_of_numbers_is_equally_likely() {
        let (mut ranks, mut couples) = ([0u32; 40], [0u32; 45]);
        for at in 0u64..20_000 {
            let random = |draw: u64| checksum([7, at, draw].map(u64::to_le_bytes).as_flattened());
            let chosen = sample(40, 5, random);
            assert_eq!(chosen.len(), 5);
            assert!(chosen.is_sorted());
            chosen.iter().for_each(|rank| ranks[*rank] += 1);
            let two = sample(10, 2, random);
            couples[two[1] * (two[1] - 1) / 2 + two[0]] += 1;
        }
        // 0.999 quantiles of the chi-square distribution with 39 and 44 degrees of freedom.
        assert!(chi_square(&ranks) < 72.1, "{}", chi_square(&ranks));
        assert!(chi_square(&couples) < 78.7, "{}", chi_square(&couples));
    }

    #[test]
    fn a_sample_larger_than_the_population_is_the_population() {
        assert_eq!(sample(3, 9, |_| u64::MAX), [0, 1, 2]);
        assert!(sample(3, 0, |_| 0).is_empty());
        assert!(sample(0, 2, |_| 0).is_empty());
    }
}
