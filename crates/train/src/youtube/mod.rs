//! The YouTube two-tower recipe: sampling-bias-corrected neural modelling (Yi et al., RecSys 2019,
//! <https://doi.org/10.1145/3298689.3346996>).
//!
//! - **User tower**: means of the embeddings of the most recent items (`history`, from the table of the
//!   item ids), the user id, and every attribute in the data.
//! - **Item tower**: the id and every attribute; titles by letter trigrams.
//! - **Loss**: softmax over the items of the batch, each example weighted by its event (the paper's
//!   reward). Popular items are in a batch more often, so each score is corrected by the log of its
//!   sampling probability, estimated on the stream ([`frequency`](super::frequency)).
//! - **Unknown ids**: users and items that are not in the log are hashed into rows of their own. These
//!   are trained by replacing known ids now and then.
//!
//! # Incremental training
//! With a [`window`](Config::window) events are learnt from in order of time, each once. [`train_from`]
//! continues from the towers of the day before: the weights, the optimiser state and the frequency
//! estimate, which are all kept with the towers. With [`since`](Config::since) older events only make
//! histories and the new ones are learnt from. New users and items get rows of their own, which start as
//! copies of the rows that unknown ids shared. Users and items that are not in today's data are kept.

mod auto;
mod config;
mod describe;
mod recipe;
mod start;
mod train;
mod weights;

pub use auto::train_auto;
pub use config::{Config, Start, TRAINING};
pub use train::{queries, train, train_from};

#[cfg(test)]
mod tests;
