//! A sample of the vectors that a space was asked with.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use twinspire_core::ids::GenerationNo;
use twinspire_core::wire::checksum;

/// Vectors kept of a space.
const KEPT: usize = 256;
/// One query of so many is looked at, so that the others wait for nobody.
const EVERY: u64 = 16;

/// Samples of all spaces.
#[derive(Debug, Default)]
pub(crate) struct Reservoirs {
    asked: AtomicU64,
    spaces: Mutex<BTreeMap<String, Reservoir>>,
    full: Tell,
}

/// Who wants to be told that a sample became full.
#[derive(Default)]
struct Tell(OnceLock<Box<dyn Fn() + Send + Sync>>);

impl fmt::Debug for Tell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.get().is_some() {
            "told"
        } else {
            "nobody"
        })
    }
}

/// A uniform sample of what a generation was asked with (Vitter's algorithm R, 1985).
#[derive(Debug, Default)]
struct Reservoir {
    generation: GenerationNo,
    vectors: Vec<Vec<f32>>,
    seen: u64,
}

impl Reservoirs {
    /// From now on `tell` is called when the sample of a generation has become full, by the thread of
    /// the query that filled it. Only the first who asks for this is told.
    pub(crate) fn when_full(&self, tell: impl Fn() + Send + Sync + 'static) {
        self.full.0.get_or_init(|| Box::new(tell));
    }

    /// Takes notice of a query; most often it only counts.
    pub(crate) fn notice(&self, space: &str, generation: GenerationNo, query: &[f32]) {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        if !asked.is_multiple_of(EVERY) {
            return;
        }
        // Whoever meets another here goes on: one vector less in the sample is nothing.
        let Ok(mut spaces) = self.spaces.try_lock() else {
            return;
        };
        if !spaces.contains_key(space) {
            spaces.insert(space.to_owned(), Reservoir::default());
        }
        let reservoir = spaces.get_mut(space);
        let filled = reservoir.is_some_and(|reservoir| reservoir.take(generation, query));
        drop(spaces);
        if filled && let Some(tell) = self.full.0.get() {
            tell();
        }
    }

    /// The vectors that a generation was asked with, back to back; none if there were too few.
    pub(crate) fn sample(&self, space: &str, generation: GenerationNo) -> Option<Vec<f32>> {
        let spaces = self.spaces.lock().unwrap_or_else(PoisonError::into_inner);
        let reservoir = spaces.get(space)?;
        let full = reservoir.generation == generation && reservoir.vectors.len() >= KEPT;
        full.then(|| reservoir.vectors.concat())
    }
}

impl Reservoir {
    /// Takes a query into the sample, if chance wants it; true when this made the sample full.
    fn take(&mut self, generation: GenerationNo, query: &[f32]) -> bool {
        if self.generation != generation {
            *self = Self {
                generation,
                ..Self::default()
            };
        }
        self.seen += 1;
        if self.vectors.len() < KEPT {
            self.vectors.push(query.to_vec());
            return self.vectors.len() == KEPT;
        }
        // A hash of the count is as good as chance here, and the same in every run.
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
    fn the_sample_is_spread_over_all_that_was_asked() {
        let reservoirs = Reservoirs::default();
        let asked = 200 * KEPT as u64 * EVERY;
        for at in 0..asked {
            reservoirs.notice("movies", GenerationNo(1), &[at as f32]);
        }
        assert_eq!(reservoirs.sample("movies", GenerationNo(2)), None);
        assert_eq!(reservoirs.sample("books", GenerationNo(1)), None);
        let sample = reservoirs.sample("movies", GenerationNo(1)).unwrap();
        assert_eq!(sample.len(), KEPT);
        for quarter in 0..4 {
            let from = asked as f32 * quarter as f32 / 4.0;
            let range = from..from + asked as f32 / 4.0;
            let share = sample.iter().filter(|at| range.contains(at)).count();
            assert!(
                (38..=90).contains(&share),
                "{share} of 256 of quarter {quarter}"
            );
        }
    }

    #[test]
    fn another_generation_begins_anew() {
        let reservoirs = Reservoirs::default();
        for generation in [1, 2] {
            let generation = GenerationNo(generation);
            assert_eq!(reservoirs.sample("movies", generation), None);
            for _ in 0..KEPT as u64 * EVERY {
                reservoirs.notice("movies", generation, &[0.5]);
            }
            assert_eq!(reservoirs.sample("movies", generation).unwrap().len(), KEPT);
        }
        assert_eq!(reservoirs.sample("movies", GenerationNo(1)), None);
    }
}
