//! How good a space is: recall by beam width, its vectors, the fields that its item tower reads, and what users get.
//!
//! `targets` reads the calibration, `vectors` the vectors (as a job), `features` a sample of the records, `users` the
//! answers of given users, and `popularity` which items these are made of.

mod features;
mod popularity;
mod targets;
mod users;
mod vectors;

pub use users::post as users;
pub use vectors::VectorsReport;

use super::job::Status;
use super::problem::Problem;
use super::state::State;
use features::FeatureReport;
use serde::Serialize;
use targets::TargetWidth;
use twinspire::Calibration;

/// What is known of a space without reading its vectors.
#[derive(Debug, Serialize)]
pub struct Quality {
    pub space: String,
    pub calibration: Calibration,
    /// The beam width of several recall targets.
    pub targets: Vec<TargetWidth>,
    /// The fields that the item tower reads, as a sample of the records has them.
    pub features: Vec<FeatureReport>,
    /// Number of sampled records.
    pub sampled: usize,
}

/// What is known of a space.
pub fn get(state: &State, space: &str) -> Result<Quality, Problem> {
    let database = state.database();
    let generations = database.generations(space)?;
    let active = generations.into_iter().find(|generation| generation.active);
    let calibration = active.map(|generation| generation.calibration);
    let calibration = calibration.unwrap_or_default();
    let (features, sampled) = features::of(database, space)?;
    Ok(Quality {
        space: space.to_owned(),
        targets: targets::of(&calibration),
        calibration,
        features,
        sampled,
    })
}

/// The vectors of a space, or how far the reading is.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum VectorsView {
    Working { share: f64 },
    Ready(VectorsReport),
}

/// The vectors of a space's active generation; the reading is started by the first request.
pub fn vectors(state: &State, space: &str) -> Result<VectorsView, Problem> {
    let job = state.job_or_start(&mut *state.vectors()?, space, vectors::read)?;
    Ok(match job.status()? {
        Status::Working(share) => VectorsView::Working { share },
        Status::Done(report) => VectorsView::Ready(VectorsReport::clone(&report)),
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::shop;
    use super::*;
    use serde_json::json;

    #[test]
    fn a_space_has_its_calibration_and_its_fields() {
        let (_dir, state) = shop();
        let quality = get(&state, "price").unwrap();
        assert_eq!(quality.sampled, 3);
        assert_eq!(quality.features.len(), 1);
        assert_eq!(
            (
                quality.features[0].fields[0].present,
                quality.features[0].remark
            ),
            (3, None)
        );
    }

    #[test]
    fn users_have_a_coverage_and_the_hardest_come_first() {
        let (_dir, state) = shop();
        let request = json!({"side": {"name": "price"}, "k": 1,
            "users": [{"price": 1}, {"price": 900}, {"price": "much"}, {"price": 2}]});
        let report = users(&state, &serde_json::from_value(request).unwrap()).unwrap();
        assert_eq!((report.users, report.failed.len()), (3, 1));
        assert_eq!((report.recalled, report.items), (2, 3));
        assert_eq!(
            report.hard[0].at, 1,
            "far from every item: {:?}",
            report.hard
        );
        assert_eq!(report.mean_recall, 1.0);
        assert_eq!(report.frequent[0].count, 2);
        assert!(report.popularity.is_none());
        let request = json!({"side": {"name": "price"}, "k": 1, "popularity": "price",
            "users": [{"price": 1}, {"price": 900}]});
        let report = users(&state, &serde_json::from_value(request).unwrap()).unwrap();
        let popularity = report.popularity.unwrap();
        assert_eq!((popularity.sampled, popularity.cold), (3, 0));
        assert_eq!(popularity.tenths.iter().sum::<usize>(), 2);
    }
}
