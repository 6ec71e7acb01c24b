//! Writing a response.

use serde::Serialize;
use std::io::{self, Write};

/// What scripts and styles may do: only those of the studio run, and nothing reaches another server.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data:; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'";

/// A response with its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    pub content_type: &'static str,
    /// Further headers; values never come from a request.
    pub headers: Vec<(&'static str, String)>,
    pub body: Body,
}

/// The body of a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    Static(&'static [u8]),
    Owned(Vec<u8>),
}

impl Body {
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Static(bytes) => bytes,
            Self::Owned(bytes) => bytes,
        }
    }
}

impl Response {
    pub fn of_static(content_type: &'static str, bytes: &'static [u8]) -> Self {
        Self {
            status: 200,
            content_type,
            headers: Vec::new(),
            body: Body::Static(bytes),
        }
    }

    pub fn bytes(bytes: Vec<u8>) -> Self {
        Self {
            status: 200,
            content_type: "application/octet-stream",
            headers: Vec::new(),
            body: Body::Owned(bytes),
        }
    }

    /// A value as JSON.
    pub fn json(status: u16, value: &impl Serialize) -> Self {
        // Only maps with keys that are no strings fail, and there are none.
        let body = serde_json::to_vec(value).unwrap_or_default();
        Self {
            status,
            content_type: "application/json; charset=utf-8",
            headers: Vec::new(),
            body: Body::Owned(body),
        }
    }

    /// A message for people who see it without the page.
    pub fn text(status: u16, message: &str) -> Self {
        Self {
            status,
            content_type: "text/plain; charset=utf-8",
            headers: Vec::new(),
            body: Body::Owned(format!("{message}\n").into_bytes()),
        }
    }

    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Writes the response; without its body after a HEAD.
    pub fn write(&self, out: &mut impl Write, keep_alive: bool, head_only: bool) -> io::Result<()> {
        let body = self.body.bytes();
        let mut head = format!(
            "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: {}\r\n\
             Content-Security-Policy: {CONTENT_SECURITY_POLICY}\r\nX-Content-Type-Options: nosniff\r\n\
             X-Frame-Options: DENY\r\nReferrer-Policy: no-referrer\r\n\
             Cross-Origin-Opener-Policy: same-origin\r\nCross-Origin-Resource-Policy: same-origin\r\n\
             Cache-Control: no-store\r\n",
            self.status,
            reason(self.status),
            self.content_type,
            body.len(),
            if keep_alive { "keep-alive" } else { "close" },
        );
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        out.write_all(head.as_bytes())?;
        if !head_only {
            out.write_all(body)?;
        }
        out.flush()
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        202 => "Accepted",
        303 => "See Other",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        411 => "Length Required",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        421 => "Misdirected Request",
        431 => "Request Header Fields Too Large",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    }
}
