//! `twinspire lexical`: spaces of full text.

use clap::Args;
use serde_json::json;
use twinspire::{Database, GenerationNo, Lexical};

use crate::args::{DatabaseArg, json as json_argument};
use crate::output::{Exit, Failure, Output, Table};

const EXAMPLES: &str = "\
Examples:
  twinspire lexical   shop.twin --define words '{\"fields\":{\"title\":2,\"text\":1}}'
  twinspire recall    shop.twin words --text 'red running shoes'
  twinspire ensembles shop.twin --define both '{\"method\":\"rank_fusion\",\"spaces\":[\"words\",\"unified\"]}'
  twinspire recall    shop.twin both --user '{\"query\":\"red running shoes\"}'
  twinspire lexical   shop.twin --rollback words
  twinspire lexical   shop.twin --remove words

A lexical space ranks items by BM25 over the words of some of their fields. Its definition as JSON:
  fields      paths with boosts, or a list of paths: a boost of 2 counts a word twice
  language    how words are stemmed: english (the default), german, french, … or none
  stop_words  words that are left out, in place of those of the language
  k1, b       how slowly the frequency of a word saturates (1.2), how much length counts (0.75)
  query       the field of the user with the text that is searched for (\"query\")
A space keeps its last three definitions. The command lists the spaces afterwards. See docs/lexical.md.";

/// List the lexical spaces of a database, define one, go back to an earlier definition or remove one.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct LexicalArgs {
    #[command(flatten)]
    target: DatabaseArg,
    /// Define a lexical space, or give it another definition: JSON text, @file, or -
    #[arg(long, num_args = 2, value_names = ["NAME", "JSON"], conflicts_with_all = ["remove", "rollback"])]
    define: Option<Vec<String>>,
    /// Make the definition before the active one active again
    #[arg(long, value_name = "NAME", conflicts_with = "remove")]
    rollback: Option<String>,
    /// The generation to roll back to, instead of the previous one
    #[arg(long, value_name = "N", requires = "rollback")]
    to: Option<u64>,
    /// Remove the lexical space of this name
    #[arg(long, value_name = "NAME")]
    remove: Option<String>,
}

/// Runs the command.
pub fn run(args: LexicalArgs, output: &Output) -> Result<Exit, Failure> {
    let db = if let Some([name, definition]) = args.define.as_deref() {
        let definition = json_argument("--define", definition)?;
        let lexical: Lexical = serde_json::from_value(definition)
            .map_err(|error| Failure::usage(format!("--define: not a lexical space: {error}")))?;
        let db = args.target.open_to_write()?;
        db.lexical().define(name, lexical)?;
        db
    } else if let Some(name) = &args.rollback {
        let db = args.target.open_to_write()?;
        db.lexical().rollback(name, args.to.map(GenerationNo))?;
        db
    } else if let Some(name) = &args.remove {
        let db = args.target.open_to_write()?;
        if !db.lexical().remove(name)? {
            let what = format!("there is no lexical space {name:?}");
            return Err(Failure::not_found(what));
        }
        db
    } else {
        args.target.open_to_read()?
    };
    print(&db, output)?;
    Ok(Exit::Done)
}

fn print(db: &Database, output: &Output) -> Result<(), Failure> {
    let mut all = Vec::new();
    for name in db.lexical().list().into_keys() {
        let kept = db.lexical().generations(&name)?;
        all.push((name, kept));
    }
    let document = all.iter().map(|(name, kept)| (name.clone(), json!(kept)));
    let document: serde_json::Map<_, _> = document.collect();
    output.result(&json!({"lexical": document}), || {
        if all.is_empty() {
            return "no lexical spaces".to_owned();
        }
        let mut table = Table::new(&["space", "generation", "", "definition"]);
        for (name, kept) in &all {
            for generation in kept {
                let active = if generation.active { "active" } else { "" };
                table.row([
                    name.clone(),
                    generation.number.to_string(),
                    active.to_owned(),
                    generation.lexical.to_string(),
                ]);
            }
        }
        table.render()
    })
}
