//! `twinspire towers`: what towers read and how they are built; towers of other towers and of encoders.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use twinspire::{TextTowers, TowerInfo, Towers, TowersInfo};

use crate::args::{at_least_one, open_to_read};
use crate::output::{Exit, Failure, Output, Table, thousands};

const EXAMPLES: &str = "\
Examples:
  twinspire towers inspect models/movies
  twinspire towers inspect movies.twin movies
  twinspire towers inspect movies.twin --json
  twinspire towers text models/all-MiniLM-L6-v2 --field title,text --out models/text";

/// Show what towers read and how they are built; make towers of other towers and of encoders.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct TowersArgs {
    #[command(subcommand)]
    command: TowersCommand,
}

#[derive(Debug, Subcommand)]
enum TowersCommand {
    /// Show schema, number of parameters, sizes and an example user
    #[command(after_help = EXAMPLES)]
    Inspect(InspectArgs),
    /// Combine the user tower of one directory with the item tower of another
    #[command(after_help = COMBINE_EXAMPLES)]
    Combine(CombineArgs),
    /// Make towers of an encoder of text, for items and for queries
    #[command(after_help = TEXT_EXAMPLES)]
    Text(TextArgs),
}

const COMBINE_EXAMPLES: &str = "\
Examples:
  twinspire towers combine --user models/onnx --item models/shop --out models/mixed

Both towers must give vectors of one space: of the same dimension and metric, from trainings that agree. A
table that both read is shared if it is equal, else that of the user tower is renamed. Self-tests and the
state of the trainings are left behind.";

const TEXT_EXAMPLES: &str = "\
Examples:
  twinspire towers text models/all-MiniLM-L6-v2 --field title,text --out models/text
  twinspire publish shop.twin text models/text
  twinspire recall  shop.twin text --user '{\"query\":\"red running shoes\"}'

The directory is one of Hugging Face, on the disk: tokenizer.json, and model.onnx, or model.safetensors of a BERT,
RoBERTa or XLM-RoBERTa model with its config.json, or a table of static embeddings (model2vec). Pooling and the
number of tokens are those of sentence-transformers, if its files are there. Models other than tables need a build
with the feature onnx.";

/// Make towers of an encoder of text, for items and for queries.
#[derive(Debug, Args)]
struct TextArgs {
    /// The directory of the encoder
    encoder: PathBuf,
    /// The fields of an item, whose texts are joined by spaces
    #[arg(
        long,
        value_name = "FIELD",
        value_delimiter = ',',
        default_value = "text"
    )]
    field: Vec<String>,
    /// The fields of a user
    #[arg(
        long,
        value_name = "FIELD",
        value_delimiter = ',',
        default_value = "query"
    )]
    query: Vec<String>,
    /// Tokens of a text that are read at most [default: as the encoder says]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    max_tokens: Option<usize>,
    /// The name of the model [default: that of its directory]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Output directory; towers that are there are replaced
    #[arg(short, long, value_name = "DIR")]
    out: PathBuf,
}

/// Combine the user tower of one directory with the item tower of another.
#[derive(Debug, Args)]
struct CombineArgs {
    /// The directory of the user tower
    #[arg(long, value_name = "DIR")]
    user: PathBuf,
    /// The directory of the item tower
    #[arg(long, value_name = "DIR")]
    item: PathBuf,
    /// Output directory; towers that are there are replaced
    #[arg(short, long, value_name = "DIR")]
    out: PathBuf,
}

/// Show schema, number of parameters, sizes and an example user.
#[derive(Debug, Args)]
struct InspectArgs {
    /// A towers directory or a database
    path: PathBuf,
    /// The space of a database; all spaces if left out
    #[arg(value_name = "SPACE")]
    space: Option<String>,
}

/// Towers, and the space that serves them.
struct Inspected {
    towers: Towers,
    /// The space and its active generation.
    served: Option<(String, String)>,
}

/// Runs the command.
pub fn run(args: TowersArgs, output: &Output) -> Result<Exit, Failure> {
    match args.command {
        TowersCommand::Inspect(args) => inspect(&args, output),
        TowersCommand::Combine(args) => {
            let (user, item) = (Towers::open(&args.user)?, Towers::open(&args.item)?);
            let towers = Towers::combine(&user, &item).map_err(Failure::failed)?;
            save(towers, &args.out, output)
        }
        TowersCommand::Text(args) => {
            let mut encoder = TextTowers::new().fields(args.field).query(args.query);
            if let Some(tokens) = args.max_tokens {
                encoder = encoder.max_tokens(tokens);
            }
            if let Some(name) = &args.name {
                encoder = encoder.name(name);
            }
            save(encoder.open(&args.encoder)?, &args.out, output)
        }
    }
}

/// Saves towers and shows what they read.
fn save(towers: Towers, out: &Path, output: &Output) -> Result<Exit, Failure> {
    towers.save(out)?;
    let saved = Inspected {
        towers,
        served: None,
    };
    output.result(&document(&saved), || text(&saved))?;
    Ok(Exit::Done)
}

fn inspect(args: &InspectArgs, output: &Output) -> Result<Exit, Failure> {
    let all = open_towers(args)?;
    let documents: Vec<Value> = all.iter().map(document).collect();
    let document = match (&*documents, &args.space) {
        // A list only where several could be meant.
        ([one], _) if args.space.is_some() || all.iter().all(|one| one.served.is_none()) => {
            one.clone()
        }
        _ => json!(documents),
    };
    output.result(&document, || {
        let texts: Vec<String> = all.iter().map(text).collect();
        match texts.is_empty() {
            true => "no towers: nothing has been published".to_owned(),
            false => texts.join("\n"),
        }
    })?;
    Ok(Exit::Done)
}

/// Opens the towers of a directory, of one space or of all spaces.
fn open_towers(args: &InspectArgs) -> Result<Vec<Inspected>, Failure> {
    if args.path.join("tower.json").exists() {
        if args.space.is_some() {
            let message = "a towers directory has no spaces: omit SPACE";
            return Err(Failure::usage(message));
        }
        let (towers, served) = (Towers::open(&args.path)?, None);
        return Ok(vec![Inspected { towers, served }]);
    }
    if args.path.is_dir() && !args.path.join("CURRENT").exists() {
        let message = format!(
            "{}: neither a towers directory (with tower.json) nor a database",
            args.path.display()
        );
        return Err(Failure::not_found(message));
    }
    let db = open_to_read(&args.path)?;
    let spaces = match &args.space {
        Some(space) => vec![space.clone()],
        None => {
            let mut spaces = db.spaces();
            // A fused space has no towers but those of its members.
            spaces.retain(|space| db.members(space).is_ok_and(|members| members.is_empty()));
            spaces
        }
    };
    let each = spaces.into_iter().map(|space| {
        let generations = db.generations(&space)?;
        let active = generations.iter().find(|generation| generation.active);
        let number = active.map_or_else(String::new, |active| active.number.to_string());
        Ok(Inspected {
            towers: db.towers(&space)?,
            served: Some((space, number)),
        })
    });
    each.collect()
}

fn document(inspected: &Inspected) -> Value {
    let towers = &inspected.towers;
    let mut document = json!(towers.describe());
    if let Some(fields) = document.as_object_mut() {
        // As text: many JSON readers keep no more than 53 bits of a number.
        fields.insert("hash".to_owned(), format!("{:016x}", towers.hash()).into());
        if let Some(test) = towers.self_test() {
            let test = json!({"cases": test.cases, "difference": test.difference});
            fields.insert("self_test".to_owned(), test);
        }
        if let Some((space, generation)) = &inspected.served {
            fields.insert("space".to_owned(), space.clone().into());
            fields.insert("generation".to_owned(), generation.clone().into());
        }
    }
    document
}

fn text(inspected: &Inspected) -> String {
    let (towers, info) = (&inspected.towers, inspected.towers.describe());
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{} (content {:016x})", info.name, towers.hash());
    if let Some((space, generation)) = &inspected.served {
        let _ = writeln!(text, "served by space {space}, generation {generation}");
    }
    let _ = writeln!(
        text,
        "vectors of {} components, compared by {}; {} parameters",
        info.dimension,
        info.metric,
        thousands(info.parameters as u64),
    );
    let _ = match towers.self_test() {
        Some(test) => writeln!(
            text,
            "self-test passed: {} records, largest difference of a component {:.1e}",
            test.cases, test.difference,
        ),
        None => writeln!(text, "no self-test"),
    };
    for (side, tower) in [("user", &info.user), ("item", &info.item)] {
        let _ = match tower {
            Some(tower) => writeln!(text, "\n{side} tower\n{}", tower_text(tower)),
            None => writeln!(text, "\nno {side} tower"),
        };
    }
    let _ = write!(text, "{}", tables_text(&info));
    text
}

fn tower_text(tower: &TowerInfo) -> String {
    let columns = ["  feature", "fields", "table", ">numbers", "may be missing"];
    let mut table = Table::new(&columns);
    for feature in &tower.features {
        table.row([
            format!("  {}", feature.kind),
            feature.fields.join(", "),
            feature.table.clone().unwrap_or_default(),
            thousands(feature.width as u64),
            if feature.optional { "yes" } else { "" }.to_owned(),
        ]);
    }
    let mut layers = Table::new(&["  layer", "activation", ">numbers", ">parameters"]);
    for layer in &tower.layers {
        let activation = match layer.description.get("activation") {
            Some(Value::String(name)) => name.clone(),
            Some(other) => other.to_string(),
            None => String::new(),
        };
        layers.row([
            format!("  {}", layer.kind),
            activation,
            thousands(layer.width as u64),
            thousands(layer.parameters as u64),
        ]);
    }
    let layers = match tower.layers.is_empty() {
        true => String::new(),
        false => format!("\n{}", layers.render()),
    };
    let features = table.render();
    format!("{features}{layers}\n  example: {}", tower.example)
}

fn tables_text(info: &TowersInfo) -> String {
    let mut text = String::new();
    if !info.tables.is_empty() {
        let columns = ["  table", "lookup", ">rows", ">numbers", "as", "shared"];
        let mut table = Table::new(&columns);
        for one in &info.tables {
            table.row([
                format!("  {}", one.name),
                one.lookup.to_owned(),
                thousands(one.rows as u64),
                thousands(one.dimension as u64),
                one.precision.to_owned(),
                if one.shared { "yes" } else { "" }.to_owned(),
            ]);
        }
        let _ = writeln!(text, "\ntables\n{}", table.render().trim_end());
    }
    let mut files = Table::new(&["  file", ">bytes"]);
    for (name, bytes) in &info.files {
        files.row([format!("  {name}"), thousands(*bytes as u64)]);
    }
    let _ = write!(text, "\nfiles\n{}", files.render());
    text
}
