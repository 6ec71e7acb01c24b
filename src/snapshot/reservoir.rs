//! Reservoirs: a uniform sample of the query vectors that each space received.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use twinspire_core::ids::GenerationNo;
use twinspire_core::wire::checksum;

/// Number of query vectors in a full sample.
const SAMPLE_SIZE: usize = 1024;
/// Number of query vectors from which a sample is of use.
const ENOUGH: usize = 256;
/// About one query in this many is considered; all others only count.
const EVERY: u64 = 16;

/// The samples of all spaces.
#[derive(Debug, Default)]
pub(crate) struct Reservoirs {
    /// Number of queries received.
    queries: AtomicU64,
    spaces: Mutex<BTreeMap<String, Reservoir>>,
    on_full: OnFull,
}

/// Called when a sample becomes full.
#[derive(Default)]
struct OnFull(OnceLock<Box<dyn Fn() + Send + Sync>>);

impl fmt::Debug for OnFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.get().is_some() {
            "set"
        } else {
            "unset"
        })
    }
}

/// A uniform sample of the query vectors of one generation (algorithm R, Vitter 1985).
#[derive(Debug, Default)]
struct Reservoir {
    generation: GenerationNo,
    vectors: Vec<Vec<f32>>,
    /// Number of query vectors considered.
    seen: u64,
}

impl Reservoirs {
    /// Sets the function to call when the sample of a generation becomes large enough, and when it is full, on the thread of the query
    /// that filled it. Only the first call has an effect.
    pub(crate) fn on_full(&self, call: impl Fn() + Send + Sync + 'static) {
        self.on_full.0.get_or_init(|| Box::new(call));
    }

    /// Offers a query vector to the sample of its generation.
    pub(crate) fn offer(&self, space: &str, generation: GenerationNo, query: &[f32]) {
        let received = self.queries.fetch_add(1, Ordering::Relaxed);
        // By a hash: the recalls of an ensemble query its spaces in turn, and each has to have its share.
        if !checksum(&received.to_le_bytes()).is_multiple_of(EVERY) {
            return;
        }
        // Skips the vector rather than wait for another thread.
        let Ok(mut spaces) = self.spaces.try_lock() else {
            return;
        };
        if !spaces.contains_key(space) {
            spaces.insert(space.to_owned(), Reservoir::default());
        }
        let reservoir = spaces.get_mut(space);
        let grown = reservoir.is_some_and(|reservoir| reservoir.offer(generation, query));
        drop(spaces);
        if grown && let Some(call) = self.on_full.0.get() {
            call();
        }
    }

    /// The sample of a generation, vectors concatenated; `None` before it is large enough.
    pub(crate) fn sample(&self, space: &str, generation: GenerationNo) -> Option<Vec<f32>> {
        let spaces = self.spaces.lock().unwrap_or_else(PoisonError::into_inner);
        let reservoir = spaces.get(space)?;
        let enough = reservoir.generation == generation && reservoir.vectors.len() >= ENOUGH;
        enough.then(|| reservoir.vectors.concat())
    }
}

impl Reservoir {
    /// Adds a query vector with the probability that keeps the sample uniform. Returns true if the sample
    /// became large enough or full. A vector of another generation starts a new sample.
    fn offer(&mut self, generation: GenerationNo, query: &[f32]) -> bool {
        if self.generation != generation {
            *self = Self {
                generation,
                ..Self::default()
            };
        }
        self.seen += 1;
        if self.vectors.len() < SAMPLE_SIZE {
            self.vectors.push(query.to_vec());
            return [ENOUGH, SAMPLE_SIZE].contains(&self.vectors.len());
        }
        // A hash of the count serves as a random number that is the same in every run.
        let mixed = checksum(&self.seen.to_le_bytes());
        let at = ((u128::from(mixed) * u128::from(self.seen)) >> 64) as usize;
        if let Some(kept) = self.vectors.get_mut(at) {
            kept.clear();
            kept.extend_from_slice(query);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_uniform_over_all_queries() {
        let reservoirs = Reservoirs::default();
        let queries = 50 * SAMPLE_SIZE as u64 * EVERY;
        for at in 0..queries {
            reservoirs.offer("movies", GenerationNo(1), &[at as f32]);
        }
        assert_eq!(reservoirs.sample("movies", GenerationNo(2)), None);
        assert_eq!(reservoirs.sample("books", GenerationNo(1)), None);
        let sample = reservoirs.sample("movies", GenerationNo(1)).unwrap();
        assert_eq!(sample.len(), SAMPLE_SIZE);
        for quarter in 0..4 {
            let from = queries as f32 * quarter as f32 / 4.0;
            let range = from..from + queries as f32 / 4.0;
            let share = sample.iter().filter(|at| range.contains(at)).count();
            assert!(
                (200..=312).contains(&share),
                "{share} of 1024 of quarter {quarter}"
            );
        }
    }

    #[test]
    fn spaces_that_are_queried_in_turn_are_sampled_alike() {
        let reservoirs = Reservoirs::default();
        let spaces = ["a", "b", "c", "d"];
        for _ in 0..2 * ENOUGH as u64 * EVERY {
            for space in spaces {
                reservoirs.offer(space, GenerationNo(1), &[1.0]);
            }
        }
        assert!(
            spaces
                .iter()
                .all(|space| reservoirs.sample(space, GenerationNo(1)).is_some())
        );
    }

    #[test]
    fn another_generation_starts_a_new_sample() {
        let reservoirs = Reservoirs::default();
        for generation in [1, 2] {
            let generation = GenerationNo(generation);
            assert_eq!(reservoirs.sample("movies", generation), None);
            for _ in 0..2 * ENOUGH as u64 * EVERY {
                reservoirs.offer("movies", generation, &[0.5]);
            }
            let sample = reservoirs.sample("movies", generation).unwrap();
            assert!(
                (ENOUGH..3 * ENOUGH).contains(&sample.len()),
                "{}",
                sample.len()
            );
        }
        assert_eq!(reservoirs.sample("movies", GenerationNo(1)), None);
    }
}
