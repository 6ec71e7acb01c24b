//! The fields of the items, against which a filter is checked.

use super::field_kinds::FieldKinds;
use std::collections::BTreeMap;
use twinspire_towers::internals::{FieldValue, Fields};

/// The fields of the items, and the types of their values.
#[derive(Clone, Debug, Default)]
pub(crate) struct KnownFields {
    fields: BTreeMap<String, FieldKinds>,
    /// Whether there may be other fields.
    open: bool,
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
            self.add_value(path, value);
        }
    }

    /// Adds the value of one field of an item.
    pub(crate) fn add_value(&mut self, path: &str, value: &FieldValue) {
        self.add(path, FieldKinds::of(value));
    }

    /// Adds the types that some items have in a field.
    pub(crate) fn add(&mut self, path: &str, kinds: FieldKinds) {
        match self.fields.get_mut(path) {
            Some(known) => known.add(kinds),
            None => drop(self.fields.insert(path.to_owned(), kinds)),
        }
    }

    /// Whether no item has any field.
    pub(crate) fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Whether the field is known to hold no lists.
    pub(super) fn holds_no_lists(&self, path: &str) -> bool {
        !self.open && self.fields.get(path).is_none_or(|kinds| !kinds.lists)
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
