use super::number::Number;
use serde_json::Value;
use std::cmp::Ordering;

/// A scalar that filters compare, ordered by kind, then by value.
#[derive(Clone, Debug)]
pub enum Term {
    /// `true` or `false`; `false` is less.
    Bool(bool),
    /// A number; integers and floats compare exactly.
    Number(Number),
    /// A string, ordered by its bytes.
    Text(String),
}

impl Term {
    /// The rank of the kind.
    pub(super) fn kind(&self) -> u8 {
        match self {
            Self::Bool(_) => 0,
            Self::Number(_) => 1,
            Self::Text(_) => 2,
        }
    }

    /// The term of a scalar; `None` for null, lists and objects.
    pub(super) fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Bool(flag) => Some(Self::Bool(*flag)),
            Value::Number(number) => Number::of(number).map(Self::Number),
            Value::String(text) => Some(Self::Text(text.clone())),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

impl Ord for Term {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Number(a), Self::Number(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            _ => self.kind().cmp(&other.kind()),
        }
    }
}

impl PartialOrd for Term {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Term {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Term {}
