//! Recalls of an ensemble.
//!
//! Each space of it is a channel: a query, and a generation that answers. Each method is in a file of
//! its own and gives items with the score they are ranked by; all that is the same for all of them is
//! here. Lists come from the search of a space, with what the request says of filters, exclusions and
//! effort; every other score is computed from the stored vectors.

mod business;
mod cascade;
mod certain;
mod diversity;
mod normalised;
mod one_graph;
mod quotas;
mod ranks;
mod weighted;

use super::explain::FusionStep;
use super::{
    Best, Hit, Hits, Passing, Request, Sought, Trace, View, all_of, best_of, hidden, query_vector,
};
use crate::ensemble::{Ensemble, Method};
use crate::error::Error;
use crate::snapshot::{Serving, Snapshot};
use business::Worth;
use certain::Scoring;
use std::collections::{HashMap, HashSet};
use twinspire_core::ids::ItemNo;
use twinspire_core::kernel::Row;

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
    view: &View,
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
    let mut hidden = hidden(view, request, k)?;
    trace.stage(|micros| &mut micros.prepare);
    let mut channels = Vec::new();
    for name in prepared.ensemble.spaces() {
        let serving = &**snapshot.space(name)?;
        let query = query_vector(view, name, request, &mut hidden)?;
        let number = serving.base.generation.number;
        view.notice(name, number, &query);
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
    let ranks = match request.explain && ranks.is_empty() {
        true => fusing.exact_ranks()?,
        false => ranks,
    };
    trace.pass_over();
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
                view.record(&id)?
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
        self.score_of(self.serving.vector(item)?)
    }

    /// The score of a vector.
    fn score_of(&self, vector: Row<'_>) -> Option<f32> {
        let score = self
            .serving
            .base
            .generation
            .metric
            .score(&self.query, vector);
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
            Method::Weighted {
                spaces,
                missing,
                fused,
            } => {
                let weights: Vec<f32> = spaces.values().copied().collect();
                let scoring = Scoring {
                    missing: *missing,
                    fuse: &|scores| weighted::sum(&weights, scores),
                };
                let graph = fused.as_deref().map(|name| (name, self.one_graph(name)));
                match graph {
                    Some((name, Some(graph))) => {
                        one_graph::best(self, (name, graph), &weights, &scoring, k)
                    }
                    _ => weighted::best(self, &scoring, k),
                }
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
        best_of(channel.serving, self.sought(channel, at_least), k)
    }

    /// All items of a space that may be answered with, in no order.
    fn all(&self, channel: &Channel<'_>) -> Result<Ranking, Error> {
        all_of(channel.serving, self.sought(channel, None))
    }

    /// Of each channel, the ranks of all items that may be answered with.
    fn exact_ranks(&self) -> Result<Vec<HashMap<ItemNo, u32>>, Error> {
        let unseen = Trace::new(false);
        let ranks = self.channels.iter().map(|channel| {
            let sought = Sought {
                trace: &unseen,
                ..self.sought(channel, None)
            };
            let mut all = all_of(channel.serving, sought)?;
            all.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            Ok(ranks_of(&all))
        });
        ranks.collect()
    }

    fn sought<'a>(&'a self, channel: &'a Channel<'_>, at_least: Option<f32>) -> Sought<'a> {
        Sought {
            request: self.request,
            query: &channel.query,
            hidden: &self.hidden,
            passing: self.prepared.passing.as_ref(),
            at_least,
            space: channel.name,
            trace: self.trace,
        }
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

    /// No item with this score or less, and no larger field than this, is ranked by more.
    fn bound(&self, score: f32, largest: f64) -> f32 {
        let worth = self.prepared.worth.as_ref();
        worth.map_or(score, |worth| worth.bound(score, largest))
    }

    /// About so many of the items that are worth most, of those that may be answered with, and a number
    /// that the field of no other item exceeds; none where items are worth nothing besides.
    fn worth_most(&self, count: usize) -> Result<(Vec<ItemNo>, f64), Error> {
        let Some(worth) = &self.prepared.worth else {
            return Ok((Vec::new(), f64::INFINITY));
        };
        let (mut items, largest) = worth.highest(count);
        let mut failed = None;
        items.retain(|item| {
            let may = self.may_answer(*item);
            may.unwrap_or_else(|error| {
                failed = Some(error);
                false
            })
        });
        failed.map_or(Ok((items, largest)), Err)
    }

    /// Whether an item passes the filters and is not excluded.
    fn may_answer(&self, item: ItemNo) -> Result<bool, Error> {
        if self.hidden.contains(&item) {
            return Ok(false);
        }
        let Some(passing) = &self.prepared.passing else {
            return Ok(true);
        };
        let late = self
            .channels
            .iter()
            .find_map(|c| c.serving.overlay.get(&item));
        late.map_or_else(
            || passing.passes(item),
            |late| Ok(passing.late_passes(late)),
        )
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
