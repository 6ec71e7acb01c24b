//! Recalls of an ensemble.
//!
//! Each space of the ensemble is a [channel](channel::Channel): a query vector, and the generation that
//! is searched. [`EnsembleSearch`] sets a recall up; a [`FusionContext`](context::FusionContext) holds
//! what one query needs and offers the primitives: search a channel, score every item of it, rank scored
//! items. Each method has a file of its own and is written in these primitives.
//!
//! Methods that fuse lists (cascade, rank fusion, quotas), the scales of normalised scores and the diversity re-rank are
//! pure functions of [`Lists`](lists::Lists). So they fuse the lists of [shards](super::shard) as well.
//!
//! Candidate lists come from the search of a space, with the recall's filters, exclusions and effort.
//! All other scores are computed from the stored vectors.

mod business_value;
mod cascade;
mod channel;
mod context;
mod diversity;
mod ensemble_search;
mod lists;
mod normalised;
mod quotas;
mod rank_fusion;
mod ranking;
mod single_graph;
mod threshold;
mod weighted;

pub(super) use cascade::best as cascade;
pub(super) use diversity::choose as choose_diverse;
pub(super) use ensemble_search::EnsembleSearch;
pub(super) use lists::Lists;
pub(super) use normalised::scale_of_list;
pub(super) use quotas::best as quotas;
pub(super) use rank_fusion::best as rank_fusion;
pub(super) use ranking::{Fused, Ranking};
