//! Running a publish.

use super::choose::{Chosen, choose};
use super::job::Publish;
use super::source::Source;
use super::vectors::Vectors;
use crate::error::{Error, NameOwner};
use crate::index::{IndexKind, IndexReason};
use crate::maintain::activate::activate;
use crate::maintain::collect::{collect, collect_or_warn};
use crate::maintain::long_work;
use crate::maintain::merge::merge_beyond_bound;
use crate::maintain::progress::ProgressStage;
use crate::maintain::seal::seal_locked;
use crate::maintain::segment_builder::SegmentBuilder;
use crate::maintain::writing::Writing;
use crate::manifest::{Calibration, Generation, Manifest, QueryKind, SpaceFile};
use crate::snapshot::{Base, Live, Overlay, QuerySample, Serving, Snapshot};
use crate::store::write_towers;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;
use twinspire_core::files::names;
use twinspire_core::telemetry::{self, Stopwatch, metrics};
use twinspire_towers::internals::{Side, content_hash};

/// Runs a publish. Waits while another one runs.
pub(crate) fn publish(
    live: &Live,
    writing: &Writing,
    publish: &Publish<'_>,
    source: Source<'_>,
) -> Result<Generation, Error> {
    let _span = telemetry::info_span!("publish", space = publish.space).entered();
    check(publish, &live.snapshot.load().sealed.manifest, &source)?;
    let _publish = writing.lock_publish();
    let (whole, mut watch) = (Stopwatch::start(), Stopwatch::start());
    let before = {
        let _state = writing.lock_state();
        seal_locked(live, writing)?;
        let mut writer = writing.lock_writer(live)?;
        let before = live.snapshot.load_full();
        writer.publish_cut = Some(before.sealed.manifest.sealed);
        before
    };
    measure_stage("seal", &mut watch);
    let published = build(live, writing, publish, (&before, source), &mut watch);
    writing.set_publish_cut(None);
    metrics::PUBLISHES.add_for(outcome(&published), 1);
    if published.is_ok() {
        metrics::PUBLISH_SECONDS.observe(whole.seconds());
    }
    if published.is_ok()
        && let Err(error) = merge_beyond_bound(live, writing)
    {
        telemetry::warn!("cannot merge: {error}");
    }
    if matches!(published, Err(Error::Cancelled))
        && let Err(error) = collect(live, writing)
    {
        telemetry::warn!("cannot collect the files of a cancelled publish: {error}");
    }
    published
}

/// Records how long a stage took.
fn measure_stage(stage: &'static str, watch: &mut Stopwatch) {
    metrics::PUBLISH_STAGE_SECONDS.observe_for(stage, watch.lap());
}

/// The outcome of a publish as a label.
fn outcome(published: &Result<Generation, Error>) -> &'static str {
    match published {
        Ok(_) => "ok",
        Err(Error::Cancelled) => "cancelled",
        Err(_) => "error",
    }
}

/// Refuses towers that do not fit the source, and a name that is malformed or taken.
fn check(publish: &Publish<'_>, manifest: &Manifest, source: &Source<'_>) -> Result<(), Error> {
    match (source, publish.model.has(Side::Item)) {
        (Source::Tower, false) => return Err(Error::NoItemTower),
        (Source::Given(_), true) => return Err(Error::UnwantedItemTower),
        _ => {}
    }
    let name = || publish.space.to_owned();
    if !names::is_space_name(publish.space) {
        return Err(Error::SpaceName { name: name() });
    }
    let is_fused = matches!(source, Source::Members(_));
    let taken = match manifest.spaces.get(publish.space) {
        _ if manifest.ensembles.contains_key(publish.space) => Some(NameOwner::Ensemble),
        _ if manifest.lexical.contains_key(publish.space) => Some(NameOwner::LexicalSpace),
        Some(space) if space.is_fused() && !is_fused => Some(NameOwner::FusedSpace),
        Some(space) if !space.is_fused() && is_fused => Some(NameOwner::Space),
        _ => None,
    };
    match taken {
        Some(owner) => Err(Error::NameTaken {
            name: name(),
            owner,
        }),
        None => Ok(()),
    }
}

/// Embeds, builds and audits a generation, and makes it active.
fn build(
    live: &Live,
    writing: &Writing,
    publish: &Publish<'_>,
    (before, source): (&Snapshot, Source<'_>),
    watch: &mut Stopwatch,
) -> Result<Generation, Error> {
    let (space, schema, sealed) = (publish.space, &publish.model.schema, &before.sealed);
    let members = match &source {
        Source::Members(members) => (*members).clone(),
        _ => BTreeMap::new(),
    };
    // Vectors from elsewhere may be of another space than those before.
    let embeds = matches!(source, Source::Tower);
    let Vectors {
        items,
        vectors,
        left_out,
    } = {
        let _span = telemetry::debug_span!("embed").entered();
        Vectors::new(publish, before, source)?
    };
    measure_stage("embed", watch);
    let segment = SegmentBuilder {
        metric: schema.metric,
        storage: publish.storage,
        dimension: schema.dimension as usize,
        items,
        vectors,
        gone: Vec::new(),
        index: IndexKind::Graph,
        builder: publish.builder,
        donor: None,
    };
    // No other publish can take the space's next number meanwhile.
    let number = sealed.manifest.next_generation(space);
    let _towers_guard = writing.reserve_towers(space, number);
    let (directory, database) = (&live.directory, sealed.manifest.database);
    let towers = write_towers(directory, space, number, publish.parts)?;
    let towers_hash = content_hash(
        towers
            .iter()
            .map(|file| (file.name.as_str(), file.checksum)),
    );
    // What is built and measured is filled in below.
    let begun = Generation {
        number,
        cut: sealed.manifest.sealed,
        dimension: schema.dimension,
        metric: schema.metric,
        storage: publish.storage,
        index: IndexKind::Graph,
        index_reason: IndexReason::Requested,
        partial: publish.left_out.is_some() || !publish.model.has(Side::Item),
        left_out,
        members,
        segments: Vec::new(),
        towers_hash,
        towers,
        created_unix_ms: 0,
        recall: 1.0,
        calibration: Calibration::default(),
    };
    let users = |file: &SpaceFile| -> Result<Vec<QuerySample>, Error> {
        let asked = embeds.then(|| asked_before(live, before, space, towers_hash));
        let mut samples: Vec<_> = asked.flatten().into_iter().collect();
        if let Some(users) = publish.users {
            let generation = Generation {
                segments: vec![*file],
                ..begun.clone()
            };
            let serving = Serving {
                base: Arc::new(Base::open_whole(directory, space, &generation, None)?),
                overlay: Overlay::default(),
            };
            samples.extend(users(before.clone().with_space(space, serving))?);
        }
        Ok(samples)
    };
    let span = telemetry::debug_span!("build").entered();
    let chosen = long_work::run(segment.items.len(), || {
        let folded = segment.fold();
        choose(directory, database, writing, publish, &users, &folded)
    })?;
    drop(span);
    measure_stage("build", watch);
    let Chosen {
        file,
        guard: _segment_guard,
        calibration,
        index,
        reason,
    } = chosen;
    let generation = Generation {
        index,
        index_reason: reason,
        segments: vec![file],
        created_unix_ms: now_unix_ms(),
        recall: calibration
            .default_recall()
            .map_or(1.0, |measured| measured.recall),
        calibration,
        ..begun
    };
    let _span = telemetry::debug_span!("activate").entered();
    let base = Base::open_whole(directory, space, &generation, None)?;
    let _state = writing.lock_state();
    activate(
        live,
        writing,
        space,
        base,
        &|done, total| publish.report(ProgressStage::CatchUp, done, total),
        |manifest, next_file| {
            manifest.published(space, generation.clone(), next_file, publish.retain)
        },
    )?;
    measure_stage("activate", watch);
    collect_or_warn(live, writing);
    Ok(generation)
}

/// The queries that the space received so far, if they were embedded by the same towers: then users will ask the
/// new generation the same.
fn asked_before(
    live: &Live,
    before: &Snapshot,
    space: &str,
    towers_hash: u64,
) -> Option<QuerySample> {
    let generation = &before.spaces.get(space)?.base.generation;
    if generation.towers_hash != towers_hash {
        return None;
    }
    let queries = live.query_samples.sample(space, generation.number)?;
    Some(QuerySample {
        kind: QueryKind::Asked,
        queries,
        left_out: 0,
    })
}

fn now_unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}
