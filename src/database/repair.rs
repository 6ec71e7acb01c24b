//! Going on from what can be read of a damaged database.
//!
//! A repair chooses the newest manifest that is whole, takes the rows that can be read of each items
//! segment, keeps the generations that are whole, takes every call that can be read of the journal,
//! and commits that as the next state. Damaged files get a further name under `damaged/` first:
//! nothing is destroyed. A repair that is cut short can be run again.

use super::Database;
use super::open::lock;
use crate::catalog::{self, Fresh, Loss, Recovered};
use crate::error::{Damage, Error};
use crate::format::items::Row;
use crate::format::manifest as manifest_file;
use crate::maintain::Contents;
use crate::manifest::{Manifest, Space};
use crate::snapshot::{Base, Sealed, embed, parse};
use crate::store::{self, Directory, ItemsSegment, ItemsWriter, StoreError};
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use twinspire_core::files::{FileSystem, OsFiles, names};
use twinspire_core::ids::{FileNo, ItemNo, Revision};
use twinspire_towers::internals::check_item;

/// What a [repair](Database::repair) found, kept and gave up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RepairReport {
    /// What was wrong, file by file.
    pub problems: Vec<String>,
    /// Acknowledged writes of the journal that are lost: first and last revision of each gap.
    pub lost_revisions: Vec<(Revision, Revision)>,
    /// Versions of items that are lost in segments; where an older version is left, it counts again.
    pub lost_rows: u64,
    /// Rows of damaged segments that were kept because they can be what was written; a changed letter
    /// in one of them would not show.
    pub unverified_rows: u64,
    /// Generations that are given up, by space and number; those of a space that has none left have
    /// to be published anew.
    pub lost_generations: Vec<(String, u64)>,
    /// Ensembles that are given up with a space.
    pub lost_ensembles: Vec<String>,
    /// Damaged files as they were, for who wants to look further.
    pub put_aside: Vec<PathBuf>,
}

impl RepairReport {
    /// Whether nothing was wrong, and so nothing was changed.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }
}

impl Database {
    /// Makes a damaged database usable again, as far as it can be read, and tells what was lost. A
    /// sound one is left as it is.
    ///
    /// # Errors
    /// [`Error::Locked`] when it is open, [`Error::NoDatabase`], and [`Error::Corrupt`] when not even
    /// a manifest can be read. Nothing is changed then.
    pub fn repair(path: impl AsRef<Path>) -> Result<RepairReport, Error> {
        Self::repair_on(Arc::new(OsFiles::MAPPED), path.as_ref())
    }

    pub(crate) fn repair_on(
        files: Arc<dyn FileSystem>,
        root: &Path,
    ) -> Result<RepairReport, Error> {
        let root = root.to_owned();
        let directory = Directory { files, root };
        let root = &directory.root;
        let inside = directory.files.list(root);
        let inside = inside.map_err(StoreError::io("list", root))?;
        let holds = |name: &String| names::number_of(name, "manifest").is_some();
        if !inside
            .iter()
            .any(|name| name == names::CURRENT || holds(name))
        {
            return Err(Error::NoDatabase { path: root.clone() });
        }
        let _lock = lock(&directory)?;
        let mut work = Work {
            directory: &directory,
            report: RepairReport::default(),
            unreadable: Vec::new(),
        };
        let (manifest, highest) = work.manifest(&inside)?;
        let repaired = work.repair(manifest)?;
        if !work.report.is_clean() {
            work.commit(repaired, highest)?;
        }
        Ok(work.report)
    }
}

/// A repair under way.
struct Work<'a> {
    directory: &'a Directory,
    report: RepairReport,
    /// Manifests that cannot be read.
    unreadable: Vec<String>,
}

/// The state that is left, and a seal to be made of what the journal has.
struct Repaired {
    manifest: Manifest,
    next_file: FileNo,
}

impl Work<'_> {
    fn problem(&mut self, what: impl ToString) {
        self.report.problems.push(what.to_string());
    }

    /// The manifest to go on from, and the highest number of all.
    fn manifest(&mut self, inside: &[String]) -> Result<(Manifest, u64), Error> {
        let numbers = inside
            .iter()
            .filter_map(|name| names::number_of(name, "manifest"));
        let mut numbers: Vec<u64> = numbers.collect();
        numbers.sort_unstable();
        let highest = numbers.last().copied().unwrap_or_default();
        let mut readable = Vec::new();
        for number in numbers {
            let name = names::manifest(number);
            let path = self.directory.root.join(&name);
            let bytes = self.directory.files.read(&path);
            let bytes = bytes.map_err(StoreError::io("read", &path))?;
            match manifest_file::decode(&bytes) {
                Ok(manifest) if manifest.number == number => readable.push(manifest),
                other => {
                    let what = other.err().map(|error| error.to_string());
                    let what = what.unwrap_or_else(|| "has another number".to_owned());
                    self.problem(format!("{}: {what}", path.display()));
                    self.unreadable.push(name);
                }
            }
        }
        let error: Error = match store::load(self.directory) {
            Ok(Some(manifest)) => return Ok((manifest, highest)),
            Ok(None) => {
                let current = self.directory.root.join(names::CURRENT);
                Error::corrupt(&current, "file", Damage::MissingFile)
            }
            Err(error) => error.into(),
        };
        self.problem(&error);
        // The newest manifest that can be read stands in for the one that CURRENT should name.
        let manifest = readable.pop().ok_or(error)?;
        Ok((manifest, highest))
    }

    /// The state that can be kept. Writes new files, and changes none.
    fn repair(&mut self, mut manifest: Manifest) -> Result<Repaired, Error> {
        let highest = store::highest_number(self.directory)?;
        let mut next_file = FileNo(manifest.next_file.0.max(highest + 1));
        let journal = catalog::read(self.directory, manifest.database, manifest.sealed)?;
        self.items(&mut manifest, &journal, &mut next_file)?;
        let spaces = std::mem::take(&mut manifest.spaces);
        for (name, space) in spaces {
            if let Some(space) = self.space(&name, space) {
                manifest.spaces.insert(name, space);
            }
        }
        let Manifest {
            spaces, ensembles, ..
        } = &mut manifest;
        ensembles.retain(|name, ensemble| {
            let whole = ensemble.needs().all(|space| spaces.contains_key(space));
            if !whole {
                self.report.lost_ensembles.push(name.clone());
            }
            whole
        });
        self.journal(&mut manifest, journal, &mut next_file)?;
        if self.report.lost_rows + self.report.unverified_rows > 0 {
            self.align(&mut manifest, &mut next_file)?;
        }
        Ok(Repaired {
            manifest,
            next_file,
        })
    }

    /// The items segments, and what can be read of damaged ones in new ones.
    fn items(
        &mut self,
        manifest: &mut Manifest,
        journal: &Recovered,
        next_file: &mut FileNo,
    ) -> Result<(), Error> {
        let pinned = std::mem::take(&mut manifest.items);
        let mut opened = Vec::new();
        let mut known = Known::default();
        for (_, op) in &journal.ops {
            known.agree(op.item, &op.id);
        }
        for pinned in &pinned {
            let segment = match ItemsSegment::open(self.directory, pinned) {
                Ok(segment) => segment,
                Err(error) => {
                    self.problem(error);
                    self.report.lost_rows += pinned.rows;
                    self.put_aside(names::SEGMENTS, &names::items(pinned.file.number))?;
                    continue;
                }
            };
            let problems = segment.check();
            let sound = problems.is_empty();
            let sound_rows = sound || segment.has_sound_rows();
            problems
                .into_iter()
                .for_each(|problem| self.problem(problem));
            for row in (0..segment.rows()).filter(|_| sound_rows) {
                let row = segment.row(row)?;
                known.agree(row.item, row.id);
            }
            opened.push((segment, sound, sound_rows));
        }
        for (segment, sound, sound_rows) in &opened {
            let pinned = segment.pinned();
            if *sound {
                manifest.items.push(*pinned);
                continue;
            }
            self.put_aside(names::SEGMENTS, &names::items(pinned.file.number))?;
            let number = take(next_file);
            let mut writer = ItemsWriter::create(self.directory, number, manifest.database)?;
            let (mut kept, mut before) = (0, None);
            for row in (0..segment.rows()).filter_map(|row| segment.row(row).ok()) {
                let in_order = before.is_none_or(|before| before < row.item);
                let possible = row.revision <= pinned.newest && row.item < manifest.next_item;
                if in_order && possible && is_record(&row) && known.agree(row.item, row.id) {
                    writer.push(&row)?;
                    before = Some(row.item);
                    kept += 1;
                }
            }
            self.report.lost_rows += pinned.rows - kept;
            self.report.unverified_rows += if *sound_rows { 0 } else { kept };
            manifest.items.push(writer.finish()?);
        }
        Ok(())
    }

    /// A space with the generations that are whole; none if there is none.
    fn space(&mut self, name: &str, mut space: Space) -> Option<Space> {
        let mut kept = Vec::new();
        for generation in std::mem::take(&mut space.generations) {
            let problems = match Base::open(self.directory, name, &generation, None) {
                Ok(base) => {
                    let parts = base.parts.iter();
                    let found = parts.flat_map(|part| part.segment.check());
                    found.map(|problem| problem.to_string()).collect()
                }
                Err(error) => vec![error.to_string()],
            };
            if problems.is_empty() {
                kept.push(generation);
                continue;
            }
            problems
                .into_iter()
                .for_each(|problem| self.problem(problem));
            let lost = (name.to_owned(), generation.number.0);
            self.report.lost_generations.push(lost);
            for segment in &generation.segments {
                // What is not there cannot be put aside.
                let _ = self.put_aside(names::SEGMENTS, &names::space(segment.file.number));
            }
            let towers = names::towers(name, generation.number);
            for file in &generation.towers {
                let _ = self.put_aside(&names::join(names::TOWERS, &towers), &file.name);
            }
        }
        let newest = kept.last()?.number;
        space.generations = kept;
        if space.generation(space.active).is_none() {
            space.active = newest;
        }
        Some(space)
    }

    /// Every call that the journal still holds, as an items segment.
    fn journal(
        &mut self,
        manifest: &mut Manifest,
        found: Recovered,
        next_file: &mut FileNo,
    ) -> Result<(), Error> {
        for loss in found.losses {
            let Loss {
                path,
                section,
                what,
                lost,
            } = loss;
            self.problem(format!("{}: {section}: {what}", path.display()));
            self.report.lost_revisions.extend(lost);
        }
        let salvaged = catalog::salvage(self.directory, manifest.database, found.last);
        if let Some(newest) = salvaged.values().map(|fresh| fresh.revision).max() {
            let journal = self.directory.root.join(names::JOURNAL);
            let lost = (found.last.next(), newest);
            self.problem(format!(
                "{}: its end is missing: revisions {} to {}; of these, {} were still in the index",
                journal.display(),
                lost.0,
                lost.1,
                salvaged.len()
            ));
            if salvaged.len() as u64 != newest.0 - found.last.0 {
                self.report.lost_revisions.push(lost);
            }
        }
        if self.report.is_clean() {
            return Ok(());
        }
        for path in catalog::paths(self.directory)? {
            if let Some(name) = path.file_name().and_then(|name| name.to_str()) {
                self.put_aside(names::JOURNAL, name)?;
            }
        }
        for fresh in salvaged.values() {
            manifest.sealed = manifest.sealed.max(fresh.revision);
        }
        let by_item = |(id, fresh): (String, Fresh)| (fresh.item, (id, fresh));
        let rows = catalog::newest(found.ops).into_iter().chain(salvaged);
        let rows: BTreeMap<ItemNo, _> = rows.map(by_item).collect();
        for item in rows.keys() {
            manifest.next_item = manifest.next_item.max(ItemNo(item.0.saturating_add(1)));
        }
        if !rows.is_empty() {
            let number = take(next_file);
            let mut writer = ItemsWriter::create(self.directory, number, manifest.database)?;
            for (id, fresh) in rows.values() {
                writer.push(&Row {
                    item: fresh.item,
                    revision: fresh.revision,
                    id,
                    record: fresh.record.as_deref(),
                })?;
            }
            manifest.items.push(writer.finish()?);
        }
        // What was lost keeps its revisions: none is given twice.
        manifest.sealed = manifest.sealed.max(found.last);
        Ok(())
    }

    /// Where rows were lost, generations have vectors of items of which nothing is left, or that are
    /// deleted as far as is known now, and lack those of items whose delete was lost. A segment more
    /// sets that right.
    fn align(&mut self, manifest: &mut Manifest, next_file: &mut FileNo) -> Result<(), Error> {
        let sealed = Sealed::open(self.directory, manifest.clone(), None)?;
        for (name, space) in &mut manifest.spaces {
            for generation in &mut space.generations {
                let base = Base::open(self.directory, name, generation, None)?;
                let mut contents = Contents::of(generation);
                let (mut gone, mut without) = (BTreeSet::new(), 0u64);
                for part in &base.parts {
                    let nodes = (0u32..).zip(part.segment.items());
                    let shown = nodes.filter(|(node, _)| part.shows(*node));
                    gone.extend(shown.map(|(_, item)| *item));
                }
                for (item, (segment, row)) in sealed.newest(Revision(0)) {
                    let row = segment.row(row)?;
                    let there = row.record.is_some() || row.revision > generation.cut;
                    let had = if there { gone.remove(&item.0) } else { true };
                    if let Some(text) = row.record
                        && !had
                        && row.revision <= generation.cut
                    {
                        let record = parse(segment.path(), row.id, text)?;
                        // A vector that came from elsewhere is not to be had again.
                        match &*embed(name, &base, &[row.id], &[record], |_| None)? {
                            [Some(vector)] => contents.push(item, vector.row()),
                            _ => without += 1,
                        }
                    }
                }
                contents.gone = gone.into_iter().collect();
                if without > generation.left_out {
                    let number = generation.number;
                    self.problem(format!(
                        "{name} generation {number} has no vector of {without} items"
                    ));
                }
                if !contents.is_empty() {
                    let (number, never) = (take(next_file), AtomicBool::new(false));
                    let quiet = |_, _| ();
                    let database = sealed.manifest.database;
                    let patch = contents.write(self.directory, database, number, &quiet, &never)?;
                    generation.segments.push(patch);
                }
            }
        }
        Ok(())
    }

    /// Gives a file a further name among the damaged ones.
    fn put_aside(&mut self, directory: &str, name: &str) -> Result<(), Error> {
        let (files, root) = (&*self.directory.files, &self.directory.root);
        let damaged = root.join(names::DAMAGED);
        let made = files.create_dir(&damaged);
        made.map_err(StoreError::io("create the directory", &damaged))?;
        let from = self.directory.path(directory, name);
        let to = damaged.join(names::aside(directory, name));
        match files.link(&from, &to) {
            Ok(()) => self.report.put_aside.push(to),
            // A repair that was cut short did so before.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                self.report.put_aside.push(to);
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(StoreError::io("link", &from)(error).into()),
        }
        Ok(self.directory.sync_dir(&damaged)?)
    }

    /// Makes what is left the state in force, and drops the journal and the index that it replaces.
    fn commit(&mut self, repaired: Repaired, highest: u64) -> Result<(), Error> {
        let Repaired {
            manifest,
            next_file,
        } = repaired;
        let manifest = Manifest {
            number: highest.max(manifest.number) + 1,
            next_file,
            ..manifest
        };
        let (files, root) = (&*self.directory.files, &self.directory.root);
        for name in std::mem::take(&mut self.unreadable) {
            self.put_aside("", &name)?;
            let path = root.join(&name);
            files
                .remove(&path)
                .map_err(StoreError::io("remove", &path))?;
        }
        self.directory.sync_dir(&root.join(names::SEGMENTS))?;
        self.directory.sync_dir(root)?;
        store::commit_over(self.directory, &manifest, None)?;
        for path in catalog::paths(self.directory)? {
            files
                .remove(&path)
                .map_err(StoreError::io("remove", &path))?;
        }
        catalog::forget(self.directory);
        Ok(())
    }
}

/// Which item has which id, as far as that is sure.
#[derive(Default)]
struct Known {
    ids: HashMap<ItemNo, String>,
    items: HashMap<String, ItemNo>,
}

impl Known {
    /// Takes in an item and its id; false when that contradicts what is known.
    fn agree(&mut self, item: ItemNo, id: &str) -> bool {
        match (self.ids.get(&item), self.items.get(id)) {
            (None, None) => {
                self.ids.insert(item, id.to_owned());
                self.items.insert(id.to_owned(), item);
                true
            }
            (Some(known), Some(_)) => known == id,
            _ => false,
        }
    }
}

fn take(next_file: &mut FileNo) -> FileNo {
    let number = *next_file;
    next_file.0 += 1;
    number
}

/// Whether a row can be what was written: a delete, or the record of its id.
fn is_record(row: &Row<'_>) -> bool {
    let Some(text) = row.record else {
        return !row.id.is_empty();
    };
    let record: Option<Value> = serde_json::from_slice(text).ok();
    record.is_some_and(|record| check_item(&record).is_ok_and(|id| id == row.id))
}
