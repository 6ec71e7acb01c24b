//! Query vectors of users to measure recall with: given users, and synthetic ("made-up") users.
//!
//! A synthetic user has random items as its history; the user tower does the rest. Queries that are blends of item
//! vectors say where items are, but not where the user tower puts users. A tower that adds up a history or popularity
//! may put them where a graph finds a tenth of what it finds for blends.

use super::query::{Query, QueryInput};
use super::query_vector::Buffer;
use super::query_vectors::{UserReading, query_vector, user_towers};
use super::sample::sample;
use super::view::View;
use crate::error::Error;
use crate::manifest::QueryKind;
use crate::snapshot::{QuerySample, count_vectors, sample_size};
use rayon::prelude::*;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use twinspire_core::ids::{GenerationNo, ItemNo};
use twinspire_core::telemetry;
use twinspire_core::wire::checksum;
use twinspire_towers::FeatureCheck;
use twinspire_towers::internals::schema::{FeatureKind, FeatureSchema};
use twinspire_towers::internals::{Lookup, Model};

/// Length of the longest history of a synthetic user.
const MAX_HISTORY: u64 = 50;

/// The query vectors of a uniform sample of users in the active generation of a space. Users that the tower
/// cannot embed are counted and left out.
pub(crate) fn given_queries(
    view: &View,
    space: &str,
    users: &[Value],
) -> Result<(GenerationNo, QuerySample), Error> {
    let base = &view.snapshot().space(space)?.base;
    let generation = &base.generation;
    let vectors = count_vectors(&base.parts);
    let wanted = sample_size(vectors, generation.dimension as usize);
    let random = |draw: u64| checksum(&draw.to_le_bytes());
    let mut chosen = sample(users.len(), wanted, random);
    // Files are often sorted, and the order of a sample must say nothing about its queries.
    chosen.sort_by_key(|at| random(*at as u64));
    let chosen: Vec<(usize, &Value)> = chosen
        .into_iter()
        .filter_map(|at| Some((at, users.get(at)?)))
        .collect();
    let (queries, left_out, first) = embedded(view, space, &chosen, FeatureCheck::default())?;
    if queries.is_empty() {
        return Err(first.unwrap_or(Error::NoUsers));
    }
    let sample = QuerySample {
        kind: QueryKind::Given,
        queries,
        left_out,
    };
    Ok((generation.number, sample))
}

/// Whether a user tower may read the ids of items as a history.
pub(crate) fn may_read_histories(model: &Model) -> bool {
    let features = model.schema.user.iter().flat_map(|tower| &tower.features);
    features.into_iter().any(|feature| {
        matches!(
            feature.kind,
            FeatureKind::Items { .. } | FeatureKind::Ids { .. } | FeatureKind::Sequence { .. }
        )
    })
}

/// The query vectors of synthetic users. `None` if the user tower reads no histories of these items, or embeds no user
/// by a history alone. The measurement is optional: an error is logged.
pub(crate) fn made_up_users(view: &View, space: &str) -> Option<QuerySample> {
    synthetic_queries(view, space).unwrap_or_else(|error| {
        telemetry::warn!("cannot measure recall of {space:?} for synthetic users: {error}");
        None
    })
}

fn synthetic_queries(view: &View, space: &str) -> Result<Option<QuerySample>, Error> {
    let base = &view.snapshot().space(space)?.base;
    if !base.generation.members.is_empty() {
        return Ok(None);
    }
    let items = base.parts.iter().map(|part| part.segment.items());
    let items: Vec<u32> = items.flatten().copied().collect();
    let model = base.model()?;
    if items.is_empty() || !may_read_histories(model) {
        return Ok(None);
    }
    let wanted = sample_size(
        count_vectors(&base.parts),
        base.generation.dimension as usize,
    );
    let users: Vec<Vec<String>> = (0..wanted as u64)
        .map(|user| random_history(view, &items, user))
        .collect::<Result<_, Error>>()?;
    let fields = histories(model, users.iter().flatten());
    if fields.is_empty() {
        return Ok(None);
    }
    let record = |history: &Vec<String>| {
        let each = fields
            .iter()
            .map(|field| ((*field).to_owned(), history.clone().into()));
        Value::Object(each.collect::<Map<_, _>>())
    };
    let records: Vec<Value> = users.iter().map(record).collect();
    let records: Vec<(usize, &Value)> = records.iter().enumerate().collect();
    let (queries, left_out, _) = embedded(view, space, &records, FeatureCheck::Lenient)?;
    Ok((!queries.is_empty()).then_some(QuerySample {
        kind: QueryKind::MadeUpUser,
        queries,
        left_out,
    }))
}

/// Ids of 1 to [`MAX_HISTORY`] random items, the same for each number of a user.
fn random_history(view: &View, items: &[u32], user: u64) -> Result<Vec<String>, Error> {
    let random = |draw: u64| checksum([user, draw].map(u64::to_le_bytes).as_flattened());
    let length = 1 + random(0) % MAX_HISTORY;
    let history = (1..=length).filter_map(|draw| {
        let at = random(draw) % (items.len() as u64).max(1);
        items.get(at as usize).copied()
    });
    history.map(|item| view.item_id(ItemNo(item))).collect()
}

/// The fields of the user tower that are lists of items: fields whose item vectors it looks up, and fields whose
/// vocabulary has half of these ids.
fn histories<'m>(
    model: &'m Model,
    ids: impl Iterator<Item = &'m String> + Clone,
) -> BTreeSet<&'m str> {
    let is_history = |feature: &&FeatureSchema| match &feature.kind {
        FeatureKind::Items { .. } => true,
        FeatureKind::Ids { table, .. } | FeatureKind::Sequence { table, .. } => {
            let table = model.tables.iter().find(|other| other.name == *table);
            let Some(Lookup::Vocabulary { rows, .. }) = table.map(|table| &table.lookup) else {
                return false;
            };
            let known = ids.clone().filter(|id| rows.contains_key(*id)).count();
            2 * known >= ids.clone().count()
        }
        _ => false,
    };
    let features = model.schema.user.iter().flat_map(|tower| &tower.features);
    features
        .filter(is_history)
        .map(FeatureSchema::field)
        .collect()
}

/// The query vectors of users, the number of users that the tower cannot embed, and the error of the first of them.
fn embedded(
    view: &View,
    space: &str,
    users: &[(usize, &Value)],
    check: FeatureCheck,
) -> Result<(Vec<f32>, u32, Option<Error>), Error> {
    let towers = user_towers(view, std::iter::once(space))?;
    let reading = UserReading::shared(check, &towers, &[]);
    let vectors = users.par_iter().map(|&(at, user)| {
        let query = Query {
            input: Some(QueryInput::User(user)),
            by_space: &[],
            text: None,
            exclude: &[],
        };
        let vector = query_vector(view, space, (&query, None), reading);
        vector.map_err(|error| error.of_user(at))
    });
    let vectors: Vec<Result<Buffer, Error>> = vectors.collect();
    let (mut queries, mut left_out, mut first) = (Vec::new(), 0, None);
    for vector in vectors {
        match vector {
            Ok(vector) => queries.extend_from_slice(&vector.0),
            Err(error @ Error::User { .. }) => {
                left_out += 1;
                first = first.or(Some(error));
            }
            Err(error) => return Err(error),
        }
    }
    Ok((queries, left_out, first))
}
