//! All baselines, fitted on logs.

use super::ease::Ease;
use super::own_counts::OwnCounts;
use super::popularity::Popularity;
use super::scorer::Scorer;
use super::transitions::Transitions;
use crate::sampler::Logs;

/// The baselines and their names, fitted on the logs.
pub(super) fn scorers(logs: &Logs) -> Vec<(&'static str, Box<dyn Scorer>)> {
    let mut scorers: Vec<(&'static str, Box<dyn Scorer>)> = vec![
        ("popularity", Box::new(Popularity::of_all_time(logs))),
        ("recent popularity", Box::new(Popularity::recent(logs))),
        ("transitions", Box::new(Transitions::new(logs))),
    ];
    if logs.repeats() {
        scorers.insert(0, ("own counts", Box::new(OwnCounts::new(logs))));
    }
    if let Some(ease) = Ease::new(logs) {
        scorers.push(("EASE", Box::new(ease)));
    }
    scorers
}
