//! The weighted sum by one graph over the vectors of all spaces, one behind the other: the inner product
//! with the queries, each weighted, is the sum.

use super::super::request::Effort;
use super::certain::{Candidates, Scoring, best as certain};
use super::{Fusing, Ranking};
use crate::error::Error;
use crate::recall::{Sought, best_of};
use crate::snapshot::Serving;
use twinspire_core::ids::ItemNo;

/// The best `k` of a fused space, which has to be in step with the channels.
pub(super) fn best(
    fusing: &Fusing<'_>,
    (name, graph): (&str, &Serving),
    weights: &[f32],
    scoring: &Scoring<'_>,
    k: usize,
) -> Result<Ranking, Error> {
    let mut query = Vec::with_capacity(graph.base.generation.dimension as usize);
    for (channel, weight) in fusing.channels.iter().zip(weights) {
        query.extend(channel.query.iter().map(|x| weight * x));
    }
    let sought = Sought {
        request: fusing.request,
        query: &query,
        hidden: &fusing.hidden,
        passing: fusing.prepared.passing.as_ref(),
        at_least: None,
        space: name,
        trace: fusing.trace,
    };
    let list = |reach: usize| -> Result<Vec<ItemNo>, Error> {
        let list = best_of(graph, sought, reach)?;
        fusing.step("list", Some(name), None, list.len());
        Ok(list.into_iter().map(|(_, item)| item).collect())
    };
    if fusing.prepared.worth.is_none() && k != usize::MAX {
        let scored = scoring.score(fusing, &mut list(k)?);
        return fusing.rank(scored, k);
    }
    // All that score so much may be few.
    let k_or_one = if k == usize::MAX { 1 } else { k };
    let reach = match fusing.request.effort(&graph.base.generation, k_or_one) {
        Effort::Exact => usize::MAX,
        Effort::Beam(ef) => ef.max(k_or_one),
    };
    certain(fusing, scoring, k, reach, &|reach| {
        let items = list(reach)?;
        let last = items.last().filter(|_| items.len() >= reach);
        let last = last.map(|last| scoring.score(fusing, &mut vec![*last]));
        let last = last.as_ref().and_then(|last| last.first());
        Ok(Candidates {
            bound: last.map_or(f32::NEG_INFINITY, |(score, _)| *score),
            items,
        })
    })
}

impl Fusing<'_> {
    /// The fused space of a name, if it can answer for the channels as they are, and the answer has not
    /// to be exact.
    pub(super) fn one_graph(&self, name: &str) -> Option<&Serving> {
        let graph = self.prepared.snapshot.spaces.get(name)?;
        let generation = &graph.base.generation;
        let exact = self.request.effort(generation, 1) == Effort::Exact;
        let members = generation.members.keys().map(String::as_str);
        let stands = members.eq(self.channels.iter().map(|channel| channel.name));
        (stands && !exact).then_some(&**graph)
    }
}
