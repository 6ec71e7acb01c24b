//! Evaluation: splits of logs, metrics with confidence intervals, and reports on several models side by side.
//!
//! 1. [`SplitBy`] takes the test out of a log. A training on the rest never sees it.
//! 2. [`Questions`] are users as of the split, with the items that they took afterwards.
//! 3. [`Answers`] are what a model, or a baseline, recommends to each of them.
//! 4. [`judge`] computes [`Measure`]s of all answers, [`Bootstrap`] intervals over users, paired differences and
//!    [segments](SegmentBy), and makes a [`Report`].
//!
//! Every item of the catalogue is a candidate; nothing is sampled. The judge knows no database: the answers may come
//! from anywhere. [`metrics`] are the same measures for ranks of single items.
//!
//! ```
//! # mod twinspire { pub use twinspire_towers::Event; pub use twinspire_train as train; }
//! # fn main() -> Result<(), twinspire::train::TrainError> {
//! use twinspire::Event;
//! use twinspire::train::Dataset;
//! use twinspire::train::evaluate::{Answers, Judge, Questions, SplitBy, TieOrder, judge};
//! use twinspire::train::recommend_baselines;
//!
//! // Everybody goes round in a circle of nine items.
//! let events = (0..120).map(|n| Event {
//!     user: (n % 20).to_string(), item: ((n % 20 + n / 20) % 9).to_string(), at: n, weight: 1.0
//! });
//! let mut data = Dataset { events: events.collect(), ..Dataset::default() };
//! let test = SplitBy::Last.hold_out(&mut data, TieOrder::default());
//! let catalogue = (0..9).map(|n| n.to_string());
//! let questions = Questions::new(&data, &test, catalogue, false, 1000)?;
//! let popular = Answers::new("always 0", questions.iter().map(|_| vec![0]));
//! let mut answers = vec![popular];
//! answers.extend(recommend_baselines(&questions, 3, 0)?);
//! let settings = Judge { ks: vec![1, 3], ..Judge::default() };
//! let report = judge(&questions, &answers, &settings)?;
//! assert_eq!(report.better_baseline("always 0").unwrap().name, "transitions");
//! # Ok(())
//! # }
//! ```

mod answers;
mod exposure;
mod intervals;
mod judge;
mod metrics;
mod page;
mod questions;
mod ranks;
mod report;
mod segments;
mod split;
#[cfg(test)]
mod test_events;

pub use answers::Answers;
pub use intervals::{Bootstrap, Estimate, PairedDifference};
pub use judge::{Judge, judge};
pub use metrics::{Measure, Metrics, metrics, values};
pub(crate) use metrics::{ndcg_of_ranking, reciprocal_ranks};
pub use questions::{Question, Questions};
pub(crate) use ranks::ranks;
pub(crate) use report::ADVICE;
pub use report::{
    Difference, IndexReport, Report, Scores, Segment, SegmentResult, Segmentation, Standing,
};
pub use segments::{SegmentBy, SegmentValue};
pub use split::{Split, SplitBy, TieOrder, latest, split, split_by_time};
