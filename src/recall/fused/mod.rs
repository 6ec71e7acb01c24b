//! Recalls of an ensemble.
//!
//! Each space of it is a channel: a query, and a generation that answers. Each method is in a file of
//! its own and gives items with the score they are ranked by; all that is the same for all of them is
//! here. Lists come from the search of a space, with what the request says of filters, exclusions and
//! effort; every other score is computed from the stored vectors.

mod business;
mod cascade;
mod diversity;
mod normalised;
mod quotas;
mod ranks;
mod weighted;

use super::explain::FusionStep;
use super::{
    Best, Hit, Hits, Passing, Request, Sought, Trace, best_of, hidden, query_vector, record,
};
use crate::ensemble::{Ensemble, Method};
use crate::error::Error;
use crate::ids::ItemNo;
use crate::snapshot::{Live, Serving, Snapshot};
use business::Worth;
use std::collections::{HashMap, HashSet};

/// What recalls of an ensemble by one state have in common, whoever asks.
pub(super) struct Prepared<'a> {
    snapshot: &'a Snapshot,
    ensemble: &'a Ensemble,
    /// The items that pass the filters.
    passing: Option<Passing<'a>>,
    /// What items are worth besides.
    worth: Option<Worth<'a>>,
}

/// Items and what they are ranked by, best first.
type Ranking = Vec<(f32, ItemNo)>;

/// What a method answers.
struct Fused {
    best: Ranking,
    /// Of each channel, the ranks in its list from 1; nothing if the method does not go by them.
    ranks: Vec<HashMap<ItemNo, u32>>,
}

impl From<Ranking> for Fused {
    fn from(best: Ranking) -> Self {
        let ranks = Vec::new();
        Self { best, ranks }
    }
}

/// The ranks in a list.
fn ranks_of(list: &Ranking) -> HashMap<ItemNo, u32> {
    let items = list.iter().map(|(_, item)| *item);
    items.zip(1..).collect()
}

impl<'a> Prepared<'a> {
    /// For requests with these filters.
    pub(super) fn of(
        snapshot: &'a Snapshot,
        ensemble: &'a Ensemble,
        request: &Request<'_>,
    ) -> Result<Self, Error> {
        let servings = ensemble
            .spaces()
            .filter_map(|name| snapshot.spaces.get(name));
        let passing = Passing::of(
            snapshot,
            servings.map(|serving| &**serving),
            &request.filters,
        )?;
        let business = ensemble.recipe().business.as_ref();
        Ok(Self {
            snapshot,
            ensemble,
            passing,
            worth: business.map(|business| Worth::of(snapshot, business)),
        })
    }
}

/// Answers one request.
pub(super) fn run(
    live: &Live,
    prepared: &Prepared<'_>,
    request: &Request<'_>,
    k: usize,
    trace: Trace,
) -> Result<Hits, Error> {
    let snapshot = prepared.snapshot;
    let takes_turns = matches!(prepared.ensemble.recipe().method, Method::Quotas { .. });
    if takes_turns && request.at_least.is_some() {
        let name = request.space.to_owned();
        return Err(Error::NoScore { name });
    }
    let mut hidden = hidden(live, request, k)?;
    trace.stage(|micros| &mut micros.prepare);
    let mut channels = Vec::new();
    for name in prepared.ensemble.spaces() {
        let serving = &**snapshot.space(name)?;
        let query = query_vector(live, serving, name, request, &mut hidden)?;
        let number = serving.base.generation.number;
        live.asked.notice(name, number, &query);
        channels.push(Channel {
            name,
            serving,
            query,
        });
    }
    trace.stage(|micros| &mut micros.query);
    let fusing = Fusing {
        prepared,
        request,
        channels,
        hidden,
        trace: &trace,
    };
    let k = k.saturating_add(request.offset);
    let diversity = prepared.ensemble.recipe().diversity.as_ref();
    let fused = fusing.best(diversity.map_or(k, |diversity| k.max(diversity.pool())))?;
    let Fused { mut best, ranks } = fused;
    if let Some(diversity) = diversity {
        let of = best.len();
        best = diversity::choose(snapshot, diversity, best, k)?;
        best.truncate(k);
        fusing.step("diversity", Some(diversity.space()), Some(of), best.len());
    }
    trace.stage(|micros| &mut micros.search);
    let channels = &fusing.channels;
    let hits = best.into_iter().skip(request.offset).map(|(score, item)| {
        let scores = channels
            .iter()
            .filter_map(|channel| Some((channel.name.to_owned(), channel.score(item)?)));
        let late = channels.iter().find_map(|c| c.serving.overlay.get(&item));
        let id = match late {
            Some(late) => late.id.clone(),
            None => snapshot.sealed.id(item)?.to_owned(),
        };
        Ok(Hit {
            score,
            record: if request.records {
                record(live, &id)?
            } else {
                None
            },
            channels: scores.collect(),
            ranks: ranks
                .iter()
                .zip(channels)
                .filter_map(|(ranks, c)| Some((c.name.to_owned(), *ranks.get(&item)?)))
                .collect(),
            id,
        })
    });
    let hits = hits.collect::<Result<_, Error>>()?;
    trace.stage(|micros| &mut micros.answer);
    let generations = channels.iter().map(|channel| {
        let number = channel.serving.base.generation.number;
        (channel.name.to_owned(), number)
    });
    let mut hits = Hits::of_ensemble(generations.collect(), hits);
    hits.explain(trace);
    Ok(hits)
}

/// A space of the ensemble, and the query in it.
struct Channel<'a> {
    name: &'a str,
    serving: &'a Serving,
    query: Vec<f32>,
}

impl Channel<'_> {
    /// The score of an item; none if it is not there, or no number.
    fn score(&self, item: ItemNo) -> Option<f32> {
        let vector = self.serving.vector(item)?;
        let metric = self.serving.base.generation.metric;
        let score = metric.score(&self.query, vector);
        (!score.is_nan()).then_some(score)
    }
}

/// A request that is being answered.
struct Fusing<'a> {
    prepared: &'a Prepared<'a>,
    request: &'a Request<'a>,
    /// Each space once, in the order of the recipe.
    channels: Vec<Channel<'a>>,
    /// Items that must not be answered with.
    hidden: HashSet<ItemNo>,
    trace: &'a Trace,
}

impl Fusing<'_> {
    fn best(&self, k: usize) -> Result<Fused, Error> {
        let ranking = match &self.prepared.ensemble.recipe().method {
            Method::Weighted { spaces } => {
                let weights: Vec<f32> = spaces.values().copied().collect();
                weighted::best(self, k, &|scores| weighted::sum(&weights, scores))
            }
            Method::Cascade { stages } => cascade::best(self, stages, k),
            Method::Normalised { spaces, by, depth } => {
                normalised::best(self, spaces, (*by, *depth), k)
            }
            Method::RankFusion {
                spaces,
                k: constant,
                depth,
            } => {
                return ranks::best(self, spaces, (*constant, *depth), k);
            }
            Method::Quotas { channels } => return quotas::best(self, channels, k),
        };
        ranking.map(Fused::from)
    }

    /// The channel of a space.
    fn channel(&self, space: &str) -> Result<&Channel<'_>, Error> {
        let found = self.channels.iter().find(|channel| channel.name == space);
        found.ok_or(Error::NoQuery)
    }

    /// The best of a space, by its own score.
    fn list(
        &self,
        channel: &Channel<'_>,
        at_least: Option<f32>,
        k: usize,
    ) -> Result<Ranking, Error> {
        let sought = Sought {
            request: self.request,
            query: &channel.query,
            hidden: &self.hidden,
            passing: self.prepared.passing.as_ref(),
            at_least,
            space: channel.name,
            trace: self.trace,
        };
        best_of(channel.serving, sought, k)
    }

    /// The least score that an answer may have.
    fn least(&self) -> f32 {
        self.request.at_least.unwrap_or(f32::NEG_INFINITY)
    }

    /// The best `k` of some items, by their scores and what they are worth.
    fn rank(
        &self,
        scored: impl IntoIterator<Item = (f32, ItemNo)>,
        k: usize,
    ) -> Result<Ranking, Error> {
        let mut best = Best::above(self.least(), k);
        for (score, item) in scored {
            let value = match &self.prepared.worth {
                Some(worth) => worth.value(score, item)?,
                None => score,
            };
            best.offer(value, item);
        }
        Ok(best.into_sorted())
    }

    /// No item with this score or less is ranked by more.
    fn bound(&self, score: f32) -> f32 {
        let worth = self.prepared.worth.as_ref();
        worth.map_or(score, |worth| worth.bound(score))
    }

    /// Notes a step of the fusion: `kept` of so many items.
    fn step(&self, step: &'static str, space: Option<&str>, of: Option<usize>, kept: usize) {
        self.trace.step(|| FusionStep {
            step,
            space: space.map(str::to_owned),
            of,
            kept,
        });
    }
}
