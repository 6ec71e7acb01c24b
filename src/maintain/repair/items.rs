//! Salvaging items segments.

use super::repairer::{Repairer, Salvage};
use crate::catalog::Recovered;
use crate::error::Error;
use crate::format::items::Row;
use crate::store::{ItemsSegment, ItemsWriter};
use serde_json::Value;
use std::collections::HashMap;
use twinspire_core::files::names;
use twinspire_core::ids::ItemNo;
use twinspire_towers::internals::check_item;

/// A damaged or sound segment that could be opened.
struct Opened {
    segment: ItemsSegment,
    is_sound: bool,
    /// Whether at most the columns are damaged, which the records yield again.
    has_sound_rows: bool,
}

impl Repairer<'_> {
    /// Keeps sound items segments, and writes the readable rows of damaged ones into new segments.
    pub(super) fn repair_items(
        &mut self,
        salvage: &mut Salvage,
        journal: &Recovered,
    ) -> Result<(), Error> {
        let pinned = std::mem::take(&mut salvage.manifest.items);
        let mut opened = Vec::new();
        let mut known = KnownIds::default();
        for (_, op) in &journal.ops {
            known.insert(op.item, &op.id);
        }
        for pinned in &pinned {
            let segment = match ItemsSegment::open(self.directory, pinned) {
                Ok(segment) => segment,
                Err(error) => {
                    self.problem(error);
                    self.report.lost_rows += pinned.rows;
                    self.quarantine(names::SEGMENTS, &names::items(pinned.file.number))?;
                    continue;
                }
            };
            let problems = segment.check();
            let is_sound = problems.is_empty();
            let has_sound_rows = is_sound || segment.has_sound_rows();
            problems
                .into_iter()
                .for_each(|problem| self.problem(problem));
            for row in (0..segment.rows()).filter(|_| has_sound_rows) {
                let row = segment.row(row)?;
                known.insert(row.item, row.id);
            }
            opened.push(Opened {
                segment,
                is_sound,
                has_sound_rows,
            });
        }
        for opened in &opened {
            if opened.is_sound {
                salvage.manifest.items.push(*opened.segment.pinned());
            } else {
                self.rewrite(opened, salvage, &mut known)?;
            }
        }
        Ok(())
    }

    /// Writes the plausible rows of a damaged segment into a new one.
    fn rewrite(
        &mut self,
        opened: &Opened,
        salvage: &mut Salvage,
        known: &mut KnownIds,
    ) -> Result<(), Error> {
        let (segment, pinned) = (&opened.segment, opened.segment.pinned());
        self.quarantine(names::SEGMENTS, &names::items(pinned.file.number))?;
        let number = salvage.take_file_number();
        let manifest = &mut salvage.manifest;
        let mut writer = ItemsWriter::create(self.directory, number, manifest)?;
        let (mut kept, mut before) = (0, None);
        for row in (0..segment.rows()).filter_map(|row| segment.row(row).ok()) {
            let in_order = before.is_none_or(|before| before < row.item);
            let in_range = row.revision <= pinned.newest && row.item < manifest.next_item;
            if in_order && in_range && is_plausible(&row) && known.insert(row.item, row.id) {
                writer.push(&row)?;
                before = Some(row.item);
                kept += 1;
            }
        }
        self.report.lost_rows += pinned.rows - kept;
        self.report.unverified_rows += if opened.has_sound_rows { 0 } else { kept };
        manifest.items.push(writer.finish()?);
        Ok(())
    }
}

/// The pairs of item and id that are certain.
#[derive(Default)]
struct KnownIds {
    ids: HashMap<ItemNo, String>,
    items: HashMap<String, ItemNo>,
}

impl KnownIds {
    /// Adds a pair. Returns false if it contradicts a known one.
    fn insert(&mut self, item: ItemNo, id: &str) -> bool {
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

/// Whether a row can be what was written: a tombstone with an id, or a valid record of its id.
fn is_plausible(row: &Row<'_>) -> bool {
    let Some(text) = row.record else {
        return !row.id.is_empty();
    };
    let record: Option<Value> = serde_json::from_slice(text).ok();
    record.is_some_and(|record| check_item(&record).is_ok_and(|id| id == row.id))
}
