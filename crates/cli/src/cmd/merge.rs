//! `twinspire merge`: many segments become one.

use std::collections::BTreeMap;

use clap::Args;
use serde_json::{Value, json};
use twinspire::{Database, DatabaseStats};

use crate::args::DatabaseArg;
use crate::output::{Exit, Failure, Output, Table, thousands};

const EXAMPLES: &str = "\
Examples:
  twinspire merge movies.twin
  twinspire seal movies.twin && twinspire merge movies.twin    the journal too

Merges the segments of the items into one, and those of the active generation of each space, and drops
what was overwritten or deleted. Answers stay the same. The vectors of a space and its graph are held in
memory meanwhile.";

/// Merge segments, dropping overwritten and deleted items.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct MergeArgs {
    #[command(flatten)]
    target: DatabaseArg,
}

/// Runs the command.
pub fn run(args: MergeArgs, output: &Output) -> Result<Exit, Failure> {
    let db = args.target.open_to_write()?;
    let before = Sizes::of(&db)?;
    db.merge()?;
    let after = Sizes::of(&db)?;
    let document = json!({"before": before.document(), "after": after.document()});
    output.result(&document, || table(&before, &after))?;
    Ok(Exit::Done)
}

/// Segments and their total size.
#[derive(Clone, Copy, Default)]
struct Size {
    segments: usize,
    bytes: u64,
}

/// The sizes of the items and of each space.
struct Sizes {
    items: Size,
    spaces: BTreeMap<String, Size>,
}

impl Sizes {
    fn of(db: &Database) -> Result<Self, Failure> {
        let DatabaseStats {
            items_segments: segments,
            items_bytes: bytes,
            spaces,
            ..
        } = db.stats()?;
        let spaces = spaces.into_iter().map(|(name, space)| {
            let (segments, bytes) = (space.segments, space.bytes);
            (name, Size { segments, bytes })
        });
        Ok(Self {
            items: Size { segments, bytes },
            spaces: spaces.collect(),
        })
    }

    fn document(&self) -> Value {
        let spaces = self.spaces.iter();
        let spaces: BTreeMap<_, _> = spaces.map(|(name, size)| (name, size.document())).collect();
        json!({"items": self.items.document(), "spaces": spaces})
    }
}

impl Size {
    fn document(self) -> Value {
        json!({"segments": self.segments, "bytes": self.bytes})
    }
}

fn table(before: &Sizes, after: &Sizes) -> String {
    let mut table = Table::new(&["of", ">segments", ">now", ">bytes", ">now"]);
    let mut row = |of: String, before: Size, after: Size| {
        table.row([
            of,
            before.segments.to_string(),
            after.segments.to_string(),
            thousands(before.bytes),
            thousands(after.bytes),
        ]);
    };
    row("items".to_owned(), before.items, after.items);
    for (name, size) in &before.spaces {
        let now = after.spaces.get(name).copied().unwrap_or_default();
        row(format!("space {name}"), *size, now);
    }
    table.render()
}
