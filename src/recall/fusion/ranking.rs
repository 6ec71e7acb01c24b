//! Lists of scored items.

use std::collections::HashMap;
use twinspire_core::ids::ItemNo;

/// Items with the score they are ranked by, best first.
pub(crate) type Ranking = Vec<(f32, ItemNo)>;

/// The result of a fusion method.
pub(crate) struct Fused {
    /// The best items.
    pub(crate) best: Ranking,
    /// The ranks in the candidate list of each channel, from 1. Empty if the method does not use ranks.
    pub(crate) ranks: Vec<HashMap<ItemNo, u32>>,
}

impl From<Ranking> for Fused {
    fn from(best: Ranking) -> Self {
        let ranks = Vec::new();
        Self { best, ranks }
    }
}

/// The rank of each item in a list, from 1.
pub(crate) fn ranks_of(list: &Ranking) -> HashMap<ItemNo, u32> {
    let items = list.iter().map(|(_, item)| *item);
    items.zip(1..).collect()
}
