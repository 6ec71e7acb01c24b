//! Bad cases: pairs of low relevance to which the student gives a high click probability (Fan et al., KDD 2019,
//! algorithm 1).

use super::config::Draw;
use rand::RngExt;
use rand::distr::Distribution;
use rand::distr::weighted::WeightedIndex;
use rand_pcg::Pcg64Mcg;

/// A pair that may be drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Candidate {
    /// Row of the user in the batch.
    pub(super) user: u32,
    /// Column of the item in the batch.
    pub(super) item: u32,
    /// Click probability by the student.
    pub(super) click: f32,
}

/// Draws `count` candidates: with replacement for [`Draw::Probability`] and [`Draw::Uniform`], without for
/// [`Draw::Top`], where ties go to the first.
pub(super) fn draw(
    candidates: &[Candidate],
    count: usize,
    how: Draw,
    rng: &mut Pcg64Mcg,
) -> Vec<Candidate> {
    if candidates.is_empty() {
        return Vec::new();
    }
    match how {
        Draw::Probability => {
            let weights = candidates
                .iter()
                .map(|candidate| f64::from(candidate.click));
            // Probabilities are NaN only if training has diverged, which ends it.
            let Ok(index) = WeightedIndex::new(weights) else {
                return Vec::new();
            };
            (0..count).map(|_| candidates[index.sample(rng)]).collect()
        }
        Draw::Uniform => {
            let each = (0..count).map(|_| candidates[rng.random_range(0..candidates.len())]);
            each.collect()
        }
        Draw::Top => {
            let mut best = candidates.to_vec();
            best.sort_by(|a, b| b.click.total_cmp(&a.click));
            best.truncate(count);
            best
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn candidates() -> Vec<Candidate> {
        let each = (0..40u32).map(|at| Candidate {
            user: at / 8,
            item: at % 8,
            click: 0.01 * ((at * 17) % 40 + 1) as f32,
        });
        each.collect()
    }

    /// How far counts are from those expected, whose shares are given.
    fn chi_square(drawn: &[Candidate], share: impl Fn(&Candidate) -> f64) -> f64 {
        let all = candidates();
        let total: f64 = all.iter().map(&share).sum();
        let parts = all.iter().map(|candidate| {
            let found = drawn.iter().filter(|other| *other == candidate).count();
            let expected = drawn.len() as f64 * share(candidate) / total;
            (found as f64 - expected).powi(2) / expected
        });
        parts.sum()
    }

    // The quantile 0.999 of the chi-square distribution with 39 degrees of freedom.
    const LIMIT: f64 = 72.1;

    #[test]
    fn draws_are_proportional_to_the_click_probability() {
        let mut rng = Pcg64Mcg::seed_from_u64(7);
        let drawn = draw(&candidates(), 100_000, Draw::Probability, &mut rng);
        assert_eq!(drawn.len(), 100_000);
        let found = chi_square(&drawn, |candidate| f64::from(candidate.click));
        assert!(found < LIMIT, "{found}");
        // The test would notice: they are not all as likely.
        assert!(chi_square(&drawn, |_| 1.0) > 100.0 * LIMIT);
    }

    #[test]
    fn uniform_draws_ignore_the_student() {
        let mut rng = Pcg64Mcg::seed_from_u64(7);
        let drawn = draw(&candidates(), 100_000, Draw::Uniform, &mut rng);
        let found = chi_square(&drawn, |_| 1.0);
        assert!(found < LIMIT, "{found}");
        assert!(chi_square(&drawn, |candidate| f64::from(candidate.click)) > 100.0 * LIMIT);
    }

    #[test]
    fn top_draws_take_each_pair_once() {
        let mut rng = Pcg64Mcg::seed_from_u64(7);
        let drawn = draw(&candidates(), 3, Draw::Top, &mut rng);
        let clicks: Vec<_> = drawn.iter().map(|candidate| candidate.click).collect();
        assert_eq!(clicks, [0.01 * 40.0, 0.01 * 39.0, 0.01 * 38.0]);
        assert_eq!(draw(&candidates(), 99, Draw::Top, &mut rng).len(), 40);
        for how in [Draw::Probability, Draw::Top, Draw::Uniform] {
            assert!(draw(&[], 5, how, &mut rng).is_empty());
        }
    }
}
