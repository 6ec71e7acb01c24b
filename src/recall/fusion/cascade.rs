//! Cascade: the first stage searches a space; each later stage re-ranks the items that the stage before
//! kept.

use super::lists::Lists;
use super::ranking::Ranking;
use crate::ensemble::Stage;
use crate::error::Error;
use crate::recall::explain::FusionStepKind;
use crate::recall::top_k::TopK;

/// The best `k` items that the last stage keeps.
pub(crate) fn best(lists: &impl Lists, stages: &[Stage], k: usize) -> Result<Ranking, Error> {
    let mut kept: Option<Ranking> = None;
    for stage in stages {
        let channel = lists.channel_of(&stage.space)?;
        let take = stage.take as usize;
        let before = kept.as_ref().map(Vec::len);
        let list = match kept {
            None => lists.best(channel, stage.at_least, take)?,
            Some(kept) => {
                let least = stage.at_least.unwrap_or(f32::NEG_INFINITY);
                let mut best = TopK::new(take, least, lists.ids());
                for (_, item) in kept {
                    if let Some(score) = lists.score(channel, item) {
                        best.push(score, item);
                    }
                }
                best.into_sorted()
            }
        };
        lists.record(
            FusionStepKind::Stage,
            Some(&stage.space),
            before,
            list.len(),
        );
        kept = Some(list);
    }
    lists.rank(kept.unwrap_or_default(), k)
}
