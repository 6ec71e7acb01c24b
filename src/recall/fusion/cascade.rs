//! Cascade: the first stage searches a space; each later stage re-ranks the items that the stage before
//! kept.

use super::context::FusionContext;
use super::ranking::Ranking;
use crate::ensemble::Stage;
use crate::error::Error;
use crate::recall::explain::FusionStepKind;
use crate::recall::top_k::TopK;

/// The best `k` items that the last stage keeps.
pub(super) fn best(
    context: &FusionContext<'_>,
    stages: &[Stage],
    k: usize,
) -> Result<Ranking, Error> {
    let mut kept: Option<Ranking> = None;
    for stage in stages {
        let channel = context.channel(&stage.space)?;
        let take = stage.take as usize;
        let before = kept.as_ref().map(Vec::len);
        let list = match kept {
            None => context.top_k(channel, stage.at_least, take)?,
            Some(kept) => {
                let mut best = TopK::new(
                    take,
                    stage.at_least.unwrap_or(f32::NEG_INFINITY),
                    context.ids,
                );
                for (_, item) in kept {
                    if let Some(score) = channel.score(item) {
                        best.push(score, item);
                    }
                }
                best.into_sorted()
            }
        };
        context.record(
            FusionStepKind::Stage,
            Some(channel.name),
            before,
            list.len(),
        );
        kept = Some(list);
    }
    context.rank(kept.unwrap_or_default(), k)
}
