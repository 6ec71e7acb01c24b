//! Rank-biased overlap (Webber, Moffat and Zobel, "A similarity measure for indefinite rankings", TOIS
//! 2010).

use std::collections::BTreeMap;

/// The persistence p. With 0.9 the first ten ranks carry 86 % of the measure.
const PERSISTENCE: f64 = 0.9;

/// The extrapolated rank-biased overlap of two lists of lengths `short` and `long`: equation 32 of the
/// paper. `shared` gives both ranks of each shared item, from 1.
pub(super) fn rank_biased_overlap(
    shared: impl Iterator<Item = (usize, usize)>,
    short: usize,
    long: usize,
) -> f64 {
    if long == 0 {
        return 1.0;
    }
    if short == 0 {
        return 0.0;
    }
    // An item counts as shared from the deeper of its two ranks.
    let mut shared_at: BTreeMap<usize, usize> = BTreeMap::new();
    for (first, second) in shared {
        *shared_at.entry(first.max(second)).or_default() += 1;
    }
    let up_to_short: usize = shared_at.range(..=short).map(|(_, count)| count).sum();
    let seen = up_to_short as f64 / short as f64;
    let (mut sum, mut weight, mut common) = (0.0, 1.0, 0);
    for depth in 1..=long {
        common += shared_at.get(&depth).copied().unwrap_or_default();
        weight *= PERSISTENCE;
        let beyond = depth.saturating_sub(short) as f64;
        sum += (common as f64 + seen * beyond) / depth as f64 * weight;
    }
    let last = (common as f64 - up_to_short as f64) / long as f64 + seen;
    (1.0 - PERSISTENCE) / PERSISTENCE * sum + last * weight
}
