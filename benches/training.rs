//! Training speed of the recipes in examples per second, and of the YouTube recipe's step in other
//! frameworks.
//!
//! ```sh
//! cargo bench --bench training --features train                  # every recipe, one pass
//! cargo bench --bench training --features train -- DIR           # keeps the logs in DIR
//! cargo bench --bench training --features train -- DIR --peers   # NumPy and PyTorch in turn with ours
//! cargo bench --bench training --features train -- DIR --peers --rounds 5 youtube
//! ```
//!
//! Logs are simulated: items by Zipf's law, users of two tastes each, so that there is something to learn.
//! The file of each is read by `benches/training_peers.py`, which learns from the same examples by the
//! same step; with `--peers` it is run after each of our passes, by the `python3` of the path. The table
//! shows the losses next to the speeds: those of one log have to agree within a few percent, otherwise the
//! steps are not the same.
//!
//! Prints a table: recipe, log, trainer (ours or a peer), the best and the median examples per second of
//! all rounds, the least processor time per example in microseconds over all cores (Linux only; the most
//! reliable figure on a machine with other load), and the mean loss of the pass. Times exclude reading,
//! numbering and encoding.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark may stop where it fails, and writes its data itself"
)]

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use twinspire::Event;
use twinspire::train::{Dataset, TrainParams, TrainingReport, dssm, ebr, mobius, youtube};
use twinspire_testkit::write_file;

/// Items of a taste.
const TASTE: usize = 100;
/// How much rarer each item is than the one before: the share of rank r is as r to this power.
const ZIPF: f64 = -0.8;
/// Words that a topic has of its own.
const WORDS: usize = 60;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let asked = |word: &str| words.iter().any(|other| other == word);
    let after = |flag: &str| words.iter().skip_while(|word| *word != flag).nth(1);
    let rounds = after("--rounds").map_or(1, |rounds| rounds.parse().unwrap());
    let recipes = ["youtube", "dssm", "ebr", "mobius"];
    let some = recipes.iter().any(|recipe| asked(recipe));
    let scratch = tempfile::tempdir().unwrap();
    let other = |word: &&String| {
        let flag = word.starts_with("--") || after("--rounds") == Some(*word);
        !flag && !recipes.contains(&word.as_str())
    };
    let dir = words.iter().find(other).map(PathBuf::from);
    let dir = dir.unwrap_or_else(|| scratch.path().to_owned());
    std::fs::create_dir_all(&dir).unwrap();

    println!("recipe    log      who            best/s   median/s   cpu us     loss");
    for recipe in recipes {
        if some && !asked(recipe) {
            continue;
        }
        match recipe {
            "youtube" => {
                for log in [Log::movies(), Log::shop()] {
                    log.write(&dir);
                    let data = log.plain();
                    compare("youtube", &log, rounds, |found| {
                        found.add(train_youtube(&data));
                        if asked("--peers") {
                            peers(&dir, log.name, found);
                        }
                    });
                }
            }
            "dssm" => {
                let data = queries();
                let config = dssm::Config {
                    training: TrainParams {
                        epochs: 1,
                        ..dssm::TRAINING
                    },
                    ..dssm::Config::default()
                };
                let learn = || {
                    let mut clock = Clock::default();
                    let trained = dssm::train(&data, &config, |_| clock.tick()).unwrap();
                    clock.pass(&trained.report)
                };
                let log = Log::movies();
                compare("dssm", &log, rounds, |found| found.add(learn()));
            }
            _ => {
                let log = Log::movies();
                let data = log.described();
                compare(recipe, &log, rounds, |found| {
                    found.add(train_described(recipe, &data));
                });
            }
        }
    }
}

/// One pass by the settings that the peers have too.
fn train_youtube(data: &Dataset) -> Pass {
    let mut clock = Clock::default();
    let trained = youtube::train(data, &youtube_config(), |_| clock.tick()).unwrap();
    clock.pass(&trained.report)
}

fn youtube_config() -> youtube::Config {
    youtube::Config {
        training: TrainParams {
            epochs: 1,
            ..youtube::TRAINING
        },
        ..youtube::Config::default()
    }
}

/// One pass of a recipe that reads what items are like.
fn train_described(recipe: &str, data: &Dataset) -> Pass {
    let mut clock = Clock::default();
    if recipe == "ebr" {
        let config = ebr::Config {
            training: TrainParams {
                epochs: 1,
                ..ebr::TRAINING
            },
            ..ebr::Config::default()
        };
        let trained = ebr::train(data, &config, |_| clock.tick()).unwrap();
        return clock.pass(&trained.report);
    }
    let config = mobius::Config {
        click: 4.0,
        training: TrainParams {
            epochs: 1,
            ..mobius::TRAINING
        },
        ..mobius::Config::default()
    };
    let teacher = mobius::Categories::new(data, &["genres".to_owned()], config.click).unwrap();
    let trained = mobius::train(data, &teacher, &config, |_| clock.tick()).unwrap();
    clock.pass(&trained.report)
}

/// The processor time from the first batch to the last.
#[derive(Default)]
struct Clock {
    batches: u64,
    first: f64,
    last: f64,
}

impl Clock {
    /// A batch is over.
    fn tick(&mut self) {
        self.last = processor_seconds();
        if self.batches == 0 {
            self.first = self.last;
        }
        self.batches += 1;
    }

    fn pass(&self, report: &TrainingReport) -> Pass {
        // The time of the first batch is not measured.
        let learnt = report.examples as f64 * (1.0 - 1.0 / self.batches as f64);
        Pass {
            who: "twinspire".to_owned(),
            speed: report.examples_per_second,
            cpu_micros: (self.last - self.first) * 1e6 / learnt,
            loss: f64::from(report.losses[0]),
        }
    }
}

/// Processor seconds of all threads so far; 0 if the system does not report them.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Behind the name, which may hold anything: user and system time, in hundredths of a second.
    let numbers = stat.rsplit(')').next().unwrap_or_default();
    let numbers = numbers.split_whitespace().skip(11).take(2);
    numbers
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum::<f64>()
        / 100.0
}

/// One pass of one trainer, ours or a peer, over a log.
struct Pass {
    who: String,
    speed: f64,
    cpu_micros: f64,
    loss: f64,
}

/// All passes over a log.
#[derive(Default)]
struct Found(Vec<Vec<Pass>>);

impl Found {
    fn add(&mut self, pass: Pass) {
        match self.0.iter_mut().find(|passes| passes[0].who == pass.who) {
            Some(passes) => passes.push(pass),
            None => self.0.push(vec![pass]),
        }
    }
}

/// Runs all trainers on a log in turn, and prints the results.
fn compare(recipe: &str, log: &Log, rounds: usize, mut round: impl FnMut(&mut Found)) {
    let mut found = Found::default();
    (0..rounds).for_each(|_| round(&mut found));
    for passes in found.0 {
        let mut speeds: Vec<f64> = passes.iter().map(|pass| pass.speed).collect();
        speeds.sort_by(f64::total_cmp);
        let (best, median) = (speeds[speeds.len() - 1], speeds[speeds.len() / 2]);
        let cpu = passes.iter().map(|pass| pass.cpu_micros);
        let cpu = cpu.fold(f64::INFINITY, f64::min);
        let (name, Pass { who, loss, .. }) = (log.name, &passes[0]);
        println!(
            "{recipe:<9} {name:<8} {who:<12} {best:>8.0} {median:>10.0} {cpu:>8.1} {loss:>8.4}"
        );
    }
}

/// Lets the peers learn from a log that was written.
fn peers(dir: &Path, name: &str, found: &mut Found) {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/training_peers.py");
    let mut python = Command::new("python3");
    python.arg(program).arg(dir).arg(name);
    let output = python.stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "the peers failed");
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let number = |field: &str| line[field].as_f64().unwrap();
        found.add(Pass {
            who: line["peer"].as_str().unwrap().to_owned(),
            speed: number("examples_per_second"),
            cpu_micros: number("cpu_micros"),
            loss: number("loss"),
        });
    }
}

/// A simulated log.
struct Log {
    name: &'static str,
    users: usize,
    items: usize,
    /// User, item, rating, in order of time.
    events: Vec<(u32, u32, f32)>,
}

impl Log {
    /// As large as MovieLens-100K.
    fn movies() -> Self {
        Self::simulate("movies", [943, 1_682, 100_000])
    }

    /// Twenty thousand users and fifty thousand items.
    fn shop() -> Self {
        Self::simulate("shop", [20_000, 50_000, 500_000])
    }

    fn simulate(name: &'static str, [users, items, events]: [usize; 3]) -> Self {
        let mut rng = Pcg64Mcg::seed_from_u64(7);
        let tastes = (items / TASTE).max(2);
        let (of_all, of_taste) = (zipf(items), zipf(items / tastes));
        let mut met = vec![HashSet::new(); users];
        let each = (0..events).map(|_| {
            // Some users are more active than others. Most events follow one of the user's two tastes.
            let user = (rng.random::<f64>().powf(1.3) * users as f64) as usize;
            let mut one = || {
                let liked = rng.random_bool(0.8);
                let item = if liked {
                    let taste = (user * 7 + 13 * usize::from(rng.random_bool(0.4))) % tastes;
                    draw(&of_taste, &mut rng) * tastes + taste
                } else {
                    draw(&of_all, &mut rng)
                };
                (item, 1 + rng.random_range(0..3) + 2 * i32::from(liked))
            };
            // No one meets an item twice.
            let (mut item, mut rating) = one();
            while !met[user].insert(item) {
                (item, rating) = one();
            }
            (user as u32, item as u32, rating as f32)
        });
        Self {
            name,
            users,
            items,
            events: each.collect(),
        }
    }

    /// What is known without any columns.
    fn plain(&self) -> Dataset {
        let events = self.events.iter().enumerate();
        Dataset {
            items: (0..self.items).map(|n| json!({"id": id(n)})).collect(),
            users: (0..self.users).map(|n| json!({"user_id": id(n)})).collect(),
            events: events
                .map(|(at, (user, item, rating))| Event {
                    user: id(*user as usize),
                    item: id(*item as usize),
                    at: at as i64,
                    weight: *rating,
                })
                .collect(),
        }
    }

    /// The same with items that have a title and genres of their taste.
    fn described(&self) -> Dataset {
        let mut rng = Pcg64Mcg::seed_from_u64(8);
        let tastes = (self.items / TASTE).max(2);
        let items = (0..self.items).map(|n| {
            let taste = n % tastes;
            json!({"id": id(n), "title": text(&mut rng, taste, 4),
                   "genres": [format!("g{taste}"), format!("g{}", n % 5)]})
        });
        Dataset {
            items: items.collect(),
            ..self.plain()
        }
    }

    /// Writes the events for others, 16 bytes each (user, item, moment, rating), and how they are to learn.
    fn write(&self, dir: &Path) {
        let events = self.events.iter().enumerate();
        let bytes = events.flat_map(|(at, (user, item, rating))| {
            [*user, *item, at as u32, rating.to_bits()].map(u32::to_le_bytes)
        });
        let bytes: Vec<u8> = bytes.flatten().collect();
        write_file(dir, &format!("{}.events", self.name), &bytes);
        let about = json!({"users": self.users, "items": self.items, "config": youtube_config()});
        let about = about.to_string();
        write_file(dir, &format!("{}.json", self.name), about);
    }
}

/// Queries of three words for documents of forty, both of a topic.
fn queries() -> Dataset {
    let mut rng = Pcg64Mcg::seed_from_u64(9);
    let (documents, clicks, topics) = (5_000, 20_000, 100);
    let items = (0..documents)
        .map(|n| json!({"id": id(n), "text": text(&mut rng, n % topics, 40)}))
        .collect();
    let users = (0..clicks)
        .map(|n| json!({"user_id": id(n), "query": text(&mut rng, n % topics, 3)}))
        .collect();
    let events = (0..clicks).map(|n| Event {
        user: id(n),
        item: id(n % topics + topics * rng.random_range(0..documents / topics)),
        at: n as i64,
        weight: 1.0,
    });
    Dataset {
        items,
        users,
        events: events.collect(),
    }
}

/// So many words, most of them of a topic.
fn text(rng: &mut Pcg64Mcg, topic: usize, words: usize) -> String {
    let words = (0..words).map(|_| {
        let topic = if rng.random_bool(0.7) { topic } else { 1_000 };
        let number = topic * WORDS + rng.random_range(0..WORDS);
        let letters = "bcdfghjklmnprstv".as_bytes();
        let syllable = |at: u32| {
            let letter = letters[number / 16usize.pow(at) % 16] as char;
            [letter, ['a', 'e', 'i', 'o'][(number + at as usize) % 4]]
        };
        (0..5).flat_map(syllable).collect::<String>()
    });
    words.collect::<Vec<_>>().join(" ")
}

fn id(number: usize) -> String {
    format!("n{number}")
}

/// How likely the ranks up to each are.
fn zipf(count: usize) -> Vec<f64> {
    let mut sum = 0.0;
    let shares = (1..=count).map(|rank| (rank as f64).powf(ZIPF));
    let sums = shares.map(|share| {
        sum += share;
        sum
    });
    sums.collect()
}

/// A rank, from 0.
fn draw(sums: &[f64], rng: &mut Pcg64Mcg) -> usize {
    let at = rng.random::<f64>() * sums[sums.len() - 1];
    sums.partition_point(|sum| *sum < at).min(sums.len() - 1)
}
