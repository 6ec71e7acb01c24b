//! Tunes the settings one after the other on validation.
//!
//! The test items are not used here.

use super::protocol::{Served, World};
use serde_json::{Value, json};
use std::error::Error;
use std::path::Path;
use twinspire::train::youtube::{Config, train};

/// Seeds of the trainings of each setting.
const SEEDS: [u64; 2] = [1, 2];

/// The settings in the order in which they are tuned, with the values that are tried.
fn tried() -> Vec<(&'static str, Vec<Value>)> {
    vec![
        (
            "temperature",
            vec![
                json!(0.05),
                json!(0.07),
                json!(0.1),
                json!(0.15),
                json!(0.2),
            ],
        ),
        (
            "history",
            vec![
                json!([20]),
                json!([1, 20]),
                json!([1, 3, 20]),
                json!([1, 5, 50]),
                json!([1, 3, 10, 50]),
            ],
        ),
        (
            "learning_rate",
            vec![json!(0.02), json!(0.035), json!(0.05), json!(0.1)],
        ),
        (
            "epochs",
            vec![json!(3), json!(4), json!(5), json!(7), json!(10)],
        ),
        (
            "frequency_rate",
            vec![json!(0), json!(0.005), json!(0.02), json!(0.05)],
        ),
        ("dimension", vec![json!(32), json!(64), json!(128)]),
        ("user_dimension", vec![json!(0), json!(32)]),
        ("id_dropout", vec![json!(0), json!(0.1), json!(0.2)]),
    ]
}

/// Tunes the settings and prints the results.
pub fn run(dir: &Path) -> Result<(), Box<dyn Error>> {
    let world = World::read(dir)?;
    let served = Served::new(&world.train.items)?;
    println!(
        "By validation: nDCG@100, the mean of {} trainings.\n",
        SEEDS.len()
    );
    println!(
        "{:<16} {:<14} {:>8} {:>7} {:>8} {:>11}",
        "", "", "nDCG@100", "hit@10", "hit@100", "examples/s"
    );
    let mut chosen = serde_json::to_value(Config::default())?;
    for (setting, values) in tried() {
        let mut best: Option<(f64, Value)> = None;
        for value in values {
            let mut settings = chosen.clone();
            settings[setting] = value.clone();
            let (mut ndcg, mut hit_10, mut hit_100, mut speed) = (0.0, 0.0, 0.0, 0.0);
            for seed in SEEDS {
                settings["seed"] = json!(seed);
                let config: Config = serde_json::from_value(settings.clone())?;
                let trained = train(&world.train, &config, |_| {})?;
                speed += trained.report.examples_per_second;
                served.publish(trained.towers)?;
                let answers = served.ask(&world.validation)?;
                ndcg += answers.ndcg_100();
                hit_10 += answers.metrics().hit_10;
                hit_100 += answers.metrics().hit_100;
            }
            let mean = |sum: f64| sum / SEEDS.len() as f64;
            println!(
                "{setting:<16} {:<14} {:>8.4} {:>7.4} {:>8.4} {:>11.0}",
                value.to_string(),
                mean(ndcg),
                mean(hit_10),
                mean(hit_100),
                mean(speed)
            );
            if best.as_ref().is_none_or(|(most, _)| ndcg > *most) {
                best = Some((ndcg, value));
            }
        }
        if let Some((_, value)) = best {
            println!("{:<16} {value}\n", "chosen");
            chosen[setting] = value;
        }
    }
    Ok(())
}
