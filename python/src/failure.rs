//! Errors as exceptions of `twinspire`, each with the whole message of its error.

use pyo3::prelude::*;
use pyo3::types::PyModule;
use std::error::Error as StdError;
use twinspire::import::{ImportError, ImportErrorKind};
use twinspire::train::{EvaluateError, TrainError};
use twinspire::{Error, ErrorKind, TowerError, TowersError};

/// Why a call failed: an exception that was raised, or one that is to be raised.
#[derive(Debug)]
pub enum Failure {
    /// An exception of Python, such as a `TypeError` or a `KeyboardInterrupt`.
    Raised(PyErr),
    /// An exception of the package.
    New {
        /// Its class.
        class: &'static str,
        message: String,
    },
}

impl Failure {
    /// An exception of this class of the package.
    pub fn new(class: &'static str, message: impl Into<String>) -> Self {
        Self::New {
            class,
            message: message.into(),
        }
    }

    /// An argument that has no meaning.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new("InvalidInputError", message)
    }

    /// A name that a mapping lacks: `what` is a noun, `known` are the names that it has.
    pub fn unknown_name(what: &str, name: &str, known: &[String]) -> Self {
        let known = known.join(", ");
        let message = format!("there is no {what} {name:?}; there is {known}");
        Self::new("NotFoundError", message)
    }

    /// The exception for an error.
    pub fn of(error: &Error) -> Self {
        Self::new(class(error), with_causes(error))
    }

    /// The same failure once more.
    pub fn copy(&self, py: Python<'_>) -> Self {
        match self {
            Self::Raised(error) => Self::Raised(error.clone_ref(py)),
            Self::New { class, message } => Self::new(class, message.clone()),
        }
    }

    /// The exception as an object, to be given to a callback.
    pub fn into_exception(self, py: Python<'_>) -> Py<PyAny> {
        PyErr::from(self).into_value(py).into_any()
    }
}

/// A message with the causes that it does not state itself.
fn with_causes(error: &dyn StdError) -> String {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if !message.contains(&text) {
            message = format!("{message}: {text}");
        }
        source = cause.source();
    }
    message
}

/// The class of the exception for an error. `docs/python.md` has the table.
fn class(error: &Error) -> &'static str {
    match error {
        Error::Item { .. }
        | Error::DuplicateId { .. }
        | Error::CallTooLarge { .. }
        | Error::TooManyRemoved { .. }
        | Error::TooManyItems => "ItemError",
        Error::User { .. } | Error::Embed { .. } => "FeatureError",
        Error::Vector { .. }
        | Error::ItemVector { .. }
        | Error::NoVector { .. }
        | Error::VectorSource { .. } => "VectorError",
        Error::Filter { .. } => "FilterError",
        Error::Ensemble { .. } | Error::Fused { .. } | Error::NoScore { .. } => "EnsembleError",
        Error::Doubtful { .. }
        | Error::NoItems
        | Error::NoItemTower
        | Error::UnwantedItemTower
        | Error::Graph { .. } => "PublishError",
        Error::Towers(error) => towers_class(error),
        Error::ReadOnly => "ReadOnlyError",
        Error::Forked => "ForkedError",
        Error::Pair { source, .. } => class(source),
        other => kind_class(other.kind()),
    }
}

fn kind_class(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::InvalidInput => "InvalidInputError",
        ErrorKind::NotFound => "NotFoundError",
        ErrorKind::Corrupt => "CorruptError",
        ErrorKind::Unsupported => "UnsupportedError",
        ErrorKind::Busy => "LockedError",
        ErrorKind::Conflict => "ConflictError",
        ErrorKind::Io => "StorageError",
        ErrorKind::Uncertain => "UncertainError",
        ErrorKind::Cancelled => "CancelledError",
        ErrorKind::Internal => "InternalError",
        _ => "Error",
    }
}

fn towers_class(error: &TowersError) -> &'static str {
    match error {
        TowersError::Io { .. } => "StorageError",
        TowersError::User { .. } | TowersError::Item { .. } => "FeatureError",
        _ => "TowersError",
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::of(&error)
    }
}

impl From<TowersError> for Failure {
    fn from(error: TowersError) -> Self {
        Self::new(towers_class(&error), with_causes(&error))
    }
}

impl From<TowerError> for Failure {
    fn from(error: TowerError) -> Self {
        Self::new("TowersError", with_causes(&error))
    }
}

impl From<ImportError> for Failure {
    fn from(error: ImportError) -> Self {
        let class = match error.kind() {
            ImportErrorKind::Io(_) => "StorageError",
            _ => "ReadError",
        };
        Self::new(class, with_causes(&error))
    }
}

impl From<TrainError> for Failure {
    fn from(error: TrainError) -> Self {
        let class = match error {
            TrainError::Cancelled => "CancelledError",
            _ => "TrainError",
        };
        Self::new(class, with_causes(&error))
    }
}

impl From<EvaluateError> for Failure {
    fn from(error: EvaluateError) -> Self {
        match error {
            EvaluateError::Data(error) => error.into(),
            EvaluateError::Recall(error) => error.into(),
            EvaluateError::Cancelled => Self::new("CancelledError", error.to_string()),
            error => Self::invalid(error.to_string()),
        }
    }
}

impl From<PyErr> for Failure {
    fn from(error: PyErr) -> Self {
        Self::Raised(error)
    }
}

impl From<pyo3::CastError<'_, '_>> for Failure {
    fn from(error: pyo3::CastError<'_, '_>) -> Self {
        Self::Raised(error.into())
    }
}

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Raised(error) => error,
            Failure::New { class, message } => Python::attach(|py| {
                let made = PyModule::import(py, "twinspire._errors")
                    .and_then(|module| module.getattr(class)?.call1((message,)));
                match made {
                    Ok(exception) => Self::from_value(exception),
                    Err(error) => error,
                }
            }),
        }
    }
}
