//! The one error users see: what was wrong, where, and what would be right.

use crate::catalog::{CatalogError, Loss};
use crate::filter::FilterError;
use crate::manifest::TransitionError;
use crate::store::StoreError;
use std::path::PathBuf;
use thiserror::Error;
use twinspire_core::ids::{GenerationNo, Revision};
use twinspire_towers::{EmbedError, RecordError, TowersError};

/// Everything a call on a database can fail with.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// An item record that cannot be stored.
    #[error("item {at} of the call: {source}")]
    Item {
        /// Its place in the call, from 0.
        at: usize,
        /// What is wrong with it.
        source: RecordError,
    },
    /// One call with the same id twice: which one should win cannot be known.
    #[error("items {first} and {second} of the call have the same id {id:?}; leave one out")]
    DuplicateId {
        /// The id.
        id: String,
        /// Where it stands first, from 0.
        first: usize,
        /// Where it stands again.
        second: usize,
    },
    /// One call with more than fits into a frame of the journal.
    #[error("the call has {bytes} bytes of records, at most {most} fit; split it into several")]
    CallTooLarge {
        /// Bytes of records and ids.
        bytes: usize,
        /// As many fit.
        most: usize,
    },
    /// An item that the item tower of a space cannot embed, or whose vector is beyond what half
    /// precision holds: it would be missing from the space's recalls.
    #[error("item {id:?} cannot be embedded for space {space:?}: {source}")]
    Embed {
        /// The space.
        space: String,
        /// The item.
        id: String,
        /// Why not.
        source: EmbedError,
    },
    /// A query whose features the user tower cannot embed.
    #[error("{}: {source}", user(.at))]
    User {
        /// Its place in a batch, from 0.
        at: Option<usize>,
        /// Why not.
        source: EmbedError,
    },
    /// A query vector that cannot be compared with the items'.
    #[error("the query vector cannot be used: {what}")]
    Vector {
        /// What is wrong, and what would be right.
        what: String,
    },
    /// A recall that asks for nothing.
    #[error("a recall of the top 0 items finds nothing; ask for 1 or more")]
    TopZero,
    /// A least score for an ensemble whose answers have no score of their own.
    #[error(
        "ensemble {name:?} takes turns between its spaces, and its answers have no score that could \
         be at least so much; leave the least score out"
    )]
    NoScore {
        /// The ensemble.
        name: String,
    },
    /// A filter that is none, or that makes no sense for the fields the items have.
    #[error("the filter cannot be used: {source}")]
    Filter {
        /// What is wrong, where, and what would be right.
        source: FilterError,
    },
    /// A recall without a query.
    #[error("the recall has no query; give it a user, a vector or an item to be similar to")]
    NoQuery,
    /// Towers without an item tower where one is needed, or with one where it is not.
    #[error("these towers {what}")]
    ItemTower {
        /// What they have or lack, and what would be right.
        what: &'static str,
    },
    /// Vectors from elsewhere that cannot be read.
    #[error("the vectors of items cannot be read: {source}")]
    VectorSource {
        /// What their source says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A vector from elsewhere that is of no item, or cannot be compared.
    #[error("the vector of item {id:?} cannot be used: {what}")]
    ItemVector {
        /// The item.
        id: String,
        /// What is wrong, and what would be right.
        what: String,
    },
    /// An item for which no vector was given: it would be missing from the space's recalls.
    #[error("item {id:?} has no vector for space {space:?}; {missing} of {items} items have none")]
    NoVector {
        /// The space.
        space: String,
        /// The item.
        id: String,
        /// So many have none.
        missing: u64,
        /// Of so many.
        items: u64,
    },
    /// A database without items cannot be published.
    #[error("there are no items to publish; put or import items first")]
    NoItems,
    /// No graph could be built over the vectors.
    #[error("cannot build a graph: {what}")]
    Graph {
        /// Why not.
        what: String,
    },
    /// A name that no space can have.
    #[error(
        "{name:?} cannot name a space; use up to 64 letters, digits, `-` and `_`, a letter or digit first"
    )]
    SpaceName {
        /// The name.
        name: String,
    },
    /// An ensemble that means nothing.
    #[error("ensemble {name:?} cannot be defined: {what}")]
    Ensemble {
        /// Its name.
        name: String,
        /// What is wrong, and what would be right.
        what: String,
    },
    /// Spaces and ensembles share their names.
    #[error("{name:?} is the name of {what} already; choose another")]
    NameTaken {
        /// The name.
        name: String,
        /// What has it.
        what: &'static str,
    },
    /// No such space.
    #[error("there is no space or ensemble {name:?}; {}", known_spaces(.known))]
    UnknownSpace {
        /// The name asked for.
        name: String,
        /// The spaces and ensembles there are.
        known: Vec<String>,
    },
    /// An ensemble where a space is needed, or a fused space where one with a user tower is.
    #[error("{name:?} is made of several spaces; name one of them: {}", spaces.join(", "))]
    NotASpace {
        /// Its name.
        name: String,
        /// Its spaces.
        spaces: Vec<String>,
    },
    /// Ranks that no recall has.
    #[error("ranks {from} to {to} are none; the first rank is 1, and the range goes upwards")]
    Ranks {
        /// Where the range begins.
        from: u32,
        /// Where it ends.
        to: u32,
    },
    /// A pair of a user and an item that cannot be mined.
    #[error("pair {}: {source}", at + 1)]
    Pair {
        /// Its place in the stream, from 0.
        at: u64,
        /// Why not.
        source: Box<Self>,
    },
    /// Pairs that cannot be read.
    #[error("the pairs cannot be read: {source}")]
    PairSource {
        /// What their source says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// No item of this id, or none in the space.
    #[error("there is no item {id:?}")]
    UnknownItem {
        /// The id asked for.
        id: String,
    },
    /// A generation that is not kept.
    #[error("space {space:?} keeps no generation {generation}; it keeps {}", list(.kept))]
    UnknownGeneration {
        /// The space.
        space: String,
        /// The generation asked for.
        generation: GenerationNo,
        /// What it keeps.
        kept: Vec<GenerationNo>,
    },
    /// A fused generation that was made of others than its members answer with.
    #[error(
        "generation {generation} of fused space {space:?} was made of {}; publish it again, or roll \
         its members back", out_of_step(.members)
    )]
    OutOfStep {
        /// The fused space.
        space: String,
        /// The generation that cannot answer.
        generation: GenerationNo,
        /// The members that are another now: each with the generation it was made of, and the one that
        /// answers, if the space is there.
        members: Vec<(String, GenerationNo, Option<GenerationNo>)>,
    },
    /// Spaces that cannot be fused.
    #[error("space {space:?} cannot be fused: {what}")]
    Fused {
        /// The space that would be made.
        space: String,
        /// What is wrong, and what would be right.
        what: String,
    },
    /// The active generation is the oldest there is.
    #[error("space {space:?} keeps no generation before the active one, {active}")]
    NoEarlierGeneration {
        /// The space.
        space: String,
        /// The active generation.
        active: GenerationNo,
    },
    /// Towers that cannot be opened, saved or used.
    #[error(transparent)]
    Towers(#[from] TowersError),
    /// A write to a database that was opened read-only.
    #[error("the database is open read-only; open it with Database::open to write")]
    ReadOnly,
    /// There is no database at this path.
    #[error("there is no database at {}", path.display())]
    NoDatabase {
        /// The directory that was looked for.
        path: PathBuf,
    },
    /// The directory holds files, but no database.
    #[error("{} is not a database and not empty; choose a directory of its own", path.display())]
    NotADatabase {
        /// The directory.
        path: PathBuf,
    },
    /// A path that leaves too little room for the names below it.
    #[error("the path of the database has {bytes} bytes, at most {most} fit; choose a shorter one")]
    PathTooLong {
        /// Its bytes.
        bytes: usize,
        /// As many fit.
        most: usize,
    },
    /// A directory on a network file system, whose locks and renames do not keep what is promised.
    #[error(
        "{} is on a network file system ({kind}), which does not keep a writer's promises; use a \
         local disk, or OpenOptions::allow_network", path.display()
    )]
    NetworkFileSystem {
        /// The directory.
        path: PathBuf,
        /// The kind of file system.
        kind: String,
    },
    /// A directory that was to be written into holds something already.
    #[error("{} is not empty; choose a directory that is not there yet", path.display())]
    NotEmpty {
        /// The directory.
        path: PathBuf,
    },
    /// Another process, or another handle in this one, has the database open for writing.
    #[error("{} is held by another writer ({holder}); close that one first", lock.display())]
    Locked {
        /// The lock file.
        lock: PathBuf,
        /// Its text, which names the process.
        holder: String,
    },
    /// The process is a fork of the one that opened the database; only that one may write.
    #[error("the database was opened by the process this one is a fork of; open it again to write")]
    Forked,
    /// A file is damaged.
    #[error("damaged: {what}")]
    Corrupt {
        /// The file, the part of it, and what is wrong.
        what: String,
    },
    /// The journal is damaged.
    #[error(
        "damaged: {}: {what}{}; what is left can be read by Database::open_read_only, and \
         `twinspire repair` goes on from it", path.display(), revisions(.lost)
    )]
    Lost {
        /// The file.
        path: PathBuf,
        /// The part of it, and what is wrong.
        what: String,
        /// The first and the last revision that were acknowledged and are lost; none if damage cost
        /// nothing.
        lost: Option<(Revision, Revision)>,
    },
    /// The operating system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// An earlier write failed in a way that leaves its outcome open; reading goes on.
    #[error("an earlier write failed midway: close the database and open it again to write")]
    Poisoned,
    /// What was going on was given up because the caller wanted it; nothing has changed.
    #[error("it was cancelled, and nothing has changed")]
    Cancelled,
    /// There are more items than item numbers.
    #[error("a database holds at most 4,294,967,295 different ids over its life")]
    TooManyItems,
}

fn user(at: &Option<usize>) -> String {
    match at {
        Some(at) => format!("user {at} of the batch"),
        None => "the user".to_owned(),
    }
}

fn revisions(lost: &Option<(Revision, Revision)>) -> String {
    match lost {
        Some((from, to)) => format!("; acknowledged writes are lost: revisions {from} to {to}"),
        None => String::new(),
    }
}

fn known_spaces(known: &[String]) -> String {
    if known.is_empty() {
        "none has been published yet".to_owned()
    } else {
        format!("there is {}", known.join(", "))
    }
}

fn out_of_step(members: &[(String, GenerationNo, Option<GenerationNo>)]) -> String {
    let each = members.iter().map(|(name, made_of, active)| match active {
        Some(active) => {
            format!("generation {made_of} of {name:?}, which answers with {active} now")
        }
        None => format!("generation {made_of} of {name:?}, which is gone"),
    });
    each.collect::<Vec<_>>().join(" and ")
}

fn list(numbers: &[GenerationNo]) -> String {
    let texts: Vec<_> = numbers.iter().map(ToString::to_string).collect();
    texts.join(", ")
}

/// The kinds of [`Error`](enum@Error), for callers that decide by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The call asked for something that cannot be.
    InvalidInput,
    /// What was asked for is not there.
    NotFound,
    /// A file is damaged.
    Corrupt,
    /// Someone else holds it.
    Busy,
    /// The operating system refused, or did so before.
    Io,
    /// The caller did not want it any longer.
    Cancelled,
}

impl Error {
    /// The same, of a user whose place in a batch is known.
    pub(crate) fn of_user(self, at: usize) -> Self {
        match self {
            Self::User { source, .. } => Self::User {
                at: Some(at),
                source,
            },
            other => other,
        }
    }

    /// What kind of error this is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Pair { source, .. } => source.kind(),
            Self::Towers(TowersError::Io { .. }) => ErrorKind::Io,
            Self::Towers(_) => ErrorKind::InvalidInput,
            Self::Item { .. }
            | Self::DuplicateId { .. }
            | Self::CallTooLarge { .. }
            | Self::Embed { .. }
            | Self::User { .. }
            | Self::Vector { .. }
            | Self::TopZero
            | Self::NoScore { .. }
            | Self::Filter { .. }
            | Self::NoQuery
            | Self::NoItems
            | Self::NotASpace { .. }
            | Self::Ranks { .. }
            | Self::PairSource { .. }
            | Self::ItemTower { .. }
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
            Self::Corrupt { .. } | Self::Lost { .. } => ErrorKind::Corrupt,
            Self::Io { .. } | Self::Poisoned => ErrorKind::Io,
            Self::Cancelled => ErrorKind::Cancelled,
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
            StoreError::CommitUncertain { source } => (*source).into(),
            other @ StoreError::Format { .. } => Self::Corrupt {
                what: other.to_string(),
            },
        }
    }
}

impl From<FilterError> for Error {
    fn from(source: FilterError) -> Self {
        Self::Filter { source }
    }
}

impl From<CatalogError> for Error {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::Store(error) => error.into(),
            CatalogError::Lost(Loss { path, what, lost }) => Self::Lost { path, what, lost },
        }
    }
}

impl From<TransitionError> for Error {
    fn from(_: TransitionError) -> Self {
        Self::Poisoned
    }
}
