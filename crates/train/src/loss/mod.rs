//! Losses: from the vectors of a batch to a number and its gradients by the vectors.
//!
//! - [`in_batch`]: softmax over the items of the batch, corrected for sampling bias (YouTube).
//! - [`sampled`]: softmax over the clicked document and sampled negatives (DSSM).
//! - [`triplet`]: positive nearer than negatives, by a margin (EBR).
//! - [`three_class`]: softmax over click, unclick and bad, for vectors in three parts (Mobius).
//!
//! All but the last are functions of inner products (`scores`): for each user, a row of inner products with
//! every item of the batch is replaced by the derivatives of the loss. Rows are processed in parallel and
//! summed in a fixed order.

mod cross_entropy;
pub(crate) mod in_batch;
pub(crate) mod sampled;
mod scores;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod three_class;
pub(crate) mod triplet;

pub(crate) use scores::Loss;
