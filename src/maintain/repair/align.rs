//! Bringing the vectors of each generation into line with the items that are left.

use super::repairer::{Repairer, Salvage};
use crate::error::Error;
use crate::maintain::problem::FileProblem;
use crate::maintain::segment_builder::SegmentBuilder;
use crate::manifest::Generation;
use crate::snapshot::{Base, Sealed, embed, parse};
use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;
use twinspire_core::files::names;
use twinspire_core::ids::Revision;

/// The difference between a generation and the items that were recovered.
struct Difference {
    /// Missing vectors, and tombstones for vectors whose item is gone.
    segment: SegmentBuilder,
    /// Number of items that have no vector and cannot get one.
    without: u64,
}

impl Repairer<'_> {
    /// Adds a segment to each generation that has vectors of lost or deleted items, or lacks the
    /// vectors of items whose tombstone was lost.
    pub(super) fn align_vectors(&mut self, salvage: &mut Salvage) -> Result<(), Error> {
        let sealed = Sealed::open(self.directory, salvage.manifest.clone(), None)?;
        let mut spaces = std::mem::take(&mut salvage.manifest.spaces);
        for (name, space) in &mut spaces {
            for generation in &mut space.generations {
                let base = match Base::open_whole(self.directory, name, generation, None) {
                    Ok(base) => base,
                    // Its vectors stay as they are: this build cannot compute any.
                    Err(Error::Unsupported { what, .. }) => {
                        let towers =
                            names::join(names::TOWERS, &names::towers(name, generation.number));
                        let path = self.directory.root.join(towers);
                        self.problem(FileProblem::new(path, "towers", what));
                        continue;
                    }
                    Err(error) => return Err(error),
                };
                let Difference { segment, without } = difference(name, &base, &sealed)?;
                if without > generation.left_out {
                    let number = generation.number;
                    let what =
                        format!("{name} generation {number} has no vector of {without} items");
                    self.problem(FileProblem::new(base.newest_path(), "node items", what));
                }
                if !segment.is_empty() {
                    let number = salvage.take_file_number();
                    let (never, no_progress) = (AtomicBool::new(false), |_, _| ());
                    let database = sealed.manifest.database;
                    let file =
                        segment.write(self.directory, database, number, &no_progress, &never)?;
                    generation.segments.push(file);
                }
            }
        }
        salvage.manifest.spaces = spaces;
        Ok(())
    }
}

fn difference(space: &str, base: &Base, sealed: &Sealed) -> Result<Difference, Error> {
    let generation: &Generation = &base.generation;
    let mut segment = SegmentBuilder::new(generation);
    let (mut gone, mut without) = (BTreeSet::new(), 0);
    for part in &base.parts {
        let slots = (0u32..).zip(part.segment.items());
        let shown = slots.filter(|(slot, _)| part.shows(*slot));
        gone.extend(shown.map(|(_, item)| *item));
    }
    for (item, (items, row)) in sealed.newest(Revision(0)) {
        let row = items.row(row)?;
        let is_live = row.record.is_some() || row.revision > generation.cut;
        let has_vector = if is_live { gone.remove(&item.0) } else { true };
        if let Some(text) = row.record
            && !has_vector
            && row.revision <= generation.cut
        {
            let record = parse(items.path(), row.id, text)?;
            // A vector that the caller supplied cannot be computed again.
            match &*embed(space, base, &[row.id], &[record], |_| None)? {
                [Some(vector)] => segment.push(item, vector.row()),
                _ => without += 1,
            }
        }
    }
    segment.gone = gone.into_iter().collect();
    Ok(Difference { segment, without })
}
