//! The stand-in for a program without the feature `tokens`.

use super::tokenised::Tokenised;
use crate::tower::error::TowerError;
use std::sync::Arc;
use twinspire_core::files::Blob;

/// A tokenizer, which cannot exist without the feature.
#[derive(Clone, Debug)]
pub enum Tokenizer {}

impl Tokenizer {
    /// Refuses the file and names the feature.
    pub(crate) fn open(_: &Arc<Blob>) -> Result<Self, TowerError> {
        let what = "a feature reads tokens, but this program was built without support: build it with the feature \
                    `tokens` of the crate twinspire";
        Err(TowerError::tokens("file", what))
    }

    pub(crate) fn blob(&self) -> &Arc<Blob> {
        match *self {}
    }

    pub(crate) fn rows(&self) -> u32 {
        match *self {}
    }

    pub(crate) fn pad(&self) -> u32 {
        match *self {}
    }

    pub(crate) fn unknown(&self) -> Option<u32> {
        match *self {}
    }

    pub(crate) fn encode(&self, _: &str, _: usize, _: bool, _: &mut Vec<u32>) -> Tokenised {
        match *self {}
    }
}
