//! Publishing: towers, an embedding of every item and a graph become one generation.

use super::collect::{collect, tidy};
use super::flip::flip;
use super::progress::{Monitor, ProgressStage};
use super::seal::seal_held;
use super::segment::Contents;
use super::vectors::{Source, Vectors};
use super::{Writing, held};
use crate::error::{Error, NameOwner};
use crate::graph::{DEFAULT_EF, GraphBuilder};
use crate::manifest::{Calibration, Generation};
use crate::snapshot::{Base, Live, Part, Snapshot, measure, simulated};
use crate::store::{self, SpaceSegment, write_towers};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;
use twinspire_core::files::names;
use twinspire_core::kernel::Storage;
use twinspire_towers::internals::{Model, NamedBlob, Side, content_hash};

/// A publish to be done.
pub(crate) struct Publish<'a> {
    /// The space.
    pub(crate) space: &'a str,
    /// The towers.
    pub(crate) model: &'a Arc<Model>,
    /// Their files.
    pub(crate) parts: &'a [NamedBlob],
    /// How components are stored.
    pub(crate) storage: Storage,
    /// Generations kept, the new one among them.
    pub(crate) retain: usize,
    /// Who builds the graph.
    pub(crate) builder: GraphBuilder,
    /// Told of each item that is left out; without it one that fails ends the publish.
    pub(crate) left_out: Option<&'a (dyn Fn(&Error) + Sync)>,
    /// Reports progress, and says when the caller cancelled.
    pub(crate) monitor: &'a Monitor<'a>,
}

impl Publish<'_> {
    /// Components of a vector.
    pub(super) fn dimension(&self) -> usize {
        self.model.schema.dimension as usize
    }

    /// An item fails: it is left out, or the publish ends.
    pub(super) fn fails(&self, error: Error) -> Result<(), Error> {
        match self.left_out {
            Some(told) => {
                told(&error);
                Ok(())
            }
            None => Err(error),
        }
    }

    /// Reports progress; [`Error::Cancelled`] once the caller has cancelled.
    pub(super) fn report(&self, stage: ProgressStage, done: u64, total: u64) -> Result<(), Error> {
        self.monitor.report(stage, done, total)
    }
}

/// Does a publish. A second one waits.
pub(crate) fn publish(
    live: &Live,
    writing: &Writing,
    publish: &Publish<'_>,
    source: Source<'_>,
) -> Result<Generation, Error> {
    match (&source, publish.model.has(Side::Item)) {
        (Source::Tower, false) => return Err(Error::NoItemTower),
        (Source::Given(_), true) => return Err(Error::UnwantedItemTower),
        _ => {}
    }
    if !names::is_space_name(publish.space) {
        return Err(Error::SpaceName {
            name: publish.space.to_owned(),
        });
    }
    let manifest = &live.snapshot.load().sealed.manifest;
    let fuses = matches!(source, Source::Members(_));
    let taken = match manifest.spaces.get(publish.space) {
        _ if manifest.ensembles.contains_key(publish.space) => Some(NameOwner::Ensemble),
        Some(space) if space.is_fused() && !fuses => Some(NameOwner::FusedSpace),
        Some(space) if !space.is_fused() && fuses => Some(NameOwner::Space),
        _ => None,
    };
    if let Some(owner) = taken {
        let name = publish.space.to_owned();
        return Err(Error::NameTaken { name, owner });
    }
    let _publishing = held(&writing.publishing);
    let before = {
        let _state = writing.hold_state();
        seal_held(live, writing)?;
        let mut writer = writing.writer()?;
        let before = live.snapshot.load_full();
        writer.publishing = Some(before.sealed.manifest.sealed);
        before
    };
    let published = build(live, writing, publish, &before, source);
    held(&writing.writer).publishing = None;
    if matches!(published, Err(Error::Cancelled))
        && let Err(error) = collect(live, writing)
    {
        log::warn!("cannot collect what a cancelled publish made: {error}");
    }
    published
}

/// Embeds, builds, audits and flips.
fn build(
    live: &Live,
    writing: &Writing,
    publish: &Publish<'_>,
    before: &Snapshot,
    source: Source<'_>,
) -> Result<Generation, Error> {
    let (space, schema, sealed) = (publish.space, &publish.model.schema, &before.sealed);
    let members = match &source {
        Source::Members(members) => (*members).clone(),
        _ => BTreeMap::new(),
    };
    let Vectors {
        items,
        vectors,
        left_out,
    } = Vectors::new(publish, before, source)?;
    let contents = Contents {
        metric: schema.metric,
        storage: publish.storage,
        dimension: schema.dimension as usize,
        items,
        vectors,
        gone: Vec::new(),
        builder: publish.builder,
    };
    // The builder looks at the monitor itself.
    let progress = |done, total| drop(publish.report(ProgressStage::Build, done, total));
    // The space's next number is this publish's: there is no other.
    let number = sealed.manifest.next_generation(space);
    let file = writing.writer()?.number();
    let _making = [
        writing.make(names::join(names::SEGMENTS, &names::space(file))),
        writing.make(names::join(names::TOWERS, &names::towers(space, number))),
    ];
    let (directory, database) = (&live.directory, sealed.manifest.database);
    let file = contents.write(
        directory,
        database,
        file,
        &progress,
        publish.monitor.cancelled(),
    )?;
    store::clear_towers(&live.directory, space, number)?;
    let towers = write_towers(&live.directory, space, number, publish.parts)?;
    let segment = SpaceSegment::open(&live.directory, &file)?;
    let calibration = audit(segment, publish)?;
    let generation = Generation {
        number,
        cut: sealed.manifest.sealed,
        dimension: schema.dimension,
        metric: schema.metric,
        storage: publish.storage,
        partial: publish.left_out.is_some() || !publish.model.has(Side::Item),
        left_out,
        members,
        segments: vec![file],
        towers_hash: content_hash(
            towers
                .iter()
                .map(|file| (file.name.as_str(), file.checksum)),
        ),
        towers,
        created_unix_ms: now_unix_ms(),
        recall: calibration.recall_at_10(DEFAULT_EF),
        calibration,
    };
    let base = Base::open(&live.directory, space, &generation, None)?;
    let _state = writing.hold_state();
    flip(
        live,
        writing,
        space,
        Arc::new(base),
        &|done, total| publish.report(ProgressStage::CatchUp, done, total),
        |manifest, next_file| {
            manifest.published(space, generation.clone(), next_file, publish.retain)
        },
    )?;
    tidy(live, writing);
    Ok(generation)
}

/// What beams find in the graph, for queries made up between two items.
fn audit(segment: SpaceSegment, publish: &Publish<'_>) -> Result<Calibration, Error> {
    let queries = simulated(&segment)?;
    let total = (queries.len() / segment.dimension()) as u64;
    let done = AtomicU64::new(0);
    let parts = Part::all(vec![Arc::new(segment)]);
    measure(&parts, &queries, false, &|count| {
        let before = done.fetch_add(count, Ordering::Relaxed);
        publish.report(ProgressStage::Audit, before + count, total)
    })
}

fn now_unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}
