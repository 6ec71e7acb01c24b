//! Users given to measure recall with, as query vectors.

use super::query::{Query, QueryInput};
use super::query_vector::Buffer;
use super::query_vectors::{UserReading, query_vector, user_towers};
use super::sample::sample;
use super::view::View;
use crate::error::Error;
use crate::manifest::QueryKind;
use crate::snapshot::{QuerySample, count_vectors, sample_size};
use rayon::prelude::*;
use serde_json::Value;
use twinspire_core::ids::GenerationNo;
use twinspire_core::wire::checksum;
use twinspire_towers::FeatureCheck;

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
    let each = chosen
        .par_iter()
        .filter_map(|at| Some((*at, users.get(*at)?)));
    let towers = user_towers(view, std::iter::once(space))?;
    let reading = UserReading::shared(FeatureCheck::default(), &towers, &[]);
    let vectors = each.map(|(at, user)| {
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
