//! Weights of examples: the reward of the event, decayed by age, scaled for repeats.

use super::config::Config;
use crate::sampler::Logs;
use std::collections::HashSet;

/// Seconds of a day.
const DAY: f64 = 86_400.0;

/// The weight of every interaction, by user and index.
pub(super) fn weights(logs: &Logs, config: &Config) -> Vec<Vec<f32>> {
    let latest = logs.times.iter().flatten().copied().max().unwrap_or(0);
    let decay = |at: i64| match config.half_life {
        0.0 => 1.0,
        half_life => {
            let age = latest.abs_diff(at) as f64 / DAY;
            (-age / f64::from(half_life)).exp2() as f32
        }
    };
    let users = logs.seen.iter().zip(&logs.times);
    let each = users.map(|(met, times)| {
        let mut known = HashSet::new();
        let each = met.iter().zip(times).map(|((item, reward), at)| {
            let factor = match known.insert(*item) {
                true => 1.0,
                false => config.repeat_weight,
            };
            reward * factor * decay(*at)
        });
        each.collect()
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Dataset;
    use serde_json::json;
    use twinspire_towers::Event;

    #[test]
    fn repeats_and_old_events_weigh_as_configured() {
        let event = |item: &str, at: i64| Event {
            user: "u".to_owned(),
            item: item.to_owned(),
            at: at * 86_400,
            weight: 2.0,
        };
        let logs = Logs::new(&Dataset {
            items: vec![json!({"id": "a"})],
            users: Vec::new(),
            events: vec![event("a", 0), event("b", 5), event("a", 10)],
        })
        .unwrap();
        let config = Config {
            half_life: 5.0,
            repeat_weight: 0.25,
            ..Config::default()
        };
        assert_eq!(weights(&logs, &config), [[0.5, 1.0, 0.5]]);
        assert_eq!(weights(&logs, &Config::default()), [[2.0; 3]]);
    }
}
