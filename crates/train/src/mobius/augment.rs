//! Bad cases: of all users and items of a batch, pairs of low relevance that the student would take for
//! clicks (Fan et al., KDD 2019, algorithm 1).

use super::config::Draw;
use rand::RngExt;
use rand::distr::Distribution;
use rand::distr::weighted::WeightedIndex;
use rand_pcg::Pcg64Mcg;

/// A pair that could be drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Candidate {
    /// The user's place in the batch.
    pub(super) user: u32,
    /// The item's place in the batch.
    pub(super) item: u32,
    /// How likely a click is, as the student sees it.
    pub(super) click: f32,
}

/// So many of the candidates. By [`Draw::Probability`] and [`Draw::Uniform`] each draw is of all of them,
/// so that one may be drawn again; by [`Draw::Top`] each is taken at most once, and of equal ones the
/// first.
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
            // None has a probability where the loss is no number, which ends the training.
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
    fn pairs_are_drawn_in_proportion_to_the_probability_of_a_click() {
        let mut rng = Pcg64Mcg::seed_from_u64(7);
        let drawn = draw(&candidates(), 100_000, Draw::Probability, &mut rng);
        assert_eq!(drawn.len(), 100_000);
        let found = chi_square(&drawn, |candidate| f64::from(candidate.click));
        assert!(found < LIMIT, "{found}");
        // The test would notice: they are not all as likely.
        assert!(chi_square(&drawn, |_| 1.0) > 100.0 * LIMIT);
    }

    #[test]
    fn each_pair_is_as_likely_where_the_student_is_not_asked() {
        let mut rng = Pcg64Mcg::seed_from_u64(7);
        let drawn = draw(&candidates(), 100_000, Draw::Uniform, &mut rng);
        let found = chi_square(&drawn, |_| 1.0);
        assert!(found < LIMIT, "{found}");
        assert!(chi_square(&drawn, |candidate| f64::from(candidate.click)) > 100.0 * LIMIT);
    }

    #[test]
    fn the_likeliest_are_taken_once_each() {
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
