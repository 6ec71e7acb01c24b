//! Publishing: towers, an embedding of every item and a graph become one generation.

use super::{Writer, commit, lock, seal};
use crate::error::Error;
use crate::files::names;
use crate::graph::{DEFAULT_EF, Rows, Scratch, build, exact, search};
use crate::ids::{ItemNo, Revision};
use crate::manifest::{Generation, Sealed as Change, TowerFile};
use crate::snapshot::{Base, Live, Overlay, Sealed, Serving, Snapshot, catch_up, parse};
use crate::store::{self, ItemsSegment, SpaceSegment, write_space, write_towers};
use crate::tower::{Model, NamedBytes, Side};
use crate::wire::Checksum;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

/// Items embedded at a time by one thread.
const BATCH: usize = 256;
/// Vectors searched for the audit.
const AUDITED: usize = 200;
/// The k of the audit's recall.
const AUDIT_K: usize = 10;
/// The seed of the order in which the graph is built.
const SEED: u64 = 42;

/// What a publish does one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Items go through the item tower.
    Embed,
    /// The graph is built over their vectors.
    Build,
    /// The graph is searched, and the answers compared with exact ones.
    Audit,
}

/// A publish to be done.
pub(crate) struct Publish<'a> {
    /// The space.
    pub(crate) space: &'a str,
    /// The towers.
    pub(crate) model: &'a Arc<Model>,
    /// Their files.
    pub(crate) parts: &'a [NamedBytes],
    /// Generations kept, the new one among them.
    pub(crate) retain: usize,
    /// Told what is done of how much.
    pub(crate) progress: &'a (dyn Fn(Stage, u64, u64) + Sync),
}

/// Does a publish. Only one may run at a time.
pub(crate) fn publish(
    live: &Live,
    writer: &Mutex<Writer>,
    publish: &Publish<'_>,
) -> Result<Generation, Error> {
    if !names::is_space_name(publish.space) {
        return Err(Error::SpaceName {
            name: publish.space.to_owned(),
        });
    }
    let (sealed, file, number) = {
        let mut writer = lock(writer)?;
        seal(live, &mut writer)?;
        let sealed = live.snapshot.load().sealed.clone();
        let number = sealed.manifest.next_generation(publish.space);
        (sealed, writer.number(), number)
    };
    let (items, vectors) = embed_all(publish, &sealed)?;
    let dimension = publish.model.schema.dimension as usize;
    let metric = publish.model.schema.metric;
    let progress = |done, total| (publish.progress)(Stage::Build, done, total);
    let rows = Rows::new(&vectors, dimension);
    let built = build(rows, metric, SEED, &progress);
    let (graph, order) = built.map_err(|error| Error::Graph { what: error.what })?;
    let mut sorted = Vec::with_capacity(vectors.len());
    order
        .iter()
        .for_each(|row| sorted.extend_from_slice(rows.row(*row).unwrap_or_default()));
    let nodes: Vec<u32> = order
        .iter()
        .filter_map(|row| items.get(*row as usize).copied())
        .collect();
    drop(vectors);

    let directory = &live.directory;
    let database = sealed.manifest.database;
    let rows = Rows::new(&sorted, dimension);
    let space_file = write_space(directory, file, database, metric, &nodes, rows, &graph)?;
    drop((sorted, graph, order));
    directory.sync_dir(&directory.root.join(names::SEGMENTS))?;
    store::clear_towers(directory, publish.space, number)?;
    let towers = write_towers(directory, publish.space, number, publish.parts)?;
    let segment = SpaceSegment::open(directory, &space_file)?;
    let recall = audit(&segment, publish)?;
    drop(segment);

    let generation = Generation {
        number,
        cut: sealed.manifest.sealed,
        dimension: publish.model.schema.dimension,
        metric,
        segments: vec![space_file],
        towers_hash: hash(&towers),
        towers,
        created_unix_ms: now_unix_ms(),
        recall,
    };
    let base = Arc::new(Base::open(directory, publish.space, &generation)?);
    serve(live, writer, publish, base, generation)
}

/// Catches up with what was written meanwhile and commits.
fn serve(
    live: &Live,
    writer: &Mutex<Writer>,
    publish: &Publish<'_>,
    base: Arc<Base>,
    generation: Generation,
) -> Result<Generation, Error> {
    let mut overlay = Overlay::default();
    let mut catch_up = |sealed: &Sealed, fresh: &BTreeMap<_, _>, after| {
        catch_up(
            &mut overlay,
            publish.space,
            publish.model,
            sealed,
            fresh,
            after,
        )
    };
    // Most of it while others write, the rest while they wait.
    let (sealed, fresh, caught_up) = {
        let writer = lock(writer)?;
        let sealed = live.snapshot.load().sealed.clone();
        (sealed, live.index.all(), writer.journal.last())
    };
    catch_up(&sealed, &fresh, generation.cut)?;
    let mut writer = lock(writer)?;
    let before = live.snapshot.load_full();
    catch_up(&before.sealed, &live.index.all(), caught_up)?;
    let manifest = &before.sealed.manifest;
    let change = Change {
        segment: None,
        revision: manifest.sealed,
        next_item: manifest.next_item,
    };
    let (kept, next_file) = (generation.clone(), writer.next_file);
    let next = manifest.published(publish.space, kept, &change, next_file, publish.retain)?;
    writer.poisoned = true;
    commit(live, &mut writer, &next, || {
        let mut spaces = before.spaces.clone();
        spaces.insert(
            publish.space.to_owned(),
            Arc::new(Serving { base, overlay }),
        );
        let sealed = Sealed {
            manifest: next.clone(),
            items: before.sealed.items.clone(),
        };
        Ok(Snapshot {
            sealed: sealed.into(),
            spaces,
        })
    })?;
    store::collect(&live.directory, &next)?;
    Ok(generation)
}

/// The vectors of all sealed items, in order of items.
fn embed_all(publish: &Publish<'_>, sealed: &Sealed) -> Result<(Vec<u32>, Vec<f32>), Error> {
    let mut live_rows: Vec<(ItemNo, &ItemsSegment, usize)> = Vec::new();
    for (item, (segment, row)) in sealed.newest(Revision(0)) {
        if segment.row(row)?.record.is_some() {
            live_rows.push((item, segment, row));
        }
    }
    if live_rows.is_empty() {
        return Err(Error::NoItems);
    }
    let total = live_rows.len() as u64;
    let done = AtomicU64::new(0);
    (publish.progress)(Stage::Embed, 0, total);
    let batches = live_rows.par_chunks(BATCH).map(|batch| {
        let rows = batch.iter().map(|(_, segment, row)| Ok(segment.row(*row)?));
        let rows = rows.collect::<Result<Vec<_>, Error>>()?;
        let records = rows
            .iter()
            .map(|row| parse(row.id, row.record.unwrap_or_default()));
        let records = records.collect::<Result<Vec<_>, _>>()?;
        let vectors = publish.model.embed_many(Side::Item, &records);
        let vectors = vectors.map_err(|(at, source)| Error::Embed {
            space: publish.space.to_owned(),
            id: rows
                .get(at)
                .map_or_else(String::new, |row| row.id.to_owned()),
            source: source.into(),
        })?;
        let count = batch.len() as u64;
        let before = done.fetch_add(count, Ordering::Relaxed);
        (publish.progress)(Stage::Embed, before + count, total);
        Ok(vectors)
    });
    let vectors = batches.collect::<Result<Vec<_>, Error>>()?.concat();
    let items = live_rows.iter().map(|(item, ..)| item.0).collect();
    Ok((items, vectors))
}

/// recall@10 of the graph at the default beam, against exact search, for items spread over the
/// segment as queries.
fn audit(segment: &SpaceSegment, publish: &Publish<'_>) -> Result<f32, Error> {
    let (graph, rows) = (segment.graph()?, segment.rows());
    let (metric, nodes) = (segment.metric(), segment.items().len());
    let step = nodes.div_ceil(AUDITED).max(1);
    let queries: Vec<u32> = (0..nodes as u32).step_by(step).collect();
    let total = queries.len() as u64;
    let done = AtomicU64::new(0);
    let recalls = queries
        .par_iter()
        .map_init(Scratch::default, |scratch, node| {
            let query = rows.row(*node).unwrap_or_default();
            let right = exact(rows, metric, query, AUDIT_K, |_| true);
            let found = search(
                &graph,
                rows,
                metric,
                query,
                AUDIT_K,
                DEFAULT_EF,
                |_| true,
                scratch,
            );
            // By score, so that of equal items any will do.
            let worst = right
                .last()
                .map_or(f32::NEG_INFINITY, |scored| scored.score);
            let hit = found.iter().filter(|scored| scored.score >= worst).count();
            (publish.progress)(
                Stage::Audit,
                done.fetch_add(1, Ordering::Relaxed) + 1,
                total,
            );
            hit.min(right.len()) as f64 / right.len().max(1) as f64
        });
    Ok((recalls.sum::<f64>() / total.max(1) as f64) as f32)
}

fn hash(towers: &[TowerFile]) -> u64 {
    let mut sum = Checksum::default();
    for file in towers {
        sum.update(file.name.as_bytes());
        sum.update(&file.checksum.to_le_bytes());
    }
    sum.value()
}

fn now_unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}
