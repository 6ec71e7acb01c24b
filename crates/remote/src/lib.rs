//! Replicas of a [Twinspire](twinspire) database over an object store: a directory, or anything that speaks the protocol
//! of Amazon S3.
//!
//! Files of a database never change and numbers are never used twice, so a state of it is a list of files. A *push*
//! uploads the files that the store lacks and then creates the *head* of the next *epoch*, which names all of them. A
//! *follower* fetches what a new head names, verifies it, and flips to it while it serves.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use twinspire_remote::Remote;
//!
//! // where the database is written
//! # let db = twinspire::Database::open("shop.twin")?;
//! let pushed = Remote::create("s3://bucket/shop")?.push(&db).run()?;
//! println!("epoch {}: {} bytes moved", pushed.epoch, pushed.uploaded_bytes);
//!
//! // on every replica
//! let follower = Remote::open("s3://bucket/shop")?.follow("/var/cache/shop").start()?;
//! let now = follower.current();
//! let hits = now.database().recall("movies").user(&serde_json::json!({"user_id": "42"})).top(10)?;
//! println!("epoch {}: {} hits, {} heads behind", now.number(), hits.len(), follower.lag().heads);
//! # Ok(())
//! # }
//! ```
//!
//! - `address` reads the address of a store, `transport` is the HTTP client, `redact` keeps credentials out of errors.
//! - `remote` is a store with its client; `layout` names its objects, `head` and `checksum` are their content.
//! - `push` uploads and commits, `heads` lists, `collect` removes what no head needs.
//! - `cache` is the directory of a replica: downloads, verified objects, epochs. `fetch` fills it once, `follower` keeps
//!   it up to date and serves.
//!
//! storage-format.md describes the objects of a store. docs/scale-out.md says what happens when something fails.
//!
//! # Out of scope
//! Writing at several places: one database is pushed by one writer at a time, and a second one gets an error. A follower
//! serves reads only.

mod address;
mod cache;
mod checksum;
mod collect;
mod error;
mod fetch;
mod follower;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod head;
mod heads;
mod layout;
mod push;
mod redact;
mod remote;
#[cfg(feature = "s3")]
mod transport;

pub use checksum::Checksum;
pub use collect::{Collected, GRACE};
pub use error::{Damage, RemoteError, StoreAction, StoreFault};
pub use fetch::{Fetch, Fetched};
pub use follower::{DEFAULT_INTERVAL, Epoch, Follow, FollowState, Follower, Lag};
pub use head::{HEAD_FORMAT, Head, HeadFile, HeadSpace};
pub use object_store;
pub use push::{DEFAULT_KEEP, Push, Pushed};
pub use remote::Remote;
