//! Query vectors: from the features of users, from given vectors, or from stored items.

use super::query::{Query, QueryInput};
use super::query_vector::Buffer;
use super::view::View;
use crate::error::{Error, InvalidVector};
use crate::snapshot::{Base, Serving};
use rayon::prelude::*;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use twinspire_core::ids::ItemNo;
use twinspire_core::kernel::{Metric, Row, prepare};
use twinspire_core::telemetry;
use twinspire_towers::internals::{IDS_PER_LOOKUP, Model, OtherReaders, Reading, Side};
use twinspire_towers::{Embedded, FeatureCheck};

/// Most users that one task of a batch embeds: as many as the towers compute at a time. Small batches are shared among
/// the cores.
const USERS_PER_TASK: usize = 64;

/// Rows that are prefetched before they are read.
const ROWS_AHEAD: usize = 8;

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
    /// The fields that lexical spaces read of the same user.
    texts: &'a [&'a str],
}

impl<'a> UserReading<'a> {
    /// The features are for one tower.
    pub(crate) fn alone(check: FeatureCheck) -> Self {
        Self {
            check,
            towers: &[],
            texts: &[],
        }
    }

    /// The features are for these towers, and lexical spaces read the fields `texts`.
    pub(crate) fn shared(
        check: FeatureCheck,
        towers: &'a [Arc<Model>],
        texts: &'a [&'a str],
    ) -> Self {
        Self {
            check,
            towers,
            texts,
        }
    }

    /// The features are for the tower of this space alone, if the query has features for it alone.
    fn in_space(self, query: &Query<'_>, space: &str) -> Self {
        match query.own_input(space) {
            Some(_) => Self::alone(self.check),
            None => self,
        }
    }

    /// Whether one of the towers or of the lexical spaces reads a field.
    fn reads(&self, field: &str) -> bool {
        let mut towers = self.towers.iter();
        self.texts.contains(&field) || towers.any(|tower| tower.reads(Side::User, field))
    }
}

/// The towers of these spaces; of a fused space, those of its members. None if there is one alone: what
/// others read matters only beside others.
pub(super) fn user_towers<'s>(
    view: &View,
    spaces: impl Iterator<Item = &'s str>,
) -> Result<Vec<Arc<Model>>, Error> {
    let snapshot = view.snapshot();
    let (mut first, mut models) = (None, Vec::new());
    let mut add = |base: &Arc<Base>| -> Result<(), Error> {
        match &first {
            None => first = Some(Arc::clone(base)),
            Some(before) => {
                if models.is_empty() {
                    models.push(Arc::clone(before.model()?));
                }
                models.push(Arc::clone(base.model()?));
            }
        }
        Ok(())
    };
    for space in spaces {
        let base = &snapshot.space(space)?.base;
        let members = &base.generation.members;
        if members.is_empty() {
            add(base)?;
        }
        for member in members.keys() {
            add(&snapshot.space(member)?.base)?;
        }
    }
    Ok(models)
}

/// The vector of a query in a space; `item` is its [`query_item`].
///
/// In a fused space, a query without a vector or an item of its own is made from the query vectors of
/// the members, concatenated.
pub(super) fn query_vector(
    view: &View,
    space: &str,
    query: (&Query<'_>, Option<ItemNo>),
    reading: UserReading<'_>,
) -> Result<Buffer, Error> {
    let mut buffer = Buffer::take();
    append_query_vector(view, space, query, reading, &mut buffer.0)?;
    Ok(buffer)
}

fn append_query_vector(
    view: &View,
    space: &str,
    (query, item): (&Query<'_>, Option<ItemNo>),
    reading: UserReading<'_>,
    vector: &mut Vec<f32>,
) -> Result<(), Error> {
    let serving = view.snapshot().space(space)?;
    let generation = &serving.base.generation;
    let input = query.input_in(space);
    let whole = matches!(
        input,
        Ok(QueryInput::Vector(_) | QueryInput::Prepared(_) | QueryInput::Item(_))
    );
    if generation.is_fused() && !whole {
        let mut members = generation.members.keys();
        return members.try_for_each(|member| {
            append_query_vector(view, member, (query, item), reading, vector)
        });
    }
    match input? {
        QueryInput::User(user) => {
            let users = std::slice::from_ref(user);
            let _span = telemetry::trace_span!("tower", space).entered();
            let reading = reading.in_space(query, space);
            let model = serving.base.model()?;
            let embedded = with_item_vectors(view, serving, reading, |reading| {
                model.embed_into(Side::User, users, reading, vector)
            })?;
            embedded.map_err(|(_, source)| Error::User { at: None, source })
        }
        QueryInput::Vector(given) => append_vector(serving, given, true, vector),
        QueryInput::Prepared(given) => append_vector(serving, given, false, vector),
        QueryInput::Item(id) => {
            let row = item.and_then(|item| serving.vector(item));
            let row = row.ok_or_else(|| unknown_item(id))?;
            row.append_to(vector);
            Ok(())
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
            let _span = telemetry::trace_span!("tower", space, users = users.len()).entered();
            let reading = reading.in_space(first, space);
            let model = serving.base.model()?;
            let share = users.len().div_ceil(rayon::current_num_threads());
            let tasks = users.par_chunks(share.clamp(1, USERS_PER_TASK));
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
                let mut vector = Vec::new();
                let query = (query, *item);
                match append_query_vector(view, space, query, reading, &mut vector) {
                    Ok(()) => Ok(vector),
                    Err(error) => Err(error.of_user(at)),
                }
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
    let items = |ids: &[&str], read: &mut dyn FnMut(usize, Row<'_>)| {
        let mut found = [None; IDS_PER_LOOKUP];
        let mut rows = [None; IDS_PER_LOOKUP];
        // No call has more ids.
        let found = found.get_mut(..ids.len()).unwrap_or_default();
        if let Err(error) = view.find_items(ids, found) {
            failed.borrow_mut().get_or_insert(error);
            return;
        }
        serving.vectors(found, &mut rows);
        for (at, row) in rows.iter().enumerate() {
            if let Some(Some(later)) = rows.get(at + ROWS_AHEAD) {
                later.prefetch();
            }
            if let Some(row) = row {
                read(at, *row);
            }
        }
    };
    let reads = |field: &str| reading.reads(field);
    let others: OtherReaders<'_> = &reads;
    let result = embed(Reading {
        items: Some(&items),
        check: reading.check,
        others: (!reading.towers.is_empty() || !reading.texts.is_empty()).then_some(others),
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
    let lexical = &snapshot.sealed.manifest.lexical;
    // A lexical space alone embeds nothing, and says so.
    let texts = named.iter().filter(|_| ensemble.is_some());
    let texts: Vec<&str> = texts
        .filter_map(|name| Some(lexical.get(*name)?.active()?.lexical.query()))
        .collect();
    let mut spaces = Vec::new();
    let is_lexical = |space: &&str| ensemble.is_some() && lexical.contains_key(*space);
    for space in named.into_iter().filter(|space| !is_lexical(space)) {
        let members = &snapshot.space(space)?.base.generation.members;
        match members.is_empty() {
            true => spaces.push(space),
            false => spaces.extend(members.keys().map(String::as_str)),
        }
    }
    let towers = user_towers(view, spaces.iter().copied())?;
    let reading = UserReading::shared(FeatureCheck::Described, &towers, &texts);
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

/// Appends a given vector, checked, and on request normalised if the metric needs it.
fn append_vector(
    serving: &Serving,
    given: &[f32],
    normalise: bool,
    vector: &mut Vec<f32>,
) -> Result<(), Error> {
    let generation = &serving.base.generation;
    if given.len() != generation.dimension as usize {
        return Err(Error::Vector {
            source: InvalidVector::Dimension {
                found: given.len(),
                expected: generation.dimension as usize,
            },
        });
    }
    let from = vector.len();
    vector.extend_from_slice(given);
    let appended = vector.get_mut(from..).unwrap_or_default();
    // Without normalisation cosine is an inner product of vectors that have the right length.
    let metric = match normalise {
        false if generation.metric == Metric::Cosine => Metric::InnerProduct,
        _ => generation.metric,
    };
    prepare(metric, appended).map_err(|error| Error::Vector {
        source: error.into(),
    })
}

pub(super) fn unknown_item(id: &str) -> Error {
    Error::UnknownItem { id: id.to_owned() }
}
