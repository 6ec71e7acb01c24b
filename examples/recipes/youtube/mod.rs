//! YouTube on MovieLens-100K: recall of the next item with and without the sampling-bias correction, by popularity,
//! and for training in order of time.

pub mod grid;
mod protocol;
mod stream;

use protocol::{Answers, GROUPS, Served, World};
use std::error::Error;
use std::path::Path;
use twinspire::train::Dataset;
use twinspire::train::TrainParams;
use twinspire::train::youtube::{Config, TRAINING, train, train_from};

/// Seeds of the trainings of each setting.
const SEEDS: [u64; 3] = [1, 2, 3];
const DAY: i64 = 86_400;

/// Prints all tables.
pub fn run(dir: &Path) -> Result<(), Box<dyn Error>> {
    let world = World::read(dir)?;
    let served = Served::new(&world.train.items)?;
    let (events, cases) = (world.train.events.len(), world.test.len());
    println!("MovieLens-100K: {events} training events, {cases} test users.\n");
    println!(
        "{:<44} {:>6} {:>6} {:>6} {:>7} {:>7} {:>10}",
        "", "hit@1", "hit@10", "hit@50", "hit@100", "ndcg@10", "examples/s"
    );
    let corrected = Config::default();
    let plain = Config {
        frequency_rate: 0.0,
        ..Config::default()
    };
    let mut deciles = Vec::new();
    for (name, config) in [
        ("corrected (the defaults)", &corrected),
        ("not corrected", &plain),
    ] {
        let (mut all, mut speed) = (Vec::new(), 0.0);
        for seed in SEEDS {
            let config = Config {
                training: TrainParams {
                    seed,
                    ..config.training.clone()
                },
                ..config.clone()
            };
            let trained = train(&world.train, &config, |_| {})?;
            speed += trained.report.examples_per_second;
            served.publish(trained.towers)?;
            all.push(served.ask(&world.test)?);
        }
        line(name, &all, speed / SEEDS.len() as f64);
        deciles.push(all);
    }
    in_order_of_time(&world, &served)?;
    by_popularity(&world, &deciles);
    stream::run()
}

/// Training in order of time: in one training, and in one for each week, published in between.
fn in_order_of_time(world: &World, served: &Served) -> Result<(), Box<dyn Error>> {
    for epochs in [1, TRAINING.epochs] {
        let config = Config {
            window: DAY as u64,
            training: TrainParams { epochs, ..TRAINING },
            ..Config::default()
        };
        let trained = train(&world.train, &config, |_| {})?;
        let speed = trained.report.examples_per_second;
        served.publish(trained.towers)?;
        let name = format!("day by day, {}", passes(epochs));
        line(&name, &[served.ask(&world.test)?], speed);
    }
    let mut events = world.train.events.clone();
    events.sort_by_key(|event| event.at);
    let first = events.first().map_or(0, |event| event.at);
    let week = |at: i64| (at - first) / (7 * DAY);
    for (epochs, fresh_steps) in [(1, false), (1, true), (5, false), (5, true)] {
        let (mut towers, mut speeds, mut publishes) = (None, Vec::new(), 0);
        let mut until = 0;
        while let Some(next) = events.get(until) {
            let this = week(next.at);
            until = events.partition_point(|event| week(event.at) <= this);
            let data = Dataset {
                events: events[..until].to_vec(),
                ..world.train.clone()
            };
            let config = Config {
                since: Some(next.at),
                training: TrainParams {
                    epochs,
                    fresh_steps,
                    ..TRAINING
                },
                ..Config::default()
            };
            let trained = train_from(towers.as_ref(), &data, &config, |_| {})?;
            speeds.push(trained.report.examples_per_second);
            served.publish(trained.towers.clone())?;
            towers = Some(trained.towers);
            publishes += 1;
        }
        let speed = speeds.iter().sum::<f64>() / speeds.len() as f64;
        let fresh = if fresh_steps { ", fresh steps" } else { "" };
        let name = format!("{publishes} weeks, {}{fresh}", passes(epochs));
        line(&name, &[served.ask(&world.test)?], speed);
    }
    println!();
    Ok(())
}

fn passes(epochs: usize) -> String {
    match epochs {
        1 => "each event once".to_owned(),
        _ => format!("{epochs} passes"),
    }
}

/// A row of the first table: means over trainings.
fn line(name: &str, all: &[Answers], speed: f64) {
    let all: Vec<_> = all.iter().map(Answers::metrics).collect();
    let mean = |of: fn(&twinspire::train::evaluate::Metrics) -> f64| {
        all.iter().map(of).sum::<f64>() / all.len() as f64
    };
    println!(
        "{name:<44} {:>6.4} {:>6.4} {:>6.4} {:>7.4} {:>7.4} {speed:>10.0}",
        mean(|m| m.hit_1),
        mean(|m| m.hit_10),
        mean(|m| m.hit_50),
        mean(|m| m.hit_100),
        mean(|m| m.ndcg_10)
    );
}

/// hit@10 and hit@100 by the popularity of the wanted item, with and without the correction.
fn by_popularity(world: &World, deciles: &[Vec<Answers>]) {
    println!(
        "Users by how often their test item was met in training, a tenth of them in each line:\n"
    );
    println!(
        "{:<14} {:>10} {:>10} {:>12} {:>12}",
        "", "corrected", "", "not", ""
    );
    println!(
        "{:<14} {:>10} {:>10} {:>12} {:>12}",
        "times met", "hit@10", "hit@100", "hit@10", "hit@100"
    );
    let mut popularity: Vec<usize> = world.test.iter().map(|case| case.popularity).collect();
    popularity.sort_unstable();
    let sizes = popularity.chunks(popularity.len().div_ceil(GROUPS));
    for (group, met) in sizes.enumerate() {
        let (least, most) = (met.first().unwrap_or(&0), met.last().unwrap_or(&0));
        print!("{:<14}", format!("{least} to {most}"));
        for all in deciles {
            let groups: Vec<_> = all
                .iter()
                .map(|one| one.by_popularity(&world.test))
                .collect();
            let mean = |of: fn(&twinspire::train::evaluate::Metrics) -> f64| {
                groups.iter().map(|one| of(&one[group])).sum::<f64>() / groups.len() as f64
            };
            print!(
                " {:>10.4} {:>10.4}  ",
                mean(|m| m.hit_10),
                mean(|m| m.hit_100)
            );
        }
        println!();
    }
    println!();
}
