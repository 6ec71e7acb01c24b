//! A recall of a lexical space: the items with the best BM25 scores for a text.
//!
//! Every answer is exact. An item without a term of the query scores 0; it is in no list of the space, but has that
//! score in an ensemble, and in a later stage of a cascade.

use super::excluded::Excluded;
use super::explain::{WordSearch, WordTerm};
use super::query::{Query, QueryInput};
use super::resolved_filter::ResolvedFilter;
use super::top_k::TopK;
use super::view::View;
use crate::error::Error;
use crate::lexical::{
    Analyser, Analysis, Lexical, LexicalIndex, RowScorer, TermQuery, TermStatistics, search,
};
use crate::snapshot::{ItemIds, Snapshot, TextIndexes};
use serde_json::Value;
use std::borrow::Cow;
use std::cell::{Cell, OnceCell};
use std::collections::{BTreeMap, HashMap};
use twinspire_core::ids::{GenerationNo, ItemNo};
use twinspire_core::telemetry;
use twinspire_core::wire::{checksum, pack};
use twinspire_towers::internals::{Fields, describe};

/// Of an item that is the query, the terms that say most about it: more of them hardly change the answer.
const TERMS_OF_AN_ITEM: usize = 32;

/// Scoring one item in each term costs about as much as scoring this many items of a list.
const POSTINGS_PER_LOOKUP: usize = 16;

/// A lexical space that is searched.
pub(super) struct LexicalSpace<'a> {
    /// Its name.
    pub(super) name: &'a str,
    /// Its active generation.
    pub(super) generation: GenerationNo,
    lexical: &'a Lexical,
    analysis: Analysis,
    indexes: TextIndexes<'a>,
}

/// A query in a lexical space.
pub(super) struct LexicalQuery<'s> {
    space: &'s LexicalSpace<'s>,
    query: TermQuery,
    views: Vec<LexicalIndex<'s>>,
    /// Scores single rows of each view.
    scorers: OnceCell<Vec<RowScorer<'s>>>,
    /// The score of every item that has one, cached once enough of them were asked for.
    all: OnceCell<HashMap<ItemNo, f32>>,
    /// Number of items that were scored one by one.
    lookups: Cell<usize>,
}

/// Which items a search of a lexical space may return.
#[derive(Clone, Copy)]
pub(super) struct LexicalLimits<'q> {
    /// Items that must not be returned.
    pub(super) excluded: Excluded<'q>,
    /// The filter that every returned item passes, if there is one.
    pub(super) filter: Option<&'q ResolvedFilter<'q>>,
    /// Minimum score.
    pub(super) at_least: Option<f32>,
}

impl<'a> LexicalSpace<'a> {
    /// The lexical space of a name; `None` for a name without one.
    pub(super) fn of(snapshot: &'a Snapshot, name: &str) -> Result<Option<Self>, Error> {
        let spaces = &snapshot.sealed.manifest.lexical;
        let Some((name, space)) = spaces.get_key_value(name) else {
            return Ok(None);
        };
        let Some(active) = space.active() else {
            return Ok(None);
        };
        let analysis = active.lexical.analysis();
        Ok(Some(Self {
            name,
            generation: active.number,
            lexical: &active.lexical,
            indexes: TextIndexes::of(snapshot, &analysis)?,
            analysis,
        }))
    }

    /// The field of the user with the text that is searched for.
    pub(super) fn field(&self) -> &'a str {
        self.lexical.query()
    }

    /// Refuses a query without a text for this space. An item has one too.
    pub(super) fn check_text(&self, query: &Query<'_>) -> Result<(), Error> {
        let has_text = match (query.text, query.input_in(self.name)) {
            (None, Ok(QueryInput::User(user))) => !matches!(self.text_of(user), Ok(None)),
            (None, Ok(QueryInput::Vector(_) | QueryInput::Prepared(_)) | Err(_)) => false,
            _ => true,
        };
        has_text.then_some(()).ok_or_else(|| Error::NoText {
            space: self.name.to_owned(),
            field: self.field().to_owned(),
        })
    }

    /// A query, over these statistics or those of this space. A user without a text matches nothing.
    pub(super) fn query<'s>(
        &'s self,
        view: &View,
        query: &Query<'_>,
        statistics: Option<&TermStatistics>,
    ) -> Result<LexicalQuery<'s>, Error> {
        let views = self.indexes.views();
        let counts = self.counts(view, query, &views)?;
        let own = || TermStatistics::of(counts.keys(), &views);
        let statistics = statistics.map_or_else(|| Cow::Owned(own()), Cow::Borrowed);
        let (lexical, analysis) = (self.lexical, &self.analysis);
        Ok(LexicalQuery {
            query: TermQuery::with_statistics(&counts, lexical, analysis, &statistics),
            space: self,
            views,
            scorers: OnceCell::new(),
            all: OnceCell::new(),
            lookups: Cell::new(0),
        })
    }

    /// The statistics of this space for a query.
    pub(super) fn statistics(
        &self,
        view: &View,
        query: &Query<'_>,
    ) -> Result<TermStatistics, Error> {
        let views = self.indexes.views();
        let counts = self.counts(view, query, &views)?;
        Ok(TermStatistics::of(counts.keys(), &views))
    }

    /// A hash of the definition.
    pub(super) fn hash(&self) -> u64 {
        pack(self.lexical).map_or(0, |bytes| checksum(&bytes))
    }

    /// The terms of a query, and how often it has each.
    fn counts(
        &self,
        view: &View,
        query: &Query<'_>,
        views: &[LexicalIndex<'_>],
    ) -> Result<BTreeMap<String, u32>, Error> {
        let analyser = Analyser::new(&self.analysis);
        Ok(match (query.text, query.input_in(self.name)) {
            (Some(text), _) => analyser.counts(text),
            (None, Ok(QueryInput::User(user))) => {
                let text = self.text_of(user)?;
                text.map_or_else(BTreeMap::new, |text| analyser.counts(text))
            }
            (None, Ok(QueryInput::Item(id))) => self.terms_of(view, id, &analyser, views)?,
            (None, Ok(QueryInput::Vector(_) | QueryInput::Prepared(_)) | Err(_)) => BTreeMap::new(),
        })
    }

    /// The text of a user; `None` if the field is absent.
    fn text_of<'u>(&self, user: &'u Value) -> Result<Option<&'u str>, Error> {
        let mut members = self.field().split('.');
        let value = members.try_fold(user, |value, member| value.get(member));
        match user.get(self.field()).or(value) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(Error::QueryText {
                space: self.name.to_owned(),
                field: self.field().to_owned(),
                found: describe(other),
            }),
        }
    }

    /// The terms of an item that are most frequent in it and rarest elsewhere.
    fn terms_of(
        &self,
        view: &View,
        id: &str,
        analyser: &Analyser<'_>,
        views: &[LexicalIndex<'_>],
    ) -> Result<BTreeMap<String, u32>, Error> {
        let record = view.record(id)?;
        let fields = record.map_or_else(Fields::default, |record| Fields::of(&record));
        let terms = analyser.document(&fields).terms.into_iter();
        let mut terms: Vec<_> = terms
            .map(|(term, times)| {
                let weight = TermQuery::weight_of(&term, views) * f64::from(times);
                (weight, term)
            })
            .collect();
        terms.sort_unstable_by(|(a, term), (b, other)| b.total_cmp(a).then(term.cmp(other)));
        let best = terms.into_iter().take(TERMS_OF_AN_ITEM);
        Ok(best.map(|(_, term)| (term, 1)).collect())
    }
}

impl LexicalQuery<'_> {
    /// Name of the space.
    pub(super) fn space(&self) -> &str {
        self.space.name
    }

    /// A hash of the definition of the space.
    pub(super) fn definition_hash(&self) -> u64 {
        self.space.hash()
    }

    /// The generation of the space.
    pub(super) fn generation(&self) -> GenerationNo {
        self.space.generation
    }

    /// What is searched for, for an explanation.
    pub(super) fn explain(&self) -> WordSearch {
        let terms = self.query.terms().map(|(term, weight)| {
            let counts = self.views.iter().map(|view| u64::from(view.count(term)));
            WordTerm {
                term: term.to_owned(),
                items: counts.sum(),
                weight,
            }
        });
        WordSearch {
            space: self.space.name.to_owned(),
            generation: self.space.generation,
            indexes: self.views.len(),
            terms: terms.collect(),
        }
    }

    /// The best `k` items that have a term of the query.
    pub(super) fn top_k(
        &self,
        limits: &LexicalLimits<'_>,
        ids: &ItemIds<'_>,
        k: usize,
    ) -> Result<Vec<(f32, ItemNo)>, Error> {
        let _span = telemetry::trace_span!("search", space = self.space.name, k).entered();
        let least = limits.at_least.unwrap_or(f32::NEG_INFINITY);
        let mut best = TopK::new(k, least, ids);
        let mut failed = None;
        for (at, view) in self.views.iter().enumerate() {
            search(*view, &self.query, best.threshold(), |row, score| {
                match self.returnable(limits, at, row) {
                    Ok(Some(item)) => best.push(score, item),
                    Ok(None) => {}
                    Err(error) => failed = Some(error),
                }
                best.threshold()
            });
        }
        failed.map_or_else(|| Ok(best.into_sorted()), Err)
    }

    /// Every item with a term of the query that may be returned, with its score, in no particular order.
    pub(super) fn score_all(
        &self,
        limits: &LexicalLimits<'_>,
    ) -> Result<Vec<(f32, ItemNo)>, Error> {
        let (mut all, mut failed) = (Vec::new(), None);
        let least = limits.at_least.unwrap_or(f32::NEG_INFINITY);
        for (at, view) in self.views.iter().enumerate() {
            search(*view, &self.query, least, |row, score| {
                match self.returnable(limits, at, row) {
                    Ok(item) => all.extend(item.map(|item| (score, item))),
                    Err(error) => failed = Some(error),
                }
                least
            });
        }
        failed.map_or(Ok(all), Err)
    }

    /// The item of a row, if it may be returned.
    fn returnable(
        &self,
        limits: &LexicalLimits<'_>,
        view: usize,
        row: u32,
    ) -> Result<Option<ItemNo>, Error> {
        let item = self.space.indexes.item(view, row);
        let Some(item) = item.filter(|item| !limits.excluded.contains(*item)) else {
            return Ok(None);
        };
        let passes = limits
            .filter
            .map_or(Ok(true), |filter| filter.passes_newest(item));
        Ok(passes?.then_some(item))
    }

    /// The score of an item; 0 if it has no term of the query.
    pub(super) fn score(&self, item: ItemNo) -> f32 {
        if let Some(all) = self.all.get() {
            return all.get(&item).copied().unwrap_or_default();
        }
        let scorers = self.scorers.get_or_init(|| {
            let views = self.views.iter();
            views
                .map(|view| RowScorer::new(*view, &self.query))
                .collect()
        });
        let lookups = self.lookups.get() + 1;
        self.lookups.set(lookups);
        let postings: usize = scorers.iter().map(RowScorer::postings).sum();
        if lookups.saturating_mul(POSTINGS_PER_LOOKUP) > postings {
            let all = self.all.get_or_init(|| self.scores_of_all());
            return all.get(&item).copied().unwrap_or_default();
        }
        let found = self.space.indexes.find(item);
        let score = found.and_then(|(view, row)| Some(scorers.get(view)?.score(row)));
        score.unwrap_or_default()
    }

    fn scores_of_all(&self) -> HashMap<ItemNo, f32> {
        let mut all = HashMap::new();
        for (at, view) in self.views.iter().enumerate() {
            search(*view, &self.query, f32::NEG_INFINITY, |row, score| {
                if let Some(item) = self.space.indexes.item(at, row) {
                    all.insert(item, score);
                }
                f32::NEG_INFINITY
            });
        }
        all
    }

    /// The ranks of `items` among all items with a term of the query that may be returned, from 1.
    pub(super) fn exact_ranks(
        &self,
        limits: &LexicalLimits<'_>,
        ids: &ItemIds<'_>,
        items: &[(f32, ItemNo)],
    ) -> Result<HashMap<ItemNo, u32>, Error> {
        let limits = LexicalLimits {
            at_least: None,
            ..*limits
        };
        let mut all = self.score_all(&limits)?;
        all.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then_with(|| ids.compare(a.1, b.1)));
        let ranks: HashMap<ItemNo, u32> = all.iter().map(|(_, item)| *item).zip(1..).collect();
        let found = items
            .iter()
            .filter_map(|(_, item)| Some((*item, *ranks.get(item)?)));
        Ok(found.collect())
    }

    /// Number of items of the space: an upper bound of those that it can list.
    pub(super) fn items(&self) -> u64 {
        let rows = self
            .views
            .iter()
            .map(|view| u64::from(view.shape().documents));
        rows.sum()
    }
}
