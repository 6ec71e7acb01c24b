//! Mobius on MovieLens-100K: clicks under a teacher of relevance, ranked by bids.
//!
//! A rating of 4 or 5 is a click, any other an unclick. The teacher is the cosine between a film's genres
//! and those of the films that the person clicked in the training data. Each person's last event is the
//! test, the one before it validation; those that are clicks are ranked among all films that the person has not
//! rated. Settings and scores are chosen on validation. The towers are then trained on training and validation
//! data together, and tested once.
//!
//! There are no bids in MovieLens: one is made of each film's number by a fixed rule ([`bid`]).

use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::path::Path;
use twinspire::import::movielens;
use twinspire::train::Dataset;
use twinspire::train::TrainParams;
use twinspire::train::evaluate::{TieOrder, split};
use twinspire::train::expected_revenue;
use twinspire::train::mobius::{Categories, Config, Score, Student, Teacher, train_from};
use twinspire::{BusinessWeight, Database, Event, WeightedSum};

const SPACE: &str = "films";

/// Minimum rating of a click.
const CLICK: f32 = 4.0;
/// Number of answers that are judged.
const TOP: usize = 10;
/// Number of the best items by score that a second stage re-ranks by score × bid.
const STAGE: usize = 50;
/// Seeds of the final trainings; figures are means over them.
const SEEDS: [u64; 3] = [1, 2, 3];

/// The settings that are tried: clicks alone, uniform bad cases, and bad cases chosen by the student.
fn built_in() -> Vec<(String, Value)> {
    let all = [
        ("clicks and unclicks alone", json!({"bad": 0})),
        ("bad cases at random", json!({"draw": "uniform"})),
        ("bad cases by the student", json!({})),
        ("its likeliest clicks", json!({"draw": "top"})),
    ];
    all.map(|(name, settings)| (name.to_owned(), settings))
        .into()
}

/// The scores that are tried.
const SCORES: [(&str, Score); 4] = [
    ("click", Score::CLICK),
    ("click - unclick", score(1.0, 0.0)),
    ("click - bad", score(0.0, 1.0)),
    ("click - both / 2", score(0.5, 0.5)),
];

const fn score(unclick: f32, bad: f32) -> Score {
    Score { unclick, bad }
}

/// Revenue of a click on a film: 0.5 to 2, evenly on a logarithmic scale, by the last two digits of 37 times its
/// number. It is unrelated to the film's popularity.
fn bid(id: &str) -> f64 {
    let number: u64 = id.parse().unwrap_or(0);
    0.5 * 4f64.powf((37 * number % 100) as f64 / 99.0)
}

/// A query with the wanted film.
struct Case {
    id: String,
    user: Value,
    seen: Vec<String>,
    wanted: String,
}

/// Means over the cases.
#[derive(Clone, Copy, Debug, Default)]
struct Quality {
    /// Share of held-out clicks among the first 10, and the first 100.
    hit_10: f64,
    hit_100: f64,
    /// Share of films of low relevance among the first 10.
    low: f64,
    /// Sum of the student's click probability × bid over the first 10.
    expected: f64,
    /// Bid of the held-out click, if it is among the first 10.
    earned: f64,
}

/// Training data, its teacher, and test cases.
struct World {
    data: Dataset,
    teacher: Categories,
    cases: Vec<Case>,
}

impl World {
    fn new(data: Dataset, held_out: &[Event], fields: &[String]) -> Result<Self, Box<dyn Error>> {
        let teacher = Categories::new(&data, fields, CLICK)?;
        let mut met: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
        for event in &data.events {
            met.entry(&event.user).or_default().push(event);
        }
        met.values_mut()
            .for_each(|met| met.sort_by_key(|event| event.at));
        let records = data.users.iter();
        let records: HashMap<_, _> = records
            .map(|user| (user["user_id"].as_str(), user))
            .collect();
        let clicks = held_out.iter().filter(|event| event.weight >= CLICK);
        let cases = clicks.map(|event| {
            let met = met.get(&*event.user).map_or(&[][..], Vec::as_slice);
            let mut user = records[&Some(&*event.user)].clone();
            let clicked = met.iter().filter(|event| event.weight >= CLICK);
            user["history"] = clicked.map(|event| json!(event.item)).collect();
            Case {
                id: event.user.clone(),
                user,
                seen: met.iter().map(|event| event.item.clone()).collect(),
                wanted: event.item.clone(),
            }
        });
        let cases = cases.collect();
        Ok(Self {
            data,
            teacher,
            cases,
        })
    }

    fn learn(&self, config: &Config) -> Result<Student, Box<dyn Error>> {
        Ok(train_from(None, &self.data, &self.teacher, config, |_| {})?)
    }

    /// A database with the published towers of a student, for a score.
    fn publish(
        &self,
        student: &Student,
        score: Score,
        dir: &Path,
    ) -> Result<Database, Box<dyn Error>> {
        let db = Database::open(dir.join("films.twin"))?;
        let films = self.data.items.iter().map(|film| {
            let mut film = film.clone();
            film["bid"] = json!(bid(film["id"].as_str().unwrap_or_default()));
            film
        });
        db.items().put_many(&films.collect::<Vec<_>>())?;
        db.publish(SPACE).towers(student.towers(score)?).run()?;
        Ok(db)
    }

    /// Judges answers. `estimate` gives the student for the expected revenue, which is slow to compute; `second`
    /// re-ranks the best by score × bid after the search.
    fn judge(
        &self,
        db: &Database,
        name: &str,
        estimate: Option<&Student>,
        second: bool,
        relevance: f32,
    ) -> Result<Quality, Box<dyn Error>> {
        let films = self.data.items.iter();
        let films: HashMap<_, _> = films.map(|film| (film["id"].as_str(), film)).collect();
        let mut quality = Quality::default();
        for case in &self.cases {
            let recall = db.recall(name).user(&case.user).exclude(&case.seen);
            let hits = recall.top(100)?;
            let mut found: Vec<_> = hits
                .iter()
                .map(|hit| (&*hit.id, f64::from(hit.score)))
                .collect();
            if second {
                found.truncate(STAGE);
                found.iter_mut().for_each(|(id, score)| *score *= bid(id));
                found.sort_by(|(_, a), (_, b)| b.total_cmp(a));
            }
            let ids: Vec<&str> = found.iter().map(|(id, _)| *id).collect();
            let place = ids.iter().position(|id| *id == case.wanted);
            let first = &ids[..TOP.min(ids.len())];
            let relevances = self.teacher.relevance(&case.id, first);
            let low = relevances
                .iter()
                .filter(|found| **found < relevance)
                .count();
            quality.low += low as f64 / TOP as f64;
            quality.hit_100 += f64::from(u8::from(place.is_some()));
            if place.is_some_and(|place| place < TOP) {
                quality.hit_10 += 1.0;
                quality.earned += bid(&case.wanted);
            }
            if let Some(student) = estimate {
                let films: Vec<Value> = first.iter().map(|id| films[&Some(*id)].clone()).collect();
                let outcomes = student.outcomes(&case.user, &films)?;
                let each = outcomes.iter().zip(first);
                quality.expected += each
                    .map(|(o, id)| f64::from(o.click) * bid(id))
                    .sum::<f64>();
            }
        }
        Ok(quality.over(self.cases.len() as f64))
    }
}

impl Quality {
    fn over(self, count: f64) -> Self {
        Self {
            hit_10: self.hit_10 / count,
            hit_100: self.hit_100 / count,
            low: self.low / count,
            expected: self.expected / count,
            earned: self.earned / count,
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            hit_10: self.hit_10 + other.hit_10,
            hit_100: self.hit_100 + other.hit_100,
            low: self.low + other.low,
            expected: self.expected + other.expected,
            earned: self.earned + other.earned,
        }
    }
}

/// Tries settings: the built-in ones, or those of a file.
pub fn run(dir: &Path, settings: Option<&Path>) -> Result<(), Box<dyn Error>> {
    let films = movielens::read(dir)?;
    let parts = split(&films.events, TieOrder::Id);
    let data = |events: Vec<Event>| Dataset {
        items: films.items.clone(),
        users: films.users.clone(),
        events,
    };
    let genres = ["genres".to_owned()];
    let choosing = World::new(data(parts.train.clone()), &parts.validation, &genres)?;
    let whole = [parts.train, parts.validation].concat();
    let testing = World::new(data(whole), &parts.test, &genres)?;
    println!(
        "MovieLens-100K: {} clicks for validation, {} for the test.\n",
        choosing.cases.len(),
        testing.cases.len()
    );
    let settings = match settings {
        None => built_in(),
        Some(file) => {
            let all: Map<String, Value> = serde_json::from_slice(&std::fs::read(file)?)?;
            all.into_iter().collect()
        }
    };
    println!(
        "{:<28} {:<18} {:>8} {:>8} {:>6} {:>11}",
        "validation", "score", "hit@10", "hit@100", "low", "examples/s"
    );
    let mut chosen = Vec::new();
    for (name, settings) in settings {
        let mut config: Config = serde_json::from_value(settings)?;
        config.click = CLICK;
        let student = choosing.learn(&config)?;
        let mut best: Option<(f64, &'static str, Score)> = None;
        for (label, score) in SCORES {
            // Without bad cases the bad part is untrained.
            if config.bad == 0.0 && score.bad > 0.0 {
                continue;
            }
            let dir = tempfile::tempdir()?;
            let db = choosing.publish(&student, score, dir.path())?;
            let found = choosing.judge(&db, SPACE, None, false, config.relevance)?;
            println!(
                "{name:<28} {label:<18} {:>8.4} {:>8.4} {:>6.3} {:>11.0}",
                found.hit_10,
                found.hit_100,
                found.low,
                student.report().examples_per_second
            );
            if best.is_none_or(|(hit, ..)| found.hit_100 > hit) {
                best = Some((found.hit_100, label, score));
            }
        }
        if let Some((hit_100, label, score)) = best {
            chosen.push(Chosen {
                name,
                config,
                label,
                score,
                hit_100,
                student,
            });
        }
    }
    println!(
        "\n{:<28} {:<18} {:>8} {:>8} {:>6}",
        "test, mean of three seeds", "score", "hit@10", "hit@100", "low"
    );
    let most = chosen
        .iter()
        .map(|chosen| chosen.hit_100)
        .fold(0.0, f64::max);
    let mut best = None;
    for chosen in chosen {
        let (mut sum, mut students) = (Quality::default(), Vec::new());
        for seed in SEEDS {
            let config = Config {
                training: TrainParams {
                    seed,
                    ..chosen.config.training.clone()
                },
                ..chosen.config.clone()
            };
            let student = testing.learn(&config)?;
            let dir = tempfile::tempdir()?;
            let db = testing.publish(&student, chosen.score, dir.path())?;
            sum = sum.plus(testing.judge(&db, SPACE, None, false, config.relevance)?);
            students.push(student);
        }
        let mean = sum.over(SEEDS.len() as f64);
        println!(
            "{:<28} {:<18} {:>8.4} {:>8.4} {:>6.3}",
            chosen.name, chosen.label, mean.hit_10, mean.hit_100, mean.low
        );
        if chosen.hit_100 >= most {
            best = Some((chosen, students));
        }
    }
    let Some((chosen, students)) = best else {
        return Ok(());
    };
    println!(
        "\n{:<44} {:>10} {:>10} {:>8} {:>6}",
        format!("Bids: {}, {}", chosen.name, chosen.label),
        "expected",
        "earned",
        "hit@10",
        "low"
    );
    let relevance = chosen.config.relevance;
    println!("validation");
    earn(&choosing, &[chosen.student], chosen.score, relevance)?;
    println!("test, mean of three seeds");
    earn(&testing, &students, chosen.score, relevance)
}

/// Settings, and the score with the best hit@100 on validation.
struct Chosen {
    name: String,
    config: Config,
    label: &'static str,
    score: Score,
    hit_100: f64,
    student: Student,
}

/// Revenue with and without bids inside the search.
fn earn(
    world: &World,
    students: &[Student],
    score: Score,
    relevance: f32,
) -> Result<(), Box<dyn Error>> {
    let stage = format!("the best {STAGE} by score, then score × bid");
    let mut ways = vec![
        ("score alone".to_owned(), false, None),
        (stage, true, None),
        (
            "score × bid inside of the search".to_owned(),
            false,
            Some(expected_revenue(SPACE, "bid")),
        ),
    ];
    for exponent in [0.5, 0.25] {
        let business = BusinessWeight::new("bid").exponents(1.0, exponent);
        let weighed = WeightedSum::new()
            .space(SPACE, 1.0)
            .business_weight(business);
        let name = format!("score × bid^{exponent} inside of the search");
        ways.push((name, false, Some(weighed)));
    }
    let mut sums = vec![Quality::default(); ways.len()];
    for student in students {
        let dir = tempfile::tempdir()?;
        let db = world.publish(student, score, dir.path())?;
        for (sum, (_, second, ensemble)) in sums.iter_mut().zip(&ways) {
            let name = match ensemble {
                Some(ensemble) => {
                    db.ensembles().define("earn", ensemble.clone())?;
                    "earn"
                }
                None => SPACE,
            };
            let found = world.judge(&db, name, Some(student), *second, relevance)?;
            *sum = sum.plus(found);
        }
    }
    for (sum, (name, ..)) in sums.into_iter().zip(&ways) {
        let mean = sum.over(students.len() as f64);
        println!(
            "  {name:<42} {:>10.3} {:>10.4} {:>8.4} {:>6.3}",
            mean.expected, mean.earned, mean.hit_10, mean.low
        );
    }
    Ok(())
}
