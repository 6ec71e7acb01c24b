//! Weighted sum by the one graph of a fused space.
//!
//! Its vectors are those of the members, concatenated. The inner product with the weighted and
//! concatenated query vectors is the weighted sum of the members' scores.

use super::channel::Source;
use super::context::FusionContext;
use super::ranking::Ranking;
use super::threshold::{Candidates, Scoring, search_until_certain};
use super::weighted;
use crate::error::Error;
use crate::recall::explain::FusionStepKind;
use crate::recall::params::Effort;
use crate::recall::space_query::SpaceQuery;
use crate::recall::space_search::top_k;
use crate::snapshot::Serving;
use twinspire_core::ids::ItemNo;
use twinspire_core::kernel::{Metric, prepare};

/// What the fused space of a name serves, if it was made from the generations that the channels serve,
/// and the answer need not be exact.
pub(super) fn usable<'a>(context: &FusionContext<'a>, name: &str) -> Option<&'a Serving> {
    let fused = context.snapshot.spaces.get(name)?;
    let members = fused.base.generation.members.keys().map(String::as_str);
    let same_members = members.eq(context.channels.iter().map(|channel| channel.name));
    let exact = context.fused_effort(fused, 1) == Effort::Exact;
    (same_members && !exact).then_some(&**fused)
}

/// The best `k` items of a [usable](usable) fused space.
pub(super) fn best(
    context: &FusionContext<'_>,
    (name, fused): (&str, &Serving),
    weights: &[f32],
    scoring: &Scoring<'_>,
    k: usize,
) -> Result<Ranking, Error> {
    let mut vector = Vec::with_capacity(fused.base.generation.dimension as usize);
    for (channel, weight) in context.channels.iter().zip(weights) {
        if let Source::Vectors { vector: query, .. } = &channel.source {
            vector.extend(query.iter().map(|x| weight * x));
        }
    }
    // Beyond the length of a query, scores of the graph could overflow.
    if prepare(Metric::InnerProduct, &mut vector).is_err() {
        return weighted::best(context, scoring, k);
    }
    let query = SpaceQuery {
        space: name,
        serving: fused,
        vector: &vector,
        origin: context.origin(),
        params: context.params,
        excluded: context.excluded,
        filter: context.filter,
        ids: context.ids,
        at_least: None,
        trace: context.trace,
    };
    let search = |depth: usize| -> Result<Vec<ItemNo>, Error> {
        let list = top_k(&query, depth)?;
        context.record_step(FusionStepKind::List, Some(name), None, list.len());
        Ok(list.into_iter().map(|(_, item)| item).collect())
    };
    if context.business.is_none() && k != usize::MAX {
        let scored = scoring.score(context, &mut search(k)?);
        return context.best_of(scored, k);
    }
    // A search for all items above a score may find few.
    let k_or_one = if k == usize::MAX { 1 } else { k };
    let depth = match context.fused_effort(fused, k_or_one) {
        Effort::Exact => usize::MAX,
        Effort::Scan => k_or_one,
        Effort::Beam(ef) => ef.max(k_or_one),
    };
    search_until_certain(context, scoring, k, depth, &|depth| {
        let items = search(depth)?;
        let last = items.last().filter(|_| items.len() >= depth);
        let last = last.map(|last| scoring.score(context, &mut vec![*last]));
        let last = last.as_ref().and_then(|last| last.first());
        Ok(Candidates {
            bound: last.map_or(f32::NEG_INFINITY, |(score, _)| *score),
            items,
        })
    })
}
