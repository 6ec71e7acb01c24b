//! `twinspire delete`: removes items.

use std::io::{BufRead, BufReader, Read, stdin};
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args};
use serde_json::{Value, json};
use twinspire::Database;
use twinspire::import::regular_file;

use crate::args::DatabaseArg;
use crate::output::{Exit, Failure, Output, counted};

const EXAMPLES: &str = "\
Examples:
  twinspire delete shop.twin B07 B13
  twinspire delete shop.twin -- -wtIMTCHWuI              an id that begins with a dash
  twinspire delete shop.twin --filter \"sold_out = true\"
  twinspire delete shop.twin --filter \"sold_out = true\" --dry-run
  twinspire delete shop.twin --file gone.txt             one id a line, or JSON lines with an `id`

Deleted items are in no answer from then on; `merge` frees their space. Up to 10,000 items go in one call,
whole or not at all. After a crash between two calls, the same command removes the rest. To remove what a
new file of all items does not have any more, use `import --replace`.";

/// Maximum number of unknown ids that are shown.
const MAX_UNKNOWN_SHOWN: usize = 5;
/// Number of ids in a call.
const CALL_IDS: usize = 10_000;
/// The name of standard input in errors.
const STANDARD_INPUT: &str = "standard input";

/// Remove items by id, by a filter, or by a file of ids.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
#[command(group = ArgGroup::new("which").required(true).args(["ids", "filter", "file"]))]
pub struct DeleteArgs {
    #[command(flatten)]
    target: DatabaseArg,
    /// The ids of the items
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// Items that match, as in "sold_out = true and price > 1000"
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// A file with one id a line, or with a JSON object with an `id` a line; - for standard input
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Count the items, delete nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command.
pub fn run(args: DeleteArgs, output: &Output) -> Result<Exit, Failure> {
    let db = match args.dry_run {
        true => args.target.open_to_read()?,
        false => args.target.open_to_write()?,
    };
    let (found, unknown) = match (&args.filter, &args.file) {
        (Some(filter), _) if args.dry_run => (db.items().count_where(filter)?, Vec::new()),
        (Some(filter), _) => (db.items().delete_where(filter)?, Vec::new()),
        (None, Some(file)) => delete(&db, &ids_of(file)?, args.dry_run)?,
        (None, None) => delete(&db, &args.ids, args.dry_run)?,
    };
    let document = json!({
        "found": found,
        "deleted": if args.dry_run { 0 } else { found },
        "unknown": unknown,
    });
    output.result(&document, || {
        let verb = if args.dry_run {
            "to be deleted"
        } else {
            "deleted"
        };
        let mut text = format!("{} {verb}", counted(found, "item"));
        if !unknown.is_empty() {
            let shown: Vec<_> = unknown.iter().take(MAX_UNKNOWN_SHOWN).collect();
            let more = if unknown.len() > shown.len() {
                ", …"
            } else {
                ""
            };
            let shown: Vec<String> = shown.into_iter().map(|id| format!("{id:?}")).collect();
            let count = counted(unknown.len() as u64, "id");
            text.push_str(&format!(
                ", {count} without an item: {}{more}",
                shown.join(", ")
            ));
        }
        text
    })?;
    Ok(Exit::Done)
}

/// Deletes the items of these ids. Returns their number, and the ids without an item.
fn delete(db: &Database, ids: &[String], dry_run: bool) -> Result<(u64, Vec<String>), Failure> {
    let (mut deleted, mut unknown) = (0, Vec::new());
    for ids in ids.chunks(CALL_IDS) {
        let mut found: Vec<&String> = Vec::with_capacity(ids.len());
        for id in ids {
            match db.items().get(id)? {
                Some(_) => found.push(id),
                None => unknown.push(id.clone()),
            }
        }
        deleted += match dry_run {
            true => found.len() as u64,
            false => db.items().delete_many(found)?,
        };
    }
    Ok((deleted, unknown))
}

/// The ids in a file: one a line, as it is, or as the `id` of a JSON object.
fn ids_of(path: &Path) -> Result<Vec<String>, Failure> {
    let (reader, name): (Box<dyn Read>, String) = match path.as_os_str() == "-" {
        true => (Box::new(stdin()), STANDARD_INPUT.to_owned()),
        false => {
            let name = path.display().to_string();
            let file = regular_file(path).map_err(|error| Failure::reading(&name, error))?;
            (Box::new(file), name)
        }
    };
    let mut ids = Vec::new();
    for (number, line) in BufReader::new(reader).lines().enumerate() {
        let line = line.map_err(|error| Failure::reading(&name, error))?;
        let bad = |NoId| Failure::usage(format!("{name}, line {}: an id expected", number + 1));
        ids.extend(id_of(&line).map_err(bad)?);
    }
    Ok(ids)
}

/// A line of JSON without an id.
#[derive(Debug, PartialEq, Eq)]
struct NoId;

/// The id in a line; `None` for an empty line.
fn id_of(line: &str) -> Result<Option<String>, NoId> {
    let line = line.trim_start_matches('\u{feff}').trim();
    if line.is_empty() {
        return Ok(None);
    }
    if !line.starts_with(['{', '"']) {
        return Ok(Some(line.to_owned()));
    }
    let value: Value = serde_json::from_str(line).map_err(|_| NoId)?;
    match value.get("id").unwrap_or(&value) {
        Value::String(id) => Ok(Some(id.clone())),
        Value::Number(id) if id.is_i64() || id.is_u64() => Ok(Some(id.to_string())),
        _ => Err(NoId),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_an_id_or_json_with_one() {
        let id = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!(id_of(" B07\r"), id("B07"));
        assert_eq!(id_of("-7"), id("-7"));
        assert_eq!(id_of("\"a \\\"b\""), id("a \"b"));
        assert_eq!(
            id_of("{\"id\": 9007199254740993, \"x\": 1}"),
            id("9007199254740993")
        );
        assert_eq!(id_of("\u{feff}{\"id\": \"a\"}"), id("a"));
        assert_eq!(id_of("  "), Ok(None));
        for bad in ["{\"x\": 1}", "{\"id\": 1.5}", "{", "\"a"] {
            assert_eq!(id_of(bad), Err(NoId), "{bad}");
        }
    }
}
