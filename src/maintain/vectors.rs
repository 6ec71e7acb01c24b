//! The vectors of a publish: computed by the item tower, taken over from the generation before where
//! that had the same tower, given, or those of other spaces one behind the other.

use super::progress::ProgressStage;
use super::publish::Publish;
use crate::error::{Error, InvalidVector};
use crate::snapshot::{Base, Sealed, Snapshot, parse};
use crate::store::ItemsSegment;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use twinspire_core::ids::{GenerationNo, ItemNo, Revision};
use twinspire_core::kernel::{Row, Storage, prepare};
use twinspire_towers::internals::{Reading, Side};

/// Items embedded at a time by one thread.
const BATCH: usize = 256;

/// Where the vectors of a publish come from.
pub(crate) enum Source<'a> {
    /// From the item tower.
    Tower,
    /// From elsewhere, by id.
    Given(&'a mut dyn Iterator<Item = Given>),
    /// From these spaces, as they are in these generations.
    Members(&'a BTreeMap<String, GenerationNo>),
}

/// A vector from elsewhere.
pub(crate) type Given = Result<(String, Vec<f32>), Box<dyn std::error::Error + Send + Sync>>;

/// What a generation is built of.
pub(crate) struct Vectors {
    /// Items, increasing.
    pub(crate) items: Vec<u32>,
    /// Their vectors, rounded to what is stored.
    pub(crate) vectors: Vec<f32>,
    /// Items that have none.
    pub(crate) left_out: u64,
}

/// The newest version of an item.
type Version<'a> = (ItemNo, &'a ItemsSegment, usize);

impl Vectors {
    /// Those of all sealed items of a state, to which nothing is to be added but what is written.
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
        publish.report(ProgressStage::Embed, 0, versions.len() as u64)?;
        let mut vectors = vec![0.0; versions.len() * publish.dimension()];
        let there = match source {
            Source::Tower => {
                let before = before.spaces.get(publish.space);
                let before = before.map(|serving| &*serving.base);
                embed(publish, &versions, before, &mut vectors)?
            }
            Source::Members(members) => fuse(publish, &versions, before, members, &mut vectors)?,
            Source::Given(given) => take(publish, &versions, sealed, given, &mut vectors)?,
        };
        let left_out = there.iter().filter(|there| !**there).count();
        let items = versions.iter().zip(&there).filter(|(_, there)| **there);
        let items: Vec<u32> = items.map(|((item, ..), _)| item.0).collect();
        if items.is_empty() {
            return Err(Error::NoItems);
        }
        keep(&mut vectors, publish.dimension(), &there);
        Ok(Self {
            items,
            vectors,
            left_out: left_out as u64,
        })
    }
}

/// Removes the rows that are not there.
fn keep(vectors: &mut Vec<f32>, dimension: usize, there: &[bool]) {
    let mut to = 0;
    for (row, _) in there.iter().enumerate().filter(|(_, there)| **there) {
        if row != to {
            vectors.copy_within(row * dimension..(row + 1) * dimension, to * dimension);
        }
        to += 1;
    }
    vectors.truncate(to * dimension);
}

/// Embeds the items with the item tower, but for those whose vector `before` has of the same tower; says
/// which have one now.
fn embed(
    publish: &Publish<'_>,
    versions: &[Version<'_>],
    before: Option<&Base>,
    vectors: &mut [f32],
) -> Result<Vec<bool>, Error> {
    let (total, done) = (versions.len() as u64, AtomicU64::new(0));
    let before = before.filter(|before| {
        let generation = &before.generation;
        // What was rounded once is not to be had in full again.
        let precise = generation.storage == Storage::Full;
        (precise || generation.storage == publish.storage) && before.model.embeds_as(publish.model)
    });
    let rows = BATCH * publish.dimension();
    let batches = vectors.par_chunks_mut(rows).zip(versions.par_chunks(BATCH));
    // What fails is told of the first batch that does, whichever thread was faster; later ones are given up.
    let failed = AtomicUsize::new(usize::MAX);
    let there = batches.enumerate().map(|(at, (vectors, versions))| {
        if at > failed.load(Ordering::Relaxed) {
            return Ok(Vec::new());
        }
        let there = embed_batch(publish, versions, before, vectors).and_then(|there| {
            let count = versions.len() as u64;
            let before = done.fetch_add(count, Ordering::Relaxed);
            publish.report(ProgressStage::Embed, before + count, total)?;
            Ok(there)
        });
        there.inspect_err(|_| {
            failed.fetch_min(at, Ordering::Relaxed);
        })
    });
    let there: Vec<Result<Vec<bool>, Error>> = there.collect();
    let there: Vec<Vec<bool>> = there.into_iter().collect::<Result<_, _>>()?;
    Ok(there.concat())
}

fn embed_batch(
    publish: &Publish<'_>,
    versions: &[Version<'_>],
    before: Option<&Base>,
    vectors: &mut [f32],
) -> Result<Vec<bool>, Error> {
    let dimension = publish.dimension();
    let mut there = vec![false; versions.len()];
    let mut records = Vec::new();
    let mut new = Vec::new();
    let each = vectors.chunks_exact_mut(dimension).zip(versions);
    for ((vector, (item, segment, row)), there) in each.zip(&mut there) {
        let mut known = |had: Row<'_>| {
            vector.copy_from_slice(had.floats(&mut Vec::new()));
            publish.storage.round(vector)
        };
        // One that cannot be rounded is refused below.
        *there = before
            .and_then(|before| before.vector(*item))
            .is_some_and(|had| known(had).is_ok());
        if !*there {
            let row = segment.row(*row)?;
            let text = row.record.unwrap_or_default();
            records.push(parse(segment.path(), row.id, text)?);
            new.push((row.id, vector, there));
        }
    }
    let embedded = publish
        .model
        .embed_each(Side::Item, &records, Reading::default());
    for ((id, vector, there), embedded) in new.into_iter().zip(embedded) {
        let rounded = embedded.and_then(|mut embedded| {
            publish.storage.round(&mut embedded)?;
            vector.copy_from_slice(&embedded);
            Ok(())
        });
        *there = rounded.is_ok();
        if let Err(source) = rounded {
            publish.fails(Error::Embed {
                space: publish.space.to_owned(),
                id: id.to_owned(),
                source,
            })?;
        }
    }
    Ok(there)
}

/// Puts the vectors of other spaces one behind the other; says which items have one in all of them.
fn fuse(
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
    let there = each.zip(versions).map(|(vector, (item, ..))| {
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
    let there = there.collect();
    publish.report(ProgressStage::Embed, total, total)?;
    Ok(there)
}

/// Takes vectors from elsewhere; says which items have one.
fn take(
    publish: &Publish<'_>,
    versions: &[Version<'_>],
    sealed: &Sealed,
    given: &mut dyn Iterator<Item = Given>,
    vectors: &mut [f32],
) -> Result<Vec<bool>, Error> {
    let (dimension, total) = (publish.dimension(), versions.len());
    let mut there = vec![false; total];
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
            let (Some(there), Some(to)) = (
                there.get_mut(row),
                vectors.get_mut(row * dimension..(row + 1) * dimension),
            ) else {
                return Ok(());
            };
            if *there {
                return Err(InvalidVector::Duplicate);
            }
            prepare(publish.model.schema.metric, &mut vector)?;
            publish.storage.round(&mut vector)?;
            to.copy_from_slice(&vector);
            *there = true;
            Ok(())
        };
        if let Err(source) = place(vector) {
            publish.fails(Error::ItemVector { id, source })?;
        }
        count += 1;
        if count % BATCH == 0 {
            publish.report(ProgressStage::Embed, count.min(total) as u64, total as u64)?;
        }
    }
    publish.report(ProgressStage::Embed, total as u64, total as u64)?;
    let missing = there.iter().filter(|there| !**there).count() as u64;
    for ((_, segment, row), _) in versions.iter().zip(&there).filter(|(_, there)| !**there) {
        publish.fails(Error::NoVector {
            space: publish.space.to_owned(),
            id: segment.row(*row)?.id.to_owned(),
            missing,
            items: total as u64,
        })?;
    }
    Ok(there)
}
