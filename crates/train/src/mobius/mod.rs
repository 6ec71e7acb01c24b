//! Mobius: towers that learn clicks under a teacher of relevance (Fan et al., KDD 2019,
//! <https://doi.org/10.1145/3292500.3330651>).
//!
//! A model that learns from clicks alone knows nothing of items that were never shown, and recalls
//! irrelevant ones. Mobius adds a third class to click and unclick: *bad cases* (algorithm 1).
//!
//! 1. All users of a batch are paired with all items of the batch.
//! 2. A [`Teacher`] marks the pairs of low relevance.
//! 3. The student, which is the towers under training, gives each of these a click probability.
//! 4. Bad cases are drawn from them by that probability, and are learnt together with the clicks and unclicks.
//!
//! The paper's buffer is one batch here: the weights that draw the pairs also learn from them, and one
//! forward pass serves both.
//!
//! Each tower emits three parts side by side. The inner products of the parts go through a softmax over
//! click, unclick and bad. Recall needs a single inner product, so the published towers are cut out of
//! the parts, by [`Score`].
//!
//! The paper multiplies scores by bids inside the search; ensembles with a business weight do that.
//!
//! **Inputs.** User tower: means of the embeddings of the most recent clicked items (`history`, from the
//! table of the item ids), the user id and every attribute. Item tower: the id and every attribute.
//!
//! **Cost.** That of two towers, and B² inner products and relevances for a batch of B events.

mod augment;
mod auto;
mod config;
mod describe;
mod recipe;
mod score;
mod student;
mod teacher;
mod train;

pub use auto::train_auto;
pub use config::{Config, Draw, TRAINING};
pub use score::Score;
pub use student::{Outcome, Student};
pub use teacher::{Categories, Similarity, Teacher};
pub use train::{queries, train, train_from};

#[cfg(test)]
mod tests;
