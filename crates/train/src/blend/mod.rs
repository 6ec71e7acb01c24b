//! Baselines beside what is learnt, in the same vectors.
//!
//! Every baseline is a pair of towers: popularity is one number of an item, transitions and EASE are factors of what
//! items say about items, read from the history of a user. So the vectors can hold them beside what is learnt: the
//! inner product of the whole is a weighted sum. The weights are chosen on the holdout ([`choose`]), which may also give
//! nearly all of the weight to one baseline. Then the towers rank as that baseline does, up to the number of factors.
//!
//! - `components`: which baselines there are, and their weights.
//! - `parts`: the baselines of a log as vectors.
//! - `transitions`: factors of the matrix of transitions.
//! - `weights`: the choice of the weights.
//! - `attach`: towers with these parts, and without them again.
//!
//! What is learnt stays as it is: a warm start takes the baselines off, continues, and adds them anew.

mod attach;
mod components;
mod embed;
mod parts;
mod transitions;
mod weights;

pub(crate) use attach::{attach, detach, fits};
pub use components::Blend;
pub(crate) use embed::ranks_of;
pub(crate) use parts::{HISTORY, Parts};
pub use weights::BlendChoice;
pub(crate) use weights::{Backtest, choose};

#[cfg(test)]
mod tests;
