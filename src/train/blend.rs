//! An easy-trained and a hard-trained model in one ensemble.

use crate::database::Database;
use crate::ensemble::{Cascade, WeightedSum};
use crate::error::Error;
use twinspire_towers::Towers;

/// Two spaces, and the two ensembles over them of the EBR paper (section 6.2).
///
/// - *Weighted*: the weighted sum of scores, which is the inner product of concatenated vectors.
/// - *Cascade*: the hard-trained model re-ranks what the easy-trained one recalls.
///
/// ```no_run
/// # fn main() -> Result<(), twinspire::Error> {
/// use serde_json::json;
/// use twinspire::train::Blend;
/// use twinspire::{Database, Towers};
///
/// let db = Database::open("movies.twin")?;
/// let blend = Blend { hard_weight: 0.3, take: [200, 100], ..Blend::default() };
/// blend.publish(&db, Towers::open("models/easy")?, Towers::open("models/hard")?)?;
/// let user = json!({"user_id": "7", "history": ["50", "181"]});
/// let sum = db.recall("weighted").user(&user).top(10)?;
/// let staged = db.recall("cascade").user(&user).top(10)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Blend {
    /// The space of the easy-trained model.
    pub easy: String,
    /// The space of the hard-trained model.
    pub hard: String,
    /// The name of the weighted ensemble.
    pub weighted: String,
    /// The name of the cascade.
    pub cascade: String,
    /// Weight of the hard-trained model's cosine, above 0 and below 1. The easy-trained one has the rest.
    pub hard_weight: f32,
    /// Stages of the cascade: the number of items that the easy-trained model recalls, and of these the number
    /// that the hard-trained one keeps.
    pub take: [u32; 2],
}

impl Default for Blend {
    fn default() -> Self {
        Self {
            easy: "easy".to_owned(),
            hard: "hard".to_owned(),
            weighted: "weighted".to_owned(),
            cascade: "cascade".to_owned(),
            hard_weight: 0.5,
            take: [500, 100],
        }
    }
}

impl Blend {
    /// (1 − weight) · cos in the easy space + weight · cos in the hard one.
    #[must_use]
    pub fn weighted(&self) -> WeightedSum {
        WeightedSum::new()
            .space(&self.easy, 1.0 - self.hard_weight)
            .space(&self.hard, self.hard_weight)
    }

    /// The best items of the easy space, re-ranked in the hard one.
    #[must_use]
    pub fn cascade(&self) -> Cascade {
        let [first, then] = self.take;
        Cascade::new()
            .stage(&self.easy, first)
            .stage(&self.hard, then)
    }

    /// Defines both ensembles in a database that has the spaces.
    ///
    /// # Errors
    /// As [`define`](crate::Ensembles::define), such as [`Error::Ensemble`] for a weight out of range.
    pub fn define(&self, db: &Database) -> Result<(), Error> {
        db.ensembles().define(&self.weighted, self.weighted())?;
        db.ensembles().define(&self.cascade, self.cascade())
    }

    /// Publishes both models, each into its space, and defines the ensembles. These use a new model as soon as it
    /// is published.
    ///
    /// # Errors
    /// As [`publish`](Database::publish) and [`define`](Self::define).
    pub fn publish(&self, db: &Database, easy: Towers, hard: Towers) -> Result<(), Error> {
        db.publish(&self.easy).towers(easy).run()?;
        db.publish(&self.hard).towers(hard).run()?;
        self.define(db)
    }
}
