//! The plan of the house: a module names only modules that stand before it in this list.
#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

use std::path::Path;

const PLAN: [&str; 22] = [
    "kernel", "wire", "ids", "files", "record", "filter", "graph", "tower", "ensemble", "manifest",
    "format", "store", "catalog", "error", "snapshot", "recall", "maintain", "database", "import",
    "train", "fuzzing", "lib",
];

/// Every source file with the top-level module it belongs to.
fn sources(dir: &Path, module: Option<&str>, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let module = module.unwrap_or(&name);
        if path.ends_with("src/bin") {
            // A crate of its own, above all of this.
            continue;
        }
        if path.is_dir() {
            sources(&path, Some(module), found);
        } else {
            found.push((module.to_owned(), std::fs::read_to_string(&path).unwrap()));
        }
    }
}

/// The modules a source names as `crate::module`.
fn named(source: &str) -> Vec<&str> {
    let code = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let uses = code.flat_map(|line| line.split("crate::").skip(1));
    let word = |rest: &'_ str| {
        rest.find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(rest.len())
    };
    uses.map(|rest| &rest[..word(rest)])
        .filter(|name| !name.is_empty())
        .collect()
}

#[test]
fn every_module_names_only_lower_floors() {
    let mut files = Vec::new();
    sources(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        None,
        &mut files,
    );
    assert!(files.len() > 30, "the sources were found: {}", files.len());
    let floor = |module: &str| {
        let at = PLAN.iter().position(|planned| *planned == module);
        at.unwrap_or_else(|| panic!("module {module} is not in the plan"))
    };
    let mut links = 0;
    for (module, source) in &files {
        for lower in named(source).into_iter().filter(|lower| lower != module) {
            assert!(
                floor(lower) < floor(module),
                "{module} names {lower}, which stands above it"
            );
            links += 1;
        }
    }
    assert!(links > 50, "imports were found: {links}");
}
