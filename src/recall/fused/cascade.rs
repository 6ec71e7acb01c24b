//! Stages: the first recalls, each further one keeps the best of what the one before kept.

use super::{Fusing, Ranking};
use crate::ensemble::Stage;
use crate::error::Error;
use crate::recall::Best;

/// The best `k` of what the last stage keeps.
pub(super) fn best(fusing: &Fusing<'_>, stages: &[Stage], k: usize) -> Result<Ranking, Error> {
    let mut kept: Option<Ranking> = None;
    for stage in stages {
        let channel = fusing.channel(&stage.space)?;
        let take = stage.take as usize;
        let before = kept.as_ref().map(Vec::len);
        let list = match kept {
            None => fusing.list(channel, stage.at_least, take)?,
            Some(kept) => {
                let mut best = Best::above(stage.at_least.unwrap_or(f32::NEG_INFINITY), take);
                for (_, item) in kept {
                    if let Some(score) = channel.score(item) {
                        best.offer(score, item);
                    }
                }
                best.into_sorted()
            }
        };
        fusing.step("stage", Some(channel.name), before, list.len());
        kept = Some(list);
    }
    fusing.rank(kept.unwrap_or_default(), k)
}
