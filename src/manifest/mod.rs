//! The manifest: what is sealed, which generation each space serves, and the files of both.
//!
//! Pure state: one [`Manifest`] describes the whole database at one commit, and [`transition`] turns one
//! into the next. `format` turns it into bytes, `store` into a file.

#![warn(clippy::indexing_slicing)]

mod apart;
mod calibration;
mod error;
mod files;
mod generation;
mod lexical_space;
mod lexical_transition;
mod space;
mod state;
mod transition;

pub(crate) use apart::Apart;
pub use calibration::{
    CONFIDENCE, Calibration, CalibrationPoint, CalibrationSample, MeasuredRecall, QueryKind,
};
pub(crate) use calibration::{EFS, KS, is_cheaper_than_scan};
pub use error::{StaleMember, TransitionError};
pub(crate) use files::{FileRef, ItemsFile, SpaceFile, TowerFile};
pub(crate) use generation::Generation;
pub(crate) use lexical_space::{LexicalGeneration, LexicalSpace};
pub(crate) use space::Space;
pub(crate) use state::Manifest;
pub(crate) use transition::Sealing;
