//! Repair: a damaged database becomes a sound one with everything that can still be read.
//!
//! A repair takes, in this order:
//! 1. the newest manifest that is whole ([`manifests`]);
//! 2. the readable rows of each items segment ([`items`]);
//! 3. the generations that are whole, and the ensembles whose spaces are left ([`spaces`]);
//! 4. every readable call of the journal, and what the index still has of lost ones ([`journal`]);
//! 5. a segment for each generation whose vectors no longer match the items ([`align`]).
//!
//! [`run`] commits the result as the next state. Damaged files are linked into `damaged/` first
//! ([`quarantine`]): nothing is destroyed, and an interrupted repair can run again.

mod align;
mod items;
mod journal;
mod manifests;
mod quarantine;
mod repairer;
mod report;
mod run;
mod spaces;

pub use report::RepairReport;
pub(crate) use run::repair;
