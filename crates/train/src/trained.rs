//! The result of a training.

use super::report::TrainingReport;
use serde::Serialize;
use serde_json::{Value, json};
use twinspire_towers::Towers;

/// The format of the report that towers keep.
const FORMAT: u32 = 1;
/// Figures that differ from one run to the next. Towers do not keep them, so that equal trainings give equal files.
const TIMES: [&str; 2] = ["seconds", "examples_per_second"];

/// The result of a training.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Trained {
    /// The towers, ready to be saved or published.
    pub towers: Towers,
    /// How the training went.
    pub report: TrainingReport,
}

impl Trained {
    /// The towers with the report and the settings of their training, as the file `report.json`. A directory of towers
    /// and a generation keep it, and the studio shows it. It has no times: equal trainings give equal files.
    ///
    /// `recipe` is the name of the recipe and `settings` what it was given; those that a search chose replace them.
    #[must_use]
    pub fn reported_towers(&self, recipe: &str, settings: &impl Serialize) -> Towers {
        let settings = match &self.report.auto {
            Some(auto) => json_of(&auto.settings),
            None => json_of(settings),
        };
        let mut report = json_of(&self.report);
        if let Some(report) = report.as_object_mut() {
            TIMES.iter().for_each(|time| drop(report.remove(*time)));
        }
        let document = json!({
            "format": FORMAT,
            "recipe": recipe,
            "settings": settings,
            "warnings": self.report.warnings(),
            "report": report,
        });
        self.towers.clone().with_report(&document)
    }
}

/// The value as JSON. Reports and settings always have one.
fn json_of(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Dataset;
    use crate::youtube;
    use twinspire_towers::Event;

    #[test]
    fn towers_keep_a_report_that_is_the_same_for_equal_trainings() {
        let items = (0..6).map(|item| json!({"id": format!("i{item}")}));
        let event = |at: i64| Event {
            user: format!("u{}", at % 9),
            item: format!("i{}", at % 6),
            at,
            weight: 1.0,
        };
        let mut events: Vec<Event> = (0..60).map(event).collect();
        events.push(Event {
            item: "lost".to_owned(),
            ..event(61)
        });
        let data = Dataset {
            items: items.collect(),
            users: Vec::new(),
            events,
        };
        let mut config = youtube::Config {
            dimension: 4,
            ..youtube::Config::default()
        };
        config.training.epochs = 2;
        config.training.max_unknown_ids = 1.0;
        let train = || youtube::train(&data, &config, |_| {}).unwrap();
        let trained = train();
        let towers = trained.reported_towers("youtube", &config);
        assert_eq!(
            towers.hash(),
            train().reported_towers("youtube", &config).hash()
        );
        assert_ne!(towers.hash(), trained.towers.hash());
        let dir = tempfile::tempdir().unwrap();
        towers.save(dir.path().join("towers")).unwrap();
        let text = std::fs::read_to_string(dir.path().join("towers/report.json")).unwrap();
        let report: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(report["recipe"], "youtube");
        assert_eq!(report["settings"]["dimension"], 4);
        assert_eq!(report["report"]["losses"].as_array().map(Vec::len), Some(2));
        assert!(report["report"].get("seconds").is_none());
        assert!(report["warnings"].to_string().contains("lost"), "{text}");
        // Another training does not need it.
        let opened = Towers::open(dir.path().join("towers")).unwrap();
        assert_eq!(opened.hash(), towers.hash());
        youtube::train_from(Some(&opened), &data, &config, |_| {}).unwrap();
    }
}
