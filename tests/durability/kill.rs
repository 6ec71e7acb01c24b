//! A writer killed at any moment loses nothing it acknowledged and leaves nothing half done.
//!
//! A child process (this executable, run again) works on a database on the real file system and
//! tells on a pipe what it is about to do and what is done; it is killed with SIGKILL, and what it
//! told is replayed into a plain model. The one operation under way may or may not have taken
//! place, whole. Then the database is opened and compared, or the next child recovers it, and the
//! work goes on. Every 50 rounds begin a new database with other options.
//!
//! A kill keeps what the operating system holds in its page cache, so this is about the death of a
//! process. Power cuts are played on the file system in memory, in `database::tests`.
//!
//! `TWINSPIRE_KILL_ROUNDS` and `TWINSPIRE_KILL_SEED` change how many kills there are and which
//! operations and delays are drawn; where in an operation a kill falls is up to the machine.
use rand::seq::index::sample;
use rand::{Rng, RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::RwLock;
use std::time::Duration;
use twinspire::{Database, Error};
use twinspire_testkit::directory;
use twinspire_testkit::towers::scaled_towers;

const ROUNDS: u64 = 1_000;
const SEED: u64 = 20_240_229;
/// Loops that run beside each other, each with databases of its own.
const LOOPS: u64 = 2;
const ROUNDS_OF_A_DATABASE: u64 = 50;
/// Most kills fall into the first operations after opening.
const SHORT_LIFE: Duration = Duration::from_millis(15);
/// One in eight lets a few publishes through.
const LONG_LIFE: Duration = Duration::from_millis(120);
const SPACE: &str = "by-price";
/// What the one user of all recalls would pay.
const PAYS: usize = 500;

/// Held for reading while a database is open for writing here, and for writing while a child is
/// started: between fork and exec a child holds copies of the lock files that are open.
static STARTING: RwLock<()> = RwLock::new(());

/// What differs from one database to the next.
struct Options {
    ids: usize,
    padding: usize,
    retain: usize,
    /// How often each operation is drawn: put, put many, delete, seal, publish, roll back, merge.
    weights: [u32; 7],
    /// Whether a thread seals and merges too, and after how many writes.
    background: Option<u64>,
    /// How often a database is opened and compared after a kill, instead of by the next child only.
    compared: f64,
}

impl Options {
    fn of(seed: u64) -> Self {
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let mut pick = |choices: &[u32]| choices[random.random_range(0..choices.len())];
        Self {
            ids: pick(&[5, 30, 80]) as usize,
            padding: pick(&[0, 100, 6_000]) as usize,
            retain: pick(&[1, 2, 3]) as usize,
            weights: [
                pick(&[2, 8]),
                pick(&[2, 6]),
                pick(&[1, 4]),
                pick(&[1, 3]),
                pick(&[0, 1, 4]),
                pick(&[0, 1, 2]),
                pick(&[0, 1, 2]),
            ],
            background: [None, Some(20), Some(100)][pick(&[0, 1, 2]) as usize],
            compared: f64::from(pick(&[40, 70, 100])) / 100.0,
        }
    }

    fn draw(&self, db: &Database, random: &mut impl Rng) -> Operation {
        let mut left = random.random_range(0..self.weights.iter().sum());
        let kind = self.weights.iter().position(|weight| {
            let here = left < *weight;
            left = left.saturating_sub(*weight);
            here
        });
        let kept = || db.generations(SPACE).unwrap_or_default();
        match kind.unwrap() {
            2 => Operation::Delete(random.random_range(0..self.ids)),
            3 => Operation::Seal,
            6 => Operation::Merge,
            4 if db.stats().unwrap().items > 0 => Operation::Publish(random.random_range(1..=4)),
            // The oldest one that is kept has none before it.
            5 if kept().first().is_some_and(|oldest| !oldest.active) => Operation::Rollback,
            kind => {
                let most = if kind == 1 { 20.min(self.ids) } else { 1 };
                let count = random.random_range(1..=most);
                let ids = sample(random, self.ids, count);
                let mut row = |id| {
                    let price = random.random_range(0..=1_000);
                    let padding = random.random_range(0..=self.padding);
                    Row(id, price, padding)
                };
                Operation::Put(ids.into_iter().map(&mut row).collect())
            }
        }
    }
}

/// An item: its id, its price, and how long its note is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Row(usize, usize, usize);

impl Row {
    fn record(self) -> Value {
        let Self(id, price, padding) = self;
        json!({"id": name(id), "price": price, "note": "n".repeat(padding)})
    }
}

fn name(id: usize) -> String {
    format!("B{id:03}")
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Operation {
    Open,
    Put(Vec<Row>),
    Delete(usize),
    Seal,
    Merge,
    Publish(usize),
    Rollback,
}

impl Operation {
    fn kind(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Put(_) => "put",
            Self::Delete(_) => "delete",
            Self::Seal => "seal",
            Self::Merge => "merge",
            Self::Publish(_) => "publish",
            Self::Rollback => "roll back",
        }
    }
}

/// What a database should hold.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    items: BTreeMap<usize, Row>,
    revision: u64,
    /// Number and scale of the generations that are kept.
    generations: Vec<(u64, usize)>,
    active: u64,
    last: u64,
}

/// What can be seen of a database from outside.
#[derive(Debug, PartialEq)]
struct Contents {
    items: BTreeMap<usize, Value>,
    /// Number of each generation, and whether it answers.
    generations: Vec<(u64, bool)>,
    /// Id and score of everything a recall finds.
    recalled: Option<Vec<(String, f32)>>,
}

impl Model {
    /// Does an operation, and gives what the database answers; none when it could not have been
    /// asked in this state.
    fn apply(&mut self, operation: &Operation, retain: usize) -> Option<u64> {
        match operation {
            Operation::Open | Operation::Merge => Some(0),
            Operation::Put(rows) => {
                self.items.extend(rows.iter().map(|row| (row.0, *row)));
                self.revision += rows.len() as u64;
                Some(self.revision)
            }
            Operation::Delete(id) => {
                let found = u64::from(self.items.remove(id).is_some());
                self.revision += found;
                Some(found)
            }
            Operation::Seal => Some(self.revision),
            Operation::Publish(scale) => {
                if self.items.is_empty() {
                    return None;
                }
                let before = self.active;
                self.last += 1;
                self.active = self.last;
                self.generations.push((self.last, *scale));
                while self.generations.len() > retain {
                    let may_go = |number| number != self.last && (number != before || retain == 1);
                    let oldest = self.generations.iter().position(|g| may_go(g.0)).unwrap();
                    self.generations.remove(oldest);
                }
                Some(self.active)
            }
            Operation::Rollback => {
                let mut kept = self.generations.iter().rev();
                self.active = kept.find(|g| g.0 < self.active)?.0;
                Some(self.active)
            }
        }
    }

    fn contents(&self) -> Contents {
        let rows = || self.items.values();
        let active = self.generations.iter().find(|g| g.0 == self.active);
        let recalled = active.map(|(_, scale)| {
            let score = |row: &Row| -((scale * row.1.abs_diff(PAYS)).pow(2) as f32);
            rows().map(|row| (name(row.0), score(row))).collect()
        });
        Contents {
            items: rows().map(|row| (row.0, row.record())).collect(),
            generations: self
                .generations
                .iter()
                .map(|g| (g.0, g.0 == self.active))
                .collect(),
            recalled,
        }
    }
}

fn contents(db: &Database, options: &Options) -> Contents {
    let get = |id| Some((id, db.items().get(&name(id)).unwrap()?));
    let items: BTreeMap<_, _> = (0..options.ids).filter_map(get).collect();
    let stats = db.stats().unwrap();
    assert_eq!(stats.items, items.len() as u64);
    let recall = |exact: bool| {
        let user = json!({"price": PAYS});
        let recall = db.recall(SPACE).user(&user);
        let recall = if exact { recall.exact() } else { recall };
        match recall.top(2 * options.ids) {
            Err(Error::UnknownSpace { .. }) => None,
            hits => {
                let hits = hits.unwrap();
                let pair = |hit: &twinspire::Hit| (hit.id.clone(), hit.score);
                let mut all: Vec<_> = hits.iter().map(pair).collect();
                all.sort_unstable_by(|one, other| one.0.cmp(&other.0));
                Some(all)
            }
        }
    };
    let recalled = recall(true);
    assert_eq!(recall(false), recalled, "the graph finds what there is");
    let generations = db.generations(SPACE).unwrap_or_default();
    Contents {
        items,
        generations: generations.iter().map(|g| (g.number.0, g.active)).collect(),
        recalled,
    }
}

/// Not a test by itself: what the child does.
#[test]
fn works_until_it_is_killed() {
    let Ok(path) = std::env::var("TWINSPIRE_KILL_DIRECTORY") else {
        return;
    };
    let seed = |name| std::env::var(name).unwrap().parse().unwrap();
    let options = Options::of(seed("TWINSPIRE_KILL_OPTIONS"));
    let mut random = Pcg64Mcg::seed_from_u64(seed("TWINSPIRE_KILL_WORK"));
    // The harness has begun a line.
    say("");
    announce(&Operation::Open);
    let writes = options.background.unwrap_or(u64::MAX / 8);
    let opened = Database::options()
        .background(options.background.is_some())
        .seal_writes(writes);
    let db = opened.open(path).unwrap();
    say("done 0");
    loop {
        let operation = options.draw(&db, &mut random);
        let towers = match &operation {
            Operation::Publish(scale) => Some(scaled_towers(*scale as f32)),
            _ => None,
        };
        announce(&operation);
        let answer = match &operation {
            Operation::Put(rows) => {
                let records: Vec<_> = rows.iter().map(|row| row.record()).collect();
                db.items().put_many(&records).unwrap().0
            }
            Operation::Delete(id) => u64::from(db.items().delete(&name(*id)).unwrap()),
            Operation::Seal => db.seal().unwrap().0,
            Operation::Merge => {
                db.merge().unwrap();
                0
            }
            Operation::Rollback => db.rollback(SPACE).run().unwrap().number.0,
            _ => {
                let published = db
                    .publish(SPACE)
                    .towers(towers.unwrap())
                    .retain(options.retain)
                    .run();
                published.unwrap().number.0
            }
        };
        say(&format!("done {answer}"));
    }
}

fn announce(operation: &Operation) {
    say(&format!(
        "about to {}",
        serde_json::to_string(operation).unwrap()
    ));
}

/// One line in one write: a kill cannot tear it.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

/// What came of it all.
#[derive(Debug, Default)]
struct Counts {
    kills: u64,
    databases: u64,
    acknowledged: u64,
    publishes: u64,
    /// By the kind of the operation that a kill hit.
    under_way: BTreeMap<&'static str, u64>,
    /// Of those whose outcome was seen at once, how many had taken place.
    took_place: u64,
    did_not: u64,
}

/// A database that is killed again and again, and every state it may be in.
struct Place {
    home: tempfile::TempDir,
    path: PathBuf,
    seed: u64,
    options: Options,
    candidates: Vec<Model>,
    made: bool,
    told: Vec<String>,
}

impl Place {
    fn new(seed: u64) -> Self {
        let (home, path) = directory();
        Self {
            home,
            path,
            seed,
            options: Options::of(seed),
            candidates: vec![Model::default()],
            made: false,
            told: Vec::new(),
        }
    }

    fn start(&self, work: u64) -> Child {
        let _starting = STARTING.write().unwrap();
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kill::works_until_it_is_killed", "--nocapture"])
            .args(["--test-threads", "1"])
            .env("TWINSPIRE_KILL_DIRECTORY", &self.path)
            .env("TWINSPIRE_KILL_OPTIONS", self.seed.to_string())
            .env("TWINSPIRE_KILL_WORK", work.to_string())
            // What it leaves there goes with the database.
            .env("TMPDIR", self.home.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Lets a child work, kills it and replays what it told.
    fn live_and_die(&mut self, random: &mut impl Rng, counts: &mut Counts) {
        let awaited: &[u8] = match random.random_range(0..4) {
            0 => b"about to \"Open\"\n",
            _ => b"done 0\n",
        };
        let longest = match random.random_range(0..8) {
            0 => LONG_LIFE,
            _ => SHORT_LIFE,
        };
        let life = longest.mul_f64(random.random());
        let mut child = self.start(random.random());
        let mut pipe = BufReader::new(child.stdout.take().unwrap());
        let mut told = Vec::new();
        while !told.ends_with(awaited) && pipe.read_until(b'\n', &mut told).unwrap() > 0 {}
        std::thread::sleep(life);
        child.kill().unwrap();
        pipe.read_to_end(&mut told).unwrap();
        let status = child.wait().unwrap();
        counts.kills += 1;

        let told = String::from_utf8(told).unwrap();
        let whole = told.split_inclusive('\n').filter(|l| l.ends_with('\n'));
        let mut under_way = None;
        for line in whole.map(str::trim_end) {
            self.told.push(line.to_owned());
            if let Some(operation) = line.strip_prefix("about to ") {
                under_way = Some(serde_json::from_str(operation).unwrap());
            } else if let Some(answer) = line.strip_prefix("done ") {
                let operation = under_way.take().unwrap();
                counts.acknowledged += 1;
                self.acknowledged(&operation, answer.parse().unwrap());
                match operation {
                    Operation::Open => self.made = true,
                    Operation::Publish(_) => counts.publishes += 1,
                    _ => {}
                }
            }
        }
        self.told.push(format!("killed after {life:?}"));
        assert_eq!(status.signal(), Some(9), "the child stopped by itself");
        if let Some(operation) = under_way {
            *counts.under_way.entry(operation.kind()).or_default() += 1;
            let mut done = self.candidates.clone();
            done.retain_mut(|model| model.apply(&operation, self.options.retain).is_some());
            done.retain(|model| !self.candidates.contains(model));
            self.candidates.extend(done);
        }
    }

    fn acknowledged(&mut self, operation: &Operation, answer: u64) {
        let before = self.candidates.clone();
        let right = |model: &mut Model| model.apply(operation, self.options.retain) == Some(answer);
        self.candidates.retain_mut(right);
        assert!(
            !self.candidates.is_empty(),
            "{answer} is no answer to {operation:?} in any of {before:#?}"
        );
    }

    /// Opens the database and finds which of the states it is in.
    fn compare(&mut self, random: &mut impl Rng, counts: &mut Counts) {
        let undecided = self.candidates.clone();
        if self.made && random.random_bool(0.3) {
            let reader = Database::open_read_only(&self.path).unwrap();
            self.narrow(&reader);
        }
        let _open = STARTING.read().unwrap();
        let db = Database::open(&self.path).unwrap();
        self.made = true;
        self.narrow(&db);
        if let ([before, _], [now]) = (&undecided[..], &self.candidates[..]) {
            counts.did_not += u64::from(now == before);
            counts.took_place += u64::from(now != before);
        }
        if random.random_bool(0.3) {
            let report = db.check().unwrap();
            assert!(report.is_clean(), "{:?}", report.problems);
            let garbage = db.garbage().unwrap();
            assert!(
                garbage.is_empty(),
                "files that belong to nothing: {garbage:?}"
            );
        }
        if random.random_bool(0.15) {
            let revision = db.seal().unwrap().0;
            self.acknowledged(&Operation::Seal, revision);
            assert_eq!(files(&self.path.join("journal")), 0);
            self.narrow(&db);
        }
    }

    fn narrow(&mut self, db: &Database) {
        let seen = contents(db, &self.options);
        let before = std::mem::take(&mut self.candidates);
        let fits = |model: &&Model| model.contents() == seen;
        self.candidates = before.iter().filter(fits).cloned().collect();
        assert!(
            !self.candidates.is_empty(),
            "{seen:#?} is not among the possible states {:#?}",
            before.iter().map(Model::contents).collect::<Vec<_>>()
        );
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.home.disable_cleanup(true);
            let last = self.told.len().saturating_sub(60);
            eprintln!("{}", self.told[last..].join("\n"));
            eprintln!("seed {}, kept in {}", self.seed, self.path.display());
        }
    }
}

/// Files in a directory, at any depth.
fn files(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).unwrap().map(Result::unwrap);
    let count = |entry: std::fs::DirEntry| match entry.file_type().unwrap().is_dir() {
        true => files(&entry.path()),
        false => 1,
    };
    entries.map(count).sum()
}

fn kill_again_and_again(seed: u64, rounds: u64) -> Counts {
    let mut random = Pcg64Mcg::seed_from_u64(seed);
    let mut counts = Counts::default();
    let mut left = rounds;
    while left > 0 {
        let mut place = Place::new(random.random());
        counts.databases += 1;
        let here = left.min(ROUNDS_OF_A_DATABASE);
        left -= here;
        for round in 1..=here {
            place.live_and_die(&mut random, &mut counts);
            if round == here || random.random_bool(place.options.compared) {
                place.compare(&mut random, &mut counts);
            }
        }
    }
    counts
}

#[test]
fn what_was_acknowledged_outlives_a_kill_and_nothing_is_half_done() {
    let number = |name, default| std::env::var(name).map_or(default, |n| n.parse().unwrap());
    let rounds = number("TWINSPIRE_KILL_ROUNDS", ROUNDS);
    let seed = number("TWINSPIRE_KILL_SEED", SEED);
    println!("TWINSPIRE_KILL_ROUNDS={rounds} TWINSPIRE_KILL_SEED={seed}");
    std::thread::scope(|scope| {
        let loops: Vec<_> = (0..LOOPS)
            .map(|at| {
                let share = rounds / LOOPS + u64::from(at < rounds % LOOPS);
                scope.spawn(move || kill_again_and_again(seed.wrapping_add(at), share))
            })
            .collect();
        for counts in loops {
            let counts = counts.join().unwrap();
            let under_way: u64 = counts.under_way.values().sum();
            println!("{counts:?}; {under_way} kills hit an operation");
            assert!(2 * under_way >= counts.kills, "most kills hit nothing");
        }
    });
}
