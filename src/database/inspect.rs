//! Telling what a database holds, and whether it is sound.

use super::Database;
use crate::error::Error;
use crate::ids::{GenerationNo, Revision};
use crate::kernel::Metric;
use crate::snapshot::Base;
use crate::store::StoreError;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What a database holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// Items, not counting deleted ones.
    pub items: u64,
    /// Ids whose newest version is in the journal, not in a segment.
    pub fresh: u64,
    /// Every write up to here is in segments.
    pub sealed_revision: Revision,
    /// Bytes of the segments that hold items.
    pub items_bytes: u64,
    /// The spaces, by name.
    pub spaces: BTreeMap<String, SpaceStats>,
}

/// What a space serves.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SpaceStats {
    /// The active generation.
    pub generation: GenerationNo,
    /// Generations kept, the active one among them.
    pub generations: usize,
    /// Items it can answer with.
    pub items: u64,
    /// Items written since the generation was published, deletes among them; they are scanned in
    /// every recall.
    pub late: u64,
    /// Components of a vector.
    pub dimension: usize,
    /// How vectors are compared.
    pub metric: Metric,
    /// Numbers in the towers.
    pub parameters: usize,
    /// Bytes of the active generation's vectors and graph.
    pub bytes: u64,
}

/// What [`Database::check`] found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// Files looked at.
    pub files: u64,
    /// What is wrong; empty when all is sound.
    pub problems: Vec<Problem>,
}

/// Something wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Problem {
    /// The file.
    pub file: PathBuf,
    /// The part of it.
    pub section: String,
    /// What is wrong with that.
    pub what: String,
}

impl Report {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }
}

impl Database {
    /// Counts what the database holds. Reads the table of every items segment.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when a segment is damaged.
    pub fn stats(&self) -> Result<Stats, Error> {
        let snapshot = self.live.snapshot.load_full();
        let fresh = self.live.index.all();
        let mut present = BTreeMap::new();
        for (item, (segment, row)) in snapshot.sealed.newest(Revision(0)) {
            present.insert(item, segment.row(row)?.record.is_some());
        }
        let newer = fresh.values().map(|f| (f.item, f.record.is_some()));
        present.extend(newer);
        let manifest = &snapshot.sealed.manifest;
        let spaces = snapshot.spaces.iter().map(|(name, serving)| {
            let generation = &serving.base.generation;
            let kept = manifest.spaces.get(name);
            let stats = SpaceStats {
                generation: generation.number,
                generations: kept.map_or(0, |space| space.generations.len()),
                items: serving.items(),
                late: serving.overlay.len() as u64,
                dimension: generation.dimension as usize,
                metric: generation.metric,
                parameters: serving.base.model.parameters(),
                bytes: generation.segments.iter().map(|s| s.file.length).sum(),
            };
            (name.clone(), stats)
        });
        Ok(Stats {
            items: present.values().filter(|present| **present).count() as u64,
            fresh: fresh.len() as u64,
            sealed_revision: manifest.sealed,
            items_bytes: manifest.items.iter().map(|i| i.file.length).sum(),
            spaces: spaces.collect(),
        })
    }

    /// Reads every file anew and compares it with its checksums, every table with what it points
    /// to, every graph with the rules of graphs, in all kept generations. Changes nothing.
    ///
    /// # Errors
    /// None for damage, which is what the report is for.
    pub fn check(&self) -> Result<Report, Error> {
        let snapshot = self.live.snapshot.load_full();
        let manifest = &snapshot.sealed.manifest;
        let mut report = Report {
            files: 0,
            problems: Vec::new(),
        };
        for segment in &snapshot.sealed.items {
            report.files += 1;
            report
                .problems
                .extend(segment.check().into_iter().map(problem));
        }
        for (name, space) in &manifest.spaces {
            for generation in &space.generations {
                report.files += (generation.segments.len() + generation.towers.len()) as u64;
                match Base::open(&self.live.directory, name, generation) {
                    Ok(base) => {
                        let found = base.segments.iter().flat_map(|segment| segment.check());
                        report.problems.extend(found.map(problem));
                    }
                    Err(error) => report.problems.push(Problem {
                        file: self.live.directory.root.clone(),
                        section: format!("{name} generation {}", generation.number),
                        what: error.to_string(),
                    }),
                }
            }
        }
        Ok(report)
    }
}

fn problem(error: StoreError) -> Problem {
    match error {
        StoreError::Format { path, source } => Problem {
            file: path,
            section: source.section().to_owned(),
            what: source.to_string(),
        },
        other => Problem {
            file: PathBuf::new(),
            section: String::new(),
            what: other.to_string(),
        },
    }
}
