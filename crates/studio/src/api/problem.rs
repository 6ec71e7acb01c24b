//! Errors as answers: a message for people, and the place in what they wrote.

use crate::http::Response;
use serde::Serialize;
use std::error::Error as StdError;
use std::ops::Range;
use twinspire::{Error, ErrorKind, FilterError};

/// Why a request has no answer.
#[derive(Debug, Serialize)]
pub struct Problem {
    #[serde(skip)]
    status: u16,
    /// What is wrong, and what to do.
    pub message: String,
    /// The part of the form that is at fault: `filter`, `user` or none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<&'static str>,
    /// In a filter: the place, in UTF-16 code units as scripts count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span: Option<[usize; 2]>,
}

impl Problem {
    fn new(status: u16, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            part: None,
            span: None,
        }
    }

    /// The request is not as the page sends it.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, message)
    }

    /// What was asked for does not exist.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, message)
    }

    /// The studio failed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(500, message)
    }

    pub fn no_such_call(path: &str) -> Self {
        Self::not_found(format!("the studio has no call {path}"))
    }

    pub fn response(&self) -> Response {
        #[derive(Serialize)]
        struct Document<'a> {
            error: &'a Problem,
        }
        Response::json(self.status, &Document { error: self })
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let status = match error.kind() {
            ErrorKind::InvalidInput => 400,
            ErrorKind::NotFound => 404,
            _ => 500,
        };
        match &error {
            Error::Filter { source } => Self {
                part: Some("filter"),
                span: Some(utf16(source)),
                ..Self::new(status, source.message.clone())
            },
            Error::User { .. } => Self {
                part: Some("user"),
                ..Self::new(status, chain(&error))
            },
            _ => Self::new(status, chain(&error)),
        }
    }
}

/// The message of an error, and those of its causes that it does not repeat.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let message = cause.to_string();
        if !text.contains(&message) {
            text = format!("{text}: {message}");
        }
        source = cause.source();
    }
    text
}

/// The place of a filter's error as scripts count.
fn utf16(error: &FilterError) -> [usize; 2] {
    let units = |range: Range<usize>| {
        let part = error.text.get(range).unwrap_or_default();
        part.encode_utf16().count()
    };
    let start = units(0..error.span.start);
    [start, start + units(error.span.clone())]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn an_error_of_a_filter_has_its_place_in_utf16() {
        let dir = tempfile::tempdir().unwrap();
        let db = twinspire::Database::open(dir.path().join("a.twin")).unwrap();
        db.items()
            .put(&json!({"id": "a", "größe": "groß", "price": 1}))
            .unwrap();
        // 👟 is four bytes and two code units.
        let error = db
            .items()
            .count_where("größe = '👟' and prize < 3")
            .unwrap_err();
        let problem = Problem::from(error);
        assert_eq!(
            (problem.part, problem.span),
            (Some("filter"), Some([17, 22]))
        );
        assert!(
            problem.message.contains("there is no field `prize`"),
            "{}",
            problem.message
        );
        assert!(
            !problem.message.contains('\n'),
            "the page marks the place itself"
        );
        let body = problem.response();
        let document: Value = serde_json::from_slice(body.body.bytes()).unwrap();
        assert_eq!(body.status, 400);
        assert_eq!(document["error"]["span"], json!([17, 22]));
    }
}
