//! Encoders of sequences: many embeddings in order to one vector.
//!
//! - [`SequenceModel`]: an encoder with its weights.
//! - [`SequencePass`]: the sequences of a batch, one after the other, and all that an encoder computes for them. Training
//!   differentiates it.
//! - `attention` and `gru` compute, by `linear`; `encode` chooses between them.
//!
//! The sequences of a batch have their own lengths; nothing is padded. An encoder is causal: what it gives for an
//! element depends on that element and those before it. So if one record's sequence continues that of the record before
//! it, as consecutive examples of one user do in training, only what is new is computed.
//!
//! **Cost.** For n elements of width d, attention with u hidden units takes n · (2d² + d) multiplications in its last
//! block, where one query is computed, and n · (4d² + 2du + nd) in each block before. A GRU of u units takes
//! n · 3u(d + u). The buffers are reused, so that a request allocates nothing.

mod attention;
mod encode;
mod gru;
mod linear;
mod model;
mod pass;
#[cfg(test)]
mod tests;

pub use model::SequenceModel;
pub use pass::{BlockPass, GruPass, SequencePass};
