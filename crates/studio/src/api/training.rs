//! The towers of a space: features, layers and training state; and the training report of each generation.

use super::problem::Problem;
use super::state::State;
use serde::Serialize;
use serde_json::Value;
use twinspire::TowersInfo;

/// Files of a towers directory that a later training continues from.
const STATE_FILES: [&str; 2] = ["optimiser.bin", "frequency.bin"];

/// The towers of a space's active generation.
#[derive(Debug, Serialize)]
pub struct Training {
    pub generation: u64,
    pub towers: TowersInfo,
    /// Whether the towers keep the state of their training, so that a later one can continue.
    pub can_continue: bool,
    /// The self-test that was passed when the towers were published.
    pub self_test: Option<SelfTestView>,
    /// The generations that the space keeps, newest first.
    pub reports: Vec<ReportView>,
}

/// The report of a generation's training.
#[derive(Debug, Serialize)]
pub struct ReportView {
    pub generation: u64,
    pub active: bool,
    pub created_unix_ms: u64,
    /// `None` if the towers have no report.
    pub report: Option<Value>,
}

/// A passed self-test.
#[derive(Debug, Serialize)]
pub struct SelfTestView {
    /// Number of records.
    pub cases: usize,
    /// The largest difference of a component, relative to the largest one of its vector or to 1.
    pub difference: f32,
}

/// The towers of a space.
pub fn get(state: &State, space: &str) -> Result<Training, Problem> {
    let database = state.database();
    let generation = database.pin().active_generation(space)?;
    let towers = database.towers(space)?;
    let info = towers.describe();
    let self_test = towers.self_test().map(|test| SelfTestView {
        cases: test.cases,
        difference: test.difference,
    });
    let generations = database.generations(space)?.into_iter().rev();
    let reports = generations.map(|one| {
        Ok(ReportView {
            generation: one.number.0,
            active: one.active,
            created_unix_ms: one.created_unix_ms,
            report: database.training_report(space, one.number)?,
        })
    });
    Ok(Training {
        reports: reports.collect::<Result<_, Problem>>()?,
        generation: generation.0,
        can_continue: info
            .files
            .keys()
            .any(|name| STATE_FILES.contains(&name.as_str())),
        self_test,
        towers: info,
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::shop;
    use super::*;

    #[test]
    fn the_towers_are_described() {
        let (_dir, state) = shop();
        let training = get(&state, "price").unwrap();
        assert_eq!((training.generation, training.can_continue), (1, false));
        assert_eq!(training.towers.user.unwrap().features[0].fields, ["price"]);
        assert!(training.self_test.is_none());
        assert!(training.reports[0].active && training.reports[0].report.is_none());
    }
}
