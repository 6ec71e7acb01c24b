//! The types of values in a field.

use twinspire_towers::internals::{FieldValue, Term};

/// Types of values that occur in a field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "a set of independent types")]
pub(crate) struct FieldKinds {
    /// `true` or `false`.
    pub(crate) booleans: bool,
    /// Numbers.
    pub(crate) numbers: bool,
    /// Strings.
    pub(crate) texts: bool,
    /// Places: objects with `lat` and `lon`.
    pub(crate) places: bool,
    /// Lists of any of these, or empty ones.
    pub(crate) lists: bool,
}

impl FieldKinds {
    /// Anything may occur.
    pub(crate) const ANY: Self = Self {
        booleans: true,
        numbers: true,
        texts: true,
        places: true,
        lists: true,
    };

    /// The types of one value.
    pub(super) fn of(value: &FieldValue) -> Self {
        let mut kinds = Self::default();
        match value {
            FieldValue::Place(_) => kinds.places = true,
            FieldValue::Terms { terms, list } => {
                kinds.lists = *list;
                for term in terms {
                    *kinds.type_of(term) = true;
                }
            }
        }
        kinds
    }

    /// Whether values of the type of this term occur.
    pub(super) fn holds_type_of(mut self, term: &Term) -> bool {
        *self.type_of(term)
    }

    fn type_of(&mut self, term: &Term) -> &mut bool {
        match term {
            Term::Bool(_) => &mut self.booleans,
            Term::Number(_) => &mut self.numbers,
            Term::Text(_) => &mut self.texts,
        }
    }

    /// Adds the types that occur elsewhere.
    pub(super) fn add(&mut self, other: Self) {
        self.booleans |= other.booleans;
        self.numbers |= other.numbers;
        self.texts |= other.texts;
        self.places |= other.places;
        self.lists |= other.lists;
    }

    /// The types in words, for messages: "`price` holds …".
    pub(super) fn in_words(self) -> String {
        let all = [
            (self.booleans, "booleans"),
            (self.numbers, "numbers"),
            (self.texts, "texts"),
            (self.places, "places"),
        ];
        let held: Vec<_> = all
            .iter()
            .filter(|(held, _)| *held)
            .map(|(_, name)| *name)
            .collect();
        match held.split_last() {
            None => "only empty lists".to_owned(),
            Some((last, [])) => (*last).to_owned(),
            Some((last, others)) => format!("{} and {last}", others.join(", ")),
        }
    }

    /// Whether only empty lists occur.
    pub(super) fn only_empty_lists(self) -> bool {
        self == Self {
            lists: true,
            ..Self::default()
        }
    }
}
