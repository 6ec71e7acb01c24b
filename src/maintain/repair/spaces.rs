//! Keeping the generations that are whole, and the ensembles over them.

use super::repairer::Repairer;
use crate::error::Error;
use crate::maintain::problem::FileProblem;
use crate::manifest::{Manifest, Space};
use crate::snapshot::Base;
use twinspire_core::files::names;

impl Repairer<'_> {
    /// Drops every damaged generation, and every space that has none left.
    pub(super) fn keep_whole_generations(&mut self, manifest: &mut Manifest) {
        let spaces = std::mem::take(&mut manifest.spaces);
        for (name, space) in spaces {
            if let Some(space) = self.repair_space(&name, space) {
                manifest.spaces.insert(name, space);
            }
        }
    }

    /// Drops every ensemble that needs a space which is lost.
    pub(super) fn keep_whole_ensembles(&mut self, manifest: &mut Manifest) {
        let Manifest {
            spaces,
            ensembles,
            lexical,
            ..
        } = manifest;
        ensembles.retain(|name, ensemble| {
            let is_whole = ensemble
                .required_spaces()
                .all(|space| spaces.contains_key(space) || lexical.contains_key(space));
            if !is_whole {
                self.report.lost_ensembles.push(name.clone());
            }
            is_whole
        });
    }

    /// The space with its whole generations. `None` if all are damaged.
    fn repair_space(&mut self, name: &str, mut space: Space) -> Option<Space> {
        let mut kept = Vec::new();
        for generation in std::mem::take(&mut space.generations) {
            let problems: Vec<FileProblem> =
                match Base::open_whole(self.directory, name, &generation, None) {
                    Ok(base) => {
                        let parts = base.parts.iter();
                        let found = parts.flat_map(|part| part.segment.check());
                        found.map(FileProblem::from).collect()
                    }
                    // A newer build can use its towers.
                    Err(Error::Unsupported { .. }) => Vec::new(),
                    Err(error) => vec![FileProblem::of_opening(&self.directory.root, &error)],
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
            // The generation is lost, whether all of its files can be kept for inspection or not.
            for segment in &generation.segments {
                let _ = self.quarantine(names::SEGMENTS, &names::space(segment.file.number));
            }
            let towers = names::towers(name, generation.number);
            for file in &generation.towers {
                let _ = self.quarantine(&names::join(names::TOWERS, &towers), &file.name);
            }
        }
        let newest = kept.last()?.number;
        space.generations = kept;
        if space.generation(space.active).is_none() {
            space.active = newest;
        }
        Some(space)
    }
}
