//! What a studio refuses: other hosts, other sites, paths that lead elsewhere, requests beyond the limits.

use crate::client::Running;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

#[test]
fn another_host_is_refused_for_every_address() {
    let studio = Running::start();
    let port = studio.host.split(':').nth(1).unwrap();
    for target in ["/", "/api/overview", "/assets/app.js"] {
        for host in ["evil.example", "127.0.0.1", &format!("evil.example:{port}")] {
            let text =
                format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
            let answer = studio.send(text.as_bytes());
            assert_eq!(answer.status, 421, "{target} of {host}");
            assert!(!answer.text().contains("items"), "nothing is told");
        }
        let text = format!("GET {target} HTTP/1.0\r\n\r\n");
        assert_eq!(studio.send(text.as_bytes()).status, 421, "no host");
    }
}

#[test]
fn other_sites_are_refused() {
    let studio = Running::start();
    let foreign = "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\n";
    assert_eq!(studio.get_with("/api/overview", foreign).status, 403);
    assert_eq!(
        studio
            .get_with("/api/overview", "Origin: http://evil.example\r\n")
            .status,
        403
    );
    let own = format!(
        "Origin: http://{}\r\nSec-Fetch-Site: same-origin\r\n",
        studio.host
    );
    assert_eq!(studio.get_with("/api/overview", &own).status, 200);
    let frame =
        "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe\r\n";
    assert_eq!(studio.get_with("/", frame).status, 403);
    // A form of another site can send text, not JSON.
    let host = &studio.host;
    let form = format!(
        "POST /api/recall HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: text/plain\r\n\
         Content-Length: 2\r\n\r\n{{}}"
    );
    assert_eq!(studio.send(form.as_bytes()).status, 415);
}

#[test]
fn no_path_leads_to_a_file_that_is_no_asset() {
    let studio = Running::start();
    for path in [
        "/assets/../src/lib.rs",
        "/assets/%2e%2e/%2e%2e/Cargo.toml",
        "/assets/..%2f..%2fCargo.toml",
        "/assets//etc/passwd",
        "/../../../../etc/passwd",
        "/assets/",
        "/assets/vendor/README.md",
        "/CURRENT",
        "//etc/passwd",
    ] {
        let answer = studio.get(path);
        assert_eq!(answer.status, 404, "{path}: {}", answer.text());
    }
    assert_eq!(studio.get("/api/../api/overview").status, 404);
}

#[test]
fn methods_that_change_something_are_refused() {
    let studio = Running::start();
    let host = &studio.host;
    for (method, status) in [
        ("PUT", 405),
        ("DELETE", 405),
        ("PATCH", 405),
        ("OPTIONS", 405),
        ("TRACE", 405),
    ] {
        let text = format!("{method} /api/overview HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(studio.send(text.as_bytes()).status, status, "{method}");
    }
    let json = "Content-Type: application/json\r\nContent-Length: 2\r\nConnection: close";
    let text = format!("POST / HTTP/1.1\r\nHost: {host}\r\n{json}\r\n\r\n{{}}");
    assert_eq!(studio.send(text.as_bytes()).status, 405);
}

#[test]
fn requests_beyond_the_limits_are_refused() {
    let studio = Running::start();
    let host = &studio.host;
    let head = format!(
        "GET / HTTP/1.1\r\nHost: {host}\r\nX: {}\r\n\r\n",
        "a".repeat(64 << 10)
    );
    assert_eq!(studio.send(head.as_bytes()).status, 431);
    let body = "a".repeat(5 << 20);
    let text = format!(
        "POST /api/recall HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = studio.send(text.as_bytes());
    assert_eq!(
        answer.status, 413,
        "the answer arrives although the body is not read"
    );
    assert_eq!(
        studio.send(b"\x16\x03\x01 no HTTP at all\r\n\r\n").status,
        400
    );
    let chunked = format!(
        "POST /api/recall HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    );
    assert_eq!(studio.send(chunked.as_bytes()).status, 411);
    assert_eq!(studio.get("/").status, 200, "and it goes on");
}

#[test]
fn many_idle_connections_do_not_stop_the_studio() {
    let studio = Running::start();
    let mut idle: Vec<TcpStream> = Vec::new();
    for _ in 0..80 {
        idle.push(TcpStream::connect(&studio.host).unwrap());
    }
    let refused = idle.iter_mut().filter_map(|stream| {
        stream
            .set_read_timeout(Some(Duration::from_millis(50)))
            .unwrap();
        let mut text = String::new();
        // Those that are served wait for a request.
        let _ = stream.read_to_string(&mut text);
        text.starts_with("HTTP/1.1 503").then_some(())
    });
    assert!(refused.count() >= 16);
    drop(idle);
    let since = Instant::now();
    loop {
        let mut stream = TcpStream::connect(&studio.host).unwrap();
        let text = format!(
            "GET / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            studio.host
        );
        let mut answer = String::new();
        // Refused connections may be reset before the request is read.
        let _ = stream.write_all(text.as_bytes());
        let _ = stream.read_to_string(&mut answer);
        if answer.starts_with("HTTP/1.1 200") {
            return;
        }
        assert!(since.elapsed() < Duration::from_secs(20), "{answer}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
