//! A studio: options, the listening socket, and the threads that serve its connections.

use crate::api::State;
use crate::follow::Followed;
use crate::guard::Guard;
use crate::http::{Limits, Response, serve};
use crate::prometheus;
use crate::site::Site;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;
use thiserror::Error;

/// The port of a studio unless another is asked for.
pub const DEFAULT_PORT: u16 = 7717;

/// Maximum number of connections at a time.
const MAX_CONNECTIONS: usize = 64;

/// Why a studio cannot be started.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StudioError {
    /// The database cannot be opened.
    #[error(transparent)]
    Database(#[from] twinspire::Error),
    /// The address cannot be listened at.
    #[error("cannot listen at {address}: {source}; choose another port, or 0 for any free one")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The system gives no random numbers for the token.
    #[error("the system gives no random numbers, so that there is no token: {source}")]
    Token {
        /// Why.
        source: getrandom::Error,
    },
    /// A thread cannot be started.
    #[error("cannot start a thread: {source}")]
    Thread {
        /// Why.
        source: io::Error,
    },
}

/// How to start a studio; made by [`Studio::options`].
#[derive(Clone, Debug)]
pub struct StudioOptions {
    path: PathBuf,
    address: IpAddr,
    port: u16,
    record_metrics: bool,
}

impl StudioOptions {
    /// The port to listen at, [`DEFAULT_PORT`] by default; 0 for any free one.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// The address to listen at, 127.0.0.1 by default. Any other than this machine's own makes the studio ask for a
    /// token, which [`Studio::url`] contains.
    #[must_use]
    pub fn listen(mut self, address: IpAddr) -> Self {
        self.address = address;
        self
    }

    /// Whether the studio records the metrics of this process, and shows them at `/metrics`; no by default. A process
    /// has one recorder of the facade `metrics`, the first that is set: where the program has its own, `/metrics` shows
    /// the state of the database alone.
    #[must_use]
    pub fn record_metrics(mut self, record: bool) -> Self {
        self.record_metrics = record;
        self
    }

    /// Opens the database read-only and begins to listen. Requests are answered from [`Studio::run`] on.
    ///
    /// # Errors
    /// [`StudioError`] says what cannot be opened or listened at.
    pub fn bind(self) -> Result<Studio, StudioError> {
        let address = SocketAddr::new(self.address, self.port);
        if self.record_metrics {
            // Before the database is opened, which describes its metrics.
            prometheus::install();
        }
        let database = Arc::new(Followed::open(&self.path)?);
        let failed = |source| StudioError::Listen { address, source };
        let listener = TcpListener::bind(address).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let token = match address.ip().is_loopback() {
            true => None,
            false => Some(token().map_err(|source| StudioError::Token { source })?),
        };
        let url = match &token {
            None => format!("http://{address}/"),
            Some(token) => format!("http://{address}/?token={token}"),
        };
        Ok(Studio {
            listener,
            url,
            stop: Stop {
                stopped: Arc::default(),
                address,
            },
            site: Arc::new(Site {
                guard: Guard::new(address, token),
                state: State::new(database),
            }),
        })
    }
}

/// 128 random bits.
fn token() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A page that shows a database; see the [crate](crate).
pub struct Studio {
    listener: TcpListener,
    url: String,
    stop: Stop,
    site: Arc<Site>,
}

/// Stops a studio from another thread.
#[derive(Clone, Debug)]
pub struct Stop {
    stopped: Arc<AtomicBool>,
    address: SocketAddr,
}

impl Stop {
    /// Lets [`Studio::run`] return. Requests that are being answered end on their own.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for a connection. It may be gone.
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(Ipv4Addr::LOCALHOST.into());
        }
        let _ = TcpStream::connect_timeout(&address, Duration::from_secs(1));
    }
}

impl Studio {
    /// A studio for the database in the directory `path`.
    pub fn options(path: impl AsRef<Path>) -> StudioOptions {
        StudioOptions {
            path: path.as_ref().to_owned(),
            address: Ipv4Addr::LOCALHOST.into(),
            port: DEFAULT_PORT,
            record_metrics: false,
        }
    }

    /// The address to open in a browser, with the token if there is one.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A handle that stops the studio.
    #[must_use]
    pub fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// Answers requests until the studio is [stopped](Stop::stop).
    ///
    /// # Errors
    /// [`StudioError::Thread`] when the system refuses a thread.
    pub fn run(self) -> Result<(), StudioError> {
        let open = Arc::new(AtomicUsize::new(0));
        for stream in self.listener.incoming() {
            if self.stop.stopped.load(Ordering::SeqCst) {
                return Ok(());
            }
            // A connection that failed before it was accepted is the client's loss.
            let Ok(stream) = stream else {
                thread::sleep(Duration::from_millis(10));
                continue;
            };
            if open.load(Ordering::SeqCst) >= MAX_CONNECTIONS {
                refuse(&stream);
                continue;
            }
            open.fetch_add(1, Ordering::SeqCst);
            let (site, open) = (Arc::clone(&self.site), Open(Arc::clone(&open)));
            let thread = thread::Builder::new().name("studio".to_owned());
            let started = thread.spawn(move || {
                serve(&stream, Limits::default(), |request| site.answer(request));
                drop(open);
            });
            started.map_err(|source| StudioError::Thread { source })?;
        }
        Ok(())
    }
}

/// Counts a connection for as long as it is open, also when its thread ends early.
struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn refuse(stream: &TcpStream) {
    let response = Response::text(503, "too many connections; close other tabs of the studio");
    // The client may be gone.
    let _ = stream.set_write_timeout(Some(Duration::from_millis(100)));
    let _ = response.write(&mut &*stream, false, false);
    let _ = stream.shutdown(Shutdown::Both);
}
