//! `twinspire embed`: the vector of a user or an item, and what its features gave.

use std::collections::BTreeMap;

use clap::{ArgGroup, Args};
use serde_json::{Value, json};
use twinspire::{Database, Embedded};

use crate::args::{SpaceArgs, json as read_json};
use crate::output::{Exit, Failure, Output, Table};
use crate::view::hits;

const EXAMPLES: &str = "\
Examples:
  twinspire embed shop.twin movies --user '{\"user_id\":\"42\"}'
  twinspire embed shop.twin movies --user @user.json --json
  twinspire embed shop.twin movies --item B07
  twinspire embed shop.twin movies --record '{\"id\":\"new\",\"title\":\"red shoes\"}'

Shows the vector, and what each feature gave to the first layer of the tower. Where recalls are not as
expected, compare these numbers with those of the training: a difference names the feature that is read in
another way.";

/// Show the vector of a user or an item, and the numbers of each feature.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
#[command(group = ArgGroup::new("of").required(true).args(["user", "item", "record"]))]
pub struct EmbedArgs {
    #[command(flatten)]
    target: SpaceArgs,
    /// The raw features of a user: JSON text, @file, or - for standard input
    #[arg(long, value_name = "JSON", allow_hyphen_values = true)]
    user: Option<String>,
    /// The id of an item of the database
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    item: Option<String>,
    /// The record of an item, which need not be in the database: JSON text, @file, or -
    #[arg(long, value_name = "JSON", allow_hyphen_values = true)]
    record: Option<String>,
}

/// Runs the command.
pub fn run(args: EmbedArgs, output: &Output) -> Result<Exit, Failure> {
    let db = args.target.open_to_read()?;
    let embedded = embedded(&db, &args)?;
    let document = json!({"space": args.target.space, "embedded": embedded});
    output.result(&document, || {
        let parts = embedded.iter().map(|(space, embedded)| {
            let mut table = Table::new(&["component", ">value"]);
            for (at, value) in embedded.vector.iter().enumerate() {
                table.row([at.to_string(), value.to_string()]);
            }
            let features = hits::features(embedded);
            format!(
                "features in {space}\n{features}\nvector\n{}",
                table.render()
            )
        });
        parts.collect::<Vec<_>>().join("\n")
    })?;
    Ok(Exit::Done)
}

fn embedded(db: &Database, args: &EmbedArgs) -> Result<BTreeMap<String, Embedded>, Failure> {
    let space = &args.target.space;
    if let Some(user) = &args.user {
        return Ok(db.embed_user(space, &read_json("--user", user)?)?);
    }
    let record: Value = match (&args.item, &args.record) {
        (Some(id), _) => db
            .items()
            .get(id)?
            .ok_or_else(|| Failure::not_found(format!("there is no item {id:?}")))?,
        (None, Some(record)) => read_json("--record", record)?,
        (None, None) => Value::Null,
    };
    let embedded = db.embed_item(space, &record)?;
    Ok(BTreeMap::from([(space.clone(), embedded)]))
}
