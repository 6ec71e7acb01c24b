//! Spelling suggestions for field names.

/// The longest name that is compared with others, in characters.
const COMPARED: usize = 64;

/// The name that was likely meant: the one with the smallest edit distance, if that is small.
pub(super) fn nearest<'a>(path: &str, names: &[&'a str]) -> Option<&'a str> {
    let letters = |name: &str| -> Vec<char> {
        name.chars()
            .flat_map(char::to_lowercase)
            .take(COMPARED + 1)
            .collect()
    };
    let wanted = letters(path);
    if wanted.len() > COMPARED {
        return None;
    }
    let near = names.iter().filter_map(|name| {
        let other = letters(name);
        let allowed = wanted.len().max(other.len()) / 3;
        let apart = wanted.len().abs_diff(other.len());
        if other.len() > COMPARED || apart > allowed {
            return None;
        }
        let distance = distance(&wanted, &other);
        // The member of an object may have been named without the path to it.
        let member = name.rsplit('.').next() == Some(path);
        (distance <= allowed || member).then_some((distance, *name))
    });
    let member = |name: &&&str| {
        name.strip_suffix(path)
            .is_some_and(|rest| rest.ends_with('.'))
    };
    let near = near.min().map(|(_, name)| name);
    near.or_else(|| names.iter().find(member).copied())
}

/// Edit distance: letters to change, add, drop or swap with the next (optimal string alignment).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut above = None;
    for (i, x) in a.iter().enumerate() {
        let mut row = Vec::with_capacity(last.len());
        row.push(i + 1);
        let mut left = None;
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], j: usize| row.get(j).copied().unwrap_or(usize::MAX - 1);
            let changed = at(&last, j) + usize::from(x != y);
            let mut best = changed.min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            if j > 0 && above == Some(y) && left == Some(x) {
                best = best.min(at(&before, j - 1).saturating_add(1));
            }
            row.push(best);
            left = Some(y);
        }
        before = std::mem::replace(&mut last, row);
        above = Some(x);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_changes_and_swaps() {
        let apart = |a: &str, b: &str| {
            let letters = |text: &str| text.chars().collect::<Vec<_>>();
            distance(&letters(a), &letters(b))
        };
        assert_eq!(apart("", ""), 0);
        assert_eq!(apart("", "abc"), 3);
        assert_eq!(apart("price", "price"), 0);
        assert_eq!(apart("price", "prize"), 1);
        assert_eq!(apart("pirce", "price"), 1);
        assert_eq!(apart("prices", "rice"), 2);
        assert_eq!(apart("kitten", "sitting"), 3);
    }

    #[test]
    fn the_nearest_name_is_suggested_unless_it_is_far() {
        let names = ["city", "in_stock", "price", "seller.city_code", "title"];
        for (typed, meant) in [
            ("prize", Some("price")),
            ("PRICE", Some("price")),
            ("instock", Some("in_stock")),
            ("city_code", Some("seller.city_code")),
            ("titel", Some("title")),
            ("colour", None),
            ("x", None),
        ] {
            assert_eq!(nearest(typed, &names), meant, "{typed}");
        }
    }
}
