//! Films as they are recorded, whatever file they come from.

use serde_json::{Value, json};

/// The genre of films without genres.
const NO_GENRE: &str = "(no genres listed)";

/// A film: `id`, `title` (without its year), `year` (absent when unknown), `genres`.
pub(super) fn film<'a>(id: &str, title: &str, genres: impl Iterator<Item = &'a str>) -> Value {
    let (title, year) = title_and_year(title);
    let genres = genres.filter(|genre| !genre.is_empty() && *genre != NO_GENRE);
    let genres: Vec<&str> = genres.collect();
    let mut film = json!({"id": id, "title": title, "genres": genres});
    if let (Some(year), Some(film)) = (year, film.as_object_mut()) {
        film.insert("year".to_owned(), year.into());
    }
    film
}

/// Splits `Toy Story (1995)` into title and year. Marks after the year, such as `(V)` for a video, are dropped.
pub(super) fn title_and_year(text: &str) -> (&str, Option<i64>) {
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

pub(super) fn four_digits(text: &str) -> Option<i64> {
    let plain = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
