//! Writing: everything that changes a database, and everything that recovers it.
//!
//! - [`write`](put::write) puts and deletes items, [`remove`] deletes many of them. [`seal`], [`merge`], [`publish`], [`rollback`],
//!   [`retain`], [`calibrate`], [`define_ensemble`] and [`set_unfiltered`] replace the state as a whole.
//! - [`Background`] seals, merges and calibrates in a thread of its own.
//! - [`collect`] unlinks what is no longer needed; [`copy`] writes a snapshot into another directory.
//! - [`open`] recovers the state after a crash; [`check`] looks for damage, and [`repair`] keeps what can
//!   still be read.
//!
//! Long work (embedding, building graphs, writing segments) runs without a lock, on a snapshot that
//! cannot change. The [`commit`] that follows is refused if the state has changed in a way that
//! matters. The locks are in [`Writing`], in the order in which they are taken.
//!
//! Once the process recalls, its threads have a low priority ([`long_work`]).
//!
//! A failure before the rename of CURRENT costs nothing but files, which collection removes; the
//! operation can be tried again. After a failed rename, or a failed append to the journal, only the disk
//! knows the outcome: the writer is [stopped] until the database is opened again.

mod activate;
mod background;
mod backlog;
mod calibrate;
mod check;
mod collect;
mod commit;
mod copy;
mod define;
mod filter_fields;
mod fold;
mod lexical;
mod lock;
mod long_work;
mod merge;
mod open;
mod pending;
mod problem;
mod progress;
mod publish;
mod put;
mod remove;
mod repair;
mod retain;
mod rollback;
mod seal;
mod segment_builder;
mod signal;
mod staging;
mod stopped;
mod writer;
mod writing;

pub(crate) use background::Background;
pub(crate) use backlog::Limits;
pub(crate) use calibrate::calibrate;
pub use check::CheckReport;
pub(crate) use check::check;
pub(crate) use collect::{collect, garbage};
pub(crate) use copy::copy;
pub(crate) use define::{define_ensemble, remove_ensemble};
pub(crate) use filter_fields::set_unfiltered;
pub(crate) use lexical::{define_lexical, lexical_space, remove_lexical, rollback_lexical};
pub(crate) use merge::{Extent, merge};
pub(crate) use open::{Known, OpenSettings, Opened, hold_files, is_gone, open_reader, open_writer};
pub use problem::FileProblem;
pub(crate) use progress::{Monitor, ProgressCallback};
pub use progress::{Progress, ProgressStage};
#[cfg(test)]
pub(crate) use publish::Vectors;
pub(crate) use publish::{Given, Publish, Source, publish};
pub(crate) use put::{Change, write, write_due};
pub(crate) use remove::{outdated, remove};
pub use repair::RepairReport;
pub(crate) use repair::repair;
pub(crate) use retain::retain;
pub(crate) use rollback::rollback;
pub(crate) use seal::seal;
pub(crate) use writing::Writing;
