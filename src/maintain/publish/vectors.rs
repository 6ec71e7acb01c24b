//! The vectors of a publish: computed by the item tower, reused from the previous generation if that
//! had the same tower, supplied by the caller, or concatenated from other spaces.

use super::doubt::{check_features, check_vectors};
use super::job::Publish;
use super::source::{Given, Source};
use super::version::Version;
use crate::error::{Error, InvalidVector};
use crate::maintain::long_work;
use crate::maintain::progress::ProgressStage;
use crate::snapshot::{Base, Sealed, Snapshot, parse};
use rayon::prelude::*;
use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use twinspire_core::ids::{GenerationNo, Revision};
use twinspire_core::kernel::{Row, Storage, prepare};
use twinspire_towers::internals::{Reading, Side};

/// Items embedded at a time by one thread.
const BATCH: usize = 256;

/// The vectors that a generation is built from.
pub(crate) struct Vectors {
    /// Items, increasing.
    pub(crate) items: Vec<u32>,
    /// Their vectors, rounded to the storage format.
    pub(crate) vectors: Vec<f32>,
    /// Number of items without a vector.
    pub(crate) left_out: u64,
}

impl Vectors {
    /// The vectors of all sealed items of a state.
    ///
    /// # Errors
    /// [`Error::NoItems`] if no item has a vector, [`Error::Doubtful`] unless forced.
    pub(crate) fn new(
        publish: &Publish<'_>,
        before: &Snapshot,
        source: Source<'_>,
    ) -> Result<Self, Error> {
        let sealed = &before.sealed;
        let mut versions: Vec<Version<'_>> = Vec::new();
        for (item, (segment, row)) in sealed.newest(Revision(0)) {
            if segment.row(row)?.record.is_some() {
                versions.push((item, segment, row));
            }
        }
        if versions.is_empty() {
            return Err(Error::NoItems);
        }
        check_features(publish, &versions, &source)?;
        publish.report(ProgressStage::Embed, 0, versions.len() as u64)?;
        let mut vectors = vec![0.0; versions.len() * publish.dimension()];
        let present = match source {
            Source::Tower => {
                let before = before.spaces.get(publish.space);
                let before = before.map(|serving| &*serving.base);
                embed(publish, &versions, before, &mut vectors)?
            }
            Source::Members(members) => {
                concatenate(publish, &versions, before, members, &mut vectors)?
            }
            Source::Given(given) => accept(publish, &versions, sealed, given, &mut vectors)?,
        };
        let left_out = present.iter().filter(|present| !**present).count();
        let items = versions
            .iter()
            .zip(&present)
            .filter(|(_, present)| **present);
        let items: Vec<u32> = items.map(|((item, ..), _)| item.0).collect();
        if items.is_empty() {
            return Err(Error::NoItems);
        }
        retain_rows(&mut vectors, publish.dimension(), &present);
        check_vectors(publish, &vectors)?;
        Ok(Self {
            items,
            vectors,
            left_out: left_out as u64,
        })
    }
}

/// Removes the rows of items without a vector.
fn retain_rows(vectors: &mut Vec<f32>, dimension: usize, present: &[bool]) {
    let mut to = 0;
    for (row, _) in present.iter().enumerate().filter(|(_, present)| **present) {
        if row != to {
            vectors.copy_within(row * dimension..(row + 1) * dimension, to * dimension);
        }
        to += 1;
    }
    vectors.truncate(to * dimension);
}

/// Embeds the items with the item tower into `vectors`, one row per item. Reuses the vectors of `before`,
/// the active generation, if it has the same item tower and its vectors are at least as precise. Returns
/// for each item whether it has a vector.
fn embed(
    publish: &Publish<'_>,
    versions: &[Version<'_>],
    before: Option<&Base>,
    vectors: &mut [f32],
) -> Result<Vec<bool>, Error> {
    let (total, done) = (versions.len() as u64, AtomicU64::new(0));
    let before = before.filter(|before| {
        let generation = &before.generation;
        // Full precision cannot be restored from rounded vectors.
        let precise = generation.storage == Storage::Full;
        (precise || generation.storage == publish.storage)
            && before
                .model()
                .is_ok_and(|model| model.has_same_item_tower(publish.model))
    });
    let rows = BATCH * publish.dimension();
    let batches = vectors.par_chunks_mut(rows).zip(versions.par_chunks(BATCH));
    // Returns the error of the first failing batch in order, whichever thread fails first. Later batches are
    // skipped.
    let failed = AtomicUsize::new(usize::MAX);
    let present = batches.enumerate().map(|(at, (vectors, versions))| {
        if at > failed.load(Ordering::Relaxed) {
            return Ok(Vec::new());
        }
        let present = embed_batch(publish, versions, before, vectors).and_then(|present| {
            let count = versions.len() as u64;
            let before = done.fetch_add(count, Ordering::Relaxed);
            publish.report(ProgressStage::Embed, before + count, total)?;
            Ok(present)
        });
        present.inspect_err(|_| {
            failed.fetch_min(at, Ordering::Relaxed);
        })
    });
    let present: Vec<Result<Vec<bool>, Error>> =
        long_work::run(versions.len(), || present.collect());
    let present: Vec<Vec<bool>> = present.into_iter().collect::<Result<_, _>>()?;
    Ok(present.concat())
}

fn embed_batch(
    publish: &Publish<'_>,
    versions: &[Version<'_>],
    before: Option<&Base>,
    vectors: &mut [f32],
) -> Result<Vec<bool>, Error> {
    let dimension = publish.dimension();
    let mut present = vec![false; versions.len()];
    let mut records = Vec::new();
    let mut new = Vec::new();
    let each = vectors.chunks_exact_mut(dimension).zip(versions);
    for ((vector, (item, segment, row)), present) in each.zip(&mut present) {
        let mut known = |had: Row<'_>| {
            vector.copy_from_slice(had.floats(&mut Vec::new()));
            publish.storage.round(vector)
        };
        // A vector that cannot be rounded is embedded again below, and refused there.
        *present = before
            .and_then(|before| before.vector(*item))
            .is_some_and(|had| known(had).is_ok());
        if !*present {
            let row = segment.row(*row)?;
            let text = row.record.unwrap_or_default();
            records.push(parse(segment.path(), row.id, text)?);
            new.push((row.id, vector, present));
        }
    }
    let embedded = publish
        .model
        .embed_each(Side::Item, &records, Reading::default());
    for ((id, vector, present), embedded) in new.into_iter().zip(embedded) {
        let rounded = embedded.and_then(|mut embedded| {
            publish.storage.round(&mut embedded)?;
            vector.copy_from_slice(&embedded);
            Ok(())
        });
        *present = rounded.is_ok();
        if let Err(source) = rounded {
            publish.leave_out(Error::Embed {
                space: publish.space.to_owned(),
                id: id.to_owned(),
                source,
            })?;
        }
    }
    Ok(present)
}

/// Concatenates the vectors of other spaces. Returns for each item whether it has one in all of them.
fn concatenate(
    publish: &Publish<'_>,
    versions: &[Version<'_>],
    before: &Snapshot,
    members: &BTreeMap<String, GenerationNo>,
    vectors: &mut [f32],
) -> Result<Vec<bool>, Error> {
    let servings = members.keys().map(|member| before.space(member));
    let servings = servings.collect::<Result<Vec<_>, _>>()?;
    let total = versions.len() as u64;
    let each = vectors.par_chunks_exact_mut(publish.dimension());
    let present = each.zip(versions).map(|(vector, (item, ..))| {
        let mut all = Vec::with_capacity(vector.len());
        for serving in &servings {
            match serving.vector(*item) {
                Some(part) => part.append_to(&mut all),
                None => return false,
            }
        }
        vector.copy_from_slice(&all);
        true
    });
    let present = long_work::run(versions.len(), || present.collect());
    publish.report(ProgressStage::Embed, total, total)?;
    Ok(present)
}

/// Takes vectors from the caller. Returns for each item whether it has one.
fn accept(
    publish: &Publish<'_>,
    versions: &[Version<'_>],
    sealed: &Sealed,
    given: &mut dyn Iterator<Item = Given>,
    vectors: &mut [f32],
) -> Result<Vec<bool>, Error> {
    let (dimension, total) = (publish.dimension(), versions.len());
    let mut present = vec![false; total];
    // Items whose own vector was refused: they are reported once.
    let mut refused = HashSet::new();
    let mut count = 0;
    for next in given {
        let (id, vector) = next.map_err(|source| Error::VectorSource { source })?;
        let item = sealed.find_item(&id)?;
        let mut place = |mut vector: Vec<f32>| {
            if vector.len() != dimension {
                return Err(InvalidVector::Dimension {
                    found: vector.len(),
                    expected: dimension,
                });
            }
            let row = item.and_then(|item| {
                let found = versions.binary_search_by_key(&item, |(item, ..)| *item);
                found.ok()
            });
            let row = row.ok_or(InvalidVector::UnknownItem)?;
            let (Some(present), Some(to)) = (
                present.get_mut(row),
                vectors.get_mut(row * dimension..(row + 1) * dimension),
            ) else {
                return Ok(());
            };
            if *present {
                return Err(InvalidVector::Duplicate);
            }
            prepare(publish.model.schema.metric, &mut vector)?;
            publish.storage.round(&mut vector)?;
            to.copy_from_slice(&vector);
            *present = true;
            Ok(())
        };
        if let Err(source) = place(vector) {
            if !matches!(source, InvalidVector::Duplicate) {
                refused.extend(item);
            }
            publish.leave_out(Error::ItemVector { id, source })?;
        }
        count += 1;
        if count % BATCH == 0 {
            publish.report(ProgressStage::Embed, count.min(total) as u64, total as u64)?;
        }
    }
    publish.report(ProgressStage::Embed, total as u64, total as u64)?;
    let missing = present.iter().filter(|present| !**present).count() as u64;
    for ((_, segment, row), _) in versions
        .iter()
        .zip(&present)
        .filter(|((item, ..), present)| !**present && !refused.contains(item))
    {
        publish.leave_out(Error::NoVector {
            space: publish.space.to_owned(),
            id: segment.row(*row)?.id.to_owned(),
            missing,
            items: total as u64,
        })?;
    }
    Ok(present)
}
