//! Coarse kinds of errors.

use super::reason::ShardsError;
use super::variants::Error;
use twinspire_towers::TowersError;

/// The kind of an [`Error`](enum@Error), for callers that decide by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The arguments are invalid. Change the call.
    InvalidInput,
    /// The space, item, generation or database does not exist.
    NotFound,
    /// A stored file is damaged. See `twinspire check` and `twinspire repair`.
    Corrupt,
    /// A stored file is of a newer format. Use the release that wrote it, or a newer one.
    Unsupported,
    /// Another writer holds the database. Try again later.
    Busy,
    /// Another commit came first. Run the operation again.
    Conflict,
    /// The operating system refused, and nothing was changed.
    Io,
    /// A write failed midway, and its outcome is unknown. Reads continue; reopen the database to write.
    Uncertain,
    /// The caller cancelled the operation.
    Cancelled,
    /// Twinspire broke a rule of its own. Please report it.
    Internal,
}

impl Error {
    /// The kind of this error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Pair { source, .. } => source.kind(),
            Self::Towers(TowersError::Io { .. }) => ErrorKind::Io,
            Self::Towers(_) => ErrorKind::InvalidInput,
            Self::Shards(ShardsError::Towers { .. }) => ErrorKind::Conflict,
            Self::Item { .. }
            | Self::DuplicateId { .. }
            | Self::CallTooLarge { .. }
            | Self::TooManyRemoved { .. }
            | Self::Embed { .. }
            | Self::User { .. }
            | Self::Vector { .. }
            | Self::TopZero
            | Self::BeamWidthZero
            | Self::NoUsers
            | Self::RecallTarget { .. }
            | Self::NoScore { .. }
            | Self::Shards(_)
            | Self::Filter { .. }
            | Self::NoQuery
            | Self::NoText { .. }
            | Self::QueryText { .. }
            | Self::Lexical { .. }
            | Self::NoVectors { .. }
            | Self::SpaceInUse { .. }
            | Self::NoItems
            | Self::Doubtful { .. }
            | Self::NotASpace { .. }
            | Self::Ranks { .. }
            | Self::PairSource { .. }
            | Self::NoItemTower
            | Self::UnwantedItemTower
            | Self::VectorSource { .. }
            | Self::ItemVector { .. }
            | Self::NoVector { .. }
            | Self::Graph { .. }
            | Self::SpaceName { .. }
            | Self::Ensemble { .. }
            | Self::Fused { .. }
            | Self::NameTaken { .. }
            | Self::ReadOnly
            | Self::Forked
            | Self::NotADatabase { .. }
            | Self::NotEmpty { .. }
            | Self::PathTooLong { .. }
            | Self::NetworkFileSystem { .. }
            | Self::TooManyItems => ErrorKind::InvalidInput,
            Self::NoDatabase { .. }
            | Self::UnknownSpace { .. }
            | Self::UnknownItem { .. }
            | Self::UnknownGeneration { .. }
            | Self::NoEarlierGeneration { .. }
            | Self::OutOfStep { .. } => ErrorKind::NotFound,
            Self::Locked { .. } => ErrorKind::Busy,
            Self::Conflict { .. } | Self::Superseded { .. } => ErrorKind::Conflict,
            Self::Corrupt { .. } | Self::Lost { .. } => ErrorKind::Corrupt,
            Self::Unsupported { .. } => ErrorKind::Unsupported,
            Self::Io { .. } => ErrorKind::Io,
            Self::Uncertain { .. } | Self::Poisoned { .. } => ErrorKind::Uncertain,
            Self::Cancelled => ErrorKind::Cancelled,
            Self::Internal { .. } => ErrorKind::Internal,
        }
    }
}
