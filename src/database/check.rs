//! Telling whether a database is sound.

use super::Database;
use crate::catalog;
use crate::error::Error;
use crate::format::manifest as manifest_file;
use crate::manifest::{Generation, Manifest};
use crate::snapshot::{Base, Live, Sealed};
use crate::store::{self, SpaceSegment, StoreError};
use serde::Serialize;
use std::path::{Path, PathBuf};
use twinspire_core::files::names;
use twinspire_core::ids::{ItemNo, Revision};

/// What [`Database::check`] found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CheckReport {
    /// Files looked at.
    pub files: u64,
    /// What is wrong; empty when all is sound.
    pub problems: Vec<CheckProblem>,
}

/// Something wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CheckProblem {
    /// The file.
    pub file: PathBuf,
    /// The section of the file, as storage-format.md names it.
    pub section: &'static str,
    /// What is wrong with the section.
    pub what: String,
}

impl CheckReport {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }

    fn add(&mut self, file: impl Into<PathBuf>, section: &'static str, what: impl ToString) {
        self.problems.push(CheckProblem {
            file: file.into(),
            section,
            what: what.to_string(),
        });
    }

    /// An error of opening files, found below `root`.
    fn add_error(&mut self, root: &Path, error: Error) {
        match error {
            Error::Corrupt {
                path,
                section,
                what,
            } => self.add(path, section, what),
            error => self.add(root, "generation", error),
        }
    }

    fn take(&mut self, error: StoreError) {
        match error {
            StoreError::Format { path, source } => {
                self.add(path, source.section, source.what);
            }
            StoreError::Io {
                action,
                path,
                source,
            } => self.add(path, "file", format!("cannot {action} it: {source}")),
            StoreError::Uncertain { source, .. } => self.take(*source),
            StoreError::Superseded { path, found, due } => {
                let what = format!("names manifest {found}, but {due} is due");
                self.add(path, "CURRENT", what);
            }
        }
    }
}

impl Database {
    /// Reads every file anew and compares it with its checksums, every table with what it points
    /// to, every graph with the rules of graphs, in all kept generations, and the parts with each
    /// other. Changes nothing. Puts and recalls go on meanwhile; seals wait.
    ///
    /// A database open for reading only is [refreshed](Self::refresh) first.
    ///
    /// # Errors
    /// None for damage, which is what the report is for.
    pub fn check(&self) -> Result<CheckReport, Error> {
        let mut report = CheckReport {
            files: 0,
            problems: Vec::new(),
        };
        // Files must not be replaced while they are looked at.
        let (_state, due) = match &self.writing {
            Some(writing) => {
                let (state, writer) = writing.hold_still();
                (Some(state), Some(writer.journal.last()))
            }
            None => {
                self.refresh()?;
                (None, None)
            }
        };
        let live = self.live();
        let sealed = live.snapshot.load().sealed.clone();
        check_manifests(&live, &sealed.manifest, &mut report)?;
        check_journal(&live, &sealed.manifest, due, &mut report)?;
        for segment in &sealed.items {
            report.files += 1;
            segment
                .check()
                .into_iter()
                .for_each(|error| report.take(error));
        }
        check_ids(&sealed, &mut report);
        for (name, space) in &sealed.manifest.spaces {
            for generation in &space.generations {
                report.files += (generation.segments.len() + generation.towers.len()) as u64;
                check_generation(&live, &sealed, name, generation, &mut report)?;
            }
        }
        Ok(report)
    }
}

/// CURRENT, the manifest it names, and the one before.
fn check_manifests(
    live: &Live,
    manifest: &Manifest,
    report: &mut CheckReport,
) -> Result<(), Error> {
    let root = &live.directory.root;
    report.files += 2;
    match store::load(&live.directory) {
        Ok(Some(stored)) if stored == *manifest => {}
        Ok(_) => report.add(
            root.join(names::CURRENT),
            "CURRENT",
            "does not name the manifest that was opened",
        ),
        Err(error) => report.take(error),
    }
    let before = root.join(names::manifest(manifest.number.saturating_sub(1)));
    if let Ok(bytes) = live.directory.files.read(&before) {
        report.files += 1;
        if let Err(error) = manifest_file::decode(&bytes) {
            report.take(StoreError::format(&before)(error));
        }
    }
    Ok(())
}

/// The journal; `due` is its last revision, if that is known.
fn check_journal(
    live: &Live,
    manifest: &Manifest,
    due: Option<Revision>,
    report: &mut CheckReport,
) -> Result<(), Error> {
    let found = catalog::read(&live.directory, manifest.database, manifest.sealed)?;
    report.files += found.files() as u64;
    for loss in found.losses {
        let lost = loss.lost.map_or_else(String::new, |(from, to)| {
            format!("; acknowledged writes are lost: revisions {from} to {to}")
        });
        report.add(loss.path, loss.section, format!("{}{lost}", loss.what));
    }
    if due.is_some_and(|due| found.last < due) {
        let newest = catalog::paths(&live.directory)?.pop();
        let file = newest.unwrap_or_else(|| live.directory.root.join(names::JOURNAL));
        report.add(file, "frame", "the last frames are damaged or missing");
    }
    Ok(())
}

/// That an item has one id, and an id one item, through all segments.
fn check_ids(sealed: &Sealed, report: &mut CheckReport) {
    for (at, newer) in sealed.items.iter().enumerate() {
        for older in sealed.items.iter().take(at) {
            for row in (0..newer.rows()).filter_map(|row| newer.row(row).ok()) {
                let by_item = older.find_item(row.item).ok().flatten();
                let by_id = older.find_id(row.id).ok().flatten();
                if by_item.is_some_and(|found| found.id != row.id)
                    || by_id.is_some_and(|found| found.item != row.item)
                {
                    let what =
                        format!("item {} or its id is another in an older segment", row.item);
                    report.add(newer.path(), "ids", what);
                    break;
                }
            }
        }
    }
}

/// Which files of a generation cannot be opened.
fn check_files(live: &Live, space: &str, generation: &Generation, report: &mut CheckReport) {
    for pinned in &generation.segments {
        match SpaceSegment::open(&live.directory, pinned) {
            Ok(segment) => segment
                .check()
                .into_iter()
                .for_each(|error| report.take(error)),
            Err(error) => report.take(error),
        }
    }
    let towers = &generation.towers;
    if let Err(error) = store::read_towers(&live.directory, space, generation.number, towers) {
        report.take(error);
    }
}

/// Towers, segments, and that there is a vector of every item and of no other.
fn check_generation(
    live: &Live,
    sealed: &Sealed,
    space: &str,
    generation: &Generation,
    report: &mut CheckReport,
) -> Result<(), Error> {
    let base = match Base::open(&live.directory, space, generation, None) {
        Ok(base) => base,
        Err(error) => {
            let before = report.problems.len();
            check_files(live, space, generation, report);
            if report.problems.len() == before {
                report.add_error(&live.directory.root, error);
            }
            return Ok(());
        }
    };
    for part in &base.parts {
        part.segment
            .check()
            .into_iter()
            .for_each(|error| report.take(error));
    }
    let Some(newest) = base.parts.last().map(|part| part.segment.path()) else {
        return Ok(());
    };
    for (item, (segment, row)) in sealed.newest(Revision(0)) {
        // What was written since the cut says nothing of what was there before.
        let Ok(row) = segment.row(row) else { continue };
        let agrees = match base.vector(item) {
            Some(_) => row.record.is_some(),
            None => row.record.is_none() || generation.partial,
        };
        if row.revision <= generation.cut && !agrees {
            let what = format!("item {item} has no vector, or one though it is deleted");
            report.add(newest, "node items", what);
            break;
        }
    }
    for part in &base.parts {
        let shown = (0u32..)
            .zip(part.segment.items())
            .filter(|(node, _)| part.shows(*node));
        let mut unknown = shown.filter(|(_, item)| sealed.id(ItemNo(**item)).is_err());
        if let Some((_, item)) = unknown.next() {
            let what = format!("item {item} is in no items segment");
            report.add(part.segment.path(), "node items", what);
        }
    }
    Ok(())
}
