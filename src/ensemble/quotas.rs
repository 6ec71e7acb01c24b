//! The builder of quotas, and how quotas become places.

use super::diversity::Diversity;
use super::ensemble::Ensemble;
use super::options::diversity_option;
use super::recipe::{Channel, Method, Recipe, Share};

/// Gives each channel, a space, a quota of the answer. Scores of different spaces are never compared.
///
/// Channels take turns in their order (round-robin). In its turn a channel takes its best item that no
/// other has taken, until its quota is full. Places that are left, where a channel found too little, are
/// filled by the channels' next best items, in turns again. The score of an item is 1 / its place.
///
/// There is no score that a business weight could multiply, so quotas have no such option.
///
/// ```
/// use twinspire::{Ensemble, Quotas};
/// let shares = Ensemble::from(Quotas::shares([("unified", 0.7), ("new", 0.3)]));
/// assert_eq!(shares.to_string(), "0.7 of all by unified, 0.3 of all by new");
/// let counts = Ensemble::from(Quotas::counts([("unified", 7), ("new", 3)]));
/// assert_eq!(counts.to_string(), "7 by unified, 3 by new");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Quotas {
    channels: Vec<Channel>,
    diversity: Option<Diversity>,
}

impl Quotas {
    /// Quotas as shares of the answer. The shares sum to 1.
    ///
    /// In an answer of `k` items a channel has ⌊share · k⌋ places. The places left go to the channels
    /// with the largest fractions.
    #[must_use]
    pub fn shares<S: Into<String>>(channels: impl IntoIterator<Item = (S, f32)>) -> Self {
        let channels = channels.into_iter();
        Self::of(channels.map(|(space, share)| (space.into(), Share::Share(share))))
    }

    /// Quotas as numbers of items.
    #[must_use]
    pub fn counts<S: Into<String>>(channels: impl IntoIterator<Item = (S, u32)>) -> Self {
        let channels = channels.into_iter();
        Self::of(channels.map(|(space, count)| (space.into(), Share::Count(count))))
    }

    fn of(channels: impl Iterator<Item = (String, Share)>) -> Self {
        let channel = |(space, share)| Channel { space, share };
        Self {
            channels: channels.map(channel).collect(),
            diversity: None,
        }
    }

    diversity_option!();
}

impl From<Quotas> for Ensemble {
    fn from(builder: Quotas) -> Self {
        Self::of(Recipe {
            method: Method::Quotas {
                channels: builder.channels,
            },
            business: None,
            diversity: builder.diversity,
        })
    }
}

/// Whether the channels have counts, not shares.
pub(crate) fn has_counts(channels: &[Channel]) -> bool {
    let mut shares = channels.iter().map(|channel| &channel.share);
    shares.any(|share| matches!(share, Share::Count(_)))
}

/// The places of each channel in an answer of `k` items. Equal fractions of shares go to the channel that
/// is named first.
pub(crate) fn quota_places(channels: &[Channel], k: usize) -> Vec<usize> {
    let parts = channels.iter().map(|channel| match channel.share {
        Share::Count(count) => (count as usize, 0.0),
        Share::Share(share) => {
            let exact = f64::from(share) * k as f64;
            (exact.floor() as usize, exact.fract())
        }
    });
    let (mut places, fractions): (Vec<usize>, Vec<f64>) = parts.unzip();
    if has_counts(channels) {
        return places;
    }
    let whole = places
        .iter()
        .fold(0, |sum: usize, places| sum.saturating_add(*places));
    let mut order: Vec<(usize, f64)> = fractions.into_iter().enumerate().collect();
    order.sort_by(|a, b| b.1.total_cmp(&a.1));
    for (at, _) in order.into_iter().take(k.saturating_sub(whole)) {
        if let Some(places) = places.get_mut(at) {
            *places = places.saturating_add(1);
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(shares: &[f32], k: usize) -> Vec<usize> {
        let quotas = Quotas::shares(shares.iter().map(|share| ("", *share)));
        quota_places(&quotas.channels, k)
    }

    #[test]
    fn shares_become_places_that_make_up_the_answer() {
        assert_eq!(places(&[0.7, 0.3], 10), [7, 3]);
        assert_eq!(places(&[0.7, 0.3], 1), [1, 0]);
        assert_eq!(places(&[0.5, 0.5], 5), [3, 2]);
        assert_eq!(places(&[0.333, 0.333, 0.334], 4), [1, 1, 2]);
        assert_eq!(places(&[1.0], 3), [3]);
    }
}
