//! Query vectors: from the features of users, from given vectors, or from stored items.

use super::query::{Query, QueryInput};
use super::view::View;
use crate::error::{Error, InvalidVector};
use crate::snapshot::Serving;
use rayon::prelude::*;
use serde_json::Value;
use std::cell::RefCell;
use twinspire_core::ids::ItemNo;
use twinspire_core::kernel::{Row, prepare};
use twinspire_towers::FeatureCheck;
use twinspire_towers::internals::{Reading, Side};

/// Users that one task of a batch embeds: as many as the towers compute at a time.
const USERS_PER_TASK: usize = 64;

/// The item that a query is made from; `None` if it is made from a user or a vector.
pub(super) fn query_item(view: &View, query: &Query<'_>) -> Result<Option<ItemNo>, Error> {
    match query.input {
        Some(QueryInput::Item(id)) => match view.find_item(id)? {
            Some(item) => Ok(Some(item)),
            None => Err(unknown_item(id)),
        },
        _ => Ok(None),
    }
}

/// The vector of a query in a space; `item` is its [`query_item`].
///
/// In a fused space, a query without a vector or an item of its own is made from the query vectors of
/// the members, concatenated.
pub(super) fn query_vector(
    view: &View,
    space: &str,
    (query, item): (&Query<'_>, Option<ItemNo>),
    check: FeatureCheck,
) -> Result<Vec<f32>, Error> {
    let serving = view.snapshot().space(space)?;
    let generation = &serving.base.generation;
    let input = query.input_in(space);
    let whole = matches!(input, Ok(QueryInput::Vector(_) | QueryInput::Item(_)));
    if generation.is_fused() && !whole {
        let mut vector = Vec::with_capacity(generation.dimension as usize);
        for member in generation.members.keys() {
            vector.extend(query_vector(view, member, (query, item), check)?);
        }
        return Ok(vector);
    }
    match input? {
        QueryInput::User(user) => {
            let users = std::slice::from_ref(user);
            let model = serving.base.model()?;
            let vector = with_item_vectors(view, serving, check, |reading| {
                model.embed_many(Side::User, users, reading)
            })?;
            vector.map_err(|(_, source)| Error::User { at: None, source })
        }
        QueryInput::Vector(vector) => prepared(serving, vector),
        QueryInput::Item(id) => {
            let row = item.and_then(|item| serving.vector(item));
            row.map(Row::to_vec).ok_or_else(|| unknown_item(id))
        }
    }
}

/// The vectors of many queries in a space, concatenated in their order; `items` are their
/// [`query_item`]s. Users are embedded in batches, on all cores. An error carries the position of its
/// user.
pub(super) fn query_vectors(
    view: &View,
    space: &str,
    (queries, items): (&[Query<'_>], &[Option<ItemNo>]),
    check: FeatureCheck,
) -> Result<Vec<f32>, Error> {
    let serving = view.snapshot().space(space)?;
    let users = queries.iter().map(|query| match query.input_in(space) {
        Ok(QueryInput::User(user)) => Some(user),
        _ => None,
    });
    let users: Option<Vec<&Value>> = users.collect();
    let parts: Vec<Result<Vec<f32>, Error>> = match users {
        Some(users) if !serving.base.generation.is_fused() => {
            let tasks = users.par_chunks(USERS_PER_TASK).enumerate();
            let model = serving.base.model()?;
            let embed = |(task, users): (usize, &[&Value])| {
                let vectors = with_item_vectors(view, serving, check, |reading| {
                    model.embed_many(Side::User, users, reading)
                })?;
                vectors.map_err(|(at, source)| Error::User {
                    at: Some(task * USERS_PER_TASK + at),
                    source,
                })
            };
            tasks.map(embed).collect()
        }
        _ => {
            let each = queries.par_iter().zip(items).enumerate();
            let each = each.map(|(at, (query, item))| {
                let vector = query_vector(view, space, (query, *item), check);
                vector.map_err(|error| error.of_user(at))
            });
            each.collect()
        }
    };
    // The first error in the order of the queries, whichever thread failed first.
    let parts: Vec<Vec<f32>> = parts.into_iter().collect::<Result<_, Error>>()?;
    Ok(parts.concat())
}

/// Runs `embed` with access to the vectors of items, which history features are made of. A failed
/// look-up of an item is an error.
pub(super) fn with_item_vectors<T>(
    view: &View,
    serving: &Serving,
    check: FeatureCheck,
    embed: impl FnOnce(Reading<'_>) -> T,
) -> Result<T, Error> {
    let failed = RefCell::new(None);
    let items = |id: &str, read: &mut dyn FnMut(Row<'_>)| match view.find_item(id) {
        Ok(item) => {
            if let Some(row) = item.and_then(|item| serving.vector(item)) {
                read(row);
            }
        }
        Err(error) => drop(failed.borrow_mut().get_or_insert(error)),
    };
    let result = embed(Reading {
        items: Some(&items),
        check,
    });
    failed.take().map_or(Ok(result), Err)
}

/// A given vector, checked, and normalised if the metric needs it.
fn prepared(serving: &Serving, vector: &[f32]) -> Result<Vec<f32>, Error> {
    let generation = &serving.base.generation;
    if vector.len() != generation.dimension as usize {
        return Err(Error::Vector {
            source: InvalidVector::Dimension {
                found: vector.len(),
                expected: generation.dimension as usize,
            },
        });
    }
    let mut vector = vector.to_vec();
    prepare(generation.metric, &mut vector).map_err(|error| Error::Vector {
        source: error.into(),
    })?;
    Ok(vector)
}

fn unknown_item(id: &str) -> Error {
    Error::UnknownItem { id: id.to_owned() }
}
