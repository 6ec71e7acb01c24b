//! Parallel work in batches, on threads outside of rayon's pool.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Elements per batch.
const BATCH: usize = 256;

/// Runs `work` on each batch of a list, in parallel, and returns the results in order. The first error
/// ends it.
///
/// Uses threads of its own, so that callers may hold a lock. A rayon thread that waits may run another
/// task meanwhile, which could wait for the same lock: a deadlock.
pub(crate) fn in_batches<T: Sync, R: Send, E: Send>(
    list: &[T],
    work: impl Fn(&[T]) -> Result<Vec<R>, E> + Sync,
) -> Result<Vec<R>, E> {
    let batches: Vec<&[T]> = list.chunks(BATCH).collect();
    if let [] | [_] = *batches {
        return work(list);
    }
    let next = AtomicUsize::new(0);
    let run = || {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(batch) = batches.get(at) else {
                return done;
            };
            let result = work(batch);
            if result.is_err() {
                next.store(batches.len(), Ordering::Relaxed);
            }
            done.push((at, result));
        }
    };
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let mut all = thread::scope(|scope| {
        let others = 1..cores.min(batches.len());
        let others: Vec<_> = others.map(|_| scope.spawn(run)).collect();
        let mut all = run();
        for other in others {
            match other.join() {
                Ok(done) => all.extend(done),
                Err(panic) => resume_unwind(panic),
            }
        }
        all
    });
    all.sort_by_key(|(at, _)| *at);
    let mut results = Vec::with_capacity(list.len());
    for (_, result) in all {
        results.extend(result?);
    }
    Ok(results)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_order_and_an_error_is_of_the_first_that_failed() {
        for count in [0, 1, 255, 256, 257, 5_000] {
            let list: Vec<usize> = (0..count).collect();
            let doubled = in_batches(&list, |batch| {
                Ok::<_, ()>(batch.iter().map(|x| x * 2).collect())
            });
            assert_eq!(doubled.unwrap(), Vec::from_iter((0..count).map(|x| x * 2)));
            let failed = in_batches(&list, |batch| match batch.iter().find(|x| **x >= 700) {
                Some(x) => Err(*x),
                None => Ok(batch.to_vec()),
            });
            assert_eq!(failed.is_err(), count > 700);
        }
    }
}
