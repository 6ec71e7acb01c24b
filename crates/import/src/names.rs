//! The names under which columns are known.

use serde_json::{Map, Value};

use crate::options::ReadOptions;

pub(crate) const ITEM_IDS: &[&str] = &["id", "item_id"];
pub(crate) const USER_IDS: &[&str] = &["user_id", "id"];
pub(crate) const USERS: &[&str] = &["user", "user_id"];
pub(crate) const ITEMS: &[&str] = &["item", "item_id"];
pub(crate) const TIMES: &[&str] = &["timestamp", "at", "time"];
pub(crate) const WEIGHTS: &[&str] = &["weight", "rating"];

/// A column that is looked for: the name that the user gave, or the names by which it is known.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    given: Option<String>,
    /// A name that is taken where the file has it: `--id movieId` for the items of events.
    also: Option<String>,
    known: &'static [&'static str],
}

impl Wanted {
    /// The id of an item.
    pub(crate) fn item_id(options: &ReadOptions) -> Self {
        Self {
            given: options.id.clone(),
            also: None,
            known: ITEM_IDS,
        }
    }

    /// The id of a user in a file of users.
    pub(crate) fn user_id(options: &ReadOptions) -> Self {
        Self {
            given: options.user.clone(),
            also: options.id.clone(),
            known: USER_IDS,
        }
    }

    /// The user of an event.
    pub(crate) fn user(options: &ReadOptions) -> Self {
        Self {
            given: options.user.clone(),
            also: None,
            known: USERS,
        }
    }

    /// The item of an event.
    pub(crate) fn item(options: &ReadOptions) -> Self {
        Self {
            given: options.item.clone(),
            also: options.id.clone(),
            known: ITEMS,
        }
    }

    /// The time of an event.
    pub(crate) fn time(options: &ReadOptions) -> Self {
        Self {
            given: options.time.clone(),
            also: None,
            known: TIMES,
        }
    }

    /// The weight of an event.
    pub(crate) fn weight(options: &ReadOptions) -> Self {
        Self {
            given: options.weight.clone(),
            also: None,
            known: WEIGHTS,
        }
    }

    /// The name that the user gave.
    pub(crate) fn given(&self) -> Option<&str> {
        self.given.as_deref()
    }

    /// Whether a column may be meant.
    #[cfg(feature = "arrow")]
    pub(crate) fn is_called(&self, column: &str) -> bool {
        let given = [&self.given, &self.also].into_iter().flatten();
        let known = || self.known.iter().any(|name| plain(column).eq(plain(name)));
        given.into_iter().any(|name| name == column) || self.given.is_none() && known()
    }

    /// The names looked for, as an error lists them.
    pub(crate) fn names(&self) -> Vec<&str> {
        match &self.given {
            Some(given) => vec![given],
            None => self.known.iter().take(2).copied().collect(),
        }
    }

    /// The first of these columns that is meant. A name may be written in other ways: `userId` for `user_id`.
    pub(crate) fn find<'a>(
        &self,
        columns: impl Iterator<Item = &'a str> + Clone,
    ) -> Option<&'a str> {
        let exact = |name: &str| columns.clone().find(|column| *column == name);
        if let Some(given) = &self.given {
            return exact(given);
        }
        if let Some(found) = self.also.as_deref().and_then(exact) {
            return Some(found);
        }
        let known = self.known.iter().find_map(|name| exact(name));
        known.or_else(|| {
            let alike = |name: &&str| columns.clone().find(|column| plain(column).eq(plain(name)));
            self.known.iter().find_map(alike)
        })
    }

    /// Removes the first field that is meant and not null, with its name.
    pub(crate) fn take(&self, fields: &mut Map<String, Value>) -> Option<(String, Value)> {
        let present = fields.iter().filter(|(_, value)| !value.is_null());
        let name = self
            .find(present.map(|(name, _)| name.as_str()))?
            .to_owned();
        let value = fields.remove(&name)?;
        Some((name, value))
    }
}

/// A name without case and marks.
fn plain(name: &str) -> impl Iterator<Item = char> {
    let marks = |c: &char| !matches!(c, '_' | '-' | ' ' | '.');
    name.chars().filter(marks).flat_map(char::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_found_by_the_name_given_or_by_those_known() {
        let find = |wanted: &Wanted, columns: &[&str]| {
            wanted.find(columns.iter().copied()).map(str::to_owned)
        };
        let plain = ReadOptions::new();
        let user = Wanted::user(&plain);
        assert_eq!(
            find(&user, &["userId", "movieId"]).as_deref(),
            Some("userId")
        );
        assert_eq!(find(&user, &["User ID", "user"]).as_deref(), Some("user"));
        assert_eq!(find(&user, &["users"]), None);
        let given = ReadOptions::new().user("who").id("movieId");
        assert_eq!(find(&Wanted::user(&given), &["user"]), None);
        assert_eq!(
            find(&Wanted::user(&given), &["user", "who"]).as_deref(),
            Some("who")
        );
        let item = Wanted::item(&given);
        assert_eq!(
            find(&item, &["userId", "movieId"]).as_deref(),
            Some("movieId")
        );
        assert_eq!(find(&item, &["item", "user"]).as_deref(), Some("item"));
        assert_eq!(
            find(&Wanted::user_id(&given), &["id", "who"]).as_deref(),
            Some("who")
        );
        assert_eq!(
            find(
                &Wanted::user_id(&ReadOptions::new().id("key")),
                &["id", "key"]
            )
            .as_deref(),
            Some("key")
        );
    }
}
