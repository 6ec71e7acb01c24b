//! What the fuzz targets call: hostile bytes in, answers or errors out, never a panic.
//!
//! Built for `cargo fuzz` and for the crate's own tests, which run every target on mutations of
//! the golden database. Checksums would end most attacks before they begin; the targets make them
//! right again ([`reseal`]), as a hostile author would.

mod operations;
mod reseal;
#[cfg(test)]
mod tests;

pub use operations::operations;

use crate::database::Database;
use crate::error::Error;
use crate::filter::Filter;
use crate::format::columns::Lookup;
use crate::format::container::Kind;
use crate::format::current::Current;
use crate::format::items::ItemsLayout;
use crate::format::space::SpaceLayout;
use crate::format::{journal, manifest};
use crate::graph::{BeamParams, Scratch, WalkLimits, search, search_exact, search_filtered};
use crate::store::Directory;
use serde_json::Value;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use twinspire_core::files::MemoryFiles;
use twinspire_core::ids::ItemNo;
use twinspire_core::kernel::Metric;
use twinspire_towers::Towers;
use twinspire_towers::internals::{Place, Term, Test};

/// Files of a database, by their paths in it.
type Files = BTreeMap<PathBuf, Vec<u8>>;

/// A space of the golden database.
const SPACE: &str = "things";
/// The other one, of vectors in half precision.
const HALVES: &str = "halves";

/// One stored file: the first byte says which kind, the rest is the file, its checksums made right.
pub fn segment(data: &[u8]) {
    let Some((kind, bytes)) = data.split_first() else {
        return;
    };
    match kind % 5 {
        0 => items_segment(&reseal::sections(bytes, Kind::Items)),
        1 => space_segment(&reseal::sections(bytes, Kind::Space)),
        2 => drop(manifest::decode(&reseal::sections(bytes, Kind::Manifest))),
        3 => drop(journal::decode(&reseal::journal(bytes))),
        _ => drop(Current::decode(bytes)),
    }
}

fn items_segment(bytes: &[u8]) {
    let bytes = twinspire_core::files::Blob::from_bytes(bytes);
    let Ok(layout) = ItemsLayout::decode(&bytes) else {
        return;
    };
    for row in 0..layout.rows().min(1000) {
        if let Ok(row) = layout.row(&bytes, row) {
            let _ = layout.find_id(&bytes, row.id);
            layout.find_item(&bytes, row.item);
        }
    }
    columns(&layout, &bytes);
    layout.check(&bytes);
}

/// Asks every column everything that can be asked of one.
fn columns(layout: &ItemsLayout, bytes: &[u8]) {
    let rows = layout.rows().min(1000) as u32;
    let terms = [
        Term::Bool(true),
        Term::Number(2.5),
        Term::Text("lamp".to_owned()),
        Term::Text("x".repeat(300)),
    ];
    let from = |term: &Term| Test::Between {
        low: Bound::Included(term.clone()),
        high: Bound::Unbounded,
    };
    let mut tests = Vec::from_iter(terms.iter().map(from));
    let (centre, km) = (Place { lat: 1.0, lon: 2.0 }, 5000.0);
    tests.extend([
        Test::Present,
        Test::Within { centre, km },
        Test::OneOf(terms.into()),
    ]);
    layout.columns.lookup(bytes, "no such field");
    for (path, _) in layout.columns.fields() {
        let Lookup::Column(column) = layout.columns.lookup(bytes, path) else {
            continue;
        };
        for matches in tests.iter().map(|test| column.resolve(test)) {
            matches.count();
            matches.for_each_batch(|_| ());
            for row in (0..rows)
                .chain(matches.uncertain().iter().copied().take(1000))
                .chain([u32::MAX])
            {
                matches.contains(row);
                matches.is_uncertain(row);
            }
        }
    }
}

fn space_segment(bytes: &[u8]) {
    let bytes = twinspire_core::files::Blob::from_bytes(bytes);
    let Ok(layout) = SpaceLayout::decode(&bytes) else {
        return;
    };
    layout.find_item(&bytes, ItemNo(7));
    let mut points = layout.node_vectors(&bytes);
    let query = vec![0.25; points.rows.dimension()];
    for metric in [Metric::Cosine, Metric::L2] {
        points.metric = metric;
        search_exact(&points, &query, 3, |_| true);
        if let Ok(graph) = layout.graph(&bytes) {
            let (params, scratch) = (BeamParams::new(&query, 3, 10), &mut Scratch::default());
            search(&graph, &points, &params, scratch);
            let reach = WalkLimits {
                expansions: 4,
                beam: 10,
                score_budget: 1_000,
            };
            search_filtered(
                &graph,
                &points,
                &params,
                reach,
                &mut |node: u32| node != 1,
                scratch,
            );
        }
    }
    layout.check(&bytes);
}

/// A towers directory: nine files in turn, each after its length (u32), then a record.
pub fn towers(data: &[u8]) {
    let mut rest = data;
    let mut parts = Vec::new();
    for name in twinspire_towers::internals::TOWER_FILES {
        let Some((length, after)) = rest.split_first_chunk() else {
            return;
        };
        let (part, after) = after.split_at(after.len().min(u32::from_le_bytes(*length) as usize));
        parts.push((name.to_owned(), part.to_vec()));
        rest = after;
    }
    parts.retain(|(_, bytes)| !bytes.is_empty());
    if let Ok(towers) = Towers::from_bytes(parts) {
        let record = serde_json::from_slice(rest).unwrap_or_default();
        for vector in [towers.embed_user(&record), towers.embed_item(&record)] {
            let finite = |vector: &Vec<f32>| vector.iter().all(|x| x.is_finite());
            assert!(vector.as_ref().map_or(true, finite), "{vector:?}");
        }
    }
}

/// A query or an item as JSON text, to the golden database.
pub fn query(data: &[u8]) {
    static DATABASE: OnceLock<Option<Database>> = OnceLock::new();
    let database = DATABASE.get_or_init(|| open(load(&golden()), true).ok());
    let (Some(database), Ok(record)) = (database, serde_json::from_slice::<Value>(data)) else {
        return;
    };
    ask(database, &record);
    let _ = twinspire_towers::internals::check_item(&record);
}

/// The text of a filter, to the parser and to the golden database.
pub fn filter(data: &[u8]) {
    static DATABASE: OnceLock<Option<Database>> = OnceLock::new();
    let database = DATABASE.get_or_init(|| open(load(&golden()), true).ok());
    let (Some(database), Ok(text)) = (database, std::str::from_utf8(data)) else {
        return;
    };
    let shown = match Filter::parse(text) {
        Ok(filter) => {
            let again = Filter::parse(&filter.to_string());
            assert_eq!(again.as_ref(), Ok(&filter), "{filter}");
            filter.to_string()
        }
        Err(error) => {
            assert!(error.to_string().lines().count() == 3, "{error:?}");
            assert!(text.get(error.span.clone()).is_some(), "{error:?}");
            return;
        }
    };
    let user = serde_json::json!({"user_id": 7});
    for exact in [false, true] {
        let answers = [text, &shown].map(|filter| {
            let recall = database.recall(SPACE).user(&user).filter(filter);
            let recall = if exact { recall.exact() } else { recall };
            recall.top(5).ok()
        });
        assert_eq!(answers[0], answers[1], "{shown}");
    }
}

/// Files to import: JSON lines, CSV and MovieLens, by the first byte.
#[cfg(feature = "import")]
pub fn import(data: &[u8]) {
    use crate::import::{CsvOptions, csv, jsonl};
    use std::io::Cursor;
    let Some((kind, bytes)) = data.split_first() else {
        return;
    };
    let input = Cursor::new(bytes.to_vec());
    let options = CsvOptions::new().lists(["tags"]).text(["title"]);
    match kind % 6 {
        0 => drop(jsonl::items_from(input, "a").collect::<Vec<_>>()),
        1 => drop(jsonl::users_from(input, "a").collect::<Vec<_>>()),
        2 => drop(jsonl::events_from(input, "a").collect::<Vec<_>>()),
        3 => drop(csv::items_from(input, "a", &options).map(Iterator::collect::<Vec<_>>)),
        4 => drop(csv::users_from(input, "a", &options).map(Iterator::collect::<Vec<_>>)),
        _ => drop(csv::events_from(input, "a", &options).map(Iterator::collect::<Vec<_>>)),
    }
}

/// Files of vectors, by the first byte: `.npy`, `.fvecs`, JSON lines, those of an export, Parquet.
#[cfg(feature = "import")]
pub fn vectors(data: &[u8]) {
    use crate::import::vectors::{self, VectorOptions};
    use std::io::Cursor;
    let Some((kind, bytes)) = data.split_first() else {
        return;
    };
    let (input, options) = (Cursor::new(bytes.to_vec()), VectorOptions::new());
    let opened = match kind % 5 {
        0 => vectors::npy_from(input, "a", &options),
        1 => vectors::fvecs_from(input, "a", &options),
        2 => vectors::jsonl_from(input, "a", &options),
        3 => vectors::jsonl_from(input, "a", &options.space(SPACE)),
        #[cfg(feature = "parquet")]
        _ => vectors::parquet_from(input, "a", &options),
        #[cfg(not(feature = "parquet"))]
        _ => return,
    };
    let mut dimension = None;
    for (_, vector) in opened.into_iter().flatten().flatten() {
        let first = *dimension.get_or_insert(vector.len());
        assert_eq!(first, vector.len());
        assert!(vector.iter().all(|x| x.is_finite()), "{vector:?}");
    }
}

/// The golden database with one file changed and pinned anew, opened and used: the first byte
/// chooses the file, the next four the place where the rest is written over it.
pub fn database(data: &[u8]) {
    let Some((file, rest)) = data.split_first() else {
        return;
    };
    let Some((at, patch)) = rest.split_first_chunk() else {
        return;
    };
    let (mut files, at) = (golden(), u32::from_le_bytes(*at) as usize);
    let count = files.len();
    let Some((path, bytes)) = files.iter_mut().nth(usize::from(*file) % count) else {
        return;
    };
    let at = at % (bytes.len() + 1);
    let until = bytes.len().min(at + patch.len());
    bytes.splice(at..until, patch.iter().copied());
    let path = path.clone();
    for read_only in [true, false] {
        let Some(directory) = reseal::database(&files, &path) else {
            return;
        };
        if let Ok(database) = open(directory, read_only) {
            use_all(&database);
            // Graphs are built anew, which takes its time.
            if at.is_multiple_of(16) {
                let _ = database.merge();
                let _ = database.collect();
                let _ = database.check();
            }
        }
    }
}

/// Calls whatever reads or changes a database; all of it may fail.
fn use_all(database: &Database) {
    let _ = database.check();
    let _ = database.stats();
    for id in ["B001", "B005", "B200", "no such item"] {
        let _ = database.items().get(id);
        let _ = database.recall(SPACE).similar(id).records().top(3);
        let _ = database.recall(HALVES).similar(id).top(3);
    }
    let user = serde_json::json!({"user_id": 7, "history": ["B001"]});
    ask(database, &user);
    let item = serde_json::json!({"id": "B001", "title": "another", "tags": ["red"], "price": 2});
    let _ = database.items().put(&item);
    let _ = database.items().delete("B002");
    let _ = database.rollback(SPACE).to(2).run();
    let _ = database.seal();
    ask(database, &user);
}

fn ask(database: &Database, user: &Value) {
    for (space, exact) in [
        (SPACE, false),
        (SPACE, true),
        (HALVES, false),
        (HALVES, true),
    ] {
        let recall = database.recall(space).user(user).records();
        let recall = if exact { recall.exact() } else { recall };
        if let Ok(hits) = recall.top(5) {
            assert!(hits.is_sorted_by(|a, b| a.score >= b.score), "{hits:?}");
        }
    }
    // One of every method.
    for name in database.ensembles().list().into_keys() {
        if let Ok(hits) = database.recall(&name).user(user).top(5) {
            assert!(hits.iter().all(|hit| !hit.score.is_nan()), "{hits:?}");
        }
    }
}

/// Files as a database directory.
fn load(files: &Files) -> Directory {
    let memory = MemoryFiles::default();
    let root = Path::new("hostile.twin");
    for (path, bytes) in files {
        memory.put(&root.join(path), bytes);
    }
    Directory {
        files: Arc::new(memory),
        root: root.to_owned(),
    }
}

fn open(directory: Directory, read_only: bool) -> Result<Database, Error> {
    let options = Database::options().read_only(read_only).background(false);
    options.open_on(directory.files, &directory.root)
}

/// The files of the golden database.
fn golden() -> Files {
    static GOLDEN: OnceLock<Files> = OnceLock::new();
    let read = || {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v1");
        let mut files = Files::new();
        let mut left = vec![root.clone()];
        while let Some(path) = left.pop() {
            if let Ok(entries) = std::fs::read_dir(&path) {
                left.extend(entries.flatten().map(|entry| entry.path()));
            } else if let (Ok(bytes), Ok(name)) = (std::fs::read(&path), path.strip_prefix(&root)) {
                files.insert(name.to_owned(), bytes);
            }
        }
        files
    };
    GOLDEN.get_or_init(read).clone()
}
