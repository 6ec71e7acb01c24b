//! `twinspire merge`: many segments become one.

use std::collections::BTreeMap;

use clap::Args;
use serde_json::{Value, json};
use twinspire::{Database, DatabaseStats};

use super::open_to_write;
use crate::args::DatabaseArg;
use crate::output::{Exit, Failure, Output, Table, thousands};

const EXAMPLES: &str = "\
Examples:
  twinspire merge movies.twin
  twinspire seal movies.twin && twinspire merge movies.twin    the journal too

The segments of the items become one, and so do those of the active generation of each space: what
was overwritten or deleted takes no room any more. Nothing else changes. The vectors of a space and
its graph are held in memory meanwhile.";

/// Merge segments: what was overwritten or deleted takes no room any more.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct MergeArgs {
    #[command(flatten)]
    target: DatabaseArg,
}

/// Runs the command.
pub fn run(args: MergeArgs, output: &Output) -> Result<Exit, Failure> {
    let db = open_to_write(&args.target.database)?;
    let before = sizes(&db)?;
    db.merge()?;
    let after = sizes(&db)?;
    let document = json!({"before": document(&before), "after": document(&after)});
    output.result(&document, || table(&before, &after))?;
    Ok(Exit::Done)
}

/// The segments of the items and of each space, and their bytes.
struct Sizes {
    items: (usize, u64),
    spaces: BTreeMap<String, (usize, u64)>,
}

fn sizes(db: &Database) -> Result<Sizes, Failure> {
    let DatabaseStats {
        items_segments,
        items_bytes,
        spaces,
        ..
    } = db.stats()?;
    let spaces = spaces.into_iter();
    Ok(Sizes {
        items: (items_segments, items_bytes),
        spaces: spaces
            .map(|(name, space)| (name, (space.segments, space.bytes)))
            .collect(),
    })
}

fn document(sizes: &Sizes) -> Value {
    let one = |(segments, bytes): (usize, u64)| json!({"segments": segments, "bytes": bytes});
    let spaces = sizes.spaces.iter();
    let spaces: BTreeMap<_, _> = spaces.map(|(name, size)| (name, one(*size))).collect();
    json!({"items": one(sizes.items), "spaces": spaces})
}

fn table(before: &Sizes, after: &Sizes) -> String {
    let mut table = Table::new(&["of", ">segments", ">now", ">bytes", ">now"]);
    let mut row = |of: String, before: (usize, u64), after: (usize, u64)| {
        table.row([
            of,
            before.0.to_string(),
            after.0.to_string(),
            thousands(before.1),
            thousands(after.1),
        ]);
    };
    row("items".to_owned(), before.items, after.items);
    for (name, size) in &before.spaces {
        let now = after.spaces.get(name).copied().unwrap_or_default();
        row(format!("space {name}"), *size, now);
    }
    table.render()
}
