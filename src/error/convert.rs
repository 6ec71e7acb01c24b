//! Errors of the folders below as the public error.

use super::variants::Error;
use crate::catalog::{CatalogError, Loss};
use crate::filter::FilterError;
use crate::format::{Damage, Fault, FormatError};
use crate::graph::GraphError;
use crate::manifest::TransitionError;
use crate::store::StoreError;
use std::path::Path;
use std::sync::Arc;

impl Error {
    /// Damage found in `section` of `path`.
    pub(crate) fn corrupt(path: &Path, section: &'static str, what: impl Into<Damage>) -> Self {
        Self::Corrupt {
            path: path.to_owned(),
            section,
            what: what.into(),
        }
    }

    /// The same error, of a user that is `by` places further in a batch.
    pub(crate) fn further(self, by: usize) -> Self {
        match self {
            Self::User { at, source } => Self::User {
                at: at.map(|at| at + by),
                source,
            },
            other => other,
        }
    }

    /// The same error, of the user at this place in a batch.
    pub(crate) fn of_user(self, at: usize) -> Self {
        match self {
            Self::User { source, .. } => Self::User {
                at: Some(at),
                source,
            },
            other => other,
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Io {
                action,
                path,
                source,
            } => Self::Io {
                action,
                path,
                source,
            },
            StoreError::Uncertain { operation, source } => Self::Uncertain {
                operation,
                source: Arc::new((*source).into()),
            },
            StoreError::Superseded {
                path,
                found,
                committed,
            } => Self::Superseded {
                path,
                found,
                committed,
            },
            StoreError::Format { path, source } => {
                let FormatError { section, what } = source;
                match what {
                    Fault::Damaged(what) => Self::Corrupt {
                        path,
                        section,
                        what,
                    },
                    Fault::Unsupported(what) => Self::Unsupported {
                        path,
                        section,
                        what,
                    },
                }
            }
        }
    }
}

impl From<FilterError> for Error {
    fn from(source: FilterError) -> Self {
        Self::Filter { source }
    }
}

impl From<GraphError> for Error {
    fn from(error: GraphError) -> Self {
        match error {
            GraphError::Cancelled => Self::Cancelled,
            source => Self::Graph { source },
        }
    }
}

impl From<CatalogError> for Error {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::Store(error) => error.into(),
            CatalogError::Lost(loss) => loss.into(),
        }
    }
}

impl From<Loss> for Error {
    fn from(loss: Loss) -> Self {
        let Loss {
            path,
            section,
            what,
            lost,
        } = loss;
        Self::Lost {
            path,
            section,
            what,
            lost,
        }
    }
}

impl From<TransitionError> for Error {
    fn from(source: TransitionError) -> Self {
        Self::Conflict { source }
    }
}
