//! The MovieLens-100K directory as GroupLens ships it.
//!
//! `u.data` holds the ratings (user, item, rating, time, separated by tabs), `u.item` the films and
//! `u.user` the people (fields separated by `|`, text in Latin-1), `u.genre` the names of the genre
//! flags. [`read`] reads the whole directory, a few megabytes, into memory. The other functions stream one
//! file each, so that [`events`] can read a split such as `ua.base`.

use std::collections::HashSet;
use std::path::Path;

use serde_json::{Value, json};

use twinspire_towers::Event;
use twinspire_towers::internals::check_id;

use crate::error::ImportError;
use crate::fields;
use crate::lines::{Lines, utf8};

/// The genres in the order of the flags, for a directory without `u.genre`.
const GENRES: [&str; 19] = [
    "unknown",
    "Action",
    "Adventure",
    "Animation",
    "Children's",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
    "Film-Noir",
    "Horror",
    "Musical",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Thriller",
    "War",
    "Western",
];

/// Maximum number of genres; a file with more has another format.
const MAX_GENRES: usize = 1000;

/// The content of a MovieLens directory.
#[derive(Debug, Clone, PartialEq)]
pub struct MovieLens {
    /// Films: `id`, `title` (without its year), `year` (absent when unknown), `genres`.
    pub items: Vec<Value>,
    /// People: `user_id`, `age`, `gender`, `occupation`.
    pub users: Vec<Value>,
    /// Ratings in the order of the file; the weight is the rating, 1 to 5.
    pub events: Vec<Event>,
}

/// Whether a directory holds MovieLens-100K.
pub(super) fn is_movielens(dir: &Path) -> bool {
    dir.join("u.data").is_file()
}

/// Reads the whole directory; fails at the first bad line.
pub fn read(dir: impl AsRef<Path>) -> Result<MovieLens, ImportError> {
    let dir = dir.as_ref();
    Ok(MovieLens {
        items: items(dir)?.collect::<Result<_, _>>()?,
        users: users(dir)?.collect::<Result<_, _>>()?,
        events: events(dir.join("u.data"))?.collect::<Result<_, _>>()?,
    })
}

/// The films of the directory, from `u.item` and `u.genre`.
pub fn items(dir: impl AsRef<Path>) -> Result<Lines<Value>, ImportError> {
    let dir = dir.as_ref();
    let genres = genres(&dir.join("u.genre"))?;
    let mut seen = HashSet::new();
    Lines::open(&dir.join("u.item"), move |line| {
        let item = item(&latin1(line), &genres)?;
        check_unique(&mut seen, &item, "id")?;
        fields::item(item)
    })
}

/// The people of the directory, from `u.user`.
pub fn users(dir: impl AsRef<Path>) -> Result<Lines<Value>, ImportError> {
    let mut seen = HashSet::new();
    Lines::open(&dir.as_ref().join("u.user"), move |line| {
        let user = user(&latin1(line))?;
        check_unique(&mut seen, &user, "user_id")?;
        Ok(user)
    })
}

/// The ratings in a file such as `u.data` or `ua.base`, in the order of the file.
pub fn events(file: impl AsRef<Path>) -> Result<Lines<Event>, ImportError> {
    Lines::open(file.as_ref(), |line| {
        let line = utf8(line)?;
        let cells: Vec<&str> = line.splitn(5, '\t').collect();
        let [user, item, rating, at] = cells.as_slice() else {
            return Err(format!(
                "4 fields expected (user, item, rating, time, separated by tabs), found {}",
                count(cells.len(), 4)
            ));
        };
        fields::event_from_cells(user, item, at.trim(), Some(rating.trim()))
    })
}

/// The names of the genre flags: `u.genre` has lines `name|index`.
fn genres(path: &Path) -> Result<Vec<String>, ImportError> {
    if !path.exists() {
        return Ok(GENRES.map(str::to_owned).to_vec());
    }
    let mut names = Vec::new();
    let lines = Lines::open(path, |line| {
        let line = latin1(line);
        match line
            .rsplit_once('|')
            .map(|(name, index)| (name, index.trim().parse::<usize>()))
        {
            Some((name, Ok(index))) if !name.is_empty() => Ok((name.to_owned(), index)),
            _ => Err("a genre and its number expected, such as `Comedy|5`".to_owned()),
        }
    })?;
    for (count, line) in lines.enumerate() {
        let (name, index) = line?;
        if index != count || count >= MAX_GENRES {
            let what = format!("genres numbered 0, 1, 2, … expected; `{name}` has {index}");
            return Err(ImportError::file(path, what));
        }
        names.push(name);
    }
    Ok(names)
}

fn item(line: &str, genres: &[String]) -> Result<Value, String> {
    let wanted = 5 + genres.len();
    let cells: Vec<&str> = line.splitn(wanted + 1, '|').collect();
    let [id, title, date, _video, _url, flags @ ..] = cells.as_slice() else {
        return Err(fields_expected(wanted, cells.len()));
    };
    if flags.len() != genres.len() {
        return Err(fields_expected(wanted, cells.len()));
    }
    check_id(id).map_err(|error| error.to_string())?;
    let mut of = Vec::new();
    for (flag, genre) in flags.iter().zip(genres) {
        match flag.trim() {
            "0" => {}
            "1" => of.push(genre.as_str()),
            other => {
                return Err(format!(
                    "a genre flag 0 or 1 expected for {genre}, found {other:?}"
                ));
            }
        }
    }
    let (title, year) = title_and_year(title);
    // The date has the year last: 01-Jan-1995.
    let year = year.or_else(|| date.rsplit('-').next().and_then(four_digits));
    let mut item = json!({"id": id, "title": title, "genres": of});
    if let (Some(year), Some(item)) = (year, item.as_object_mut()) {
        item.insert("year".to_owned(), year.into());
    }
    Ok(item)
}

fn fields_expected(wanted: usize, found: usize) -> String {
    format!(
        "{wanted} fields expected (id, title, date, video date, address, {} genre flags, separated \
         by `|`), found {}",
        wanted - 5,
        count(found, wanted)
    )
}

fn user(line: &str) -> Result<Value, String> {
    let cells: Vec<&str> = line.splitn(6, '|').collect();
    let [id, age, gender, occupation, _zip] = cells.as_slice() else {
        return Err(format!(
            "5 fields expected (id, age, gender, occupation, post code, separated by `|`), found {}",
            count(cells.len(), 5)
        ));
    };
    check_id(id).map_err(|error| error.to_string().replace("`id`", "`user_id`"))?;
    let age: u8 = age
        .trim()
        .parse()
        .map_err(|_| format!("field `age`: expected a whole number of years, found {age:?}"))?;
    Ok(json!({"user_id": id, "age": age, "gender": gender, "occupation": occupation}))
}

/// The number of fields found; counting stops after the expected number.
fn count(found: usize, wanted: usize) -> String {
    if found > wanted {
        "more".to_owned()
    } else {
        found.to_string()
    }
}

/// Checks that an id has not occurred before.
fn check_unique(seen: &mut HashSet<String>, record: &Value, field: &str) -> Result<(), String> {
    let id = record
        .get(field)
        .and_then(Value::as_str)
        .unwrap_or_default();
    if seen.insert(id.to_owned()) {
        Ok(())
    } else {
        Err(format!(
            "field `{field}`: a unique id expected, found {id:?} again"
        ))
    }
}

/// Splits `Toy Story (1995)` into title and year. Marks after the year, such as `(V)` for a video, are dropped.
fn title_and_year(text: &str) -> (&str, Option<i64>) {
    let text = text.trim();
    let mut rest = text;
    while let Some(open) = rest.rfind('(') {
        let (before, group) = rest.split_at(open);
        let Some(inside) = group
            .strip_prefix('(')
            .and_then(|group| group.trim_end().strip_suffix(')'))
        else {
            break;
        };
        if let Some(year) = four_digits(inside) {
            let title = before.trim_end();
            return if title.is_empty() {
                (text, None)
            } else {
                (title, Some(year))
            };
        }
        rest = before.trim_end();
    }
    (text, None)
}

fn four_digits(text: &str) -> Option<i64> {
    let plain = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// Decodes Latin-1, in which each byte is the character of that number.
fn latin1(line: &[u8]) -> String {
    line.iter().map(|&byte| char::from(byte)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_files::write_file;

    /// A directory with these files, removed with the guard.
    fn directory(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            write_file(dir.path(), name, bytes);
        }
        dir
    }

    const FLAGS: &str = "0|0|0|1|1|1|0|0|0|0|0|0|0|0|0|0|0|0|0";

    #[test]
    fn a_directory_is_read_as_it_was_shipped() {
        let films = format!(
            "1|Toy Story (1995)|01-Jan-1995||http://x|{FLAGS}\r\n2|Caf\u{e9}||||{}\n",
            FLAGS.replace('1', "0")
        );
        let films: Vec<u8> = films
            .chars()
            .map(|c| u8::try_from(u32::from(c)).unwrap())
            .collect();
        let dir = directory(&[
            ("u.item", &films),
            ("u.user", b"7|24|M|technician|85711\n"),
            ("u.data", b"7\t1\t5\t881250949\r\n7\t2\t3\t881250950\n"),
        ]);
        let all = read(dir.path()).unwrap();
        assert_eq!(
            all.items,
            [
                json!({"id": "1", "title": "Toy Story", "year": 1995,
                       "genres": ["Animation", "Children's", "Comedy"]}),
                json!({"id": "2", "title": "Café", "genres": []}),
            ]
        );
        assert_eq!(
            all.users,
            [json!({"user_id": "7", "age": 24, "gender": "M", "occupation": "technician"})]
        );
        assert_eq!(all.events.len(), 2);
        let first = Event {
            user: "7".into(),
            item: "1".into(),
            at: 881_250_949,
            weight: 5.0,
        };
        assert_eq!(all.events[0], first);
    }

    #[test]
    fn genre_names_come_from_the_file_when_there_is_one() {
        let dir = directory(&[
            ("u.genre", b"Noir|0\nFarce|1\n\n"),
            ("u.item", b"1|A|||x|0|1\n"),
        ]);
        let film = items(dir.path()).unwrap().next().unwrap().unwrap();
        assert_eq!(film["genres"], json!(["Farce"]));
        for bad in [&b"Noir\n"[..], b"Noir|x\n", b"|0\n", b"Noir|1\n"] {
            let dir = directory(&[("u.genre", bad), ("u.item", b"")]);
            assert!(items(dir.path()).is_err());
        }
    }

    #[test]
    fn the_year_is_split_from_the_title() {
        for (text, title, year) in [
            ("Toy Story (1995)", "Toy Story", Some(1995)),
            ("Two Friends (1986) ", "Two Friends", Some(1986)),
            ("The Giving (1995) (V)", "The Giving", Some(1995)),
            ("Seven (Se7en) (1995)", "Seven (Se7en)", Some(1995)),
            ("unknown", "unknown", None),
            ("Brazil (director's cut)", "Brazil (director's cut)", None),
            ("2001 (a) b", "2001 (a) b", None),
            ("(1995)", "(1995)", None),
            (")(", ")(", None),
            ("", "", None),
        ] {
            assert_eq!(title_and_year(text), (title, year), "{text}");
        }
    }

    #[test]
    fn a_film_without_a_year_in_its_title_takes_that_of_its_date() {
        let dir = directory(&[
            ("u.genre", b"Noir|0\n"),
            ("u.item", b"1|A|04-Feb-1971||x|0\n"),
        ]);
        assert_eq!(
            items(dir.path()).unwrap().next().unwrap().unwrap()["year"],
            1971
        );
    }

    #[test]
    fn a_bad_line_is_reported_with_what_would_be_right() {
        let good = format!("1|A||||{FLAGS}");
        for (file, line, says) in [
            (
                "u.data",
                "1\t2\t3".to_owned(),
                "u.data, line 2: 4 fields expected",
            ),
            (
                "u.data",
                "1\t2\t3\t4\t5".into(),
                "separated by tabs), found more",
            ),
            (
                "u.data",
                "1\t2\tgood\t4".into(),
                "expected a finite number, found a string (\"good\")",
            ),
            ("u.data", "1\t2\t3\tnoon".into(), "expected Unix seconds"),
            (
                "u.data",
                "\t2\t3\t4".into(),
                "field `user`: expected a non-empty string",
            ),
            (
                "u.item",
                "1|A|x".into(),
                "u.item, line 2: 24 fields expected",
            ),
            ("u.item", format!("{good}|1"), "found more"),
            (
                "u.item",
                format!("|A||||{FLAGS}"),
                "field `id`: expected a non-empty string",
            ),
            (
                "u.item",
                good.replace("|1|1|1|", "|1|2|1|"),
                "flag 0 or 1 expected for Children's",
            ),
            (
                "u.item",
                good.clone(),
                "field `id`: a unique id expected, found \"1\" again",
            ),
            (
                "u.user",
                "1|24|M".into(),
                "u.user, line 2: 5 fields expected",
            ),
            (
                "u.user",
                "1|old|M|x|1".into(),
                "a whole number of years, found \"old\"",
            ),
            (
                "u.user",
                "|1|M|x|1".into(),
                "field `user_id`: expected a non-empty",
            ),
            ("u.user", "9|24|M|x|1".into(), "found \"9\" again"),
        ] {
            let first = match file {
                "u.data" => "1\t1\t1\t1",
                "u.item" => good.as_str(),
                _ => "9|24|M|x|1",
            };
            let text = format!("{first}\n{line}\n");
            let mut files = vec![("u.data", ""), ("u.item", ""), ("u.user", "")];
            files.retain(|(name, _)| *name != file);
            files.push((file, &text));
            let files: Vec<_> = files
                .iter()
                .map(|(name, text)| (*name, text.as_bytes()))
                .collect();
            let error = read(directory(&files).path()).unwrap_err().to_string();
            assert!(error.contains(says), "{line:?}: {error}");
        }
    }

    #[test]
    fn a_missing_file_is_reported_by_name() {
        let dir = directory(&[("u.data", b"")]);
        let error = read(dir.path()).unwrap_err();
        assert!(
            error.to_string().contains("u.item: cannot be read"),
            "{error}"
        );
    }
}
