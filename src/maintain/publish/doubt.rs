//! Doubts about a publish: signs that the towers do not belong to these items. Such towers embed items without an
//! error, but what is recalled is meaningless.

use super::job::Publish;
use super::source::Source;
use super::version::Version;
use crate::error::{Error, PublishDoubt};
use crate::snapshot::parse;
use twinspire_core::kernel::Metric;
use twinspire_towers::internals::{Coverage, Side};

/// Minimum number of items for these checks: a few items may well be alike.
const MIN_ITEMS: usize = 20;
/// Number of vectors that are compared.
const MAX_COMPARED: usize = 10_000;
/// Vectors count as nearly equal if their squared distance from the mean, relative to their squared length, is below
/// this. Under cosine that is an angle of a thousandth. Under other metrics vectors may share a large offset, so the
/// limit is lower.
const MIN_SPREAD_COSINE: f64 = 1e-6;
const MIN_SPREAD: f64 = 1e-12;

/// Refuses the publish if a feature of the item tower finds its field in no item, or none of its ids in its
/// vocabulary. Not checked with `force`, for vectors from elsewhere, and below [`MIN_ITEMS`].
pub(super) fn check_features(
    publish: &Publish<'_>,
    versions: &[Version<'_>],
    source: &Source<'_>,
) -> Result<(), Error> {
    if publish.force || !matches!(source, Source::Tower) || versions.len() < MIN_ITEMS {
        return Ok(());
    }
    let mut coverage = Coverage::new(publish.model, Side::Item);
    for (_, segment, row) in versions {
        let row = segment.row(*row)?;
        let record = parse(segment.path(), row.id, row.record.unwrap_or_default())?;
        if coverage.add(&record) {
            return Ok(());
        }
    }
    let absent = coverage.absent();
    if !absent.is_empty() {
        let fields = absent;
        return Err(doubtful(publish, PublishDoubt::AbsentFeatures { fields }));
    }
    match coverage.unknown() {
        Some((field, id)) => {
            let (field, id) = (field.to_owned(), id.to_owned());
            Err(doubtful(publish, PublishDoubt::UnknownIds { field, id }))
        }
        None => Ok(()),
    }
}

/// Refuses vectors that are nearly all equal.
pub(super) fn check_vectors(publish: &Publish<'_>, vectors: &[f32]) -> Result<(), Error> {
    let dimension = publish.dimension();
    let items = vectors.len() / dimension;
    if publish.force || items < MIN_ITEMS {
        return Ok(());
    }
    let step = items.div_ceil(MAX_COMPARED).max(1);
    let rows = || vectors.chunks_exact(dimension).step_by(step);
    let count = rows().count() as f64;
    let mut mean = vec![0.0f64; dimension];
    for row in rows() {
        let each = mean.iter_mut().zip(row);
        each.for_each(|(mean, x)| *mean += f64::from(*x) / count);
    }
    let (mut apart, mut length) = (0.0, 0.0);
    for row in rows() {
        for (mean, x) in mean.iter().zip(row) {
            apart += (f64::from(*x) - mean).powi(2);
            length += f64::from(*x).powi(2);
        }
    }
    let least = match publish.model.schema.metric {
        Metric::Cosine => MIN_SPREAD_COSINE,
        Metric::InnerProduct | Metric::L2 => MIN_SPREAD,
    };
    match apart < least * length || length == 0.0 {
        true => Err(doubtful(publish, PublishDoubt::EqualVectors { items })),
        false => Ok(()),
    }
}

fn doubtful(publish: &Publish<'_>, source: PublishDoubt) -> Error {
    let space = publish.space.to_owned();
    Error::Doubtful { space, source }
}
