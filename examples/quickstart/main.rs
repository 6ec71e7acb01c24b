//! From logs to measured recalls in one run: logs, training, publish, recalls, evaluation.
//!
//! ```sh
//! cargo run --release --features train --example quickstart
//! cargo run --release --features train --example quickstart -- --movielens ml-100k
//! ```
//!
//! Without arguments the data is simulated from a fixed seed. `--keep DIR` leaves the database and
//! its towers behind, for the command `twinspire`.

mod baselines;
mod protocol;
mod world;

use baselines::Baselines;
use protocol::Case;
use serde_json::Value;
use std::collections::HashMap;
use std::error::Error;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use twinspire::train::evaluate::Metrics;
use twinspire::train::{Dataset, youtube};
use twinspire::{Database, Towers, import};

const HELP: &str = "\
usage: quickstart [--movielens DIR] [--keep DIR]

  --movielens DIR  a MovieLens-100K directory (u.data, u.item, u.user); simulated data without it
  --keep DIR       where to leave the database and the towers; a temporary directory without it";

/// The space the towers are published as.
const SPACE: &str = "youtube";

fn main() -> ExitCode {
    let outcome = match Options::parse() {
        Ok(Some(options)) => run(&options),
        Ok(None) => {
            println!("{HELP}");
            Ok(())
        }
        Err(usage) => Err(usage.into()),
    };
    if let Err(error) = outcome {
        eprintln!("error: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let started = Instant::now();
    let temporary = tempfile::tempdir()?;
    let home = options.keep.as_deref().unwrap_or(temporary.path());
    let (database, models) = (home.join("quickstart.twin"), home.join("towers"));
    if database.exists() {
        return Err(format!("{} is there already", database.display()).into());
    }

    let data = read(options.movielens.as_deref())?;
    let (data, cases) = protocol::hold_out(data);
    println!("               held out from all that follows: the last two items of each user\n");

    train(&data)?.save(&models)?;
    publish(&database, &data, &models)?;

    let start = Instant::now();
    let db = Database::open(&database)?;
    step(
        "4 Reopen",
        &format!("from the disk, in {:.1?}", start.elapsed()),
    );
    let someone = cases.iter().find(|case| history(case).len() >= 20);
    let someone = someone.or(cases.first()).ok_or("no user has three items")?;
    show(&db, &data, someone)?;
    cold_start(&db, someone)?;
    evaluate(&db, &data, &cases)?;

    println!("All of it in {:.0} s.", started.elapsed().as_secs_f64());
    if options.keep.is_some() {
        println!("Look around: twinspire stats {}", database.display());
    }
    Ok(())
}

/// The command line.
#[derive(Default)]
struct Options {
    movielens: Option<PathBuf>,
    keep: Option<PathBuf>,
}

impl Options {
    /// `None` for `--help`.
    fn parse() -> Result<Option<Self>, String> {
        let mut options = Self::default();
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let target = match argument.as_str() {
                "--help" | "-h" => return Ok(None),
                "--movielens" => &mut options.movielens,
                "--keep" => &mut options.keep,
                _ => return Err(format!("unknown argument {argument}\n\n{HELP}")),
            };
            let missing = || format!("{argument} needs a directory\n\n{HELP}");
            *target = Some(arguments.next().ok_or_else(missing)?.into());
        }
        Ok(Some(options))
    }
}

fn step(name: &str, text: &str) {
    println!("{name:<13}  {text}");
}

/// The logs: MovieLens from the disk, or simulated.
fn read(movielens: Option<&Path>) -> Result<Dataset, Box<dyn Error>> {
    let data = if let Some(dir) = movielens {
        let read = import::movielens::read(dir)?;
        println!("Twinspire, from raw logs to recalls, on MovieLens-100K.\n");
        Dataset {
            items: read.items,
            users: read.users,
            events: read.events,
        }
    } else {
        println!(
            "Twinspire, from raw logs to recalls, on SIMULATED data: a made-up shop, its visitors\n\
             and what they looked at, the same in every run.\n"
        );
        let world = world::generate(42);
        Dataset {
            items: world.items,
            users: world.users,
            events: world.events,
        }
    };
    let Dataset {
        items,
        users,
        events,
    } = &data;
    let (items, users, events) = (items.len(), users.len(), events.len());
    step(
        "1 Logs",
        &format!("{items} items, {users} users, {events} events"),
    );
    Ok(data)
}

/// Trains the two towers.
fn train(data: &Dataset) -> Result<Towers, Box<dyn Error>> {
    let live = std::io::stderr().is_terminal();
    let config = youtube::Config::default();
    let trained = youtube::train(data, &config, |progress| {
        if let Some(loss) = progress.loss.filter(|_| live) {
            let (epoch, epochs) = (progress.epoch, progress.epochs);
            eprint!("\r2 Train        pass {epoch} of {epochs}, loss {loss:.3} ");
        }
    })?;
    if live {
        eprint!("\r");
    }
    // The directory keeps the report too, and so does what is published from it.
    let towers = trained.reported_towers("youtube", &config);
    let report = trained.report;
    let losses: Vec<_> = report
        .losses
        .iter()
        .map(|loss| format!("{loss:.2}"))
        .collect();
    step(
        "2 Train",
        &format!(
            "a user tower and an item tower, {} parameters, in {:.1} s; loss of each pass:",
            report.parameters, report.seconds
        ),
    );
    println!("               {}\n", losses.join(" → "));
    Ok(towers)
}

/// Puts the items and publishes the towers; the database is closed at the end.
fn publish(database: &Path, data: &Dataset, models: &Path) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let db = Database::open(database)?;
    db.items().put_many(&data.items)?;
    let put = start.elapsed();
    let start = Instant::now();
    let generation = db.publish(SPACE).towers(Towers::open(models)?).run()?;
    step(
        "3 Publish",
        &format!(
            "{} items stored in {put:.0?}, embedded and linked into a graph in {:.1?};",
            generation.items,
            start.elapsed()
        ),
    );
    println!(
        "               the graph finds {:.1}% of the ten nearest (recall@10 against exact search)\n",
        generation.recall * 100.0
    );
    Ok(())
}

/// Prints one user's latest items next to the recalled ones.
fn show(db: &Database, data: &Dataset, case: &Case) -> Result<(), Box<dyn Error>> {
    let titles: HashMap<_, _> = data
        .items
        .iter()
        .map(|item| (&item["id"], title(item)))
        .collect();
    let start = Instant::now();
    let hits = db
        .recall(SPACE)
        .user(&case.user)
        .exclude(&case.seen)
        .records()
        .top(8)?;
    let latency = start.elapsed();

    let mut user = case.user.clone();
    if let Some(fields) = user.as_object_mut() {
        fields.remove("history");
    }
    step(
        "5 Recall",
        &format!("for {user} and the history, in {latency:.0?}\n"),
    );
    println!("               {:<36}recalled, with scores", "latest items");
    let mut past = history(case).iter().rev();
    for hit in &hits {
        let latest = past
            .next()
            .and_then(|id| titles.get(id))
            .copied()
            .unwrap_or_default();
        let found = hit.record.as_ref().map_or("", title);
        let (latest, found) = (cut(latest, 34), cut(found, 34));
        println!("               {latest:<36}{found:<36}{:.3}", hit.score);
    }
    println!();
    Ok(())
}

fn history(case: &Case) -> &[Value] {
    case.user["history"].as_array().map_or(&[], Vec::as_slice)
}

fn title(item: &Value) -> &str {
    item["title"].as_str().unwrap_or_default()
}

fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

/// Cold start: the next recall finds an item put after the publish.
fn cold_start(db: &Database, case: &Case) -> Result<(), Box<dyn Error>> {
    let recall = || {
        db.recall(SPACE)
            .user(&case.user)
            .exclude(&case.seen)
            .records()
    };
    let best = recall()
        .top(1)?
        .into_iter()
        .next()
        .and_then(|hit| hit.record);
    let mut item = best.ok_or("nothing recalled")?;
    item["id"] = "just-arrived".into();
    db.items().put(&item)?;
    let hits = recall().top(db.stats()?.items as usize)?;
    let rank = hits.iter().position(|hit| hit.id == "just-arrived");
    db.items().delete("just-arrived")?;
    let rank = rank.map_or_else(|| "not".to_owned(), |at| format!("at rank {}", at + 1));
    step(
        "6 Cold start",
        &format!(
            "{:?} again, as a new item without interactions:",
            title(&item)
        ),
    );
    println!(
        "               put after the publish, found by the next recall {rank}; then deleted\n"
    );
    Ok(())
}

/// Measures how often the held-out items are among the first K.
fn evaluate(db: &Database, data: &Dataset, cases: &[Case]) -> Result<(), Box<dyn Error>> {
    step(
        "7 Evaluate",
        &format!(
            "{} users; share whose last item is among the first K:\n",
            cases.len()
        ),
    );
    println!(
        "               {:<24}  hit@1  hit@10  hit@50  hit@100  ndcg@10",
        ""
    );
    let (graph, latencies) = protocol::evaluate(db, SPACE, cases, false)?;
    row("Twinspire", &graph)?;
    let (exact, exact_latencies) = protocol::evaluate(db, SPACE, cases, true)?;
    row("Twinspire, exact search", &exact)?;
    let baselines = Baselines::new(data, cases);
    row("popularity", &baselines.popularity())?;
    row("item neighbours", &baselines.neighbours())?;
    row("EASE", &baselines.ease())?;
    println!();
    let percentile = |latencies: &[Duration], share: f64| {
        let at = (latencies.len() as f64 * share) as usize;
        format!("{:.0?}", latencies[at.min(latencies.len() - 1)])
    };
    step(
        "8 Time",
        &format!(
            "from JSON to the first 100: median {}, 99th percentile {}; exact search {}\n",
            percentile(&latencies, 0.5),
            percentile(&latencies, 0.99),
            percentile(&exact_latencies, 0.5)
        ),
    );
    Ok(())
}

fn row(name: &str, metrics: &Metrics) -> std::io::Result<()> {
    let Metrics {
        hit_1,
        hit_10,
        hit_50,
        hit_100,
        ndcg_10,
        ..
    } = metrics;
    let mut out = std::io::stdout();
    writeln!(
        out,
        "               {name:<24} {hit_1:>6.4} {hit_10:>7.4} {hit_50:>7.4} {hit_100:>8.4} {ndcg_10:>8.4}"
    )?;
    out.flush()
}
