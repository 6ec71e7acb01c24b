//! Rings in a graph of imports: its strongly connected components of two files or more.

use crate::imports::Import;
use std::collections::{BTreeMap, BTreeSet};

/// The rings, each as its files and the imports that tie them.
pub fn rings(imports: &[Import]) -> Vec<String> {
    let mut next: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for import in imports {
        next.entry(&import.from).or_default().insert(&import.to);
    }
    let reach: BTreeMap<&str, BTreeSet<&str>> = next
        .keys()
        .map(|file| (*file, reached(&next, file)))
        .collect();
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for (file, reached) in &reach {
        if !reached.contains(file) || seen.contains(file) {
            continue;
        }
        let ring: BTreeSet<&str> = reached
            .iter()
            .copied()
            .filter(|other| reach.get(other).is_some_and(|back| back.contains(file)))
            .collect();
        seen.extend(ring.iter().copied());
        let ties = imports
            .iter()
            .filter(|import| ring.contains(&*import.from) && ring.contains(&*import.to));
        let ties: Vec<String> = ties.map(|import| format!("    {import}")).collect();
        let files: Vec<&str> = ring.into_iter().collect();
        found.push(format!("  {}\n{}", files.join(", "), ties.join("\n")));
    }
    found
}

/// All files that a file imports, directly or not; itself if it is part of a ring.
fn reached<'a>(next: &BTreeMap<&'a str, BTreeSet<&'a str>>, file: &str) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&str> = next[file].iter().copied().collect();
    while let Some(file) = open.pop() {
        if found.insert(file) {
            open.extend(next.get(file).into_iter().flatten());
        }
    }
    found
}
