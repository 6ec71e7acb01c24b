//! Serving the requests of one socket, within limits of size and time.

use super::request::{Method, Request, RequestError};
use super::response::Response;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Limits of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Maximum size of a request's head in bytes.
    pub head: usize,
    /// Maximum size of a request's body in bytes.
    pub body: usize,
    /// Maximum time from the end of one request to the end of the next, and for writing a response.
    pub time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: 32 << 10,
            body: 4 << 20,
            time: Duration::from_secs(20),
        }
    }
}

/// A socket with a deadline for everything that is read or written.
struct Timed<'a> {
    stream: &'a TcpStream,
    deadline: Instant,
}

impl Timed<'_> {
    fn left(&self) -> io::Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        match left.is_zero() {
            true => Err(io::ErrorKind::TimedOut.into()),
            false => Ok(left),
        }
    }
}

impl Read for Timed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(self.left()?))?;
        self.stream.read(buffer)
    }
}

impl Write for Timed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(self.left()?))?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// Serves requests until the client leaves or breaks a limit.
pub fn serve(stream: &TcpStream, limits: Limits, answer: impl Fn(&Request) -> Response) {
    let mut buffer = Vec::new();
    let mut goes_on = stream.set_nodelay(true).is_ok();
    while goes_on {
        let mut timed = Timed {
            stream,
            deadline: Instant::now() + limits.time,
        };
        let (response, head_only) =
            match Request::read(&mut timed, &mut buffer, limits.head, limits.body) {
                Ok(request) => {
                    goes_on = request.keep_alive;
                    (answer(&request), request.method == Method::Head)
                }
                Err(error) => {
                    goes_on = false;
                    // An idle connection is closed without a word.
                    let Some(status) = error.status().filter(|_| !is_idle(&error, &buffer)) else {
                        return;
                    };
                    (Response::text(status, &error.to_string()), false)
                }
            };
        timed.deadline = Instant::now() + limits.time;
        if response.write(&mut timed, goes_on, head_only).is_err() {
            return;
        }
    }
    drain(stream, limits);
}

fn is_idle(error: &RequestError, buffer: &[u8]) -> bool {
    matches!(error, RequestError::Io(_)) && buffer.is_empty()
}

/// Reads what the client still sends for a moment: closing with unread bytes would reset the connection, and the
/// client would lose the response that says what was wrong.
fn drain(stream: &TcpStream, limits: Limits) {
    // The client may be gone.
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let mut timed = Timed {
        stream,
        deadline: Instant::now() + limits.time.min(Duration::from_millis(500)),
    };
    let mut part = [0; 8_192];
    let mut left = 16 * limits.body;
    while let Ok(count) = timed.read(&mut part) {
        left = left.saturating_sub(count);
        if count == 0 || left == 0 {
            return;
        }
    }
}
