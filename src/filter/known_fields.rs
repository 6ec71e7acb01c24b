//! The fields of the items, against which a filter is checked.

use super::field_kinds::FieldKinds;
use super::limits::MAX_KNOWN_FIELDS;
use bincode::{Decode, Encode};
use std::collections::{BTreeMap, BTreeSet};
use twinspire_towers::internals::Fields;

/// The fields of the items, and the types of their values.
///
/// The set only grows: a filter that it once accepted stays valid, whatever happens to the items.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct KnownFields {
    fields: BTreeMap<String, FieldKinds>,
    /// Whether there may be other fields: more than the set can list, or nothing is known.
    open: bool,
    /// Paths that the user keeps out of filters. They and their members are not indexed.
    unfiltered: BTreeSet<String>,
}

impl KnownFields {
    /// Nothing is known: any field may exist and hold anything.
    pub(crate) fn unknown() -> Self {
        Self {
            open: true,
            ..Self::default()
        }
    }

    /// Adds the fields of an item.
    pub(crate) fn add_item(&mut self, fields: &Fields) {
        for (path, value) in fields.iter() {
            self.add(path, FieldKinds::of(value));
        }
    }

    /// Whether an item has no other fields, and no other types in them.
    pub(crate) fn covers_item(&self, fields: &Fields) -> bool {
        let mut fields = fields.iter();
        fields.all(|(path, value)| match self.fields.get(path) {
            Some(known) => known.covers(FieldKinds::of(value)),
            None => self.open,
        })
    }

    /// Whether these fields, and the types in them, are among the known ones.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        let mut fields = other.fields.iter();
        (self.open || !other.open)
            && fields.all(|(path, kinds)| match self.fields.get(path) {
                Some(known) => known.covers(*kinds),
                None => self.open,
            })
    }

    /// Adds the types that some items have in a field. A field beyond [`MAX_KNOWN_FIELDS`] is not
    /// listed: from then on any other field may exist.
    pub(crate) fn add(&mut self, path: &str, kinds: FieldKinds) {
        if self.fields.contains_key(path) || !self.open && self.fields.len() < MAX_KNOWN_FIELDS {
            let known = self.fields.entry(path.to_owned()).or_default();
            known.add(kinds);
            known.untyped |= known.only_empty_lists();
        } else {
            self.open = true;
        }
    }

    /// The fields of a segment.
    pub(crate) fn of_columns<'a>(columns: impl Iterator<Item = (&'a str, FieldKinds)>) -> Self {
        let fields = columns.map(|(path, kinds)| (path.to_owned(), kinds));
        Self {
            fields: fields.collect(),
            ..Self::default()
        }
    }

    /// Adds all of these fields.
    pub(crate) fn add_all(&mut self, other: &Self) {
        for (path, kinds) in &other.fields {
            self.add(path, *kinds);
        }
        self.open |= other.open;
    }

    /// Says that there may be other fields.
    pub(crate) fn set_open(&mut self) {
        self.open = true;
    }

    /// Whether the set has more fields than it may list.
    pub(crate) fn is_too_long(&self) -> bool {
        self.fields.len() > MAX_KNOWN_FIELDS
    }

    /// Paths that the user keeps out of filters.
    pub(crate) fn unfiltered(&self) -> &BTreeSet<String> {
        &self.unfiltered
    }

    /// Keeps other paths out of filters than before.
    pub(crate) fn set_unfiltered(&mut self, paths: BTreeSet<String>) {
        self.unfiltered = paths;
    }

    /// Whether the user keeps a field out of filters.
    pub(super) fn is_unfiltered(&self, path: &str) -> bool {
        is_within(&self.unfiltered, path)
    }

    /// Whether no item ever had a field.
    pub(crate) fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Whether the field is known to hold no lists.
    pub(super) fn holds_no_lists(&self, path: &str) -> bool {
        match self.fields.get(path) {
            Some(kinds) => !kinds.lists,
            None => !self.open,
        }
    }

    /// Whether numbers are known to occur in the field.
    pub(super) fn holds_numbers(&self, path: &str) -> bool {
        self.fields.get(path).is_some_and(|kinds| kinds.numbers)
    }

    /// Whether other fields than the known ones may exist.
    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// The types of the values of a field; none for a field that no item has.
    pub(super) fn kinds(&self, path: &str) -> Option<FieldKinds> {
        self.fields.get(path).copied()
    }

    /// The paths of all fields, in order.
    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        self.fields.keys().map(String::as_str)
    }

    /// The paths of the members of the object at `path`, in order.
    pub(super) fn members(&self, path: &str) -> impl Iterator<Item = &str> {
        let prefix = format!("{path}.");
        let paths = self.fields.range(prefix.clone()..);
        let paths = paths.map(|(member, _)| member.as_str());
        paths.take_while(move |member| member.starts_with(&prefix))
    }
}

/// Whether a path is one of these, or that of a member of one.
pub(crate) fn is_within(paths: &BTreeSet<String>, path: &str) -> bool {
    let mut above = path.match_indices('.').map(|(dot, _)| dot);
    !paths.is_empty()
        && (paths.contains(path)
            || above.any(|dot| path.get(..dot).is_some_and(|above| paths.contains(above))))
}
