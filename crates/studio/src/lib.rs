//! Twinspire Studio: a local page that shows what a database holds, what a user gets from it and why.
//!
//! ```no_run
//! # fn main() -> Result<(), twinspire_studio::StudioError> {
//! let studio = twinspire_studio::Studio::options("shop.twin").bind()?;
//! println!("{}", studio.url());
//! studio.run()?; // until another thread calls `stop`
//! # Ok(())
//! # }
//! ```
//!
//! - `http` reads requests and writes responses over blocking sockets, within limits of size and time.
//! - `guard` decides who may ask: the address, the host header, the origin, the token.
//! - `assets` holds the page, its scripts and styles. They are part of the program.
//! - `follow` keeps the database open read-only and refreshes it.
//! - `api` answers in JSON: a file for each subject.
//! - `prometheus` writes `/metrics`.
//! - `site` routes a request to one of these; `studio` accepts connections.
//!
//! # Out of scope
//! The studio never writes: the database is open for reading only. There is no TLS; put a proxy in front of it, or use
//! a tunnel.

mod api;
mod assets;
mod follow;
mod guard;
mod http;
mod prometheus;
mod site;
mod studio;

pub use studio::{DEFAULT_PORT, Stop, Studio, StudioError, StudioOptions};
