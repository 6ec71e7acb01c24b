//! The MovieLens data sets, as they are shipped.
//!
//! | data set | films | people | ratings |
//! |---|---|---|---|
//! | 100K | `u.item`, `u.genre` | `u.user` | `u.data` |
//! | 1M, 10M | `movies.dat` | `users.dat` (1M) | `ratings.dat` |
//! | 20M, 25M, 32M, latest | `movies.csv` | – | `ratings.csv` |
//!
//! A film has `id`, `title` (without its year), `year` (absent when unknown) and `genres`; a person `user_id`, `age`,
//! `gender`, `occupation`. The weight of an event is the rating. [`read`] reads a whole directory into memory. The other
//! functions stream one file each, so that [`events`] can read a split such as `ua.base`.
//!
//! `hundred_k` and `dat` read the older files; the CSV files are read as any other. `title` splits titles and years.

mod dat;
mod hundred_k;
mod title;

use std::path::Path;

use serde_json::Value;
use twinspire_towers::Event;

use crate::csv;
use crate::error::ImportError;
use crate::input::Text;
use crate::options::ReadOptions;
use crate::records::Records;

/// The content of a MovieLens directory.
#[derive(Debug, Clone, PartialEq)]
pub struct MovieLens {
    /// Films: `id`, `title` (without its year), `year` (absent when unknown), `genres`.
    pub items: Vec<Value>,
    /// People: `user_id`, `age`, `gender`, `occupation`. Empty for data sets without people.
    pub users: Vec<Value>,
    /// Ratings in the order of the file; the weight is the rating.
    pub events: Vec<Event>,
}

/// How the files of a data set are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    HundredK,
    Dat,
    Csv,
}

impl Layout {
    /// The layout of a directory, or of one of its files.
    fn of(path: &Path) -> Option<Self> {
        if !path.is_dir() {
            let extension = path.extension().unwrap_or_default();
            return Some(match extension.to_str() {
                Some("dat") => Self::Dat,
                Some("csv") => Self::Csv,
                _ => Self::HundredK,
            });
        }
        let files = [
            ("u.data", Self::HundredK),
            ("ratings.dat", Self::Dat),
            ("ratings.csv", Self::Csv),
        ];
        let found = files.iter().find(|(name, _)| path.join(name).is_file());
        found.map(|(_, layout)| *layout)
    }
}

/// Whether a directory holds a MovieLens data set.
pub(crate) fn is_movielens(dir: &Path) -> bool {
    Layout::of(dir).is_some()
}

/// Reads the whole directory; fails at the first bad line.
pub fn read(dir: impl AsRef<Path>) -> Result<MovieLens, ImportError> {
    let dir = dir.as_ref();
    Ok(MovieLens {
        items: items(dir)?.collect::<Result<_, _>>()?,
        users: users(dir)?.collect::<Result<_, _>>()?,
        events: events(dir)?.collect::<Result<_, _>>()?,
    })
}

/// The films of a directory.
pub fn items(dir: impl AsRef<Path>) -> Result<Records<Value>, ImportError> {
    items_of(dir.as_ref(), &ReadOptions::new())
}

/// The people of a directory; none for data sets without people.
pub fn users(dir: impl AsRef<Path>) -> Result<Records<Value>, ImportError> {
    users_of(dir.as_ref(), &ReadOptions::new())
}

/// The ratings of a directory, or of a file such as `u.data`, `ua.base` or `ratings.dat`, in the order of the file.
pub fn events(path: impl AsRef<Path>) -> Result<Records<Event>, ImportError> {
    events_of(path.as_ref(), &ReadOptions::new())
}

/// The file in a directory, or the file itself.
fn file(path: &Path, name: &str) -> std::path::PathBuf {
    match path.is_dir() {
        true => path.join(name),
        false => path.to_owned(),
    }
}

fn layout(path: &Path) -> Result<Layout, ImportError> {
    Layout::of(path).ok_or_else(|| {
        let what = "a MovieLens directory expected, with u.data, ratings.dat or ratings.csv";
        ImportError::file(path, what)
    })
}

pub(crate) fn items_of(path: &Path, options: &ReadOptions) -> Result<Records<Value>, ImportError> {
    match layout(path)? {
        Layout::HundredK => {
            let records = Records::from(hundred_k::items(path, options)?);
            Ok(records.with_size_of(&path.join("u.item")))
        }
        Layout::Dat => {
            let path = file(path, "movies.dat");
            Ok(Records::from(dat::items(&path, options)?).with_size_of(&path))
        }
        Layout::Csv => {
            let path = file(path, "movies.csv");
            let options = options.of_known_names().id("movieId").lists(["genres"]);
            let films = csv::films_of(Text::open(&path)?, &path, &options, film)?;
            Ok(Records::from(films).with_size_of(&path))
        }
    }
}

pub(crate) fn users_of(path: &Path, options: &ReadOptions) -> Result<Records<Value>, ImportError> {
    match layout(path)? {
        Layout::HundredK => {
            let records = Records::from(hundred_k::users(path, options)?);
            Ok(records.with_size_of(&path.join("u.user")))
        }
        Layout::Dat => {
            let path = file(path, "users.dat");
            match path.exists() {
                true => Ok(Records::from(dat::users(&path, options)?).with_size_of(&path)),
                false => Ok(Records::absent()),
            }
        }
        Layout::Csv => Ok(Records::absent()),
    }
}

pub(crate) fn events_of(path: &Path, options: &ReadOptions) -> Result<Records<Event>, ImportError> {
    match layout(path)? {
        Layout::HundredK => {
            let path = file(path, "u.data");
            Ok(Records::from(hundred_k::events(&path)?).with_size_of(&path))
        }
        Layout::Dat => {
            let path = file(path, "ratings.dat");
            Ok(Records::from(dat::events(&path)?).with_size_of(&path))
        }
        Layout::Csv => {
            let path = file(path, "ratings.csv");
            let options = options.of_known_names().user("userId").item("movieId");
            let events = csv::events_of(Text::open(&path)?, &path, &options)?;
            Ok(Records::from(events).with_size_of(&path))
        }
    }
}

/// A row of `movies.csv` as a film.
fn film(record: &Value) -> Value {
    let text = |field: &str| {
        record
            .get(field)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let genres = record.get("genres").and_then(Value::as_array);
    let genres = genres.into_iter().flatten().filter_map(Value::as_str);
    title::film(text("id"), text("title"), genres)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_files::directory;
    use serde_json::json;

    #[test]
    fn the_files_of_one_million_ratings_are_read() {
        let dir = directory(&[
            (
                "movies.dat",
                b"1::Cit\xe9 (1995)::Comedy|Drama\n2::A :: B (V) (1968)::Drama\n",
            ),
            ("users.dat", b"1::F::25::10::48067\n"),
            ("ratings.dat", b"1::2::5::978300760\n1::1::3::978302109\n"),
        ]);
        let all = read(dir.path()).unwrap();
        assert_eq!(
            all.items,
            [
                json!({"id": "1", "title": "Cit\u{e9}", "year": 1995, "genres": ["Comedy", "Drama"]}),
                json!({"id": "2", "title": "A :: B (V)", "year": 1968, "genres": ["Drama"]}),
            ]
        );
        let user = json!({"user_id": "1", "gender": "F", "age": 25, "occupation": "K-12 student"});
        assert_eq!(all.users, [user]);
        assert_eq!((all.events[0].at, all.events[1].weight), (978_300_760, 3.0));
        let ratings = events(dir.path().join("ratings.dat")).unwrap();
        assert_eq!(ratings.count(), 2);
    }

    #[test]
    fn the_files_of_twenty_million_ratings_and_later_ones_are_read() {
        let dir = directory(&[
            ("movies.csv", b"movieId,title,genres\r\n1,\"American President, The (1995)\",Comedy|Drama\r\n2,Nine,(no genres listed)\r\n"),
            ("ratings.csv", b"userId,movieId,rating,timestamp\r\n1,2,3.5,1112486027\r\n"),
        ]);
        let all = read(dir.path()).unwrap();
        assert_eq!(
            all.items,
            [
                json!({"id": "1", "title": "American President, The", "year": 1995, "genres": ["Comedy", "Drama"]}),
                json!({"id": "2", "title": "Nine", "genres": []}),
            ]
        );
        assert!(all.users.is_empty());
        let event = &all.events[0];
        assert_eq!((&*event.user, &*event.item, event.weight), ("1", "2", 3.5));
    }

    #[test]
    fn a_bad_line_of_the_older_files_says_what_would_be_right() {
        for (file, line, says) in [
            ("movies.dat", &b"1::x"[..], "3 fields expected"),
            ("users.dat", b"1::F::25", "5 fields expected"),
            ("users.dat", b"1::F::old::1::x", "whole number of years"),
            ("ratings.dat", b"1::2::3", "4 fields expected"),
            ("ratings.dat", b"1::2::3::4::5", "found more"),
        ] {
            let mut files = vec![
                ("movies.dat", &b""[..]),
                ("users.dat", b""),
                ("ratings.dat", b""),
            ];
            files.retain(|(name, _)| *name != file);
            files.push((file, line));
            let error = read(directory(&files).path()).unwrap_err().to_string();
            assert!(error.contains(says) && error.contains(file), "{error}");
        }
    }
}
