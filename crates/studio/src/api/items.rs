//! Items: pages of them, search, and one item with its neighbours.

use super::history::{History, history};
use super::problem::Problem;
use super::state::State;
use serde::Serialize;
use serde_json::Value;
use std::time::{Duration, Instant};
use twinspire::Hit;

/// Maximum number of items of a page.
const MAX_PAGE: usize = 200;
/// Time that a search for a text takes at most.
const SEARCH_TIME: Duration = Duration::from_secs(3);
/// Number of neighbours of an item.
const NEIGHBOURS: usize = 12;

/// A page of items.
#[derive(Debug, Serialize, Default)]
pub struct ItemsPage {
    pub items: Vec<Value>,
    /// Items that match; none if a search did not read all.
    pub matches: Option<u64>,
    /// Items that a search read.
    pub searched: u64,
    /// All items.
    pub total: u64,
}

/// Which items.
#[derive(Debug, Default)]
pub struct Wanted<'a> {
    pub offset: usize,
    pub limit: usize,
    pub filter: &'a str,
    /// A part of the id or of any text.
    pub search: &'a str,
}

/// A page of items, in the order in which they were first stored; filtered ones by id.
pub fn page(state: &State, wanted: &Wanted<'_>) -> Result<ItemsPage, Problem> {
    let database = state.database();
    let total = database.items().count()?;
    let limit = wanted.limit.clamp(1, MAX_PAGE);
    let search = wanted.search.trim().to_lowercase();
    let mut page = ItemsPage {
        total,
        searched: total,
        ..ItemsPage::default()
    };
    if !wanted.filter.trim().is_empty() {
        let ids = database.items().ids_where(wanted.filter)?;
        let mut matches = 0;
        for id in &ids {
            if search.is_empty() && page.items.len() == limit {
                matches = ids.len() as u64;
                break;
            }
            if search.is_empty() && (matches as usize) < wanted.offset {
                matches += 1;
                continue;
            }
            let Some(record) = database.items().get(id)? else {
                continue;
            };
            if contains(&record, &search) {
                if (matches as usize) >= wanted.offset && page.items.len() < limit {
                    page.items.push(record);
                }
                matches += 1;
            }
        }
        page.matches = Some(matches);
        return Ok(page);
    }
    let mut export = database.export().run()?;
    if search.is_empty() {
        let first = export.nth(wanted.offset);
        for item in first.into_iter().chain(export).take(limit) {
            page.items.push(item?.record);
        }
        page.matches = Some(total);
        return Ok(page);
    }
    let (since, mut matches) = (Instant::now(), 0);
    page.searched = 0;
    // The id that was typed comes first, however many items there are.
    if wanted.offset == 0
        && let Some(record) = database.items().get(wanted.search.trim())?
    {
        page.items.push(record);
    }
    let exact = page.items.first().map(|record| record["id"].clone());
    for item in &mut export {
        let record = item?.record;
        page.searched += 1;
        if contains(&record, &search) {
            let is_new = exact.as_ref() != Some(&record["id"]);
            if matches >= wanted.offset && page.items.len() < limit && is_new {
                page.items.push(record);
            }
            matches += 1;
        }
        if since.elapsed() > SEARCH_TIME {
            return Ok(page);
        }
    }
    page.matches = Some(matches as u64);
    Ok(page)
}

/// Whether a text of a value contains a text in lower case.
fn contains(value: &Value, search: &str) -> bool {
    match value {
        Value::String(text) => text.to_lowercase().contains(search),
        Value::Array(values) => values.iter().any(|one| contains(one, search)),
        Value::Object(fields) => fields.values().any(|one| contains(one, search)),
        Value::Number(number) => number.to_string() == search,
        _ => false,
    }
}

/// One item.
#[derive(Debug, Serialize)]
pub struct ItemView {
    pub id: String,
    /// None if the item was deleted.
    pub record: Option<Value>,
    pub history: History,
    pub spaces: Vec<Neighbourhood>,
}

/// An item in one space.
#[derive(Debug, Serialize)]
pub struct Neighbourhood {
    pub space: String,
    /// The length of its vector; none if it has none here, or the space ranks by words.
    pub norm: Option<f64>,
    /// Whether the space ranks by words.
    pub is_lexical: bool,
    pub neighbours: Vec<Hit>,
    /// Why there are no neighbours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// An item with its stored versions and its neighbours in each space.
pub fn one(state: &State, id: &str) -> Result<ItemView, Problem> {
    let database = state.database();
    let record = database.items().get(id)?;
    let history = history(database, id)?;
    if record.is_none() {
        if history.total == 0 {
            return Err(Problem::not_found(format!("there is no item {id:?}")));
        }
        return Ok(ItemView {
            id: id.to_owned(),
            record: None,
            history,
            spaces: Vec::new(),
        });
    }
    let words = database.lexical().list();
    let spaces = database.spaces().into_iter();
    let spaces = spaces.chain(words.keys().cloned());
    let spaces = spaces.map(|space| {
        let vector = database.vectors(&space, [id]).ok();
        let norm = vector.map(|vector| {
            let squares = vector.iter().map(|one| f64::from(*one).powi(2));
            squares.sum::<f64>().sqrt()
        });
        let found = database
            .recall(&space)
            .similar(id)
            .records()
            .top(NEIGHBOURS);
        let (neighbours, problem) = match found {
            Ok(hits) => (hits.into_iter().collect(), None),
            Err(error) => (Vec::new(), Some(Problem::from(error).message)),
        };
        Neighbourhood {
            is_lexical: words.contains_key(&space),
            space,
            norm,
            neighbours,
            problem,
        }
    });
    Ok(ItemView {
        id: id.to_owned(),
        spaces: spaces.collect(),
        history,
        record,
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{shop, shop_with_words};
    use super::*;

    fn ids(page: &ItemsPage) -> Vec<&str> {
        let ids = page.items.iter();
        ids.map(|item| item["id"].as_str().unwrap()).collect()
    }

    fn wanted<'a>(offset: usize, limit: usize, filter: &'a str, search: &'a str) -> Wanted<'a> {
        Wanted {
            offset,
            limit,
            filter,
            search,
        }
    }

    #[test]
    fn items_are_paged_filtered_and_searched() {
        let (_dir, state) = shop();
        let found = |offset, limit, filter, search| {
            let page = page(&state, &wanted(offset, limit, filter, search)).unwrap();
            let ids: Vec<String> = ids(&page).into_iter().map(str::to_owned).collect();
            (ids.join(" "), page.matches)
        };
        assert_eq!(found(0, 2, "", ""), ("B01 B02".to_owned(), Some(3)));
        assert_eq!(found(2, 2, "", ""), ("B03".to_owned(), Some(3)));
        assert_eq!(found(9, 2, "", ""), (String::new(), Some(3)));
        assert_eq!(
            found(0, 9, "price > 15", ""),
            ("B02 B03".to_owned(), Some(2))
        );
        assert_eq!(found(1, 9, "price > 15", ""), ("B03".to_owned(), Some(2)));
        assert_eq!(found(0, 1, "price > 15", ""), ("B02".to_owned(), Some(2)));
        assert_eq!(found(0, 9, "", "BOOTS"), ("B02".to_owned(), Some(1)));
        assert_eq!(found(0, 9, "", "b03"), ("B03".to_owned(), Some(1)));
        assert_eq!(
            found(0, 9, "price > 15", "boots"),
            ("B02".to_owned(), Some(1))
        );
        let error = page(&state, &wanted(0, 9, "prize > 15", "")).unwrap_err();
        assert_eq!(error.part, Some("filter"));
    }

    #[test]
    fn an_item_has_its_neighbours_in_every_space() {
        let (_dir, state) = shop();
        let item = one(&state, "B01").unwrap();
        assert_eq!(item.record.unwrap()["title"], "red shoes");
        assert_eq!(
            (item.history.total, item.history.revisions[0].revision),
            (1, 1)
        );
        assert_eq!(item.spaces.len(), 1);
        let neighbours: Vec<&str> = item.spaces[0]
            .neighbours
            .iter()
            .map(|hit| hit.id.as_str())
            .collect();
        assert_eq!(neighbours, ["B02", "B03"]);
        assert!(item.spaces[0].norm.is_some());
        let (_dir, state) = shop_with_words();
        let titles = one(&state, "B01").unwrap().spaces.pop().unwrap();
        assert!(titles.is_lexical && titles.norm.is_none() && titles.problem.is_none());
        assert!(one(&state, "nope").unwrap_err().message.contains("nope"));
    }
}
