//! The state of the database as gauges.

use super::text::Text;
use crate::api::State;
use twinspire::{Error, SpaceStats};

/// A gauge of each space: name, meaning, value. A value may be unknown.
type SpaceGauge = (&'static str, &'static str, fn(&SpaceStats) -> Option<f64>);

const SPACE_GAUGES: [SpaceGauge; 6] = [
    (
        "twinspire_space_items",
        "Items that recalls of the space can find.",
        |space| Some(space.items as f64),
    ),
    (
        "twinspire_space_fresh_items",
        "Items of the space that were written or deleted since the last seal.",
        |space| Some(space.late as f64),
    ),
    (
        "twinspire_space_segments",
        "Segments of the active generation.",
        |space| Some(space.segments as f64),
    ),
    (
        "twinspire_space_bytes",
        "Size of the active generation's vectors and index.",
        |space| Some(space.bytes as f64),
    ),
    (
        "twinspire_space_generation",
        "Number of the active generation.",
        |space| Some(space.generation.0 as f64),
    ),
    (
        "twinspire_space_recall",
        "recall@10 of recalls by user at their default beam width, from 0 to 1, as last measured.",
        |space| Some(f64::from(space.recall?.recall)),
    ),
];

/// Writes the state of the database.
pub fn write(state: &State, text: &mut Text) -> Result<(), Error> {
    let stats = state.database().stats()?;
    for (name, help, value) in [
        ("twinspire_database_items", "Items.", stats.items as f64),
        (
            "twinspire_database_fresh_items",
            "Ids whose newest version is only in the journal.",
            stats.fresh as f64,
        ),
        (
            "twinspire_database_items_segments",
            "Items segments.",
            stats.items_segments as f64,
        ),
        (
            "twinspire_database_items_bytes",
            "Size of the items segments.",
            stats.items_bytes as f64,
        ),
        (
            "twinspire_database_journal_bytes",
            "Size of the journal.",
            stats.journal_bytes as f64,
        ),
        (
            "twinspire_database_refresh_failed",
            "1 if the studio could not read the newest state, 0 otherwise.",
            f64::from(u8::from(state.followed().refresh_error().is_some())),
        ),
    ] {
        text.family(name, "gauge", help);
        text.sample((name, ""), [], value);
    }
    for (name, help, value) in SPACE_GAUGES {
        text.family(name, "gauge", help);
        for (space, stats) in &stats.spaces {
            if let Some(value) = value(stats) {
                text.sample((name, ""), [("space", space.as_str())], value);
            }
        }
    }
    Ok(())
}
