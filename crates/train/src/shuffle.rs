//! Random orders of examples.

use super::sampler::Example;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64Mcg;

/// Shuffles the examples.
pub(crate) fn shuffle<T>(examples: &mut [T], rng: &mut Pcg64Mcg) {
    examples.shuffle(rng);
}

/// Shuffles runs of up to `length` consecutive examples of a user.
pub(crate) fn shuffle_runs(examples: &mut [Example], length: usize, rng: &mut Pcg64Mcg) {
    examples.sort_unstable_by_key(|example| (example.user, example.at));
    let users = examples.chunk_by(|one, next| one.user == next.user);
    let mut runs: Vec<Vec<Example>> = users
        .flat_map(|of_user| of_user.chunks(length.max(1)))
        .map(<[Example]>::to_vec)
        .collect();
    runs.shuffle(rng);
    for (to, from) in examples.iter_mut().zip(runs.into_iter().flatten()) {
        *to = from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use std::collections::HashMap;

    #[test]
    fn runs_of_a_user_stay_together_and_every_example_occurs_once() {
        let all = (0..40u32).flat_map(|user| (0..user % 9).map(move |at| Example { user, at }));
        let all: Vec<Example> = all.collect();
        let mut shuffled = all.clone();
        shuffle_runs(&mut shuffled, 4, &mut Pcg64Mcg::seed_from_u64(5));
        assert_ne!(shuffled, all);
        let follows =
            |pair: &[Example]| pair[0].user == pair[1].user && pair[0].at + 1 == pair[1].at;
        let together = shuffled.windows(2).filter(|pair| follows(pair)).count();
        // Runs start at multiples of four; only those may have another neighbour.
        let within = all.iter().filter(|example| example.at % 4 != 0).count();
        assert!(together >= within, "{together} of {within}");
        shuffled.sort_by_key(|example| (example.user, example.at));
        assert_eq!(shuffled, all);
    }

    #[test]
    fn shuffles_are_uniform() {
        let mut rng = Pcg64Mcg::seed_from_u64(1);
        let mut found: HashMap<[u8; 4], usize> = HashMap::new();
        for _ in 0..24_000 {
            let mut order = [0, 1, 2, 3];
            shuffle(&mut order, &mut rng);
            *found.entry(order).or_default() += 1;
        }
        assert_eq!(found.len(), 24);
        // The 0.999 quantile of the chi-square distribution with 23 degrees of freedom.
        let chi: f64 = found
            .values()
            .map(|n| (*n as f64 - 1000.0).powi(2) / 1000.0)
            .sum();
        assert!(chi < 49.7, "{chi}");
    }
}
