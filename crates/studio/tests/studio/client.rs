//! A running studio, and a client that sends whatever bytes a test wants.

use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tempfile::TempDir;
use twinspire::Database;
use twinspire_studio::{Stop, Studio, StudioError};

/// A studio of a small database that stops when dropped.
pub struct Running {
    pub database: Database,
    pub host: String,
    stop: Stop,
    thread: Option<JoinHandle<Result<(), StudioError>>>,
    _directory: TempDir,
}

/// A response, taken apart.
pub struct Answer {
    pub status: u16,
    head: String,
    pub body: Vec<u8>,
}

impl Running {
    pub fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("shop.twin");
        let database = super::database(&path);
        let studio = Studio::options(&path)
            .port(0)
            .record_metrics(true)
            .bind()
            .unwrap();
        let host = studio.url().strip_prefix("http://").unwrap();
        let host = host.trim_end_matches('/').to_owned();
        let stop = studio.stop();
        Self {
            database,
            host,
            stop,
            thread: Some(thread::spawn(|| studio.run())),
            _directory: directory,
        }
    }

    /// Sends bytes and reads until the studio closes the connection.
    pub fn send(&self, bytes: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(&self.host).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        // The studio may answer and close before all is sent.
        let _ = stream.write_all(bytes);
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        Answer::of(&all)
    }

    pub fn get(&self, target: &str) -> Answer {
        self.get_with(target, "")
    }

    /// A GET with further header lines.
    pub fn get_with(&self, target: &str, headers: &str) -> Answer {
        let host = &self.host;
        let text =
            format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n");
        self.send(text.as_bytes())
    }

    pub fn post(&self, target: &str, body: &Value) -> Answer {
        let (host, body) = (&self.host, body.to_string());
        let text = format!(
            "POST {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.send(text.as_bytes())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.stop();
        let ended = self.thread.take().map(JoinHandle::join);
        if !thread::panicking() {
            ended.unwrap().unwrap().unwrap();
        }
    }
}

impl Answer {
    fn of(all: &[u8]) -> Self {
        let end = all.windows(4).position(|part| part == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(all[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self {
            status,
            head,
            body: all[end + 4..].to_vec(),
        }
    }

    pub fn header(&self, name: &str) -> &str {
        let lines = self.head.lines().skip(1);
        let mut named = lines.filter_map(|line| line.split_once(": "));
        let found = named.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        serde_json::from_slice(&self.body).unwrap()
    }
}
