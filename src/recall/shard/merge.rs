//! The answer of all shards together.

use super::gathered_lists::GatheredLists;
use super::shard_hits::{Round, ShardHits};
use super::shard_statistics::ShardStatistics;
use crate::ensemble::{Diversity, Ensemble, Method, Normalisation, Scale};
use crate::error::{Error, ShardsError};
use crate::filter::Filter;
use crate::recall::fusion::{
    Fused, Lists, cascade, choose_diverse, quotas, rank_fusion, scale_of_list,
};
use crate::recall::hits::Hit;
use crate::recall::top_k::Ids;
use std::collections::{BTreeMap, HashMap};
use twinspire_core::ids::ItemNo;

/// What the contributions of all shards come to.
#[derive(Clone, Debug, PartialEq)]
pub enum Merged {
    /// The answer.
    Hits(Vec<Hit>),
    /// Scores depend on figures of all shards: ask every shard [with these](crate::Recall::statistics), and merge what
    /// they answer then.
    Statistics(ShardStatistics),
    /// The answer is re-ranked for diversity: look up [the vectors](crate::Database::known_vectors) of these items in a
    /// space, each in its shard, and merge the same contributions with them.
    Vectors {
        /// The space.
        space: String,
        /// The items.
        ids: Vec<String>,
    },
}

/// Merges the contributions of all shards into the answer that one database with all of their items would give; in exact
/// mode that very answer, ids and scores.
///
/// `vectors` are those that an earlier merge of the same contributions asked for.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let dir = tempfile::tempdir()?;
/// use serde_json::json;
/// use twinspire::{Database, Merged, Metric, Towers, merge};
///
/// let mut parts = Vec::new();
/// for (shard, id, vector) in [("0", "B01", [1.0, 0.0]), ("1", "B02", [0.6, 0.8])] {
///     let db = Database::open(dir.path().join(shard))?;
///     db.items().put(&json!({"id": id}))?;
///     let towers = Towers::vectors_only("clip", 2, Metric::Cosine)?;
///     db.publish("clip").towers(towers).vectors([(id, vector)]).run()?;
///     parts.push(db.recall("clip").vector(&[0.0, 1.0]).top_of_shard(2)?);
/// }
/// let Merged::Hits(hits) = merge(&parts, None)? else {
///     unreachable!("a space needs one round");
/// };
/// assert_eq!((hits[0].id.as_str(), hits[0].score), ("B02", 0.8));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`Error::Shards`] if the contributions do not belong together: other requests, other towers, an item in two shards.
/// [`Error::Filter`] if a filter does not fit the fields of the items of all shards.
pub fn merge(
    shards: &[ShardHits],
    vectors: Option<&BTreeMap<String, Vec<f32>>>,
) -> Result<Merged, Error> {
    let Some(first) = shards.first() else {
        return Err(Error::Shards(ShardsError::None));
    };
    for other in shards {
        check_pair(first, other)?;
    }
    check_filters(shards, first)?;
    match first.round {
        Round::Terms => Ok(Merged::Statistics(with_terms(shards, first))),
        Round::Scales => Ok(Merged::Statistics(with_scales(shards, first)?)),
        Round::Answer => answer(shards, first, vectors),
    }
}

/// Refuses contributions that do not belong together.
fn check_pair(one: &ShardHits, other: &ShardHits) -> Result<(), Error> {
    let requests = |what| Err(Error::Shards(ShardsError::Requests { what }));
    let (asked, also) = (&one.request, &other.request);
    if asked.name != also.name {
        return requests("space or ensemble");
    }
    if asked.ensemble != also.ensemble {
        return requests("recipe");
    }
    if asked != also || one.round != other.round {
        return requests("option");
    }
    for (a, b) in one.spaces.iter().zip(&other.spaces) {
        if a != b {
            let space = a.0.clone();
            return Err(Error::Shards(ShardsError::Towers { space }));
        }
    }
    Ok(())
}

/// Refuses filters that fit the items of no shard, and not those of all together.
fn check_filters(shards: &[ShardHits], first: &ShardHits) -> Result<(), Error> {
    let Some(mut fields) = first.unfit.clone() else {
        return Ok(());
    };
    for shard in shards {
        match &shard.unfit {
            // What some items allow, all allow.
            None => return Ok(()),
            Some(more) => fields.add_all(more),
        }
    }
    for filter in &first.request.filters {
        Filter::from(filter.as_str()).check(&fields)?;
    }
    Ok(())
}

/// The figures that were given, and the frequencies of the words.
fn with_terms(shards: &[ShardHits], first: &ShardHits) -> ShardStatistics {
    let mut statistics = first.request.statistics.clone();
    for (space, terms) in shards.iter().flat_map(|shard| &shard.terms) {
        let sum = statistics.terms.entry(space.clone());
        sum.or_default().add(terms);
    }
    statistics
}

/// The figures that were given, and the scales of a normalised sum.
fn with_scales(shards: &[ShardHits], first: &ShardHits) -> Result<ShardStatistics, Error> {
    let mut statistics = first.request.statistics.clone();
    let lists = GatheredLists::new(shards, first)?;
    let Some((by, depth)) = normalisation(first) else {
        return Ok(statistics);
    };
    for (channel, space) in lists.spaces().into_iter().enumerate() {
        let known = statistics.calibrations.get(space);
        let known = known.filter(|_| by == Normalisation::Calibration);
        statistics.scales.push(match known {
            Some((hundredth, best)) => Scale::between(*hundredth, *best),
            None => scale_of_list(&lists, channel, (by, depth))?,
        });
    }
    Ok(statistics)
}

/// The normalisation of a normalised sum, and the length of its lists.
fn normalisation(hits: &ShardHits) -> Option<(Normalisation, u32)> {
    match hits.request.ensemble.as_ref()?.recipe().method {
        Method::Normalised { by, depth, .. } => Some((by, depth)),
        _ => None,
    }
}

fn answer(
    shards: &[ShardHits],
    first: &ShardHits,
    vectors: Option<&BTreeMap<String, Vec<f32>>>,
) -> Result<Merged, Error> {
    let lists = GatheredLists::new(shards, first)?;
    let request = &first.request;
    let depth = request.k.saturating_add(request.offset);
    let recipe = request.ensemble.as_ref().map(Ensemble::recipe);
    let diversity = recipe.and_then(|recipe| recipe.diversity.as_ref());
    let pool = diversity.map_or(0, Diversity::pool);
    let (page, fused_depth) = (request.k.max(pool), depth.max(pool));
    let mut fused = match recipe.map(|recipe| &recipe.method) {
        Some(Method::Cascade { stages }) => cascade(&lists, stages, fused_depth)?.into(),
        Some(Method::RankFusion { spaces, k, depth }) => {
            rank_fusion(&lists, spaces, (*k, *depth), fused_depth)?
        }
        Some(Method::Quotas { channels }) => quotas(&lists, channels, page, fused_depth)?,
        Some(Method::Weighted { .. } | Method::Normalised { .. }) | None => {
            let ranking = lists.ranking().iter().take(fused_depth);
            Fused::from(ranking.copied().collect::<Vec<_>>())
        }
    };
    if let Some(diversity) = diversity {
        let Some(vectors) = vectors else {
            let pool = fused.best.iter().take(pool);
            let ids = pool.filter_map(|(_, item)| lists.id(*item).map(str::to_owned));
            return Ok(Merged::Vectors {
                space: diversity.space().to_owned(),
                ids: ids.collect(),
            });
        };
        let vector_of = |item| vectors.get(lists.id(item)?).cloned();
        fused.best = choose_diverse(diversity, fused.best, depth, vector_of);
    }
    fused.best.truncate(depth);
    let shown = fused.best.into_iter().skip(request.offset);
    let hits = shown.map(|found| hit(&lists, found, &fused.ranks));
    Ok(Merged::Hits(hits.collect()))
}

fn hit(
    lists: &GatheredLists<'_>,
    (score, item): (f32, ItemNo),
    ranks: &[HashMap<ItemNo, u32>],
) -> Hit {
    let scores = lists.scores(item);
    let scores: BTreeMap<String, f32> = scores
        .map(|(space, score)| (space.to_owned(), score))
        .collect();
    let ranks = ranks.iter().zip(lists.spaces());
    let ranks = ranks.filter_map(|(ranks, space)| Some((space.to_owned(), *ranks.get(&item)?)));
    Hit {
        id: lists.id(item).unwrap_or_default().to_owned(),
        score,
        record: None,
        channels: scores,
        ranks: ranks.collect(),
    }
}
