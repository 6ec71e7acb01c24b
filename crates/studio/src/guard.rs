//! Who may ask: decided from the headers alone, before anything else is done.
//!
//! The studio answers a browser on the same machine. Other pages in that browser must not read from it:
//!
//! - The host header must name the studio's own address. A page whose name resolves to 127.0.0.1 (DNS rebinding)
//!   sends its own name.
//! - Requests that another site starts are refused, by `Sec-Fetch-Site` and `Origin`. A link to a page may be followed.
//! - POST takes JSON only, which other sites cannot send without asking first.
//!
//! Beyond this machine a token is required as well.

use crate::http::{Method, Request, Response};
use std::net::{IpAddr, SocketAddr};

/// The rules of one studio.
#[derive(Debug, Clone)]
pub struct Guard {
    address: SocketAddr,
    token: Option<String>,
}

/// What becomes of a request.
#[derive(Debug, PartialEq)]
pub enum Verdict {
    Allowed,
    Answered(Box<Response>),
}

impl Guard {
    pub fn new(address: SocketAddr, token: Option<String>) -> Self {
        Self { address, token }
    }

    /// Decides about a request. `is_page`: it asks for a page, which may be opened by a link.
    pub fn check(&self, request: &Request, is_page: bool) -> Verdict {
        let refused = |status, why: &str| Verdict::Answered(Box::new(Response::text(status, why)));
        let host = request.header("host").unwrap_or_default();
        if !self.is_own(host) {
            return refused(
                421,
                "the host header is not the address of this studio; open the address that `twinspire studio` printed",
            );
        }
        if let Some(site) = request.header("sec-fetch-site")
            && !matches!(site, "same-origin" | "none")
            && !(is_page && is_followed_link(request))
        {
            return refused(403, "requests from other sites are refused");
        }
        if let Some(origin) = request.header("origin")
            && origin.strip_prefix("http://") != Some(host)
        {
            return refused(403, "requests from other origins are refused");
        }
        if request.method == Method::Post {
            let kind = request.header("content-type").unwrap_or_default();
            let kind = kind.split(';').next().unwrap_or_default().trim();
            if !kind.eq_ignore_ascii_case("application/json") {
                return refused(415, "the body must be application/json");
            }
        }
        self.check_token(request, is_page)
    }

    fn check_token(&self, request: &Request, is_page: bool) -> Verdict {
        let Some(token) = &self.token else {
            return Verdict::Allowed;
        };
        let cookie = format!("{}=", self.cookie());
        let cookies = request.header("cookie").unwrap_or_default().split(';');
        let mut given = cookies.filter_map(|one| one.trim().strip_prefix(cookie.as_str()));
        let bearer = request.header("authorization");
        let bearer = bearer.and_then(|value| value.strip_prefix("Bearer "));
        if given.any(|one| is_same(one, token)) || bearer.is_some_and(|one| is_same(one, token)) {
            return Verdict::Allowed;
        }
        // The first page of the printed address: the token moves from the address into a cookie.
        if is_page
            && request
                .parameter("token")
                .is_some_and(|one| is_same(one, token))
        {
            let cookie = format!("{}={token}; HttpOnly; SameSite=Lax; Path=/", self.cookie());
            let moved = Response::text(303, "the token is right")
                .with_header("Location", "/")
                .with_header("Set-Cookie", cookie);
            return Verdict::Answered(Box::new(moved));
        }
        let why =
            "this studio needs its token; open the whole address that `twinspire studio` printed";
        Verdict::Answered(Box::new(Response::text(401, why)))
    }

    /// Cookies are shared by all ports of a host.
    fn cookie(&self) -> String {
        format!("twinspire_studio_{}", self.address.port())
    }

    /// Whether a host header names this studio.
    fn is_own(&self, host: &str) -> bool {
        let port = self.address.port();
        let name = match host.strip_suffix(&format!(":{port}")) {
            Some(name) => name,
            None if port == 80 => host,
            None => return false,
        };
        let bare = name
            .strip_prefix('[')
            .and_then(|name| name.strip_suffix(']'));
        match bare.unwrap_or(name).parse::<IpAddr>() {
            // Bound to all addresses, it has several; a name that someone chose is not among them.
            Ok(address) => {
                self.address.ip().is_unspecified()
                    || address == self.address.ip()
                    || (address.is_loopback() && self.address.ip().is_loopback())
            }
            Err(_) => name.eq_ignore_ascii_case("localhost"),
        }
    }
}

/// Whether the browser opens a page in a tab, rather than in a frame or by a script.
fn is_followed_link(request: &Request) -> bool {
    request.method == Method::Get
        && request.header("sec-fetch-mode") == Some("navigate")
        && request.header("sec-fetch-dest") == Some("document")
}

/// Compares in a time that does not depend on where they differ.
fn is_same(given: &str, token: &str) -> bool {
    let pairs = given.bytes().zip(token.bytes());
    given.len() == token.len() && pairs.fold(0, |all, (one, other)| all | (one ^ other)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: Method, headers: &[(&str, &str)]) -> Request {
        let named = headers.iter();
        let named = named.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Request {
            method,
            path: "/".to_owned(),
            query: Vec::new(),
            headers: named.collect(),
            body: Vec::new(),
            keep_alive: true,
        }
    }

    fn status(guard: &Guard, request: &Request, is_page: bool) -> u16 {
        match guard.check(request, is_page) {
            Verdict::Allowed => 200,
            Verdict::Answered(response) => response.status,
        }
    }

    fn local() -> Guard {
        Guard::new(([127, 0, 0, 1], 8_000).into(), None)
    }

    #[test]
    fn only_the_own_address_is_a_host() {
        for (host, expected) in [
            ("127.0.0.1:8000", 200),
            ("localhost:8000", 200),
            ("LOCALHOST:8000", 200),
            ("[::1]:8000", 200),
            ("127.0.0.1", 421),
            ("127.0.0.1:80", 421),
            ("evil.example:8000", 421),
            ("127.0.0.1.evil.example:8000", 421),
            ("10.0.0.1:8000", 421),
            ("", 421),
        ] {
            let request = request(Method::Get, &[("host", host)]);
            assert_eq!(status(&local(), &request, true), expected, "{host}");
        }
        let open = Guard::new(([0, 0, 0, 0], 8_000).into(), None);
        for (host, expected) in [("10.0.0.1:8000", 200), ("evil.example:8000", 421)] {
            let request = request(Method::Get, &[("host", host)]);
            assert_eq!(status(&open, &request, true), expected, "{host}");
        }
    }

    #[test]
    fn other_sites_may_link_to_a_page_and_nothing_else() {
        let host = ("host", "127.0.0.1:8000");
        let link = [
            host,
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
        ];
        assert_eq!(status(&local(), &request(Method::Get, &link), true), 200);
        assert_eq!(status(&local(), &request(Method::Get, &link), false), 403);
        assert_eq!(status(&local(), &request(Method::Post, &link), true), 403);
        let mut frame = link;
        frame[3].1 = "iframe";
        assert_eq!(status(&local(), &request(Method::Get, &frame), true), 403);
        for site in ["cross-site", "same-site"] {
            let script = request(Method::Get, &[host, ("sec-fetch-site", site)]);
            assert_eq!(status(&local(), &script, true), 403);
        }
        for (origin, expected) in [
            ("http://127.0.0.1:8000", 200),
            ("http://localhost:8000", 403),
            ("https://127.0.0.1:8000", 403),
            ("null", 403),
        ] {
            let json = ("content-type", "application/json; charset=utf-8");
            let request = request(Method::Post, &[host, ("origin", origin), json]);
            assert_eq!(status(&local(), &request, false), expected, "{origin}");
        }
        let form = ("content-type", "text/plain");
        assert_eq!(
            status(&local(), &request(Method::Post, &[host, form]), false),
            415
        );
    }

    #[test]
    fn a_token_is_asked_for_where_there_is_one() {
        let guard = Guard::new(([10, 0, 0, 1], 8_000).into(), Some("s3cret".to_owned()));
        let host = ("host", "10.0.0.1:8000");
        assert_eq!(status(&guard, &request(Method::Get, &[host]), true), 401);
        for (header, expected) in [
            (("cookie", "a=b; twinspire_studio_8000=s3cret"), 200),
            (("cookie", "twinspire_studio_8000=s3cre"), 401),
            (("cookie", "twinspire_studio_9000=s3cret"), 401),
            (("authorization", "Bearer s3cret"), 200),
            (("authorization", "Bearer S3cret"), 401),
        ] {
            let request = request(Method::Get, &[host, header]);
            assert_eq!(status(&guard, &request, false), expected, "{header:?}");
        }
        let mut first = request(Method::Get, &[host]);
        first.query.push(("token".to_owned(), "s3cret".to_owned()));
        let Verdict::Answered(moved) = guard.check(&first, true) else {
            panic!("the token stays in the address");
        };
        assert_eq!(moved.status, 303);
        assert!(
            moved
                .headers
                .iter()
                .any(|(name, value)| *name == "Set-Cookie"
                    && value.starts_with("twinspire_studio_8000=s3cret; HttpOnly"))
        );
    }
}
