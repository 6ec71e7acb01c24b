//! `twinspire export`: every item as JSON lines.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use twinspire::ExportedItems;

use crate::args::DatabaseArg;
use crate::output::{
    Exit, Failure, Output, StreamError, StreamWriter, Unit, counted, write_stream,
};

const EXAMPLES: &str = "\
Examples:
  twinspire export shop.twin > items.jsonl
  twinspire export shop.twin --out items.jsonl
  twinspire export shop.twin --vectors movies --out all.jsonl
  twinspire export shop.twin | twinspire import copy.twin - --format json-lines

Writes one JSON object per line, with or without --json: the items as they are at this moment, whatever
others write meanwhile, in the order of their first write. Without --vectors each line is the record
itself, which `twinspire import` reads. With --vectors each line is
  {\"item\":{\"id\":\"B01\",…},\"vectors\":{\"movies\":[0.25,…]}}
`twinspire import --format export` takes the item of such a line; a publish with the same towers computes
the same vectors again.";

/// Write every item of a database as JSON lines.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ExportArgs {
    #[command(flatten)]
    target: DatabaseArg,
    /// Write to this file instead of standard output; it is replaced once the export is complete
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Export the vectors of this space too (may be repeated)
    #[arg(long, value_name = "SPACE")]
    vectors: Vec<String>,
}

/// Runs the command.
pub fn run(args: ExportArgs, output: &Output) -> Result<Exit, Failure> {
    let db = args.target.open_to_read()?;
    let export = db.export().vectors(&args.vectors).run()?;
    let written = write_stream(args.out.as_deref(), |out| {
        write_items(export, &args, out, output)
    })?;
    if let (Some(items), Some(path)) = (written, &args.out) {
        let name = path.display().to_string();
        output.result(&json!({"items": items, "file": name}), || {
            format!("{} exported to {name}", counted(items, "item"))
        })?;
    }
    Ok(Exit::Done)
}

/// Writes a line for each item. Gives the number of items.
fn write_items(
    export: ExportedItems,
    args: &ExportArgs,
    out: &mut StreamWriter<'_>,
    output: &Output,
) -> Result<u64, StreamError> {
    let bar = output.stream_bar("exporting", 0, Unit::Count, args.out.as_deref());
    let mut items = 0;
    for exported in export {
        let exported = exported.map_err(|error| StreamError::Source(error.into()))?;
        let line = match args.vectors.is_empty() {
            true => serde_json::to_writer(&mut *out, &exported.record),
            false => serde_json::to_writer(&mut *out, &exported),
        };
        line.map_err(io::Error::from)?;
        out.write_all(b"\n")?;
        items += 1;
        bar.set_position(items);
    }
    bar.finish_and_clear();
    Ok(items)
}
