//! Running a check.

use super::report::CheckReport;
use crate::catalog;
use crate::error::Error;
use crate::format::container::reserved_is_zero;
use crate::format::manifest as manifest_file;
use crate::maintain::progress::{Monitor, ProgressStage};
use crate::manifest::{Generation, Manifest};
use crate::snapshot::{Base, Live, Sealed};
use crate::store::{self, SpaceSegment, StoreError};
use std::path::Path;
use twinspire_core::files::names;
use twinspire_core::ids::{ItemNo, Revision};

/// Checks every file that the manifest names, and the journal. The caller keeps the files from being
/// replaced.
///
/// `last` is the last acknowledged revision, which only the writer knows: the journal must reach it.
pub(crate) fn check(
    live: &Live,
    last: Option<Revision>,
    monitor: &Monitor<'_>,
) -> Result<CheckReport, Error> {
    let mut report = CheckReport::default();
    let sealed = live.snapshot.load().sealed.clone();
    let total = segment_bytes(&sealed.manifest);
    let mut done = 0;
    monitor.report(ProgressStage::Check, done, total)?;
    check_manifests(live, &sealed.manifest, &mut report)?;
    check_journal(live, &sealed.manifest, last, &mut report)?;
    let database = sealed.manifest.database;
    for segment in &sealed.items {
        report.files += 1;
        report.add_errors(segment.check());
        check_database(segment.path(), segment.database(), database, &mut report);
        done += segment.pinned().file.length;
        monitor.report(ProgressStage::Check, done, total)?;
    }
    check_fields(live, &sealed, &mut report);
    check_ids(&sealed, &mut report);
    for (name, space) in &sealed.manifest.spaces {
        for generation in &space.generations {
            report.files += (generation.segments.len() + generation.towers.len()) as u64;
            check_generation(live, &sealed, name, generation, &mut report)?;
            done += generation_bytes(generation);
            monitor.report(ProgressStage::Check, done, total)?;
        }
    }
    Ok(report)
}

/// Bytes of all segments.
fn segment_bytes(manifest: &Manifest) -> u64 {
    let items = manifest.items.iter().map(|items| items.file.length);
    let generations = manifest
        .spaces
        .values()
        .flat_map(|space| &space.generations);
    items.chain(generations.map(generation_bytes)).sum()
}

/// Bytes of the segments of a generation.
fn generation_bytes(generation: &Generation) -> u64 {
    generation.segments.iter().map(|s| s.file.length).sum()
}

/// Reports a segment that was copied from another database.
fn check_database(path: &Path, found: u64, ours: u64, report: &mut CheckReport) {
    if found != ours {
        report.add(path, "header", "belongs to another database");
    }
}

/// Checks CURRENT, the current manifest, and the manifest before it.
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
        Err(error) => report.add_error(error),
    }
    let current = root.join(names::manifest(manifest.number));
    if let Ok(bytes) = live.directory.files.read(&current)
        && !reserved_is_zero(&bytes)
    {
        report.add(current, "header", store::RESERVED);
    }
    let before = root.join(names::manifest(manifest.number.saturating_sub(1)));
    if let Ok(bytes) = live.directory.files.read(&before) {
        report.files += 1;
        match manifest_file::decode(&bytes) {
            Err(error) => report.add_error(StoreError::format(&before)(error)),
            Ok(found) => {
                check_database(&before, found.database, manifest.database, report);
                if !reserved_is_zero(&bytes) {
                    report.add(before, "header", store::RESERVED);
                }
            }
        }
    }
    Ok(())
}

/// Checks the journal, which must reach revision `last`, if that is known.
fn check_journal(
    live: &Live,
    manifest: &Manifest,
    last: Option<Revision>,
    report: &mut CheckReport,
) -> Result<(), Error> {
    let found = catalog::read(&live.directory, manifest.database, manifest.sealed)?;
    report.files += found.files() as u64;
    for path in found.reserved {
        report.add(path, "header", store::RESERVED);
    }
    for loss in found.losses {
        let lost = loss.lost.map_or_else(String::new, |(from, to)| {
            format!("; acknowledged writes are lost: revisions {from} to {to}")
        });
        report.add(loss.path, loss.section, format!("{}{lost}", loss.what));
    }
    if last.is_some_and(|last| found.last < last) {
        let newest = catalog::paths(&live.directory)?.pop();
        let file = newest.unwrap_or_else(|| live.directory.root.join(names::JOURNAL));
        report.add(file, "frame", "the last frames are damaged or missing");
    }
    Ok(())
}

/// Checks that the manifest knows the fields of all items segments.
fn check_fields(live: &Live, sealed: &Sealed, report: &mut CheckReport) {
    let manifest = &sealed.manifest;
    for segment in &sealed.items {
        if !manifest.fields.covers(&segment.fields()) {
            let path = live.directory.root.join(names::manifest(manifest.number));
            let what = format!("lacks a field of {}", segment.path().display());
            report.add(path, "state", what);
        }
    }
}

/// Checks that ids and items correspond one to one across all items segments.
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

/// Reports the files of a generation that cannot be opened.
fn check_files(live: &Live, space: &str, generation: &Generation, report: &mut CheckReport) {
    for pinned in &generation.segments {
        match SpaceSegment::open(&live.directory, pinned) {
            Ok(segment) => report.add_errors(segment.check()),
            Err(error) => report.add_error(error),
        }
    }
    let towers = &generation.towers;
    if let Err(error) = store::read_towers(&live.directory, space, generation.number, towers) {
        report.add_error(error);
    }
}

/// Checks the towers and segments of a generation, and that exactly the live items have a vector.
fn check_generation(
    live: &Live,
    sealed: &Sealed,
    space: &str,
    generation: &Generation,
    report: &mut CheckReport,
) -> Result<(), Error> {
    let base = match Base::open_whole(&live.directory, space, generation, None) {
        Ok(base) => base,
        Err(error) => {
            let before = report.problems.len();
            check_files(live, space, generation, report);
            if report.problems.len() == before {
                report.add_open_error(&live.directory.root, &error);
            }
            return Ok(());
        }
    };
    let database = sealed.manifest.database;
    for part in &base.parts {
        let segment = &part.segment;
        report.add_errors(segment.check());
        check_database(segment.path(), segment.database(), database, report);
    }
    let Some(newest) = base.parts.last().map(|part| part.segment.path()) else {
        return Ok(());
    };
    for (item, (segment, row)) in sealed.newest(Revision(0)) {
        // A later version does not show what the item was at the cut.
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
            .filter(|(slot, _)| part.shows(*slot));
        let mut unknown = shown.filter(|(_, item)| sealed.id(ItemNo(**item)).is_err());
        if let Some((_, item)) = unknown.next() {
            let what = format!("item {item} is in no items segment");
            report.add(part.segment.path(), "node items", what);
        }
    }
    Ok(())
}
