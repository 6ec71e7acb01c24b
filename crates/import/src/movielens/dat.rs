//! MovieLens-1M and 10M: `movies.dat`, `users.dat` (1M alone) and `ratings.dat`, fields separated by `::` and no quotes.

use std::path::Path;

use serde_json::{Value, json};
use twinspire_towers::Event;

use super::hundred_k::{count, latin1};
use super::title::film;
use crate::error::ImportError;
use crate::fields::{self, Clock};
use crate::lines::{Lines, utf8};
use crate::options::ReadOptions;

const SEPARATOR: &str = "::";

/// The occupations in the order of their codes.
const OCCUPATIONS: [&str; 21] = [
    "other",
    "academic/educator",
    "artist",
    "clerical/admin",
    "college/grad student",
    "customer service",
    "doctor/health care",
    "executive/managerial",
    "farmer",
    "homemaker",
    "K-12 student",
    "lawyer",
    "programmer",
    "retired",
    "sales/marketing",
    "scientist",
    "self-employed",
    "technician/engineer",
    "tradesman/craftsman",
    "unemployed",
    "writer",
];

/// The films of `movies.dat`: `1::Toy Story (1995)::Animation|Comedy`.
pub(super) fn items(file: &Path, options: &ReadOptions) -> Result<Lines<Value>, ImportError> {
    let mut check = fields::items(&options.of_known_names());
    Lines::open(file, move |line| {
        let line = text(line);
        let parts = line.split_once(SEPARATOR);
        let parts = parts.and_then(|(id, rest)| Some((id, rest.rsplit_once(SEPARATOR)?)));
        let (id, (title, genres)) = parts.ok_or_else(|| {
            let found = line.split(SEPARATOR).count();
            format!("3 fields expected (id, title, genres, separated by `::`), found {found}")
        })?;
        check(film(id, title, genres.split('|')))
    })
}

/// The people of `users.dat`: `1::F::25::10::48067`.
pub(super) fn users(file: &Path, options: &ReadOptions) -> Result<Lines<Value>, ImportError> {
    let mut check = fields::users(&options.of_known_names());
    Lines::open(file, move |line| {
        let line = text(line);
        let cells: Vec<&str> = line.splitn(6, SEPARATOR).collect();
        let [id, gender, age, occupation, _zip] = cells.as_slice() else {
            return Err(format!(
                "5 fields expected (id, gender, age, occupation, post code, separated by `::`), found {}",
                count(cells.len(), 5)
            ));
        };
        let age: u8 = age
            .trim()
            .parse()
            .map_err(|_| format!("field `age`: expected a whole number of years, found {age:?}"))?;
        let name = occupation.trim().parse().ok();
        let name = name.and_then(|code: usize| OCCUPATIONS.get(code));
        check(json!({
            "user_id": id, "gender": gender, "age": age, "occupation": name.unwrap_or(occupation)
        }))
    })
}

/// The ratings of `ratings.dat`: `1::1193::5::978300760`.
pub(super) fn events(file: &Path) -> Result<Lines<Event>, ImportError> {
    let mut clock = Clock::default();
    Lines::open(file, move |line| {
        let line = utf8(line)?;
        let cells: Vec<&str> = line.splitn(5, SEPARATOR).collect();
        let [user, item, rating, at] = cells.as_slice() else {
            return Err(format!(
                "4 fields expected (user, item, rating, time, separated by `::`), found {}",
                count(cells.len(), 4)
            ));
        };
        fields::event_from_cells(user, item, at.trim(), Some(rating.trim()), &mut clock)
    })
}

/// Text in UTF-8, as in MovieLens-10M, or else in Latin-1, as in 1M.
fn text(line: &[u8]) -> String {
    utf8(line).map_or_else(|_| latin1(line), str::to_owned)
}
