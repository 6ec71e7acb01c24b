//! From a request to its response: guard, pages, files, API.

use crate::api::{self, State};
use crate::assets;
use crate::guard::{Guard, Verdict};
use crate::http::{Method, Request, Response};
use crate::prometheus;

/// What a studio answers with.
pub struct Site {
    pub guard: Guard,
    pub state: State,
}

impl Site {
    pub fn answer(&self, request: &Request) -> Response {
        let is_page = assets::PAGES.contains(&request.path.as_str());
        match self.guard.check(request, is_page) {
            Verdict::Answered(response) => *response,
            Verdict::Allowed if request.path.starts_with("/api/") => {
                api::answer(&self.state, request)
            }
            Verdict::Allowed if request.method == Method::Post => {
                Response::text(405, "nothing is posted to this address")
            }
            Verdict::Allowed if request.path == "/metrics" => prometheus::answer(&self.state),
            Verdict::Allowed if is_page => assets::page(),
            Verdict::Allowed => assets::file(&request.path).unwrap_or_else(|| {
                Response::text(404, "there is no such page; the studio begins at /")
            }),
        }
    }
}
