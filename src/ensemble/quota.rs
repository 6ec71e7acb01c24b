//! How many places of an answer a channel has.

use super::recipe::{Channel, Share};

/// The places of each channel in an answer of `k`. Of shares, each has the whole part of its share, and
/// what is left goes to the largest fractions, of equal ones to the channel that is named first.
pub(crate) fn quotas(channels: &[Channel], k: usize) -> Vec<usize> {
    let parts = channels.iter().map(|channel| match channel.share {
        Share::Count(count) => (count as usize, 0.0),
        Share::Share(share) => {
            let exact = f64::from(share) * k as f64;
            (exact.floor() as usize, exact.fract())
        }
    });
    let (mut quotas, fractions): (Vec<usize>, Vec<f64>) = parts.unzip();
    if channels.iter().any(|c| matches!(c.share, Share::Count(_))) {
        return quotas;
    }
    let whole = quotas
        .iter()
        .fold(0, |sum: usize, quota| sum.saturating_add(*quota));
    let mut order: Vec<(usize, f64)> = fractions.into_iter().enumerate().collect();
    order.sort_by(|a, b| b.1.total_cmp(&a.1));
    for (at, _) in order.into_iter().take(k.saturating_sub(whole)) {
        if let Some(quota) = quotas.get_mut(at) {
            *quota = quota.saturating_add(1);
        }
    }
    quotas
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(shares: &[f32], k: usize) -> Vec<usize> {
        let channel = |share: &f32| Channel {
            space: String::new(),
            share: Share::Share(*share),
        };
        quotas(&shares.iter().map(channel).collect::<Vec<_>>(), k)
    }

    #[test]
    fn shares_become_places_that_make_up_the_answer() {
        assert_eq!(of(&[0.7, 0.3], 10), [7, 3]);
        assert_eq!(of(&[0.7, 0.3], 1), [1, 0]);
        assert_eq!(of(&[0.5, 0.5], 5), [3, 2]);
        assert_eq!(of(&[0.333, 0.333, 0.334], 4), [1, 1, 2]);
        assert_eq!(of(&[1.0], 3), [3]);
    }
}
