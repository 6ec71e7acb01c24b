//! Reading and checking a request.

use std::io::{self, Read};
use thiserror::Error;

/// Maximum number of headers.
const MAX_HEADERS: usize = 64;

/// A request with its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub method: Method,
    /// The path, decoded.
    pub path: String,
    /// The parameters behind `?`, decoded, in order.
    pub query: Vec<(String, String)>,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Whether the client wants to send more requests over this connection.
    pub keep_alive: bool,
}

/// The methods that the studio answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Get,
    Head,
    Post,
}

/// Why a request cannot be read.
#[derive(Debug, Error)]
pub enum RequestError {
    /// The client closed the connection between two requests.
    #[error("the connection was closed")]
    Closed,
    /// The socket failed or its time ran out.
    #[error("the request was not received in time: {0}")]
    Io(#[from] io::Error),
    /// The head is no HTTP/1.1.
    #[error("the request is not valid HTTP/1.1: {0}")]
    Malformed(&'static str),
    /// The head exceeds the limit.
    #[error("the head of the request exceeds {0} bytes")]
    HeadTooLarge(usize),
    /// The body exceeds the limit.
    #[error("the body of the request exceeds {0} bytes; send fewer users at a time")]
    BodyTooLarge(usize),
    /// A method that nothing here answers.
    #[error("the method is not GET, HEAD or POST")]
    Method,
    /// A body without a length.
    #[error("the body of the request has no Content-Length")]
    LengthRequired,
}

impl RequestError {
    /// The status to answer with; none if nobody listens.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Closed => None,
            Self::Io(error) => matches!(
                error.kind(),
                io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock
            )
            .then_some(408),
            Self::Malformed(_) => Some(400),
            Self::HeadTooLarge(_) => Some(431),
            Self::BodyTooLarge(_) => Some(413),
            Self::Method => Some(405),
            Self::LengthRequired => Some(411),
        }
    }
}

impl Request {
    /// Reads a request. `buffer` holds what was read beyond the request before, and afterwards beyond this one.
    pub fn read(
        source: &mut impl Read,
        buffer: &mut Vec<u8>,
        max_head: usize,
        max_body: usize,
    ) -> Result<Self, RequestError> {
        let (mut request, head, length) = loop {
            if let Some(parsed) = parse_head(buffer)? {
                break parsed;
            }
            if buffer.len() >= max_head {
                return Err(RequestError::HeadTooLarge(max_head));
            }
            let room = max_head - buffer.len();
            if read_some(source, buffer, room)? == 0 {
                return Err(match buffer.is_empty() {
                    true => RequestError::Closed,
                    false => RequestError::Malformed("the head ends early"),
                });
            }
        };
        if length > max_body {
            return Err(RequestError::BodyTooLarge(max_body));
        }
        while buffer.len() < head + length {
            let room = head + length - buffer.len();
            if read_some(source, buffer, room)? == 0 {
                return Err(RequestError::Malformed("the body ends early"));
            }
        }
        let rest = buffer.split_off(head + length);
        request.body = buffer.split_off(head);
        *buffer = rest;
        Ok(request)
    }

    /// A header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// A parameter of the query; the first of its name.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let mut query = self.query.iter();
        let found = query.find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// Appends what the source has, at most `room` bytes.
fn read_some(
    source: &mut impl Read,
    buffer: &mut Vec<u8>,
    room: usize,
) -> Result<usize, RequestError> {
    let mut part = [0; 8_192];
    let room = room.min(part.len());
    let count = match part.get_mut(..room) {
        Some(part) => source.read(part)?,
        None => 0,
    };
    buffer.extend_from_slice(part.get(..count).unwrap_or_default());
    Ok(count)
}

/// The request without its body, the length of its head and of its body; none if the head is not complete.
fn parse_head(bytes: &[u8]) -> Result<Option<(Request, usize, usize)>, RequestError> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let head = match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(head)) => head,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(RequestError::Malformed("its head cannot be parsed")),
    };
    let method = match parsed.method {
        Some("GET") => Method::Get,
        Some("HEAD") => Method::Head,
        Some("POST") => Method::Post,
        _ => return Err(RequestError::Method),
    };
    let target = parsed.path.unwrap_or_default();
    if !target.starts_with('/') {
        return Err(RequestError::Malformed("its target is no path"));
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let path = decode(path, false).ok_or(RequestError::Malformed("its path is not UTF-8"))?;
    let query = parameters(query).ok_or(RequestError::Malformed("its query is not UTF-8"))?;
    let mut named = Vec::with_capacity(parsed.headers.len());
    for header in parsed.headers.iter() {
        let value = std::str::from_utf8(header.value)
            .map_err(|_| RequestError::Malformed("a header is not UTF-8"))?;
        named.push((header.name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    // Of two hosts or two lengths, another program may believe the other one.
    for name in ["host", "content-length", "origin"] {
        if named.iter().filter(|(known, _)| known == name).count() > 1 {
            return Err(RequestError::Malformed("a header is there twice"));
        }
    }
    let mut request = Request {
        method,
        path,
        query,
        headers: named,
        body: Vec::new(),
        keep_alive: parsed.version == Some(1),
    };
    if request.header("transfer-encoding").is_some() {
        return Err(RequestError::LengthRequired);
    }
    if request.header("expect").is_some() {
        return Err(RequestError::Malformed("it expects an interim response"));
    }
    let length = match request.header("content-length") {
        Some(text) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => text
            .parse()
            .map_err(|_| RequestError::Malformed("its length is no number"))?,
        Some(_) => return Err(RequestError::Malformed("its length is no number")),
        None if method == Method::Post => return Err(RequestError::LengthRequired),
        None => 0,
    };
    if let Some(connection) = request.header("connection") {
        let has = |word: &str| {
            let mut words = connection.split(',');
            words.any(|known| known.trim().eq_ignore_ascii_case(word))
        };
        request.keep_alive = match request.keep_alive {
            true => !has("close"),
            false => has("keep-alive"),
        };
    }
    Ok(Some((request, head, length)))
}

/// `a=1&b=2`, decoded.
fn parameters(query: &str) -> Option<Vec<(String, String)>> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode(name, true)?, decode(value, true)?))
        })
        .collect()
}

/// Decodes `%41`, and in queries `+`. None if the result is not UTF-8 or has control characters.
fn decode(text: &str, plus: bool) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' if plus => b' ',
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                (digit(rest.next())? * 16 + digit(rest.next())?) as u8
            }
            byte => byte,
        });
    }
    let text = String::from_utf8(bytes).ok()?;
    (plus || !text.chars().any(char::is_control)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Request, RequestError> {
        Request::read(&mut text.as_bytes(), &mut Vec::new(), 1_024, 16)
    }

    #[test]
    fn a_request_has_its_parts_decoded() {
        let text =
            "POST /api/a%20b?x=1%2B1&y=a+b&z HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}";
        let request = read(text).unwrap();
        assert_eq!(
            (request.method, request.path.as_str()),
            (Method::Post, "/api/a b")
        );
        assert_eq!(request.parameter("x"), Some("1+1"));
        assert_eq!(request.parameter("y"), Some("a b"));
        assert_eq!(request.parameter("z"), Some(""));
        assert_eq!(request.header("host"), Some("h"));
        assert_eq!(
            (request.body.as_slice(), request.keep_alive),
            (&b"{}"[..], true)
        );
    }

    #[test]
    fn two_requests_in_one_packet_are_read_one_by_one() {
        let mut text = "GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n".as_bytes();
        let mut buffer = Vec::new();
        let mut next = || Request::read(&mut text, &mut buffer, 1_024, 16);
        assert_eq!(next().unwrap().path, "/a");
        assert_eq!(next().unwrap().path, "/b");
        assert!(matches!(next(), Err(RequestError::Closed)));
    }

    #[test]
    fn what_is_no_proper_request_is_refused() {
        for (text, status) in [
            ("GET / HTTP/1.1\r\n", 400),
            ("nonsense\r\n\r\n", 400),
            ("GET http://a/ HTTP/1.1\r\n\r\n", 400),
            ("GET /%ff HTTP/1.1\r\n\r\n", 400),
            ("GET /%0a HTTP/1.1\r\n\r\n", 400),
            ("GET /%4 HTTP/1.1\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
            ("PUT / HTTP/1.1\r\n\r\n", 405),
            ("OPTIONS * HTTP/1.1\r\n\r\n", 405),
            ("POST / HTTP/1.1\r\n\r\n", 411),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
            ("POST / HTTP/1.1\r\nContent-Length: 17\r\n\r\n", 413),
            ("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nshort", 400),
        ] {
            let error = read(text).unwrap_err();
            assert_eq!(error.status(), Some(status), "{text:?}: {error}");
        }
        let long = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(2_000));
        assert_eq!(read(&long).unwrap_err().status(), Some(431));
    }
}
