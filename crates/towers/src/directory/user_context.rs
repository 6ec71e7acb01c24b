//! Embedding users outside of a database: what a recall of a database gives the user tower beside the features.

use super::towers::Towers;
use crate::error::TowersError;
use crate::tower::{FeatureCheck, IDS_PER_LOOKUP, Reading, Side};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeMap;
use twinspire_core::kernel::Row;

/// What the user tower reads beside the features of a user, for [`Towers::embed_user_with`].
#[derive(Clone, Copy, Default)]
pub struct UserContext<'a> {
    vectors: Option<&'a BTreeMap<String, Vec<f32>>>,
    check: FeatureCheck,
    others: &'a [Towers],
    fields: &'a [&'a str],
}

impl<'a> UserContext<'a> {
    /// The features are for one tower, which finds no items.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the vectors of items that the tower may look up, by id; [`Towers::items_of_user`] lists the ids.
    #[must_use]
    pub fn vectors(mut self, vectors: &'a BTreeMap<String, Vec<f32>>) -> Self {
        self.vectors = Some(vectors);
        self
    }

    /// Sets how strictly the features are read.
    #[must_use]
    pub fn check(mut self, check: FeatureCheck) -> Self {
        self.check = check;
        self
    }

    /// Names other towers that get the same features, as in a recall of an ensemble: fields that they read are right.
    #[must_use]
    pub fn others(mut self, towers: &'a [Towers]) -> Self {
        self.others = towers;
        self
    }

    /// Names fields that others read, such as the text of a lexical space.
    #[must_use]
    pub fn fields(mut self, fields: &'a [&'a str]) -> Self {
        self.fields = fields;
        self
    }

    fn reads(&self, field: &str) -> bool {
        let mut others = self.others.iter();
        self.fields.contains(&field) || others.any(|towers| towers.model().reads(Side::User, field))
    }
}

impl Towers {
    /// The ids of the items whose vectors the user tower looks up for a user, each once: those of features over past items.
    /// Empty for features that cannot be read.
    #[must_use]
    pub fn items_of_user(&self, features: &Value) -> Vec<String> {
        let asked = RefCell::new(Vec::<String>::new());
        let items = |ids: &[&str], _: &mut dyn FnMut(usize, Row<'_>)| {
            let mut asked = asked.borrow_mut();
            for id in ids {
                if !asked.iter().any(|known| known == id) {
                    asked.push((*id).to_owned());
                }
            }
        };
        let reading = Reading {
            items: Some(&items),
            check: FeatureCheck::Lenient,
            others: None,
        };
        // The vector lacks the items: only what was looked up matters.
        let _ = self.model().embed(Side::User, features, reading);
        asked.into_inner()
    }

    /// Embeds a user as a recall of a database with these items does; otherwise as [`embed_user`](Self::embed_user).
    ///
    /// # Errors
    /// As [`embed_user`](Self::embed_user).
    pub fn embed_user_with(
        &self,
        features: &Value,
        context: &UserContext<'_>,
    ) -> Result<Vec<f32>, TowersError> {
        let items = |ids: &[&str], read: &mut dyn FnMut(usize, Row<'_>)| {
            debug_assert!(ids.len() <= IDS_PER_LOOKUP);
            for (at, id) in ids.iter().enumerate() {
                let vector = context.vectors.and_then(|vectors| vectors.get(*id));
                if let Some(vector) = vector {
                    read(at, Row::Full(vector));
                }
            }
        };
        let reads = |field: &str| context.reads(field);
        let beside_others = !context.others.is_empty() || !context.fields.is_empty();
        let reading = Reading {
            items: Some(&items),
            check: context.check,
            others: beside_others.then_some(&reads),
        };
        let (users, mut vector) = (std::slice::from_ref(features), Vec::new());
        let embedded = self
            .model()
            .embed_into(Side::User, users, reading, &mut vector);
        embedded.map_err(|(_, source)| TowersError::User { at: None, source })?;
        Ok(vector)
    }
}
