//! The types of values in a field.

use super::limits::MAX_LIST_NUMBERS;
use bincode::{Decode, Encode};
use twinspire_towers::internals::{FieldValue, Term};

/// Types of values that occur in a field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
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
    /// Lists of too many numbers for an index.
    pub(crate) number_lists: bool,
    /// At some time only empty lists were known. Filters compared the field with anything then, and
    /// must stay valid.
    pub(crate) untyped: bool,
}

impl FieldKinds {
    /// Anything may occur.
    pub(crate) const ANY: Self = Self {
        booleans: true,
        numbers: true,
        texts: true,
        places: true,
        lists: true,
        number_lists: true,
        untyped: true,
    };

    /// The types of one value.
    pub(crate) fn of(value: &FieldValue) -> Self {
        let mut kinds = Self::default();
        match value {
            FieldValue::Place(_) => kinds.places = true,
            FieldValue::Terms { terms, list } => {
                kinds.lists = *list;
                let numbers = terms.iter().filter(|term| matches!(term, Term::Number(_)));
                kinds.number_lists = numbers.count() > MAX_LIST_NUMBERS;
                for term in terms {
                    *kinds.type_of(term) = true;
                }
                kinds.numbers &= !kinds.number_lists;
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
    pub(crate) fn add(&mut self, other: Self) {
        self.booleans |= other.booleans;
        self.numbers |= other.numbers;
        self.texts |= other.texts;
        self.places |= other.places;
        self.lists |= other.lists;
        self.number_lists |= other.number_lists;
        self.untyped |= other.untyped;
    }

    /// Whether these types include all of the others.
    pub(super) fn covers(mut self, other: Self) -> bool {
        let before = self;
        self.add(other);
        self == before
    }

    /// The types in words, for messages: "`price` holds …".
    pub(super) fn in_words(self) -> String {
        let all = [
            (self.booleans, "booleans"),
            (self.numbers, "numbers"),
            (self.texts, "texts"),
            (self.places, "places"),
            (self.number_lists, "long lists of numbers"),
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

    /// Whether only lists of too many numbers for an index occur, and empty ones.
    pub(super) fn only_number_lists(self) -> bool {
        self.number_lists && self.has_no_terms()
    }

    /// Whether neither terms nor places occur, but in lists of too many numbers.
    fn has_no_terms(self) -> bool {
        !(self.booleans || self.numbers || self.texts || self.places)
    }

    /// Whether only empty lists occur.
    pub(super) fn only_empty_lists(self) -> bool {
        self.lists && !self.number_lists && self.has_no_terms()
    }
}
