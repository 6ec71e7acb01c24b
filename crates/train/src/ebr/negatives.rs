//! Negatives of an example: random and mined ones, in proportion.

use rand::RngExt;
use rand::seq::index;
use rand_pcg::Pcg64Mcg;

/// The proportion of random (easy) to mined (hard) negatives, and their total.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Mix {
    pub(super) easy: u32,
    pub(super) hard: u32,
    pub(super) negatives: usize,
}

impl Mix {
    /// Number of mined negatives to use for an example that has `mined` of them. Fractions are rounded at
    /// random, so that the expected share is that of the mix.
    pub(super) fn hard_count(self, mined: usize, rng: &mut Pcg64Mcg) -> usize {
        if mined == 0 || self.hard == 0 {
            return 0;
        }
        let hard = u128::from(self.hard);
        let of = hard + u128::from(self.easy);
        let wanted = self.negatives as u128 * hard;
        let rest = (wanted % of) as f64 / of as f64;
        let whole = (wanted / of) as usize;
        let one_more = rest > 0.0 && rng.random_bool(rest);
        (whole + usize::from(one_more)).min(mined)
    }

    /// Number of random negatives for an example that got `hard` mined ones.
    pub(super) fn easy_count(self, hard: usize) -> usize {
        match self.easy {
            0 => 0,
            _ => self.negatives.saturating_sub(hard),
        }
    }
}

/// Random negatives of a batch, drawn uniformly from all `items`.
pub(super) fn random(items: usize, count: usize, rng: &mut Pcg64Mcg) -> Vec<u32> {
    let draws = (0..count).map(|_| rng.random_range(0..items.max(1) as u32));
    draws.collect()
}

/// A uniform sample of the mined negatives, without replacement.
pub(super) fn sample(mined: &[u32], count: usize, rng: &mut Pcg64Mcg) -> Vec<u32> {
    let chosen = index::sample(rng, mined.len(), count.min(mined.len()));
    chosen.into_iter().map(|at| mined[at]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    /// The statistic of Pearson's chi-square test.
    fn chi_square(counts: &[u32], chances: &[f64]) -> f64 {
        let draws = f64::from(counts.iter().sum::<u32>());
        let parts = counts.iter().zip(chances).map(|(count, chance)| {
            let expected = draws * chance;
            (f64::from(*count) - expected).powi(2) / expected
        });
        parts.sum()
    }

    #[test]
    fn random_negatives_are_uniform() {
        let rng = &mut Pcg64Mcg::seed_from_u64(11);
        let (mut items, mut in_a_row) = ([0u32; 40], [0u32; 25]);
        for _ in 0..1000 {
            let drawn = random(40, 100, rng);
            assert_eq!(drawn.len(), 100);
            drawn.iter().for_each(|item| items[*item as usize] += 1);
            // What is drawn next does not depend on what was drawn before.
            for two in random(5, 100, rng).chunks(2) {
                in_a_row[(two[0] * 5 + two[1]) as usize] += 1;
            }
        }
        // Quantiles 0.999 of the chi-square distribution with 39 and 24 degrees of freedom.
        let (items, in_a_row) = (
            chi_square(&items, &[1.0 / 40.0; 40]),
            chi_square(&in_a_row, &[1.0 / 25.0; 25]),
        );
        assert!(items < 72.1, "{items}");
        assert!(in_a_row < 51.2, "{in_a_row}");
    }

    #[test]
    fn samples_of_mined_negatives_are_uniform() {
        let rng = &mut Pcg64Mcg::seed_from_u64(12);
        let mined: Vec<u32> = (0..10).map(|n| n * 7).collect();
        let (mut each, mut couples) = ([0u32; 10], [0u32; 45]);
        for _ in 0..20_000 {
            let mut chosen = sample(&mined, 2, rng);
            chosen.sort_unstable();
            let [a, b] = [chosen[0] / 7, chosen[1] / 7].map(|n| n as usize);
            assert!(a < b, "none is drawn twice");
            each[a] += 1;
            each[b] += 1;
            couples[b * (b - 1) / 2 + a] += 1;
        }
        // Quantiles 0.999 with 9 and 44 degrees of freedom; two without repeats vary less than two
        // draws, which only makes the first test stricter than it says.
        let (each, couples) = (
            chi_square(&each, &[0.1; 10]),
            chi_square(&couples, &[1.0 / 45.0; 45]),
        );
        assert!(each < 27.9, "{each}");
        assert!(couples < 78.7, "{couples}");
        assert_eq!(sample(&mined, 99, rng).len(), 10);
        assert!(sample(&[], 3, rng).is_empty());
    }

    #[test]
    fn mined_negatives_have_the_configured_share() {
        let rng = &mut Pcg64Mcg::seed_from_u64(13);
        // The number of mined ones of an example, and how likely each should be.
        for (easy, hard, negatives, least, more) in [
            (100, 1, 101, 1, 0.0),
            (100, 1, 20, 0, 20.0 / 101.0),
            (3, 2, 7, 2, 0.8),
            (0, 1, 5, 5, 0.0),
        ] {
            let mix = Mix {
                easy,
                hard,
                negatives,
            };
            let mut counts = [0u32; 2];
            for _ in 0..20_000 {
                let hard = mix.hard_count(50, rng);
                counts[hard - least] += 1;
                let all = if easy > 0 { negatives } else { hard };
                assert_eq!(hard + mix.easy_count(hard), all);
            }
            if more == 0.0 {
                assert_eq!(counts, [20_000, 0]);
                continue;
            }
            let off = chi_square(&counts, &[1.0 - more, more]);
            // Quantile 0.999 with one degree of freedom.
            assert!(off < 10.83, "{easy}:{hard} of {negatives}: {off}");
        }
    }

    #[test]
    fn there_are_never_more_mined_negatives_than_were_mined() {
        let rng = &mut Pcg64Mcg::seed_from_u64(14);
        let only = Mix {
            easy: 0,
            hard: 1,
            negatives: 9,
        };
        assert_eq!(
            (
                only.hard_count(4, rng),
                only.hard_count(0, rng),
                only.easy_count(4)
            ),
            (4, 0, 0)
        );
        let none = Mix {
            easy: 1,
            hard: 0,
            negatives: 9,
        };
        assert_eq!((none.hard_count(4, rng), none.easy_count(0)), (0, 9));
        let half = Mix {
            easy: 1,
            hard: 1,
            negatives: 10,
        };
        assert_eq!((half.hard_count(2, rng), half.easy_count(2)), (2, 8));
    }
}
