//! Two spaces over the same films, fused by every kind of ensemble.
//!
//! ```sh
//! cargo run --example ensembles
//! ```
//!
//! The vectors are written by hand, so that each answer can be explained: what a film is about (robots,
//! love, cooking), and how it feels (quiet, loud). Towers compute them in practice: see `quickstart`.

use serde_json::json;
use std::error::Error;
use twinspire::{
    BusinessWeight, Cascade, Database, Diversity, Ensemble, Metric, Normalisation, NormalisedSum,
    Quotas, RankFusion, Towers, WeightedSum,
};

/// A film, what it is about, how it feels, and what showing it earns.
const FILMS: [(&str, [f32; 3], [f32; 2], f64); 8] = [
    ("Iron Kitchen", [0.7, 0.0, 0.7], [0.1, 0.9], 1.0),
    ("The Last Robot", [1.0, 0.1, 0.0], [0.9, 0.2], 1.0),
    ("Robots at War", [1.0, 0.0, 0.0], [0.0, 1.0], 3.0),
    ("Robots at War II", [1.0, 0.0, 0.1], [0.1, 1.0], 3.0),
    ("Love, Rebooted", [0.6, 0.8, 0.0], [0.8, 0.4], 2.0),
    ("Simmer", [0.0, 0.3, 1.0], [1.0, 0.0], 1.0),
    ("Letters", [0.0, 1.0, 0.0], [1.0, 0.1], 1.0),
    ("Wedding Heist", [0.1, 0.8, 0.2], [0.2, 1.0], 2.0),
];

fn main() -> Result<(), Box<dyn Error>> {
    let home = tempfile::tempdir()?;
    let db = Database::open(home.path().join("films.twin"))?;
    let records = FILMS.map(|(name, _, _, earns)| json!({"id": name, "earns": earns}));
    db.items().put_many(&records)?;
    let about = FILMS.map(|(name, about, _, _)| (name, about));
    let feel = FILMS.map(|(name, _, feel, _)| (name, feel));
    db.publish("about")
        .towers(Towers::vectors_only("about", 3, Metric::Cosine)?)
        .vectors(about)
        .run()?;
    db.publish("feel")
        .towers(Towers::vectors_only("feel", 2, Metric::Cosine)?)
        .vectors(feel)
        .run()?;
    // One graph over both, for the weighted sum.
    db.publish("both").fuse(["about", "feel"]).run()?;

    let weighted = || WeightedSum::new().space("about", 0.6).space("feel", 0.4);
    let recipes: [(&str, Ensemble); 8] = [
        ("weighted", weighted().into()),
        ("by-one-graph", weighted().fused("both").into()),
        (
            "cascade",
            Cascade::new().stage("about", 4).stage("feel", 3).into(),
        ),
        (
            "ranks",
            RankFusion::new()
                .space("about", 1.0)
                .space("feel", 1.0)
                .into(),
        ),
        (
            "one-scale",
            NormalisedSum::new(Normalisation::MinMax)
                .space("about", 0.6)
                .space("feel", 0.4)
                .into(),
        ),
        ("turns", Quotas::counts([("about", 2), ("feel", 1)]).into()),
        (
            "earning",
            weighted()
                .business_weight(BusinessWeight::new("earns"))
                .into(),
        ),
        (
            "diverse",
            weighted().diversity(Diversity::new("about", 0.5)).into(),
        ),
    ];

    println!("Someone who likes robots, and wants a quiet evening:\n");
    for (name, recipe) in recipes {
        db.ensembles().define(name, recipe.clone())?;
        let recall = db
            .recall(name)
            .vector_in("about", &[1.0, 0.2, 0.0])
            .vector_in("feel", &[1.0, 0.1]);
        let hits = recall.top(3)?;
        println!("{name}: {recipe}");
        for hit in &hits {
            let scores: Vec<String> = hit
                .channels
                .iter()
                .map(|(space, score)| format!("{space} {score:.2}"))
                .collect();
            println!("  {:5.2}  {:16}  {}", hit.score, hit.id, scores.join(", "));
        }
        println!();
    }
    Ok(())
}
