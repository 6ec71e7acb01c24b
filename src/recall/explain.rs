//! How an answer was found: the plan and the work of each segment, the steps of a fusion, and the time
//! of each stage.

use crate::index::IndexReason;
use crate::manifest::MeasuredRecall;
use serde::Serialize;
use std::fmt;
use twinspire_core::ids::GenerationNo;

/// How an answer was found; see [`Hits::explained`](crate::Hits::explained).
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Explain {
    /// The time of each stage.
    pub micros: StageMicros,
    /// The searches of spaces, in order. An ensemble may search a space several times, each time for
    /// more candidates.
    pub searches: Vec<SpaceSearch>,
    /// The searches of lexical spaces, each space once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<WordSearch>,
    /// The steps of the ensemble's fusion, in order; empty for a recall of a space.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fusion: Vec<FusionStep>,
}

/// Wall-clock time of the stages of a recall, in microseconds.
///
/// A batch runs `prepare` and `query` once for all users; each of its answers carries that total.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct StageMicros {
    /// Look-up of the excluded items and resolution of the filters.
    pub prepare: f64,
    /// From the user's features to the query vector.
    pub query: f64,
    /// Search, and fusion in an ensemble.
    pub search: f64,
    /// Look-up of ids, records and exact ranks of the hits.
    pub answer: f64,
}

/// One search of a space.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SpaceSearch {
    /// The space.
    pub space: String,
    /// The generation that was searched.
    pub generation: GenerationNo,
    /// Why the generation has the kind of index that it has; [`SegmentSearch::plan`] names the kind.
    pub index_reason: IndexReason,
    /// The beam width (efSearch); `None` if every item was scored: the answer is exact.
    pub ef: Option<usize>,
    /// The recall that was measured without a filter at this beam width, for as many items; `None` if every
    /// item was scored, or nothing was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measured: Option<MeasuredRecall>,
    /// Number of fresh items, which are scanned.
    pub fresh: usize,
    /// The estimated share of items that pass the filter, from 0 to 1; `None` without a filter.
    pub selectivity: Option<f64>,
    /// The segments of the space, oldest first.
    pub segments: Vec<SegmentSearch>,
}

/// The search of a lexical space. It is exact, whatever the beam width.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct WordSearch {
    /// The space.
    pub space: String,
    /// The generation of its definition.
    pub generation: GenerationNo,
    /// Number of indexes that were searched: one of each items segment, and one of each block of fresh items.
    pub indexes: usize,
    /// The terms of the query that items have, by text. A term that no item has is left out.
    pub terms: Vec<WordTerm>,
}

/// A term of a query.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct WordTerm {
    /// The term: a word, or its stem.
    pub term: String,
    /// Number of stored versions of items with the term. Overwritten ones count until a merge.
    pub items: u64,
    /// What its frequency in an item is multiplied by: the rarer the term, the more.
    pub weight: f32,
}

/// The search of one segment.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SegmentSearch {
    /// The number in the segment's file name.
    pub file: u64,
    /// Number of nodes in the segment: its distinct vectors.
    pub nodes: usize,
    /// How the segment was searched.
    pub plan: SegmentPlan,
    /// Number of nodes expanded: their links were followed. Of partitions: the number of leaves scanned.
    pub expanded: u64,
    /// Number of nodes scored during the search of the index, by their codes where the segment has codes.
    pub scored: u64,
    /// Number of nodes scored by their vectors.
    pub ranked: u64,
    /// Time of the search, in microseconds.
    pub micros: f64,
}

/// How a segment was searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SegmentPlan {
    /// Every node was scored by its vector.
    FullScan,
    /// Every node was scored by its codes, and those that may be among the best by their vectors.
    CodeScan,
    /// The graph was searched for the best nodes.
    GraphSearch,
    /// The graph was searched for all nodes above a minimum score.
    RadiusSearch,
    /// The filter was evaluated for every node, and the passing nodes were scored.
    FilteredScan,
    /// The passing items were looked up in the columns and scored.
    ColumnScan,
    /// The passing nodes were in the filter cache and were scored.
    CachedScan,
    /// The graph was searched; the filter was evaluated for the nodes on the way.
    FilteredGraphSearch,
    /// The graph was searched; the passing nodes were in the filter cache.
    CachedGraphSearch,
    /// A filtered graph search exceeded its budget or found too few items. A scan of the passing items
    /// gave the answer.
    AbandonedGraphSearch,
    /// The graph was searched for all passing nodes above a minimum score.
    FilteredRadiusSearch,
    /// The nearest leaves were scanned, and the best nodes re-ranked.
    LeafSearch,
    /// A scan of leaves found too few items. A scan of all of them gave the answer.
    AbandonedLeafSearch,
    /// All leaves that may hold nodes above the minimum score were scanned: none is missed.
    LeafRadiusSearch,
    /// The nearest leaves were scanned; the filter was evaluated for the best nodes.
    FilteredLeafSearch,
    /// The nearest leaves that hold passing nodes were scanned; these were in the filter cache.
    CachedLeafSearch,
    /// All leaves that may hold passing nodes above the minimum score were scanned: none is missed.
    FilteredLeafRadiusSearch,
}

impl fmt::Display for SegmentPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::FullScan => "full scan",
            Self::CodeScan => "full scan of codes, re-ranked",
            Self::GraphSearch => "graph search",
            Self::RadiusSearch => "radius search",
            Self::FilteredScan => "filtered scan of all nodes",
            Self::ColumnScan => "scan of the matching items",
            Self::CachedScan => "scan of the matching items, from the filter cache",
            Self::FilteredGraphSearch => "filtered graph search",
            Self::CachedGraphSearch => "filtered graph search, from the filter cache",
            Self::AbandonedGraphSearch => {
                "filtered graph search, abandoned; scan of the matching items"
            }
            Self::FilteredRadiusSearch => "filtered radius search",
            Self::LeafSearch => "search of leaves",
            Self::AbandonedLeafSearch => "search of leaves, abandoned; full scan",
            Self::LeafRadiusSearch => "radius search of leaves",
            Self::FilteredLeafSearch => "filtered search of leaves",
            Self::CachedLeafSearch => "filtered search of leaves, from the filter cache",
            Self::FilteredLeafRadiusSearch => "filtered radius search of leaves",
        })
    }
}

/// One step of an ensemble's fusion.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FusionStep {
    /// What the step did.
    pub step: FusionStepKind,
    /// The space it belongs to; `None` if it concerns all spaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub space: Option<String>,
    /// Number of items that entered the step; `None` for a search.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<usize>,
    /// Number of items that left the step.
    pub kept: usize,
}

/// What a step of a fusion does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FusionStepKind {
    /// A space was searched for its best items.
    List,
    /// A space was searched for the scores that its scale is fitted to.
    Scale,
    /// A stage of a cascade kept its best items.
    Stage,
    /// A space filled its quota.
    Quota,
    /// The candidates of all spaces were fused and ranked.
    Fusion,
    /// Every item of every space was scored, fused and ranked.
    FullScan,
    /// The final items were chosen for diversity.
    Diversity,
}

impl fmt::Display for FusionStepKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::List => "list",
            Self::Scale => "scale",
            Self::Stage => "stage",
            Self::Quota => "quota",
            Self::Fusion => "fusion",
            Self::FullScan => "full scan",
            Self::Diversity => "diversity",
        })
    }
}
