//! Every failure of a call on a database.

use super::display::{known_spaces, list, lost_revisions, stale_members, user};
use super::invariant::Invariant;
use super::reason::{FuseError, InvalidVector, NameOwner, PublishDoubt, ShardsError};
use crate::ensemble::EnsembleError;
use crate::filter::FilterError;
use crate::format::{Damage, Unsupported};
use crate::graph::GraphError;
use crate::lexical::LexicalError;
use crate::manifest::{StaleMember, TransitionError};
use crate::store::WriteOperation;
use std::path::PathBuf;
use std::sync::Arc;
use thiserror::Error;
use twinspire_core::files::IoAction;
use twinspire_core::ids::{GenerationNo, Revision};
use twinspire_towers::{EmbedError, RecordError, TowersError};

/// Why a call on a database failed: what, where, and what to do. [`ErrorKind`](super::ErrorKind) groups
/// the variants.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// An item record cannot be stored.
    #[error("item {at} of the call: {source}")]
    Item {
        /// Its place in the call, from 0.
        at: usize,
        /// The field at fault.
        source: RecordError,
    },
    /// One call has an id twice, so it is unclear which record should win.
    #[error("items {first} and {second} of the call have the same id {id:?}; leave one out")]
    DuplicateId {
        /// The id.
        id: String,
        /// The place of its first record, from 0.
        first: usize,
        /// The place of its second record.
        second: usize,
    },
    /// One call exceeds a frame of the journal.
    #[error("the call has {bytes} bytes of records, at most {limit} fit; split it into several")]
    CallTooLarge {
        /// Bytes of records and ids.
        bytes: usize,
        /// The most bytes of one call.
        limit: usize,
    },
    /// A new catalogue that lacks more of the items than is allowed.
    #[error(
        "{removed} of {items} items are not in the new catalogue, more than a share of {limit}: none was \
         removed; check that it is complete, or allow a larger share"
    )]
    TooManyRemoved {
        /// Items that would be removed.
        removed: u64,
        /// All items.
        items: u64,
        /// The largest share that may be removed.
        limit: f64,
    },
    /// The item tower of a space cannot embed an item, or its vector exceeds half precision. Stored, the
    /// item would be missing from the recalls of the space.
    #[error("item {id:?} cannot be embedded for space {space:?}: {source}")]
    Embed {
        /// The space.
        space: String,
        /// The item.
        id: String,
        /// The feature or layer at fault.
        source: EmbedError,
    },
    /// The user tower cannot embed the features of a query.
    #[error("{}: {source}", user(*.at))]
    User {
        /// Its place in a batch, from 0; `None` outside a batch.
        at: Option<usize>,
        /// The feature or layer at fault.
        source: EmbedError,
    },
    /// A query vector cannot be compared with those of the items.
    #[error("the query vector cannot be used: {source}")]
    Vector {
        /// What is wrong with it.
        source: InvalidVector,
    },
    /// A recall of no items.
    #[error("a recall of the top 0 items finds nothing; ask for 1 or more")]
    TopZero,
    /// A measurement of the recall that users get, without users.
    #[error("no users are given to measure recall with; give one or more")]
    NoUsers,
    /// A recall with a beam of no width.
    #[error("a beam width (efSearch) of 0 finds nothing; give 1 or more")]
    BeamWidthZero,
    /// A recall target that is not a share.
    #[error(
        "the recall target {target} is no share of the exact answer; give a number above 0, at most 1"
    )]
    RecallTarget {
        /// The target.
        target: f32,
    },
    /// A minimum score for an ensemble by quota, whose hits have no score.
    #[error(
        "ensemble {name:?} fills quotas, so its hits have no score to compare; leave the minimum score \
         out"
    )]
    NoScore {
        /// The ensemble.
        name: String,
    },
    /// The contributions of shards give no answer.
    #[error("the answers of shards cannot be merged: {0}")]
    Shards(#[source] ShardsError),
    /// A filter does not parse, or does not fit the fields of the items.
    #[error("the filter cannot be used: {source}")]
    Filter {
        /// What is wrong, and the place in the text.
        source: FilterError,
    },
    /// A recall without a query.
    #[error("the recall has no query; give it a user, a vector or an item to be similar to")]
    NoQuery,
    /// A recall of a lexical space without a text.
    #[error(
        "lexical space {space:?} has no text to search for; give the user a {field:?}, or the recall a text"
    )]
    NoText {
        /// The space.
        space: String,
        /// The field of the user that it reads.
        field: String,
    },
    /// The field that a lexical space reads of the user is no text.
    #[error("lexical space {space:?} reads the user's {field:?}, which is {found}; give a text")]
    QueryText {
        /// The space.
        space: String,
        /// The field.
        field: String,
        /// What it is.
        found: String,
    },
    /// A lexical space with an invalid definition.
    #[error("lexical space {name:?} cannot be defined: {source}")]
    Lexical {
        /// Its name.
        name: String,
        /// What is wrong with the definition.
        source: LexicalError,
    },
    /// A space that cannot be removed because ensembles name it.
    #[error("space {name:?} is used by {}; remove them first", ensembles.join(", "))]
    SpaceInUse {
        /// The space.
        name: String,
        /// The ensembles.
        ensembles: Vec<String>,
    },
    /// A lexical space where a space of vectors is needed.
    #[error("space {name:?} is lexical: it has words and no vectors or towers; name another space")]
    NoVectors {
        /// Its name.
        name: String,
    },
    /// A publish needs an item tower, and these towers have none.
    #[error("these towers have no item tower; publish them with the items' vectors")]
    NoItemTower,
    /// A publish of given vectors, with towers that embed the items themselves.
    #[error(
        "these towers have an item tower, which embeds the items; publish them without vectors, or \
         remove the item tower"
    )]
    UnwantedItemTower,
    /// The source of item vectors failed.
    #[error("the vectors of items cannot be read: {source}")]
    VectorSource {
        /// The error of the source.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A given vector cannot be used for its item.
    #[error("the vector of item {id:?} cannot be used: {source}")]
    ItemVector {
        /// The item.
        id: String,
        /// What is wrong with it.
        source: InvalidVector,
    },
    /// An item was given no vector. Published, it would be missing from the recalls of the space.
    #[error(
        "item {id:?} has no vector for space {space:?}; {missing} of {items} items have none: give them \
         vectors, or leave them out"
    )]
    NoVector {
        /// The space.
        space: String,
        /// The item.
        id: String,
        /// Items without a vector.
        missing: u64,
        /// All items.
        items: u64,
    },
    /// Towers that do not seem to belong to these items.
    #[error("space {space:?} is not published: {source}; correct it, or force the publish")]
    Doubtful {
        /// The space.
        space: String,
        /// The sign.
        source: PublishDoubt,
    },
    /// A publish without items.
    #[error("there are no items to publish; put or import items first")]
    NoItems,
    /// No graph could be built over the vectors.
    #[error("cannot build a graph: {source}")]
    Graph {
        /// What the builder met.
        source: GraphError,
    },
    /// An invalid name for a space or an ensemble.
    #[error(
        "{name:?} cannot name a space; use up to 64 letters, digits, `-` and `_`, a letter or digit first"
    )]
    SpaceName {
        /// The name.
        name: String,
    },
    /// An ensemble with an invalid recipe.
    #[error("ensemble {name:?} cannot be defined: {source}")]
    Ensemble {
        /// Its name.
        name: String,
        /// What is wrong with the recipe.
        source: EnsembleError,
    },
    /// A name in use: spaces and ensembles share their names.
    #[error("{name:?} is the name of {owner} already; choose another")]
    NameTaken {
        /// The name.
        name: String,
        /// What has it.
        owner: NameOwner,
    },
    /// No such space.
    #[error("there is no space or ensemble {name:?}; {}", known_spaces(.known))]
    UnknownSpace {
        /// The name asked for.
        name: String,
        /// The spaces and ensembles that exist.
        known: Vec<String>,
    },
    /// An ensemble where a space is needed, or a fused space where a user tower is needed.
    #[error("{name:?} is made of several spaces; name one of them: {}", spaces.join(", "))]
    NotASpace {
        /// Its name.
        name: String,
        /// Its spaces.
        spaces: Vec<String>,
    },
    /// A range of ranks that contains none.
    #[error(
        "invalid rank range {from}..={to}; give a range that begins at 1 or above, start first"
    )]
    Ranks {
        /// The first rank.
        from: u32,
        /// The last rank.
        to: u32,
    },
    /// A pair of a user and an item cannot be mined.
    #[error("pair {}: {source}", at + 1)]
    Pair {
        /// Its place in the stream, from 0.
        at: u64,
        /// The error of its search.
        source: Box<Self>,
    },
    /// The source of pairs failed.
    #[error("the pairs cannot be read: {source}")]
    PairSource {
        /// The error of the source.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The item does not exist, or has no vector in the space.
    #[error("there is no item {id:?}")]
    UnknownItem {
        /// The id asked for.
        id: String,
    },
    /// The space does not keep this generation.
    #[error("space {space:?} keeps no generation {generation}; it keeps {}", list(.kept))]
    UnknownGeneration {
        /// The space.
        space: String,
        /// The generation asked for.
        generation: GenerationNo,
        /// The generations it keeps.
        kept: Vec<GenerationNo>,
    },
    /// A fused generation cannot answer, because members of its space have another active generation.
    #[error(
        "generation {generation} of fused space {space:?} was made of {}; publish it again, or roll \
         its members back", stale_members(.members)
    )]
    OutOfStep {
        /// The fused space.
        space: String,
        /// The generation that cannot answer.
        generation: GenerationNo,
        /// The members with another active generation.
        members: Vec<StaleMember>,
    },
    /// Spaces that cannot be fused.
    #[error("space {space:?} cannot be fused: {source}")]
    Fused {
        /// The fused space to publish.
        space: String,
        /// What is wrong with the members.
        source: FuseError,
    },
    /// A rollback from the oldest generation.
    #[error("space {space:?} keeps no generation before the active one, {active}; publish instead")]
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
    /// No database at this path.
    #[error("there is no database at {}", path.display())]
    NoDatabase {
        /// The directory.
        path: PathBuf,
    },
    /// The directory holds files, but no database.
    #[error("{} is not a database and not empty; choose a directory of its own", path.display())]
    NotADatabase {
        /// The directory.
        path: PathBuf,
    },
    /// A path too long for the names of the files below it.
    #[error(
        "the path of the database has {bytes} bytes, at most {limit} fit; choose a shorter one"
    )]
    PathTooLong {
        /// Its bytes.
        bytes: usize,
        /// The most bytes of a path.
        limit: usize,
    },
    /// A directory on a network file system, where locks and renames are not reliable.
    #[error(
        "{} is on a network file system ({kind}), where locks and renames are not reliable; use a \
         local disk, or OpenOptions::allow_network", path.display()
    )]
    NetworkFileSystem {
        /// The directory.
        path: PathBuf,
        /// The file system, as the operating system names it.
        kind: String,
    },
    /// The target directory is not empty.
    #[error("{} is not empty; choose an empty directory, or one that does not exist", path.display())]
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
    #[error("the database was opened by the parent of this process; open it again to write")]
    Forked,
    /// The state that an operation built on was replaced meanwhile. Nothing was changed.
    #[error("another change was committed meanwhile: {source}; run the operation again")]
    Conflict {
        /// What has moved.
        source: TransitionError,
    },
    /// Another process committed to the database in spite of the lock. Nothing was changed, and this
    /// handle writes no more.
    #[error(
        "{} names manifest {found}, but this handle committed {committed} last: another process writes too; close one, then \
         reopen", path.display()
    )]
    Superseded {
        /// CURRENT.
        path: PathBuf,
        /// The manifest it names.
        found: u64,
        /// The manifest this writer committed last.
        committed: u64,
    },
    /// A file is damaged.
    #[error("damaged: {}: {section}: {what}", path.display())]
    Corrupt {
        /// The file, or the directory where several files disagree.
        path: PathBuf,
        /// The section of the file, as storage-format.md names it.
        section: &'static str,
        /// What is wrong with it.
        #[source]
        what: Damage,
    },
    /// A file is of a newer format, or needs what this build does not have. Nothing was changed.
    #[error(
        "unsupported: {}: {section}: {what}; open it with the release of twinspire that wrote it, or a \
         newer one", path.display()
    )]
    Unsupported {
        /// The file, or the directory of a generation's towers.
        path: PathBuf,
        /// The section of the file, as storage-format.md names it.
        section: &'static str,
        /// What this build does not know.
        #[source]
        what: Unsupported,
    },
    /// The journal is damaged.
    #[error(
        "damaged: {}: {section}: {what}{}; Database::open_read_only reads what is left, `twinspire \
         repair` keeps it", path.display(), lost_revisions(*.lost)
    )]
    Lost {
        /// The file.
        path: PathBuf,
        /// The section of the file.
        section: &'static str,
        /// What is wrong with it.
        #[source]
        what: Damage,
        /// The first and the last acknowledged revision that is lost; `None` if no write is lost.
        lost: Option<(Revision, Revision)>,
    },
    /// The operating system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// The operation.
        action: IoAction,
        /// The file or directory.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// This write failed midway, and may or may not have taken place. Reads continue; the handle writes
    /// no more.
    #[error("{operation} failed midway, its outcome is unknown; reopen the database to learn it")]
    Uncertain {
        /// The operation that failed.
        operation: WriteOperation,
        /// Its error.
        source: Arc<Self>,
    },
    /// An earlier write failed midway, so this one was not tried. Reads continue.
    #[error("{operation} failed midway earlier; close the database and open it again to write")]
    Poisoned {
        /// The operation that failed.
        operation: WriteOperation,
        /// Its error.
        source: Arc<Self>,
    },
    /// The caller cancelled the operation; nothing has changed.
    #[error("cancelled; nothing has changed")]
    Cancelled,
    /// The database has used every item number.
    #[error(
        "a database holds at most 4,294,967,295 different ids over its life; export it to a new one"
    )]
    TooManyItems,
    /// A bug: a rule of the database does not hold. The operation changed nothing.
    #[error("internal error: {invariant}; please report it")]
    Internal {
        /// The broken rule.
        #[source]
        invariant: Invariant,
    },
}
