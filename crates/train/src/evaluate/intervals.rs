//! Confidence intervals by the bootstrap over users, and paired tests.
//!
//! Users are the units: all values of one user are drawn together. The bootstrap draws as many users as there are,
//! with replacement, and takes percentiles of the mean. A paired difference is the same over the differences of two
//! answers to one question, which is much narrower than two intervals suggest. The test of a paired difference flips
//! the sign of each user's difference at random: under the hypothesis that both answer alike, each sign is as likely.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// With fewer users than this there is no interval: percentiles of so few say little.
const MIN_USERS: usize = 10;
/// Number of random sign flips of a test.
const FLIPS: usize = 9_999;

/// A mean with its confidence interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The mean.
    pub value: f64,
    /// Lower end of the interval; `None` with fewer than ten users.
    pub low: Option<f64>,
    /// Upper end of the interval.
    pub high: Option<f64>,
}

impl Estimate {
    /// Whether the whole interval is below a number; never without an interval.
    #[must_use]
    pub fn is_below(&self, number: f64) -> bool {
        self.high.is_some_and(|high| high < number)
    }
}

/// The difference of two means over the same users.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PairedDifference {
    /// The first mean minus the second one, with its interval.
    #[serde(flatten)]
    pub difference: Estimate,
    /// Two-sided p-value of the sign-flip test that there is no difference.
    pub p_value: f64,
}

/// How intervals are drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bootstrap {
    /// Number of resamples.
    pub resamples: usize,
    /// Confidence of the intervals, such as 0.95.
    pub confidence: f64,
    /// Seed of the random numbers.
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self {
            resamples: 1000,
            confidence: 0.95,
            seed: 0,
        }
    }
}

/// Values of users: for each user with any, their sum and number.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Series {
    users: Vec<u32>,
    sums: Vec<f64>,
    counts: Vec<f64>,
}

impl Series {
    /// A series of pairs of a user and a value. Values of one user have to follow each other.
    pub(crate) fn new(values: impl IntoIterator<Item = (u32, f64)>) -> Self {
        let mut series = Self::default();
        for (user, value) in values {
            match (
                series.users.last(),
                series.sums.last_mut(),
                series.counts.last_mut(),
            ) {
                (Some(last), Some(sum), Some(count)) if *last == user => {
                    *sum += value;
                    *count += 1.0;
                }
                _ => {
                    series.users.push(user);
                    series.sums.push(value);
                    series.counts.push(1.0);
                }
            }
        }
        series
    }

    /// The mean of all values; 0 without any.
    pub(crate) fn mean(&self) -> f64 {
        self.sums.iter().sum::<f64>() / self.counts.iter().sum::<f64>().max(1.0)
    }

    /// The mean, with each user counted as often as `weights` says; `None` if no user counts.
    fn weighted_mean(&self, weights: &[f64]) -> Option<f64> {
        let (mut sum, mut count) = (0.0, 0.0);
        for ((user, value), number) in self.users.iter().zip(&self.sums).zip(&self.counts) {
            let weight = weights[*user as usize];
            sum += weight * value;
            count += weight * number;
        }
        (count > 0.0).then(|| sum / count)
    }
}

impl Bootstrap {
    /// The mean of each series with its interval. `users` is the number of all users: one draw of users serves all
    /// series, so that they stay comparable.
    pub(crate) fn estimates(&self, users: usize, series: &[Series]) -> Vec<Estimate> {
        let draws = (0..self.resamples as u64).into_par_iter();
        let means: Vec<Vec<Option<f64>>> = draws
            .map_init(Vec::new, |weights, draw| {
                self.draw(users, draw, weights);
                let each = series.iter().map(|one| one.weighted_mean(weights));
                each.collect()
            })
            .collect();
        let tail = (1.0 - self.confidence) / 2.0;
        let each = series.par_iter().enumerate().map(|(at, one)| {
            let mut drawn: Vec<f64> = means.iter().filter_map(|means| means[at]).collect();
            drawn.sort_unstable_by(f64::total_cmp);
            let enough = one.users.len() >= MIN_USERS;
            let end = |share| quantile(&drawn, share).filter(|_| enough);
            Estimate {
                value: one.mean(),
                low: end(tail),
                high: end(1.0 - tail),
            }
        });
        each.collect()
    }

    /// Differences of values of the same users, each with interval and test.
    pub(crate) fn differences(&self, users: usize, series: &[Series]) -> Vec<PairedDifference> {
        let estimates = self.estimates(users, series);
        let tests = series.par_iter().map(|one| self.sign_flip(one));
        let tests: Vec<f64> = tests.collect();
        let each = estimates.into_iter().zip(tests);
        each.map(|(difference, p_value)| PairedDifference {
            difference,
            p_value,
        })
        .collect()
    }

    /// The difference of two lists of values, one of each for a user. `users` gives the user of each value; those of
    /// one user follow each other.
    #[must_use]
    pub fn difference(&self, users: &[u32], first: &[f64], second: &[f64]) -> PairedDifference {
        let pairs = first
            .iter()
            .zip(second)
            .map(|(first, second)| first - second);
        let series = Series::new(users.iter().copied().zip(pairs));
        let count = users.iter().max().map_or(0, |last| *last as usize + 1);
        let found = self.differences(count, &[series]);
        found.first().copied().unwrap_or_default()
    }

    /// Draws users with replacement: `weights` says how often each was drawn.
    fn draw(&self, users: usize, draw: u64, weights: &mut Vec<f64>) {
        let mut rng = self.rng(draw);
        weights.clear();
        weights.resize(users, 0.0);
        for _ in 0..users {
            weights[rng.random_range(0..users)] += 1.0;
        }
    }

    /// The two-sided p-value of the hypothesis that differences are symmetric around 0. The value itself counts as one
    /// of the flips, so the test never rejects too often.
    fn sign_flip(&self, series: &Series) -> f64 {
        let nonzero = series.sums.iter().copied().filter(|sum| *sum != 0.0);
        let sums: Vec<f64> = nonzero.collect();
        let observed = sums.iter().sum::<f64>().abs();
        // Sums in another order differ in their last digits.
        let least = observed - 1e-9 * sums.iter().map(|sum| sum.abs()).sum::<f64>();
        let mut rng = self.rng(u64::MAX);
        let mut extreme = 1usize;
        for _ in 0..FLIPS {
            let mut sum = 0.0;
            for part in sums.chunks(64) {
                let mut signs: u64 = rng.random();
                for value in part {
                    sum += if signs & 1 == 1 { *value } else { -*value };
                    signs >>= 1;
                }
            }
            extreme += usize::from(sum.abs() >= least);
        }
        extreme as f64 / (FLIPS + 1) as f64
    }

    /// Random numbers of one draw.
    fn rng(&self, draw: u64) -> Pcg64Mcg {
        Pcg64Mcg::seed_from_u64(self.seed ^ draw.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }
}

/// A quantile of rising values, interpolated.
fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let place = share * sorted.len().checked_sub(1)? as f64;
    let (below, above) = (place.floor() as usize, place.ceil() as usize);
    let (low, high) = (*sorted.get(below)?, *sorted.get(above)?);
    Some(low + (high - low) * (place - below as f64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bootstrap(resamples: usize, seed: u64) -> Bootstrap {
        Bootstrap {
            resamples,
            seed,
            ..Bootstrap::default()
        }
    }

    #[test]
    fn intervals_cover_the_truth_as_often_as_they_say() {
        let mut rng = Pcg64Mcg::seed_from_u64(4);
        let (truth, users, rounds) = (0.3, 150, 400);
        let mut covered = 0;
        for round in 0..rounds {
            // Two values of each user, which agree: units are users, not values.
            let values = (0..users).flat_map(|user| {
                let hit = f64::from(u8::from(rng.random_bool(truth)));
                [(user, hit), (user, hit)]
            });
            let series = Series::new(values.collect::<Vec<_>>());
            let found = bootstrap(200, round).estimates(users as usize, &[series])[0];
            let (low, high) = (found.low.unwrap(), found.high.unwrap());
            assert!(low <= found.value && found.value <= high);
            covered += usize::from(low <= truth && truth <= high);
        }
        // Of 400 rounds 380 are expected; 18 fewer are four standard deviations.
        assert!((362..=398).contains(&covered), "{covered}");
    }

    #[test]
    fn the_test_of_a_difference_rejects_as_rarely_as_it_says_and_finds_a_difference() {
        let mut rng = Pcg64Mcg::seed_from_u64(9);
        let (users, rounds) = (40u32, 200);
        let mut pairs = |shift: f64| {
            let value =
                |shift: f64, rng: &mut Pcg64Mcg| f64::from(u8::from(rng.random_bool(0.3 + shift)));
            let each = (0..users).map(|user| (user, value(shift, &mut rng) - value(0.0, &mut rng)));
            Series::new(each.collect::<Vec<_>>())
        };
        let alike: Vec<Series> = (0..rounds).map(|_| pairs(0.0)).collect();
        let better: Vec<Series> = (0..30).map(|_| pairs(0.5)).collect();
        let bootstrap = bootstrap(1, 1);
        let rejected = |series: &[Series]| {
            let each = series.par_iter().map(|one| bootstrap.sign_flip(one));
            each.filter(|p| *p <= 0.05).count()
        };
        // At most 5 % are expected; 22 of 200 are four standard deviations above.
        let false_alarms = rejected(&alike);
        assert!(false_alarms <= 22, "{false_alarms}");
        assert!(rejected(&better) >= 25);
    }

    #[test]
    fn equal_answers_differ_by_nothing_and_few_users_have_no_interval() {
        let users: Vec<u32> = (0..20).collect();
        let values: Vec<f64> = users.iter().map(|user| f64::from(user % 2)).collect();
        let same = Bootstrap::default().difference(&users, &values, &values);
        assert_eq!((same.difference.value, same.p_value), (0.0, 1.0));
        assert_eq!(
            (same.difference.low, same.difference.high),
            (Some(0.0), Some(0.0))
        );
        let few = Bootstrap::default().difference(&users[..9], &values[..9], &[0.0; 9]);
        assert_eq!(
            (few.difference.low, few.difference.is_below(9.0)),
            (None, false)
        );
        let nobody = Bootstrap::default().difference(&[], &[], &[]);
        assert_eq!((nobody.difference.value, nobody.p_value), (0.0, 1.0));
    }

    #[test]
    fn a_paired_interval_is_narrower_than_two_separate_ones() {
        let mut rng = Pcg64Mcg::seed_from_u64(2);
        let users: Vec<u32> = (0..300).collect();
        let first: Vec<f64> = users.iter().map(|_| rng.random()).collect();
        let second: Vec<f64> = first
            .iter()
            .map(|value| value - 0.01 * rng.random::<f64>())
            .collect();
        let found = Bootstrap::default().difference(&users, &first, &second);
        let width = found.difference.high.unwrap() - found.difference.low.unwrap();
        assert!(
            width < 0.002 && found.difference.low.unwrap() > 0.0,
            "{found:?}"
        );
        assert!(found.p_value < 0.001);
    }

    proptest! {
        #[test]
        fn means_agree_with_plain_sums_and_seeds_fix_the_interval(
            values in prop::collection::vec((0u32..15, 0.0f64..1.0), 1..60), seed: u64,
        ) {
            let mut values = values;
            values.sort_by_key(|(user, _)| *user);
            let series = Series::new(values.clone());
            let mean = values.iter().map(|(_, value)| value).sum::<f64>() / values.len() as f64;
            prop_assert!((series.mean() - mean).abs() < 1e-12);
            let all = series.weighted_mean(&[1.0; 15]).unwrap();
            prop_assert!((all - mean).abs() < 1e-12);
            let of = |seed| bootstrap(20, seed).estimates(15, std::slice::from_ref(&series));
            prop_assert_eq!(of(seed), of(seed));
        }
    }
}
