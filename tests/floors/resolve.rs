//! From a path to the file that defines what it names.

use crate::sources::{Crate, ModulePath};

/// How many re-exports a name may go through; more is a ring of re-exports.
const LONGEST: usize = 16;

impl Crate {
    /// The file that defines what `path` names in the module `at`; none if it is outside of the crate.
    pub fn file_of(&self, at: &ModulePath, path: &[String]) -> Option<&str> {
        self.find(at, path, LONGEST)
    }

    fn find(&self, at: &ModulePath, path: &[String], left: usize) -> Option<&str> {
        let left = left.checked_sub(1)?;
        let (start, rest) = self.start(at, path, left)?;
        self.descend(start, rest, left)
    }

    /// The module in which a path begins, and what follows.
    fn start<'p>(
        &self,
        at: &ModulePath,
        path: &'p [String],
        left: usize,
    ) -> Option<(ModulePath, &'p [String])> {
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => Some((Vec::new(), rest)),
            "self" => Some((at.clone(), rest)),
            "super" => {
                let mut module = at.clone();
                module.pop()?;
                let ups = rest
                    .iter()
                    .take_while(|segment| *segment == "super")
                    .count();
                module.truncate(module.len().checked_sub(ups)?);
                Some((module, &rest[ups..]))
            }
            name => {
                let child = child(at, name);
                if self.modules.contains_key(&child) {
                    return Some((child, rest));
                }
                // A module that was imported: `use crate::wire; wire::Reader`.
                let import = self.modules.get(at)?.imported.get(name)?;
                if import.len() == 1 && import[0] == *name {
                    return None;
                }
                let module = self.module_of(at, import, left)?;
                Some((module, rest))
            }
        }
    }

    /// The module that `path` names in `at`, if it names one.
    fn module_of(&self, at: &ModulePath, path: &[String], left: usize) -> Option<ModulePath> {
        let left = left.checked_sub(1)?;
        let (mut module, rest) = self.start(at, path, left)?;
        for segment in rest {
            let inside = child(&module, segment);
            if self.modules.contains_key(&inside) {
                module = inside;
            } else {
                let import = self.modules.get(&module)?.imported.get(segment)?;
                module = self.module_of(&module.clone(), import, left)?;
            }
        }
        Some(module)
    }

    fn descend(&self, mut module: ModulePath, path: &[String], left: usize) -> Option<&str> {
        for (at, segment) in path.iter().enumerate() {
            let inside = child(&module, segment);
            if self.modules.contains_key(&inside) {
                module = inside;
                continue;
            }
            let here = self.modules.get(&module)?;
            if here.defined.contains(segment) {
                return Some(&here.file);
            }
            if let Some(import) = here.imported.get(segment) {
                let whole = [import, &path[at + 1..]].concat();
                if import.len() == 1 && import[0] == *segment {
                    return None;
                }
                return self.find(&module, &whole, left);
            }
            let from_glob = here.globs.iter().find_map(|glob| {
                let found = self.module_of(&module, glob, left)?;
                if found == module || !self.declares(&found, segment, left) {
                    return None;
                }
                self.descend(found, &path[at..], left.checked_sub(1)?)
            });
            // What a macro defines, or a variant: it stands where its path has led.
            return from_glob.or(Some(&here.file));
        }
        Some(&self.modules.get(&module)?.file)
    }

    /// Whether a module has a name of its own, by a definition, a child or a re-export.
    fn declares(&self, module: &ModulePath, name: &str, left: usize) -> bool {
        let Some(left) = left.checked_sub(1) else {
            return false;
        };
        let here = &self.modules[module];
        here.defined.iter().any(|defined| defined == name)
            || here.imported.contains_key(name)
            || self.modules.contains_key(&child(module, name))
            || here.globs.iter().any(|glob| {
                let inside = self.module_of(module, glob, left);
                inside.is_some_and(|inside| inside != *module && self.declares(&inside, name, left))
            })
    }
}

fn child(module: &ModulePath, name: &str) -> ModulePath {
    [module.as_slice(), &[name.to_owned()]].concat()
}
