//! Query vectors: from the features of users, from given vectors, or from stored items.

use super::query::{Query, QueryInput};
use super::view::View;
use crate::error::{Error, InvalidVector};
use crate::snapshot::Serving;
use rayon::prelude::*;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use twinspire_core::ids::ItemNo;
use twinspire_core::kernel::{Row, prepare};
use twinspire_towers::internals::{Model, OtherReaders, Reading, Side};
use twinspire_towers::{Embedded, FeatureCheck};

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

/// How the features of users are read.
#[derive(Clone, Copy)]
pub(crate) struct UserReading<'a> {
    /// How strictly.
    check: FeatureCheck,
    /// All towers that get the features of one user. A field that one of them reads is right in all.
    towers: &'a [Arc<Model>],
}

impl<'a> UserReading<'a> {
    /// The features are for one tower.
    pub(crate) fn alone(check: FeatureCheck) -> Self {
        Self { check, towers: &[] }
    }

    /// The features are for these towers.
    pub(crate) fn shared(check: FeatureCheck, towers: &'a [Arc<Model>]) -> Self {
        Self { check, towers }
    }

    /// The features are for the tower of this space alone, if the query has features for it alone.
    fn in_space(self, query: &Query<'_>, space: &str) -> Self {
        match query.own_input(space) {
            Some(_) => Self::alone(self.check),
            None => self,
        }
    }

    /// Whether one of the towers reads a field.
    fn reads(&self, field: &str) -> bool {
        let mut towers = self.towers.iter();
        towers.any(|tower| tower.reads(Side::User, field))
    }
}

/// The towers of these spaces; of a fused space, those of its members. None if there is one alone: what
/// others read matters only beside others.
pub(super) fn user_towers<'s>(
    view: &View,
    spaces: impl Iterator<Item = &'s str>,
) -> Result<Vec<Arc<Model>>, Error> {
    let snapshot = view.snapshot();
    let mut bases = Vec::new();
    for space in spaces {
        let base = &snapshot.space(space)?.base;
        let members = base.generation.members.keys();
        let members = members.map(|member| Ok(&snapshot.space(member)?.base));
        let members: Vec<_> = members.collect::<Result<_, Error>>()?;
        match members.is_empty() {
            true => bases.push(base),
            false => bases.extend(members),
        }
    }
    if bases.len() < 2 {
        return Ok(Vec::new());
    }
    let models = bases.into_iter().map(|base| base.model().cloned());
    models.collect()
}

/// The vector of a query in a space; `item` is its [`query_item`].
///
/// In a fused space, a query without a vector or an item of its own is made from the query vectors of
/// the members, concatenated.
pub(super) fn query_vector(
    view: &View,
    space: &str,
    (query, item): (&Query<'_>, Option<ItemNo>),
    reading: UserReading<'_>,
) -> Result<Vec<f32>, Error> {
    let serving = view.snapshot().space(space)?;
    let generation = &serving.base.generation;
    let input = query.input_in(space);
    let whole = matches!(input, Ok(QueryInput::Vector(_) | QueryInput::Item(_)));
    if generation.is_fused() && !whole {
        let mut vector = Vec::with_capacity(generation.dimension as usize);
        for member in generation.members.keys() {
            vector.extend(query_vector(view, member, (query, item), reading)?);
        }
        return Ok(vector);
    }
    match input? {
        QueryInput::User(user) => {
            let users = std::slice::from_ref(user);
            let reading = reading.in_space(query, space);
            let model = serving.base.model()?;
            let vector = with_item_vectors(view, serving, reading, |reading| {
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

/// The vector of each of many queries in a space, or why it has none; `items` are their
/// [`query_item`]s. Users are embedded in batches, on all cores. An error carries the position of its
/// user; the outer error concerns the database, not a query.
pub(super) fn query_vectors(
    view: &View,
    space: &str,
    (queries, items): (&[Query<'_>], &[Option<ItemNo>]),
    reading: UserReading<'_>,
) -> Result<Vec<Result<Vec<f32>, Error>>, Error> {
    let serving = view.snapshot().space(space)?;
    let users = queries.iter().map(|query| match query.input_in(space) {
        Ok(QueryInput::User(user)) => Some(user),
        _ => None,
    });
    let users: Option<Vec<&Value>> = users.collect();
    match (users, queries.first()) {
        (Some(users), Some(first)) if !serving.base.generation.is_fused() => {
            // Inputs for single spaces are those of all queries.
            let reading = reading.in_space(first, space);
            let model = serving.base.model()?;
            let tasks = users.par_chunks(USERS_PER_TASK);
            let embedded = tasks.map(|users| {
                with_item_vectors(view, serving, reading, |reading| {
                    model.embed_each(Side::User, users, reading)
                })
            });
            let embedded: Vec<Vec<_>> = embedded.collect::<Result<_, Error>>()?;
            let each = embedded.into_iter().flatten().enumerate();
            let each = each.map(|(at, vector)| {
                let at = Some(at);
                vector.map_err(|source| Error::User { at, source })
            });
            Ok(each.collect())
        }
        _ => {
            let each = queries.par_iter().zip(items).enumerate();
            let each = each.map(|(at, (query, item))| {
                let vector = query_vector(view, space, (query, *item), reading);
                vector.map_err(|error| error.of_user(at))
            });
            Ok(each.collect())
        }
    }
}

/// Runs `embed` with access to the vectors of items, which history features are made of. A failed
/// look-up of an item is an error.
pub(super) fn with_item_vectors<T>(
    view: &View,
    serving: &Serving,
    reading: UserReading<'_>,
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
    let reads = |field: &str| reading.reads(field);
    let others: OtherReaders<'_> = &reads;
    let result = embed(Reading {
        items: Some(&items),
        check: reading.check,
        others: (!reading.towers.is_empty()).then_some(others),
    });
    failed.take().map_or(Ok(result), Err)
}

/// Embeds a user for a space or an ensemble, and shows what each feature gave, by space.
pub(crate) fn embed_shown(
    view: &View,
    name: &str,
    user: &Value,
) -> Result<BTreeMap<String, Embedded>, Error> {
    let snapshot = view.snapshot();
    let ensemble = snapshot.sealed.manifest.ensembles.get(name);
    let named: Vec<&str> = ensemble.map_or_else(|| vec![name], |found| found.spaces().collect());
    let mut spaces = Vec::new();
    for space in named {
        let members = &snapshot.space(space)?.base.generation.members;
        match members.is_empty() {
            true => spaces.push(space),
            false => spaces.extend(members.keys().map(String::as_str)),
        }
    }
    let towers = user_towers(view, spaces.iter().copied())?;
    let reading = UserReading::shared(FeatureCheck::Described, &towers);
    let mut all = BTreeMap::new();
    for space in spaces {
        let serving = snapshot.space(space)?;
        let model = serving.base.model()?;
        let shown = with_item_vectors(view, serving, reading, |reading| {
            model.embed_shown(Side::User, user, reading)
        })?;
        let shown = shown.map_err(|source| Error::User { at: None, source })?;
        all.insert(space.to_owned(), shown);
    }
    Ok(all)
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

pub(super) fn unknown_item(id: &str) -> Error {
    Error::UnknownItem { id: id.to_owned() }
}
