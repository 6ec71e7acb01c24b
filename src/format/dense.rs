//! Search in a sorted array of integers that is dense, or nearly so.

use std::ops::Range;

/// The index of `wanted` in a strictly increasing array: an interpolation search.
///
/// From the [guess](guess_dense) it gallops in doubling steps, so it takes at most twice the steps of a
/// binary search. In an array that is not sorted it may miss `wanted`, but never returns a wrong index.
#[inline]
pub(crate) fn search_dense(numbers: &[u32], wanted: u32) -> Option<usize> {
    let guess = guess_dense(numbers, wanted)?;
    let found = *numbers.get(guess)?;
    if found == wanted {
        return Some(guess);
    }
    let within = bracket(numbers, wanted, guess, found < wanted);
    let at = numbers.get(within.clone())?.binary_search(&wanted).ok()?;
    Some(within.start + at)
}

/// The likely index of `wanted` in a strictly increasing array; `None` if it is below the first or above
/// the last.
///
/// Item numbers are consecutive, so the index follows from the ends of the array: exactly if none is missing,
/// nearly if few are.
#[inline]
pub(crate) fn guess_dense(numbers: &[u32], wanted: u32) -> Option<usize> {
    let (first, last) = (*numbers.first()?, *numbers.last()?);
    if wanted < first || wanted > last {
        return None;
    }
    let top = numbers.len() - 1;
    let (span, ahead) = (u64::from(last - first), u64::from(wanted - first));
    Some(if span == top as u64 || span == 0 {
        ahead as usize
    } else {
        // Both are below 2^32; the quotient is at most `top`.
        (ahead * (top as u64).min(u64::from(u32::MAX)) / span) as usize
    })
}

/// A range that contains `wanted` if the array does, found by galloping from `guess`.
fn bracket(numbers: &[u32], wanted: u32, guess: usize, upwards: bool) -> Range<usize> {
    let (mut near, mut step) = (guess, 1);
    if upwards {
        while let Some(found) = numbers.get(near + step) {
            if *found >= wanted {
                return near + 1..near + step + 1;
            }
            near += step;
            step *= 2;
        }
        near + 1..numbers.len()
    } else {
        while let Some(below) = near.checked_sub(step) {
            if numbers.get(below).is_some_and(|found| *found <= wanted) {
                return below..near;
            }
            near = below;
            step *= 2;
        }
        0..near
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn both_ends_of_an_array_are_found() {
        let dense: Vec<u32> = (10..1000).collect();
        assert_eq!(search_dense(&dense, 10), Some(0));
        assert_eq!(search_dense(&dense, 999), Some(989));
        assert_eq!(search_dense(&dense, 9), None);
        assert_eq!(search_dense(&dense, 1000), None);
        assert_eq!(search_dense(&[], 0), None);
        assert_eq!(search_dense(&[u32::MAX], u32::MAX), Some(0));
        assert_eq!(search_dense(&[0, u32::MAX], u32::MAX), Some(1));
        assert_eq!(search_dense(&[0, u32::MAX], 7), None);
    }

    proptest! {
        #[test]
        fn it_finds_what_a_binary_search_finds(
            gaps in prop::collection::vec(prop_oneof![8 => 1u32..2, 1 => 1u32..9, 1 => 1u32..1 << 20], 0..600),
            first in 0u32..1000,
        ) {
            let mut numbers = Vec::new();
            let mut next = first;
            for gap in gaps {
                numbers.push(next);
                next += gap;
            }
            let asked: BTreeSet<u32> = numbers.iter().flat_map(|n| [n.saturating_sub(1), *n, n + 1]).collect();
            for wanted in asked {
                prop_assert_eq!(search_dense(&numbers, wanted), numbers.binary_search(&wanted).ok());
            }
        }

        #[test]
        fn in_any_array_a_found_index_is_right(
            numbers in prop::collection::vec(prop_oneof![0u32..20, Just(u32::MAX), any::<u32>()], 0..40),
            wanted in prop_oneof![0u32..20, Just(u32::MAX), any::<u32>()],
        ) {
            if let Some(at) = search_dense(&numbers, wanted) {
                prop_assert_eq!(numbers[at], wanted);
            }
        }
    }
}
