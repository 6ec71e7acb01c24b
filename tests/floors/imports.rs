//! Which file of a crate imports which.

use crate::sources::{Crate, ModulePath, is_test};
use proc_macro2::{TokenStream, TokenTree};
use std::collections::BTreeSet;
use std::fmt;
use syn::visit::{self, Visit};

/// One file names something that another defines.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Import {
    /// The file that names.
    pub from: String,
    /// The file that defines.
    pub to: String,
    /// What is named.
    pub path: String,
}

impl Import {
    pub fn importing_room(&self) -> &str {
        room(&self.from)
    }

    pub fn imported_room(&self) -> &str {
        room(&self.to)
    }
}

impl fmt::Display for Import {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, path } = self;
        write!(f, "{from} names {path} of {to}")
    }
}

/// The room that a file belongs to: its top folder, or its own name.
fn room(file: &str) -> &str {
    let top = file.split('/').next().unwrap_or(file);
    top.strip_suffix(".rs").unwrap_or(top)
}

impl Crate {
    /// The imports between files, without repeats.
    pub fn imports(&self) -> Vec<Import> {
        let mut imports = BTreeSet::new();
        for (at, module) in &self.modules {
            let mut paths = Paths::default();
            for item in &module.items {
                paths.visit_item(item);
            }
            let named = module.imported.values().chain(&module.globs);
            for path in named.chain(&paths.found) {
                self.import(at, path, &mut imports);
            }
        }
        imports.into_iter().collect()
    }

    fn import(&self, at: &ModulePath, path: &[String], imports: &mut BTreeSet<Import>) {
        let from = &self.modules[at].file;
        if let Some(to) = self.file_of(at, path)
            && to != from
        {
            imports.insert(Import {
                from: from.clone(),
                to: to.to_owned(),
                path: path.join("::"),
            });
        }
    }
}

/// Paths of two segments or more outside of `use`: in types, expressions, patterns, and macros.
#[derive(Default)]
struct Paths {
    found: Vec<Vec<String>>,
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments = path.segments.iter();
        let segments: Vec<String> = segments.map(|segment| segment.ident.to_string()).collect();
        if segments.len() > 1 && path.leading_colon.is_none() {
            self.found.push(segments);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        self.tokens(called.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        if let syn::Meta::List(list) = &attribute.meta
            && !attribute.path().is_ident("doc")
        {
            self.tokens(list.tokens.clone());
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if !is_test(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_item(&mut self, item: &'ast syn::Item) {
        let attributes = match item {
            syn::Item::Impl(item) => &item.attrs,
            syn::Item::Fn(item) => &item.attrs,
            syn::Item::Use(_) => return,
            _ => return visit::visit_item(self, item),
        };
        if !is_test(attributes) {
            visit::visit_item(self, item);
        }
    }
}

impl Paths {
    /// Runs of identifiers joined by `::` in what only a macro understands.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut run: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.end(&mut run);
                    }
                    run.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Group(group) => {
                    self.end(&mut run);
                    colons = 0;
                    self.tokens(group.stream());
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {
                    self.end(&mut run);
                    colons = 0;
                }
            }
        }
        self.end(&mut run);
    }

    fn end(&mut self, run: &mut Vec<String>) {
        if run.len() > 1 {
            self.found.push(std::mem::take(run));
        }
        run.clear();
    }
}
