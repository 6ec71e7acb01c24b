//! `twinspire ensembles`: stored recipes that fuse several spaces.

use clap::Args;
use serde_json::json;
use twinspire::{Database, Ensemble};

use crate::args::{DatabaseArg, json as json_argument};
use crate::output::{Exit, Failure, Output, Table};

const EXAMPLES: &str = "\
Examples:
  twinspire ensembles shop.twin
  twinspire ensembles shop.twin --define home '{\"method\":\"weighted\",\"spaces\":{\"text\":0.4,\"unified\":0.6}}'
  twinspire ensembles shop.twin --define staged '{\"method\":\"cascade\",\"stages\":[
                      {\"space\":\"text\",\"take\":500},{\"space\":\"unified\",\"take\":50}]}'
  twinspire recall    shop.twin home --user '{\"query\":\"red shoes\"}'
  twinspire ensembles shop.twin --remove home

Methods:
  weighted     the weighted sum of an item's scores in all spaces; with \"missing\":0 an item without a
               vector in a space scores 0 there; with \"fused\":SPACE the one graph of a fused space
               (publish --fuse) is searched
  cascade      the best of the first space, of these the best by the next space, and so on
  rank_fusion  {\"spaces\":{\"text\":1,\"unified\":2},\"k\":60,\"depth\":100}: the sum of weight / (k + rank)
  normalised   {\"spaces\":{…},\"by\":\"min_max\",\"depth\":100}: as weighted, on scores brought to one scale
               (min_max, z_score or calibration)
  quotas       {\"channels\":[{\"space\":\"text\",\"share\":0.7},{\"space\":\"new\",\"share\":0.3}]}: the spaces
               take turns, each with its share of the list
Options of every method:
  \"business\":{\"field\":\"bid\"}                       ranks by score × field (not for quotas)
  \"diversity\":{\"space\":\"unified\",\"lambda\":0.7}    prefers items unlike those ranked above them
The command lists the ensembles afterwards. See docs/ensembles.md.";

/// List the ensembles of a database, define one or remove one.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct EnsemblesArgs {
    #[command(flatten)]
    target: DatabaseArg,
    /// Define an ensemble, replacing one of the same name: JSON text, @file, or -
    #[arg(long, num_args = 2, value_names = ["NAME", "JSON"], conflicts_with = "remove")]
    define: Option<Vec<String>>,
    /// Remove the ensemble of this name
    #[arg(long, value_name = "NAME")]
    remove: Option<String>,
}

/// Runs the command.
pub fn run(args: EnsemblesArgs, output: &Output) -> Result<Exit, Failure> {
    let db = if let Some([name, recipe]) = args.define.as_deref() {
        let recipe = json_argument("--define", recipe)?;
        let ensemble: Ensemble = serde_json::from_value(recipe)
            .map_err(|error| Failure::usage(format!("--define: not an ensemble: {error}")))?;
        let db = args.target.open_to_write()?;
        db.ensembles().define(name, ensemble)?;
        db
    } else if let Some(name) = &args.remove {
        let db = args.target.open_to_write()?;
        if !db.ensembles().remove(name)? {
            return Err(Failure::not_found(format!("there is no ensemble {name:?}")));
        }
        db
    } else {
        args.target.open_to_read()?
    };
    print(&db, output)?;
    Ok(Exit::Done)
}

fn print(db: &Database, output: &Output) -> Result<(), Failure> {
    let all = db.ensembles().list();
    output.result(&json!({"ensembles": all}), || {
        if all.is_empty() {
            return "no ensembles".to_owned();
        }
        let mut table = Table::new(&["ensemble", "recipe"]);
        for (name, ensemble) in &all {
            table.row([name.clone(), ensemble.to_string()]);
        }
        table.render()
    })
}
