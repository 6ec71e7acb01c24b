//! `twinspire export`: every item as JSON lines.

use std::io::{self, BufWriter, ErrorKind, IsTerminal, Write};
use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use twinspire::Export;

use super::open_to_read;
use crate::args::DatabaseArg;
use crate::next::Next;
use crate::output::{Exit, Failure, Output, Unit, counted};

const EXAMPLES: &str = "\
Examples:
  twinspire export shop.twin > items.jsonl
  twinspire export shop.twin --out items.jsonl
  twinspire export shop.twin --vectors movies --out all.jsonl
  twinspire export shop.twin | twinspire import copy.twin - --format json-lines

One JSON object a line, with --json or without: the items as they are at this moment, whatever
others write meanwhile, in the order in which they came. Without --vectors a line is the record
itself, which `twinspire import` reads as it is. With it a line is
  {\"item\":{\"id\":\"B01\",…},\"vectors\":{\"movies\":[0.25,…]}}
and `twinspire import --format export` takes the item: a publish with the same towers computes the
same vectors again.";

/// Write every item of a database as JSON lines.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ExportArgs {
    #[command(flatten)]
    target: DatabaseArg,
    /// Write to this file, which is replaced when all is written, instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Give the vectors of this space too (may be repeated)
    #[arg(long, value_name = "SPACE")]
    vectors: Vec<String>,
}

/// Runs the command.
pub fn run(args: ExportArgs, output: &Output) -> Result<Exit, Failure> {
    let db = open_to_read(&args.target.database)?;
    let export = db.export().vectors(&args.vectors)?;
    let Some(path) = &args.out else {
        let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
        match write(export, &args, &mut out, output) {
            // Whoever reads has read enough: `twinspire export … | head`.
            Err(Halt::Write(error)) if error.kind() == ErrorKind::BrokenPipe => {}
            Err(halt) => return Err(halt.into()),
            Ok(_) => {}
        }
        return Ok(Exit::Done);
    };
    let name = path.display().to_string();
    let failed = |error: io::Error| Failure::writing(&name, error);
    let next = Next::create(path).map_err(failed)?;
    let mut out = BufWriter::with_capacity(1 << 16, next.file());
    let items = match write(export, &args, &mut out, output) {
        Err(Halt::Write(error)) => return Err(failed(error)),
        Err(halt) => return Err(halt.into()),
        Ok(items) => items,
    };
    drop(out);
    next.put_in_place().map_err(failed)?;
    output.result(&json!({"items": items, "file": name}), || {
        format!("{} exported to {name}", counted(items, "item"))
    })?;
    Ok(Exit::Done)
}

/// Why lines are not written on.
enum Halt {
    /// The database cannot be read.
    Read(twinspire::Error),
    /// They cannot be written.
    Write(io::Error),
}

impl From<Halt> for Failure {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::Read(error) => error.into(),
            Halt::Write(error) => Self::failed(error),
        }
    }
}

/// Writes a line for each item; gives how many there were.
fn write(
    export: Export,
    args: &ExportArgs,
    out: &mut impl Write,
    output: &Output,
) -> Result<u64, Halt> {
    // On a terminal the lines themselves tell how far it is.
    let lines_are_seen = args.out.is_none() && io::stdout().is_terminal();
    let bar = (!lines_are_seen).then(|| output.bar("exporting", 0, Unit::Count));
    let mut items = 0;
    for exported in export {
        let exported = exported.map_err(Halt::Read)?;
        let line = if args.vectors.is_empty() {
            serde_json::to_writer(&mut *out, &exported.record)
        } else {
            serde_json::to_writer(&mut *out, &exported)
        };
        line.map_err(io::Error::from)
            .and_then(|()| out.write_all(b"\n"))
            .map_err(Halt::Write)?;
        items += 1;
        if let Some(bar) = &bar {
            bar.set_position(items);
        }
    }
    out.flush().map_err(Halt::Write)?;
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    Ok(items)
}
