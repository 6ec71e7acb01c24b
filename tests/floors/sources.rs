//! The sources of a crate as a tree of modules.

use std::collections::BTreeMap;
use std::path::Path;
use syn::{Attribute, Item, UseTree};

/// The path of a module from the root of its crate.
pub type ModulePath = Vec<String>;

/// One module: what it declares, and the file it stands in.
pub struct Module {
    /// The file, relative to the sources.
    pub file: String,
    /// Items that are not modules and not imports.
    pub defined: Vec<String>,
    /// Names that `use` brings in, with the path each stands for.
    pub imported: BTreeMap<String, Vec<String>>,
    /// Paths of `use …::*`.
    pub globs: Vec<Vec<String>>,
    /// The items, without those of test modules and of child modules.
    pub items: Vec<Item>,
}

/// All modules of a crate by their paths; the root has an empty one.
pub struct Crate {
    pub modules: BTreeMap<ModulePath, Module>,
}

impl Crate {
    /// Reads the sources below a directory.
    pub fn read(root: &Path) -> Self {
        let mut files = Vec::new();
        collect(root, root, &mut files);
        let borrowed = files
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()));
        Self::of(&borrowed.collect::<Vec<_>>())
    }

    /// The crate of these files: path below the sources, text.
    pub fn of(files: &[(&str, &str)]) -> Self {
        let by_name: BTreeMap<&str, &str> = files.iter().copied().collect();
        let root = ["lib.rs", "main.rs"]
            .into_iter()
            .find(|name| by_name.contains_key(name))
            .unwrap();
        let mut found = Self {
            modules: BTreeMap::new(),
        };
        found.file(&by_name, root, Vec::new());
        found
    }

    /// The files that are part of the crate outside its tests.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        let mut files: Vec<&str> = self.modules.values().map(|module| &*module.file).collect();
        files.sort_unstable();
        files.dedup();
        files.into_iter()
    }

    fn file(&mut self, files: &BTreeMap<&str, &str>, name: &str, path: ModulePath) {
        let text = files.get(name).unwrap_or_else(|| panic!("no file {name}"));
        let parsed = syn::parse_file(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        self.module(files, name, path, parsed.items);
    }

    fn module(
        &mut self,
        files: &BTreeMap<&str, &str>,
        file: &str,
        path: ModulePath,
        items: Vec<Item>,
    ) {
        let mut module = Module {
            file: file.to_owned(),
            defined: Vec::new(),
            imported: BTreeMap::new(),
            globs: Vec::new(),
            items: Vec::new(),
        };
        for item in items {
            match item {
                Item::Mod(inner) if is_test(&inner.attrs) => {}
                Item::Mod(inner) => {
                    let child = [path.clone(), vec![inner.ident.to_string()]].concat();
                    match inner.content {
                        Some((_, items)) => self.module(files, file, child, items),
                        None => {
                            let base = child.join("/");
                            let inside = format!("{base}/mod.rs");
                            let beside = format!("{base}.rs");
                            let name = if files.contains_key(&*inside) {
                                inside
                            } else {
                                beside
                            };
                            self.file(files, &name, child);
                        }
                    }
                }
                item => {
                    if let Item::Use(import) = &item {
                        module.import(&mut Vec::new(), &import.tree);
                    }
                    module.defined.extend(name_of(&item));
                    module.items.push(item);
                }
            }
        }
        self.modules.insert(path, module);
    }
}

impl Module {
    fn import(&mut self, before: &mut Vec<String>, tree: &UseTree) {
        let with = |name: &str| {
            let mut path = before.clone();
            if name != "self" || path.is_empty() {
                path.push(name.to_owned());
            }
            path
        };
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.import(before, &path.tree);
                before.pop();
            }
            UseTree::Name(name) => {
                let path = with(&name.ident.to_string());
                if let Some(last) = path.last() {
                    self.imported.insert(last.clone(), path);
                }
            }
            UseTree::Rename(renamed) => {
                let path = with(&renamed.ident.to_string());
                self.imported.insert(renamed.rename.to_string(), path);
            }
            UseTree::Glob(_) => self.globs.push(before.clone()),
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(before, tree);
                }
            }
        }
    }
}

/// Whether attributes say `cfg(test)`, alone.
pub fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<syn::Path>()
                .is_ok_and(|path| path.is_ident("test"))
    })
}

fn name_of(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        _ => return None,
    };
    Some(ident.to_string())
}

fn collect(root: &Path, directory: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap();
            found.push((
                name.replace(std::path::MAIN_SEPARATOR, "/"),
                std::fs::read_to_string(&path).unwrap(),
            ));
        }
    }
}
