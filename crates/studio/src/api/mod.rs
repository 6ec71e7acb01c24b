//! The answers in JSON, a file for each subject, typed by structs.
//!
//! `problem` turns errors into answers, `state` is what requests share, `asked` what recalls are made of, `job` long work.

mod asked;
mod check;
mod compare;
mod form;
mod history;
mod info;
mod items;
mod job;
mod map;
mod overview;
mod problem;
mod quality;
mod recall;
mod sample;
mod snippets;
mod state;
#[cfg(test)]
mod tests;
mod training;

pub use state::State;

use crate::http::{Method, Request, Response};
use problem::Problem;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Answers a request below `/api/`.
pub fn answer(state: &State, request: &Request) -> Response {
    let text = |name: &str| request.parameter(name).unwrap_or_default();
    let answered = match (request.method, request.path.as_str()) {
        (Method::Get, "/api/info") => info::get(state).and_then(json),
        (Method::Get, "/api/overview") => overview::get(state).and_then(json),
        (Method::Get, "/api/fields") => sample::get(state).and_then(json),
        (Method::Get, "/api/form") => form::get(state, text("name")).and_then(json),
        (Method::Get, "/api/item") => items::one(state, text("id")).and_then(json),
        (Method::Get, "/api/items") => {
            let wanted = items::Wanted {
                offset: number(request, "offset", 0),
                limit: number(request, "limit", 50),
                filter: text("filter"),
                search: text("search"),
            };
            items::page(state, &wanted).and_then(json)
        }
        (Method::Get, "/api/map") => map::get(state, text("space")).and_then(json),
        (Method::Get, "/api/map/points") => {
            map::points(state, text("space"), text("layout")).map(Response::bytes)
        }
        (Method::Get, "/api/map/neighbours") => map::layout_of(state, text("space")).and_then(json),
        (Method::Post, "/api/map/neighbours") => body(request)
            .and_then(|asked: map::LayoutRequest| map::start_layout(state, &asked.space))
            .and_then(json),
        (Method::Post, "/api/map/neighbours/cancel") => body(request)
            .and_then(|asked: map::LayoutRequest| map::cancel_layout(state, &asked.space))
            .and_then(json),
        (Method::Get, "/api/map/point") => {
            let at = number(request, "at", usize::MAX);
            map::point(state, text("space"), at).and_then(json)
        }
        (Method::Get, "/api/map/colour") => {
            map::colour(state, text("space"), text("field")).and_then(json)
        }
        (Method::Post, "/api/map/query") => {
            body(request).and_then(|asked| map::place(state, &asked).and_then(json))
        }
        (Method::Get, "/api/training") => training::get(state, text("space")).and_then(json),
        (Method::Get, "/api/quality") => quality::get(state, text("space")).and_then(json),
        (Method::Get, "/api/quality/vectors") => {
            quality::vectors(state, text("space")).and_then(json)
        }
        (Method::Post, "/api/quality/users") => {
            body(request).and_then(|asked| quality::users(state, &asked).and_then(json))
        }
        (Method::Get, "/api/check") => check::get(state).and_then(json),
        (Method::Post, "/api/check") => check::start(state).and_then(json),
        (Method::Post, "/api/compare") => {
            body(request).and_then(|asked| compare::post(state, &asked).and_then(json))
        }
        (Method::Post, "/api/recall") => {
            body(request).and_then(|asked| recall::post(state, &asked).and_then(json))
        }
        (_, path) => Err(Problem::no_such_call(path)),
    };
    answered.unwrap_or_else(|problem| problem.response())
}

fn json(value: impl Serialize) -> Result<Response, Problem> {
    Ok(Response::json(200, &value))
}

/// A number of the query; the default if it is absent or no number.
fn number(request: &Request, name: &str, default: usize) -> usize {
    let given = request.parameter(name);
    given.and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// The body of a request.
fn body<T: DeserializeOwned>(request: &Request) -> Result<T, Problem> {
    serde_json::from_slice(&request.body)
        .map_err(|error| Problem::bad_request(format!("the request cannot be read: {error}")))
}
