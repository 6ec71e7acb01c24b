//! The settings that are tried.

use crate::error::TrainError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Some settings by name, as in a settings file.
pub(crate) type Settings = Map<String, Value>;

/// Settings from a JSON object.
pub(crate) fn settings(object: Value) -> Settings {
    let Value::Object(settings) = object else {
        return Settings::new();
    };
    let each = settings.into_iter();
    each.map(|(name, value)| (name, shortest(value))).collect()
}

/// A number as settings of single precision are written: 0.2 and not 0.20000000298023224.
fn shortest(value: Value) -> Value {
    let number = value.as_f64().filter(|_| value.is_f64());
    let short = number.and_then(|number| (number as f32).to_string().parse::<f64>().ok());
    match short {
        Some(short) if short.fract() == 0.0 && short.abs() < 1e9 => Value::from(short as i64),
        Some(short) => Value::from(short),
        None => value,
    }
}

/// A setting of single precision.
pub(crate) fn float(value: f32) -> Value {
    Value::from(value)
}

/// What is tried for a recipe.
pub(crate) struct Space {
    /// Cautious settings, close to a model in closed form. A candidate replaces the best of them only if it is better
    /// with some confidence.
    pub(crate) cautious: Vec<Settings>,
    /// Starting points: settings that differ from the defaults, likely ones first.
    pub(crate) starts: Vec<Settings>,
    /// Values of each setting, in an order in which neighbours are alike.
    pub(crate) axes: Vec<(&'static str, Vec<Value>)>,
}

impl Space {
    /// Leaves out settings that `config` changes from the defaults, and starting points that are then the same.
    pub(super) fn without_given<C: Default + Serialize>(mut self, config: &C) -> Self {
        let [given, defaults] = [config, &C::default()].map(all);
        let is_free = |setting: &str| given.get(setting) == defaults.get(setting);
        self.axes.retain(|(setting, _)| is_free(setting));
        let values = self.axes.iter_mut().flat_map(|(_, values)| values);
        values.for_each(|value| *value = shortest(value.take()));
        for points in [&mut self.cautious, &mut self.starts] {
            let mut distinct: Vec<Settings> = Vec::new();
            for mut point in points.drain(..) {
                point.retain(|setting, value| {
                    is_free(setting) && defaults.get(setting) != Some(value)
                });
                if !distinct.contains(&point) {
                    distinct.push(point);
                }
            }
            *points = distinct;
        }
        self
    }

    /// The neighbours of a point: each has one setting changed to the next value of its axis, or the one before.
    pub(super) fn neighbours<C: Default + Serialize>(
        &self,
        point: &Settings,
    ) -> Vec<(&'static str, Settings)> {
        let defaults = all(&C::default());
        let mut found = Vec::new();
        for (setting, values) in &self.axes {
            let now = point.get(*setting).or_else(|| defaults.get(*setting));
            let at = values.iter().position(|value| Some(value) == now);
            let near = match at {
                Some(at) => vec![at.checked_sub(1), Some(at + 1)],
                None => (0..values.len()).map(Some).collect(),
            };
            for value in near.into_iter().flatten().filter_map(|at| values.get(at)) {
                found.push((*setting, changed(point, setting, value, &defaults)));
            }
        }
        found
    }
}

/// A point with another value of a setting.
fn changed(point: &Settings, setting: &str, value: &Value, defaults: &Settings) -> Settings {
    let mut point = point.clone();
    match defaults.get(setting) == Some(value) {
        true => point.remove(setting),
        false => point.insert(setting.to_owned(), value.clone()),
    };
    point
}

/// A point with the values that another one has of these settings.
pub(super) fn with_settings(point: &Settings, other: &Settings, named: &[&str]) -> Settings {
    let mut point = point.clone();
    for setting in named {
        match other.get(*setting) {
            Some(value) => point.insert((*setting).to_owned(), value.clone()),
            None => point.remove(*setting),
        };
    }
    point
}

/// All settings of a configuration.
pub(crate) fn all<C: Serialize>(config: &C) -> Settings {
    settings(serde_json::to_value(config).unwrap_or_default())
}

/// The configuration with some settings replaced.
///
/// # Errors
/// [`TrainError::Settings`] if a value does not fit its setting.
pub(super) fn with<C: Serialize + DeserializeOwned>(
    config: &C,
    replaced: &Settings,
) -> Result<C, TrainError> {
    let mut settings = all(config);
    settings.extend(replaced.clone());
    serde_json::from_value(Value::Object(settings)).map_err(|error| TrainError::Settings {
        found: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::youtube::Config;
    use serde_json::json;

    fn space() -> Space {
        Space {
            cautious: Vec::new(),
            starts: [
                json!({}),
                json!({"temperature": 0.2, "dimension": 32}),
                json!({"temperature": 0.2}),
                json!({"temperature": 0.1}),
            ]
            .map(settings)
            .into(),
            axes: vec![
                (
                    "temperature",
                    vec![json!(0.05f32), json!(0.1f32), json!(0.2f32)],
                ),
                ("dimension", vec![json!(32), json!(64)]),
            ],
        }
    }

    #[test]
    fn given_settings_are_not_varied_and_no_start_is_tried_twice() {
        let all = space().without_given(&Config::default());
        let starts = [
            json!({}),
            json!({"temperature": 0.2, "dimension": 32}),
            json!({"temperature": 0.2}),
        ];
        assert_eq!(all.starts, starts.map(settings));
        let given = Config {
            dimension: 16,
            ..Config::default()
        };
        let some = space().without_given(&given);
        assert_eq!(
            some.starts,
            [json!({}), json!({"temperature": 0.2})].map(settings)
        );
        assert_eq!(some.axes.len(), 1);
        let config = with(&given, &some.starts[1]).unwrap();
        assert_eq!((config.temperature, config.dimension), (0.2, 16));
        let error = with(&given, &settings(json!({"dimension": "wide"})))
            .unwrap_err()
            .to_string();
        assert!(error.contains("dimension"), "{error}");
    }

    #[test]
    fn neighbours_differ_by_a_step_of_one_setting() {
        let space = space().without_given(&Config::default());
        let found = space.neighbours::<Config>(&settings(json!({"dimension": 32})));
        let expected = [
            ("temperature", json!({"dimension": 32, "temperature": 0.05})),
            ("temperature", json!({"dimension": 32, "temperature": 0.2})),
            ("dimension", json!({})),
        ];
        assert_eq!(found, expected.map(|(name, point)| (name, settings(point))));
        // A value that no axis has: all are near.
        let found = space.neighbours::<Config>(&settings(json!({"temperature": 7})));
        assert_eq!(
            found
                .iter()
                .filter(|(name, _)| *name == "temperature")
                .count(),
            3
        );
    }
}
