//! Settings that follow the data: candidates are trained on small budgets, judged on a holdout, and the better ones
//! go on (successive halving, Jamieson and Talwalkar, AISTATS 2016).
//!
//! - `space`: what is tried: starting points, and the values of each setting. A setting that the caller changed from
//!   its default stays as it is.
//! - `plan`: the budget. It is counted in examples and not in seconds, so that a seed gives the same choice on any
//!   machine; a clock only guards against a machine that is far too slow.
//! - `trial`: a candidate in training, which stops and continues.
//! - `search`: the rounds. First the starting points; then the winner with one setting changed at a time; then the
//!   changes that helped, together.
//! - `report`: what was tried, what was chosen and why.
//!
//! The holdout is that of [`LogParams::hold_out`](crate::LogParams::hold_out), and the metric a smooth one: nDCG of
//! the whole ranking. The best candidate's settings and number of passes are then trained on everything, the holdout
//! included. Its comparison with the baselines is the one from before, on the holdout.

mod plan;
mod report;
mod search;
mod space;
mod trial;

pub use plan::AutoParams;
pub(crate) use plan::EVENTS_PER_SECOND;
pub use report::{AutoCandidate, AutoReport};
pub(crate) use search::{Found, Tunable, search};
pub(crate) use space::{Space, all as all_settings, float, settings};
pub(crate) use trial::{ProgressFn, Trial};
