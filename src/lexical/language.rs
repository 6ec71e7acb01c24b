//! The languages whose words are stemmed.

use bincode::{Decode, Encode};
use rust_stemmers::{Algorithm, Stemmer};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Defines [`Language`] and its stemmers.
macro_rules! languages {
    ($($name:ident $text:literal),* $(,)?) => {
        /// The language of a [`Lexical`](crate::Lexical) space: decides how words are reduced to stems
        /// ([Snowball](https://snowballstem.org)).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum Language {
            /// Words are lower-cased and not stemmed.
            None,
            $(#[doc = concat!(stringify!($name), ".")] $name,)*
        }

        impl Language {
            /// The stemmer; `None` if words are not stemmed.
            pub(super) fn stemmer(self) -> Option<Stemmer> {
                match self {
                    Self::None => None,
                    $(Self::$name => Some(Stemmer::create(Algorithm::$name)),)*
                }
            }

            /// All languages.
            #[cfg(test)]
            pub(super) const ALL: &[Self] = &[Self::None, $(Self::$name),*];

            fn name(self) -> &'static str {
                match self {
                    Self::None => "none",
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

languages! {
    Arabic "arabic",
    Danish "danish",
    Dutch "dutch",
    English "english",
    Finnish "finnish",
    French "french",
    German "german",
    Greek "greek",
    Hungarian "hungarian",
    Italian "italian",
    Norwegian "norwegian",
    Portuguese "portuguese",
    Romanian "romanian",
    Russian "russian",
    Spanish "spanish",
    Swedish "swedish",
    Tamil "tamil",
    Turkish "turkish",
}

/// English.
impl Default for Language {
    fn default() -> Self {
        Self::English
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
