//! The public error: what failed, the offending value, and what to do.
//!
//! Every folder below has a small error of its own, which knows its subject and nothing of paths or
//! advice. [`Error`](enum@Error) stands above them: it wraps each one as its `source`, and adds the
//! path, the item or the space at fault. Reasons are types, so that a caller matches on a variant and
//! never reads a message. `docs/errors.md` lists every variant with its meaning and remedy; a test
//! compares that page with the enum.
//!
//! | here | subject |
//! |---|---|
//! | [`Error`](enum@Error) | every failure of a call on a database |
//! | [`ErrorKind`] | its coarse kinds, for callers that decide by them |
//! | [`InvalidVector`], [`EnsembleError`], [`FuseError`], [`GraphError`], [`LexicalError`], [`NameOwner`], [`ShardsError`] | why input was rejected |
//! | [`Damage`] | what is wrong with stored bytes |
//! | [`IoAction`] | what the operating system refused |
//! | [`Unsupported`] | what stored bytes need that this build does not have |
//! | [`WriteOperation`], [`TransitionError`], [`Invariant`] | why a write did not take place, or may have |

mod convert;
mod display;
mod invariant;
mod kind;
mod reason;
#[cfg(test)]
mod tests;
mod variants;

pub use crate::ensemble::{DepthOf, EnsembleError, LexicalRole, Parts};
pub use crate::format::{Damage, FORMAT_VERSION, Unsupported};
pub use crate::graph::GraphError;
pub use crate::lexical::LexicalError;
pub use crate::manifest::{StaleMember, TransitionError};
pub use crate::store::WriteOperation;
pub use invariant::Invariant;
pub use kind::ErrorKind;
pub use reason::{FuseError, InvalidVector, NameOwner, PublishDoubt, ShardsError};
pub use twinspire_core::files::IoAction;
pub use variants::Error;
