//! The choice of the index: which kind a publish builds.
//!
//! Nothing tells in advance which kind is faster on given vectors, so both are measured, on the queries that
//! calibrate the generation. Partitions are built first: they take a fraction of the time of a graph. Then come graphs
//! over a 64th and an eighth of the vectors. The ratio of their times extrapolates to a graph over all vectors, which is
//! built only if it promises to beat partitions.

use super::job::Publish;
use crate::error::Error;
use crate::graph::DEFAULT_EF;
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
use twinspire_core::telemetry;

/// With fewer vectors a graph is built: any index searches them in no time.
const MEASURED_FROM: usize = if cfg!(test) { 3_000 } else { 25_000 };
/// The number of vectors grows by this factor from one graph to the next; the last one is over all.
const GROWTH: usize = 8;
/// A graph over all vectors is built if its estimated time is at most this share of that of partitions. Estimates
/// are low, because small graphs fit into the processor's caches: 77 µs for what took 129 µs on 200,000 vectors of 128
/// components, 270 µs for 569 µs on a million (`index_reason` of `cargo bench --bench ann -- PREFIX`).
const PROMISING: f32 = 0.4;
/// The recall at which times are compared.
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
        let _span =
            telemetry::debug_span!("index", kind = %index, vectors = folded.nodes()).entered();
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
        let partitions_micros = micros(&partitions, &calibration)?;
        let times = |graph_micros, graph_vectors: usize, graph_estimate_micros| {
            IndexReason::Measured(IndexTimes {
                recall: RECALL,
                graph_micros,
                graph_vectors: graph_vectors as u64,
                graph_estimate_micros,
                partitions_micros,
            })
        };
        let graph_of = |some: &FoldedSegment, share| {
            let built = self.build(some, IndexKind::Graph, share)?;
            let of_graph = self.measure(&built, &simulated)?;
            Ok::<_, Error>((micros(&built, &of_graph)?, of_graph))
        };
        let (few_micros, of_few) = graph_of(&folded.every(GROWTH * GROWTH), share(0.25, 0.3))?;
        let some = folded.every(GROWTH);
        let (some_micros, of_some) = graph_of(&some, share(0.3, 0.5))?;
        let estimate = extrapolated(few_micros, some_micros);
        let missed = |calibration| at_default_ef(calibration).map(|recall| 1.0 - recall);
        let missed = extrapolated(missed(&of_few), missed(&of_some));
        if !is_promising(partitions_micros, estimate)
            && find_enough(
                at_default_ef(&calibration),
                missed.map(|missed| 1.0 - missed),
            )
        {
            self.finish(&simulated)?;
            let reason = times(some_micros, some.nodes(), estimate);
            return Ok(partitions.chosen(calibration, IndexKind::Partitions, reason));
        }
        let graph = self.build(folded, IndexKind::Graph, share(0.5, 1.0))?;
        let of_graph = self.measure(&graph, &simulated)?;
        let graph_micros = micros(&graph, &of_graph)?;
        self.finish(&simulated)?;
        let reason = times(graph_micros, folded.nodes(), estimate);
        let partitions_win = !is_faster(graph_micros, partitions_micros)
            && find_enough(at_default_ef(&calibration), at_default_ef(&of_graph));
        Ok(match partitions_win {
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

/// The time of a graph, or the share of the best items that it misses: for one that has as many times the vectors of a
/// second one as that has of the first.
fn extrapolated(first: Option<f32>, second: Option<f32>) -> Option<f32> {
    let second = second?;
    let growth = first.map_or(1.0, |first| second / first);
    // More vectors make no search faster or better, and none worse by more than their number: beyond is noise.
    Some(second * growth.clamp(1.0, GROWTH as f32))
}

/// Whether partitions find enough at efSearch 100: as much as a graph, or what targets are compared at.
fn find_enough(partitions: Option<f32>, graph: Option<f32>) -> bool {
    partitions >= graph.map(|recall| recall.min(RECALL))
}

/// recall@10 at efSearch 100.
fn at_default_ef(calibration: &Calibration) -> Option<f32> {
    let measured = calibration.recall_at(10, DEFAULT_EF);
    measured.map(|measured| measured.recall)
}

/// Whether a graph over all vectors is worth its build.
fn is_promising(partitions: Option<f32>, estimate: Option<f32>) -> bool {
    is_faster(
        estimate,
        partitions.map(|partitions| partitions * PROMISING),
    )
}

/// Whether one kind beats another. One that does not reach the recall beats none: exact scans answer in its place,
/// which cost the same by both.
fn is_faster(this: Option<f32>, other: Option<f32>) -> bool {
    match (this, other) {
        (Some(this), Some(other)) => this < other,
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
    let _span = telemetry::debug_span!("audit").entered();
    Ok(Calibration {
        near_copies: simulated.near_copies,
        length_ratio: simulated.length_ratio,
        ..measure(parts, &simulated.samples, progress)?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_grows_as_it_grew() {
        assert_eq!(extrapolated(Some(10.0), Some(25.0)), Some(62.5));
        assert_eq!(extrapolated(Some(30.0), Some(25.0)), Some(25.0));
        assert_eq!(extrapolated(None, Some(25.0)), Some(25.0));
        assert_eq!(extrapolated(Some(0.0), Some(0.01)), Some(0.08));
        assert_eq!(extrapolated(Some(10.0), None), None);
    }

    #[test]
    fn a_graph_is_worth_its_build_where_it_is_much_faster() {
        assert!(is_promising(Some(100.0), Some(30.0)));
        assert!(!is_promising(Some(100.0), Some(60.0)));
        assert!(!is_promising(Some(100.0), None));
        assert!(is_promising(None, Some(80.0)));
        assert!(
            !is_promising(None, None),
            "exact scans cost the same by both"
        );
    }

    #[test]
    fn partitions_may_find_less_than_a_graph_only_above_the_compared_recall() {
        let enough = |partitions, graph| find_enough(Some(partitions), Some(graph));
        assert!(enough(0.96, 1.0) && enough(0.7, 0.6));
        assert!(!enough(0.94, 0.99) && !enough(0.6, 0.7));
        assert!(find_enough(Some(0.1), None) && !find_enough(None, Some(0.1)));
    }
}
