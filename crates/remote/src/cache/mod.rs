//! The directory of a replica: verified objects, and epochs made of them by hard links.
//!
//! ```text
//! replica/
//!   STORE                  the address of the store that all of this comes from
//!   LOCK                   locked while the directory changes
//!   objects/99aa…          verified bytes, read-only
//!   partial/99aa…          a download under way, which is continued after an interruption
//!   heads/0…42.json        the head of an epoch that is here
//!   epochs/42/             a database directory; read-only, of hard links to the objects
//!   leases/42              locked shared by everyone who uses the epoch
//!   follow.json            what a follower serves, for `stats`
//! ```
//! An epoch is here if both its head and its directory are: the directory gets its name last and loses it first. Several
//! processes may share a replica; each verifies what it uses.

mod build;
mod directory;
mod download;
mod evict;
mod hold;
mod lease;

pub(crate) use directory::Cache;
pub(crate) use hold::Held;
pub(crate) use lease::Lease;
