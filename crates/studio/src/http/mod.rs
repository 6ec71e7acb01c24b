//! HTTP/1.1 over blocking sockets, as far as the studio needs it.
//!
//! `request` reads and checks a request, `response` writes one, `connection` serves a socket with limits of size and
//! time. The parser of the head is `httparse`, that of hyper. Bodies have a length: chunked requests are refused.

mod connection;
mod request;
mod response;

pub use connection::{Limits, serve};
pub use request::{Method, Request};
pub use response::Response;
