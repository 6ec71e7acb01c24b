//! MovieLens-100K: `u.item` (films, fields separated by `|`, text in Latin-1), `u.genre` (the names of the genre flags),
//! `u.user` (people), `u.data` (ratings, separated by tabs).

use std::path::Path;

use serde_json::{Value, json};

use twinspire_towers::Event;
use twinspire_towers::internals::check_id;

use super::title::{four_digits, title_and_year};
use crate::error::ImportError;
use crate::fields::{self, Clock};
use crate::lines::{Lines, utf8};
use crate::options::ReadOptions;

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

/// The films of the directory, from `u.item` and `u.genre`.
pub(super) fn items(dir: &Path, options: &ReadOptions) -> Result<Lines<Value>, ImportError> {
    let genres = genres(&dir.join("u.genre"))?;
    let mut check = fields::items(&options.of_known_names());
    Lines::open(&dir.join("u.item"), move |line| {
        check(item(&latin1(line), &genres)?)
    })
}

/// The people of the directory, from `u.user`.
pub(super) fn users(dir: &Path, options: &ReadOptions) -> Result<Lines<Value>, ImportError> {
    let mut check = fields::users(&options.of_known_names());
    Lines::open(&dir.join("u.user"), move |line| check(user(&latin1(line))?))
}

/// The ratings in a file such as `u.data` or `ua.base`, in the order of the file.
pub(super) fn events(file: &Path) -> Result<Lines<Event>, ImportError> {
    let mut clock = Clock::default();
    Lines::open(file, move |line| {
        let line = utf8(line)?;
        let cells: Vec<&str> = line.splitn(5, '\t').collect();
        let [user, item, rating, at] = cells.as_slice() else {
            return Err(format!(
                "4 fields expected (user, item, rating, time, separated by tabs), found {}",
                count(cells.len(), 4)
            ));
        };
        fields::event_from_cells(user, item, at.trim(), Some(rating.trim()), &mut clock)
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
pub(super) fn count(found: usize, wanted: usize) -> String {
    if found > wanted {
        "more".to_owned()
    } else {
        found.to_string()
    }
}

/// Decodes Latin-1, in which each byte is the character of that number.
pub(super) fn latin1(line: &[u8]) -> String {
    line.iter().map(|&byte| char::from(byte)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;
    use crate::test_files::directory;

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
        let film = items(dir.path(), &ReadOptions::new())
            .unwrap()
            .next()
            .unwrap()
            .unwrap();
        assert_eq!(film["genres"], json!(["Farce"]));
        for bad in [&b"Noir\n"[..], b"Noir|x\n", b"|0\n", b"Noir|1\n"] {
            let dir = directory(&[("u.genre", bad), ("u.item", b"")]);
            assert!(items(dir.path(), &ReadOptions::new()).is_err());
        }
    }

    #[test]
    fn a_film_without_a_year_in_its_title_takes_that_of_its_date() {
        let dir = directory(&[
            ("u.genre", b"Noir|0\n"),
            ("u.item", b"1|A|04-Feb-1971||x|0\n"),
        ]);
        assert_eq!(
            items(dir.path(), &ReadOptions::new())
                .unwrap()
                .next()
                .unwrap()
                .unwrap()["year"],
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
            ("u.data", "1\t2\t3\tnoon".into(), "expected a date and time"),
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
