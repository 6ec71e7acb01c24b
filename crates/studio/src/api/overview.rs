//! What a database holds, and how it is: items, spaces, generations, ensembles, health, disk.

use super::problem::Problem;
use super::state::State;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use twinspire::{DatabaseStats, Ensemble, GenerationInfo, SpaceStats};

/// recall@10 below which the overview advises a wider beam.
const LOW_RECALL: f32 = 0.9;
/// Unsealed items from which the overview advises a seal: twice the number at which the background seals.
const MANY_FRESH: u64 = 16_384;
/// Journal bytes from which the overview advises a seal: twice the number at which the background seals.
const LONG_JOURNAL: u64 = 64 << 20;
/// Segments from which the overview advises a merge: a seal never leaves more than eight.
const MANY_SEGMENTS: usize = 8;

/// The overview of a database.
#[derive(Debug, Serialize)]
pub struct Overview {
    pub path: String,
    pub version: &'static str,
    pub stats: DatabaseStats,
    /// The generations of each space, oldest first.
    pub generations: BTreeMap<String, Vec<GenerationInfo>>,
    pub ensembles: BTreeMap<String, EnsembleView>,
    pub disk: Disk,
    pub findings: Vec<Finding>,
}

/// An ensemble as text and as its recipe.
#[derive(Debug, Serialize)]
pub struct EnsembleView {
    pub text: String,
    pub recipe: Ensemble,
}

/// The files of a database.
#[derive(Debug, Default, Serialize)]
pub struct Disk {
    pub bytes: u64,
    pub files: u64,
    /// The same by folder.
    pub folders: BTreeMap<String, Folder>,
}

/// The files of a folder.
#[derive(Debug, Default, Serialize, Clone, Copy, PartialEq, Eq)]
pub struct Folder {
    pub bytes: u64,
    pub files: u64,
}

/// Something to know or to do.
#[derive(Debug, Serialize, PartialEq)]
pub struct Finding {
    pub level: Level,
    /// What there is.
    pub title: String,
    /// Why it matters and what to do.
    pub advice: String,
}

/// How much a finding matters.
#[derive(Debug, Serialize, PartialEq, Eq, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    Note,
    Warning,
    Error,
}

/// The overview.
pub fn get(state: &State) -> Result<Overview, Problem> {
    let database = state.database();
    let stats = database.stats()?;
    let mut generations = BTreeMap::new();
    for space in database.spaces() {
        let kept = database.generations(&space)?;
        generations.insert(space, kept);
    }
    let ensembles = database.ensembles().list().into_iter();
    let ensembles = ensembles.map(|(name, recipe)| {
        let text = recipe.to_string();
        (name, EnsembleView { text, recipe })
    });
    let path = state.followed().path();
    let refresh_error = state.followed().refresh_error();
    Ok(Overview {
        path: path.display().to_string(),
        version: env!("CARGO_PKG_VERSION"),
        findings: findings(&stats, &generations, refresh_error),
        ensembles: ensembles.collect(),
        disk: disk(path),
        generations,
        stats,
    })
}

/// The sizes of the files below a database's directory. Files that vanish meanwhile are not counted.
fn disk(root: &Path) -> Disk {
    let mut disk = Disk::default();
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let (name, folder) = match entry.file_type() {
            Ok(kind) if kind.is_dir() => (name, folder(&entry.path())),
            _ => (
                "other files".to_owned(),
                Folder {
                    bytes: entry.metadata().map_or(0, |file| file.len()),
                    files: 1,
                },
            ),
        };
        let sum = disk.folders.entry(name).or_default();
        sum.bytes += folder.bytes;
        sum.files += folder.files;
        disk.bytes += folder.bytes;
        disk.files += folder.files;
    }
    disk
}

/// The sizes of the files below a folder.
fn folder(path: &Path) -> Folder {
    let mut sum = Folder::default();
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        let below = match entry.file_type() {
            Ok(kind) if kind.is_dir() => folder(&entry.path()),
            _ => Folder {
                bytes: entry.metadata().map_or(0, |file| file.len()),
                files: 1,
            },
        };
        sum.bytes += below.bytes;
        sum.files += below.files;
    }
    sum
}

/// What to know and to do, what matters most first.
fn findings(
    stats: &DatabaseStats,
    generations: &BTreeMap<String, Vec<GenerationInfo>>,
    refresh_error: Option<String>,
) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut add = |level, title: String, advice: &str| {
        let advice = advice.to_owned();
        found.push(Finding {
            level,
            title,
            advice,
        });
    };
    if let Some(error) = refresh_error {
        add(
            Level::Error,
            format!("The newest state cannot be read: {error}"),
            "This page shows the state before. `twinspire check DB` names the damaged files.",
        );
    }
    if stats.items == 0 {
        add(
            Level::Note,
            "The database has no items yet".to_owned(),
            "`twinspire import DB FILE` reads JSON lines, CSV and Parquet.",
        );
    }
    if stats.spaces.is_empty() && stats.lexical.is_empty() {
        add(
            Level::Note,
            "The database has no space yet, so nothing can be recalled".to_owned(),
            "`twinspire publish DB SPACE TOWERS` embeds the items and makes one.",
        );
    }
    if stats.fresh >= MANY_FRESH || stats.journal_bytes >= LONG_JOURNAL {
        add(
            Level::Warning,
            format!("{} items are not sealed", stats.fresh),
            "Every recall scans them. A writer seals in the background; `twinspire seal DB` does it now.",
        );
    }
    for (name, space) in &stats.spaces {
        space_findings(name, space, &mut add);
    }
    for (name, words) in &stats.lexical {
        if words.unindexed_segments > 0 {
            add(
                Level::Warning,
                format!(
                    "{} items segments have no index of the lexical space {name}",
                    words.unindexed_segments
                ),
                "Each process builds it in memory at its first recall. A writer merges in the background; \
                 `twinspire merge DB` writes it now.",
            );
        }
    }
    for (name, kept) in generations {
        for generation in kept.iter().filter(|kept| kept.active && kept.left_out > 0) {
            add(
                Level::Warning,
                format!(
                    "{} items have no vector in space {name}",
                    generation.left_out
                ),
                "Recalls do not find them. They could not be embedded, or no vector was given for them.",
            );
        }
    }
    found.sort_by_key(|finding| std::cmp::Reverse(finding.level as u8));
    found
}

fn space_findings(name: &str, space: &SpaceStats, add: &mut impl FnMut(Level, String, &str)) {
    match space.recall {
        Some(measured) if measured.lower < LOW_RECALL => add(
            Level::Warning,
            format!(
                "Recalls by user of space {name} find {:.1} % of the exact answer, at least {:.1} %",
                measured.recall * 100.0,
                measured.lower * 100.0
            ),
            "Ask for a recall target, such as --recall-target 0.95, or for a wider beam (--ef). The page \
             Quality shows what each width finds.",
        ),
        None if space.items > 0 => add(
            Level::Note,
            format!("The recall of space {name} has not been measured"),
            "`twinspire audit DB SPACE --store` measures it.",
        ),
        _ => {}
    }
    if space.segments > MANY_SEGMENTS {
        add(
            Level::Note,
            format!("Space {name} has {} segments", space.segments),
            "A recall searches each. A writer merges in the background; `twinspire merge DB` does it now.",
        );
    }
    if space.parameters == 0 && space.items > 0 {
        add(
            Level::Note,
            format!("Space {name} has no learned towers"),
            "Its vectors came from elsewhere, or this build cannot run its towers. Recall by item or by vector.",
        );
    }
    if space.calibration.near_copies > 0.2 {
        add(
            Level::Note,
            format!(
                "{:.0} % of the vectors of space {name} are near copies of another one",
                space.calibration.near_copies * 100.0
            ),
            "Answers may be crowded by variants of one item. The diversity of an ensemble spreads them.",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::follow::Followed;
    use serde_json::json;
    use std::sync::Arc;
    use twinspire::{Database, Metric, Towers};

    #[test]
    fn an_empty_database_says_what_to_do_first() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.twin");
        Database::open(&path).unwrap();
        let state = State::new(Arc::new(Followed::open(&path).unwrap()));
        let overview = get(&state).unwrap();
        let titles: Vec<&str> = overview
            .findings
            .iter()
            .map(|one| one.title.as_str())
            .collect();
        assert_eq!(titles.len(), 2, "{titles:?}");
        assert!(overview.findings[0].advice.contains("twinspire import"));
    }

    #[test]
    fn an_overview_counts_items_spaces_and_files() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.twin");
        let db = Database::open(&path).unwrap();
        db.items()
            .put_many(&[json!({"id": "a"}), json!({"id": "b"})])
            .unwrap();
        let towers = Towers::vectors_only("clip", 2, Metric::L2).unwrap();
        let vectors = [("a", [0.0, 1.0]), ("b", [1.0, 0.0])];
        db.publish("clip")
            .towers(towers)
            .vectors(vectors)
            .run()
            .unwrap();
        let state = State::new(Arc::new(Followed::open(&path).unwrap()));
        let overview = get(&state).unwrap();
        assert_eq!(overview.stats.items, 2);
        assert_eq!(overview.generations["clip"].len(), 1);
        assert!(overview.disk.folders["segments"].bytes > 0);
        let sum: u64 = overview
            .disk
            .folders
            .values()
            .map(|folder| folder.bytes)
            .sum();
        assert_eq!(sum, overview.disk.bytes);
        assert!(serde_json::to_value(&overview).unwrap()["stats"]["spaces"]["clip"].is_object());
    }
}
