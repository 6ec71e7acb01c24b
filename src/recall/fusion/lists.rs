//! What the fusion of candidate lists needs: implemented by a query on one database, and by the lists that several
//! shards gave.

use super::ranking::Ranking;
use crate::error::Error;
use crate::recall::explain::FusionStepKind;
use crate::recall::top_k::Ids;
use twinspire_core::ids::ItemNo;

/// The candidate lists of the spaces of an ensemble, and the scores of the items in them.
///
/// A channel is a space by its place in the recipe.
pub(crate) trait Lists {
    /// The names of the spaces, each once, in the order of the recipe.
    fn spaces(&self) -> Vec<&str>;

    /// The best `depth` items of a channel that score `at_least` in it.
    fn best(&self, channel: usize, at_least: Option<f32>, depth: usize) -> Result<Ranking, Error>;

    /// The first `depth` items of a channel, for pages of size `page`.
    fn pages(&self, channel: usize, page: usize, depth: usize) -> Result<Ranking, Error>;

    /// The score of an item in a channel; `None` if the space has no vector of it.
    fn score(&self, channel: usize, item: ItemNo) -> Option<f32>;

    /// The ids of items, which decide between equal scores.
    fn ids(&self) -> &dyn Ids;

    /// The best `k` of scored items, by their scores and business values.
    fn rank(&self, scored: Ranking, k: usize) -> Result<Ranking, Error>;

    /// Records a step of the fusion, which kept `kept` of `of` items.
    fn record(&self, step: FusionStepKind, space: Option<&str>, of: Option<usize>, kept: usize);

    /// The channel of a space.
    fn channel_of(&self, space: &str) -> Result<usize, Error> {
        let spaces = self.spaces();
        let found = spaces.iter().position(|name| *name == space);
        found.ok_or(Error::NoQuery)
    }
}
