//! The choice of the index: which kind a publish builds.
//!
//! Nothing tells in advance which kind is faster on given vectors, so both are measured, on the queries that
//! calibrate the generation. Partitions are built first: they take a fraction of the time of a graph. A graph over
//! some of the vectors is faster than one over all. If even that takes longer than partitions of all vectors, no
//! graph over all is built.

use super::job::Publish;
use crate::error::Error;
use crate::index::{IndexChoice, IndexKind, IndexReason, IndexTimes};
use crate::maintain::pending::PendingFile;
use crate::maintain::progress::ProgressStage;
use crate::maintain::segment_builder::FoldedSegment;
use crate::maintain::writing::Writing;
use crate::manifest::{Calibration, SpaceFile};
use crate::snapshot::{Part, QuerySample, Simulation, measure, search_micros, simulate};
use crate::store::{Directory, SpaceSegment};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// With fewer vectors a graph is built: any index searches them in no time.
const MEASURED_FROM: usize = if cfg!(test) { 3_000 } else { 25_000 };
/// The first graph is over every eighth vector.
const SAMPLE_STEP: usize = 8;
/// The recall at which times are compared. Partitions are taken only if they reach it with the default width, too.
const RECALL: f32 = 0.95;

/// The segment of a new generation.
pub(super) struct Chosen<'a> {
    /// The file.
    pub(super) file: SpaceFile,
    /// Keeps the file until the commit.
    pub(super) guard: PendingFile<'a>,
    /// Recall by width.
    pub(super) calibration: Calibration,
    /// The kind of index.
    pub(super) index: IndexKind,
    /// Why it is this kind.
    pub(super) reason: IndexReason,
}

/// Gives the queries of users, once there is a segment with the vectors of the items.
pub(super) type Users<'a> = &'a (dyn Fn(&SpaceFile) -> Result<Vec<QuerySample>, Error> + Sync);

/// Writes a segment with the index that the publish asks for, and measures it: on made-up queries, and on those of
/// users, if there are any.
pub(super) fn choose<'a>(
    directory: &Directory,
    database: u64,
    writing: &'a Writing,
    publish: &Publish<'_>,
    users: Users<'_>,
    folded: &FoldedSegment,
) -> Result<Chosen<'a>, Error> {
    let builds = Builds {
        directory,
        database,
        writing,
        publish,
        users,
        all: folded.nodes() as u64,
    };
    let only = |index, reason| {
        let built = builds.build(folded, index, Share { from: 0.0, to: 1.0 })?;
        let simulated = builds.simulate(&built)?;
        let (total, done) = (simulated.queries(), AtomicU64::new(0));
        let calibration = audit(&built.parts(), &simulated, &|count| {
            let before = done.fetch_add(count, Ordering::Relaxed);
            publish.report(ProgressStage::Audit, before + count, total)
        })?;
        Ok(built.chosen(calibration, index, reason))
    };
    match publish.index {
        IndexChoice::Only(index) => only(index, IndexReason::Requested),
        IndexChoice::Auto if folded.nodes() < MEASURED_FROM => {
            only(IndexKind::Graph, IndexReason::FewVectors)
        }
        IndexChoice::Auto => builds.measured(folded),
    }
}

/// Builds one segment after another.
struct Builds<'a, 'p> {
    directory: &'p Directory,
    database: u64,
    writing: &'a Writing,
    publish: &'p Publish<'p>,
    users: Users<'p>,
    /// Number of vectors.
    all: u64,
}

/// The part of the work that a build is, from 0 to 1.
#[derive(Clone, Copy)]
struct Share {
    from: f64,
    to: f64,
}

/// A segment that was built.
struct Built<'a> {
    file: SpaceFile,
    guard: PendingFile<'a>,
    segment: Arc<SpaceSegment>,
}

impl<'a> Builds<'a, '_> {
    /// Builds a segment with this kind of index.
    fn build(
        &self,
        folded: &FoldedSegment,
        index: IndexKind,
        share: Share,
    ) -> Result<Built<'a>, Error> {
        let progress = |done: u64, total: u64| {
            let part = done as f64 / total.max(1) as f64;
            let done = self.all as f64 * (share.from + (share.to - share.from) * part);
            // The builder reads the cancel flag itself.
            drop(
                self.publish
                    .report(ProgressStage::Build, done as u64, self.all),
            );
        };
        let (number, guard) = self.writing.reserve_space()?;
        let cancelled = self.publish.monitor.cancelled();
        let file = folded.write(
            index,
            self.directory,
            self.database,
            number,
            &progress,
            cancelled,
        )?;
        let segment = Arc::new(SpaceSegment::open(self.directory, &file)?);
        Ok(Built {
            file,
            guard,
            segment,
        })
    }

    /// Builds the kind of index that is measured to be the faster one.
    fn measured(&self, folded: &FoldedSegment) -> Result<Chosen<'a>, Error> {
        let share = |from, to| Share { from, to };
        let partitions = self.build(folded, IndexKind::Partitions, share(0.0, 0.25))?;
        let simulated = self.simulate(&partitions)?;
        let calibration = self.measure(&partitions, &simulated)?;
        let micros = |built: &Built<'_>, calibration: &Calibration| {
            search_micros(&built.parts(), &simulated.samples, calibration, RECALL)
        };
        // Searches without a recall target have the default width.
        let by_default = calibration.default_recall().map_or(0.0, |of| of.recall);
        let partitions_micros = match by_default >= RECALL && !calibration.is_crowded() {
            true => micros(&partitions, &calibration)?,
            false => None,
        };
        let times = |graph_micros, graph_vectors: usize| {
            IndexReason::Measured(IndexTimes {
                recall: RECALL,
                graph_micros,
                graph_vectors: graph_vectors as u64,
                partitions_micros,
            })
        };
        if partitions_micros.is_some() {
            let some = folded.every(SAMPLE_STEP);
            let sample = self.build(&some, IndexKind::Graph, share(0.25, 0.5))?;
            let sample_micros = micros(&sample, &self.measure(&sample, &simulated)?)?;
            if is_faster(partitions_micros, sample_micros) {
                self.finish(&simulated)?;
                let reason = times(sample_micros, some.nodes());
                return Ok(partitions.chosen(calibration, IndexKind::Partitions, reason));
            }
        }
        let graph = self.build(folded, IndexKind::Graph, share(0.5, 1.0))?;
        let of_graph = self.measure(&graph, &simulated)?;
        let graph_micros = micros(&graph, &of_graph)?;
        self.finish(&simulated)?;
        let reason = times(graph_micros, folded.nodes());
        Ok(match is_faster(partitions_micros, graph_micros) {
            true => partitions.chosen(calibration, IndexKind::Partitions, reason),
            false => graph.chosen(of_graph, IndexKind::Graph, reason),
        })
    }

    /// The queries to measure with.
    fn simulate(&self, built: &Built<'_>) -> Result<Simulation, Error> {
        let mut simulated = simulate(&built.segment)?;
        simulated.samples.extend((self.users)(&built.file)?);
        Ok(simulated)
    }

    /// Measures an index while others are still to be built, so without a report of the progress.
    fn measure(&self, built: &Built<'_>, simulated: &Simulation) -> Result<Calibration, Error> {
        let cancelled = self.publish.monitor.cancelled();
        audit(
            &built.parts(),
            simulated,
            &|_| match cancelled.load(Ordering::Relaxed) {
                true => Err(Error::Cancelled),
                false => Ok(()),
            },
        )
    }

    /// Reports that all is built and measured.
    fn finish(&self, simulated: &Simulation) -> Result<(), Error> {
        let report = |stage, all| self.publish.report(stage, all, all);
        report(ProgressStage::Build, self.all)?;
        report(ProgressStage::Audit, simulated.queries())
    }
}

impl<'a> Built<'a> {
    fn parts(&self) -> Vec<Part> {
        Part::all(vec![Arc::clone(&self.segment)])
    }

    fn chosen(self, calibration: Calibration, index: IndexKind, reason: IndexReason) -> Chosen<'a> {
        Chosen {
            file: self.file,
            guard: self.guard,
            calibration,
            index,
            reason,
        }
    }
}

/// Whether partitions beat a graph. Where they do not reach the recall, a graph is built; where it does not
/// either, exact scans answer, which cost the same by both.
fn is_faster(partitions: Option<f32>, graph: Option<f32>) -> bool {
    match (partitions, graph) {
        (Some(partitions), Some(graph)) => partitions < graph,
        (Some(_), None) => true,
        (None, _) => false,
    }
}

/// Measures the recall of an index by width.
fn audit(
    parts: &[Part],
    simulated: &Simulation,
    progress: &(dyn Fn(u64) -> Result<(), Error> + Sync),
) -> Result<Calibration, Error> {
    Ok(Calibration {
        near_copies: simulated.near_copies,
        length_ratio: simulated.length_ratio,
        ..measure(parts, &simulated.samples, progress)?
    })
}
