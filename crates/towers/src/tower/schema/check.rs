//! Whether towers can be built from a description.

use super::description::{FORMAT, Schema, TowerSchema};
use super::features::{FeatureKind, FeatureSchema};
use super::layers::MAX_WIDTH;
use super::options::{Grams, Missing, Pooling, Recency, To, Unreadable, Until};
use super::table::{HashFunction, LookupSchema, TableSchema};
use super::wiring::{MAX_PARTS, check_size};
use crate::tower::error::TowerError;
use crate::tower::side::Side;
use std::collections::HashSet;
use twinspire_core::kernel::MAX_DIMENSION;

/// Rows that a string may have.
const MAX_HASHES: u32 = 8;
/// The largest n of letter n-grams.
const MAX_LETTERS: u32 = 16;
/// The largest n of word n-grams.
const MAX_WORDS: u32 = 8;
/// The most tokens of a text.
const MAX_TOKENS: u32 = 8192;
/// The largest row number: an `f32` represents every integer up to it.
const MAX_NUMBER: u32 = 1 << 24;

impl Schema {
    /// Checks that towers can be built from this description.
    pub fn validate(&self) -> Result<(), TowerError> {
        if self.format != FORMAT {
            return Err(Self::newer(self.format));
        }
        check_size("dimension", self.dimension, MAX_DIMENSION)?;
        if self.tables.len() > MAX_PARTS {
            let what = format!("more than {MAX_PARTS}");
            return Err(TowerError::description("tables", what));
        }
        for (name, table) in &self.tables {
            table.validate().map_err(|what| {
                let place = format!("table {name:?}");
                TowerError::description(place, what)
            })?;
        }
        self.towers()
            .try_for_each(|(side, tower)| self.validate_tower(side, tower))
    }

    fn validate_tower(&self, side: Side, tower: &TowerSchema) -> Result<(), TowerError> {
        if tower.features.is_empty() {
            let place = format!("{side} features");
            return Err(TowerError::description(place, "there are none"));
        }
        if tower.features.len().max(tower.layers.len()) > MAX_PARTS {
            let what = format!("more than {MAX_PARTS} parts");
            return Err(TowerError::description(side.to_string(), what));
        }
        for (at, feature) in tower.features.iter().enumerate() {
            self.validate_feature(side, feature).map_err(|what| {
                let place = format!("{side} feature {at} ({:?})", feature.field());
                TowerError::description(place, what)
            })?;
        }
        let wiring = self.wiring(side, tower)?;
        let input = || self.widths(tower).iter().sum();
        let given = wiring.last().map_or_else(input, |last| last.outputs);
        if given != self.dimension as usize {
            let what = format!(
                "the last layer gives {given} components, the dimension is {}",
                self.dimension
            );
            return Err(TowerError::description(format!("{side} layers"), what));
        }
        Ok(())
    }

    fn validate_feature(&self, side: Side, feature: &FeatureSchema) -> Result<(), String> {
        if let Some(named) = feature.table() {
            let table = self.tables.get(named);
            let table = table.ok_or_else(|| format!("there is no table {named:?}"))?;
            Self::validate_numbering(feature, named, table)?;
            if feature.pooling() == Pooling::Max && table.lookup.hashes() > 1 {
                return Err(format!(
                    "max pooling does not work with several hashes, which table {named:?} has: their rows are summed"
                ));
            }
            if let FeatureKind::Sequence { limit, encoder, .. } = &feature.kind {
                if table.lookup.hashes() > 1 {
                    return Err(format!(
                        "an element of a sequence has one embedding, but table {named:?} has several hashes"
                    ));
                }
                encoder.validate(*limit, table.dimension.unwrap_or(0))?;
            }
            if feature.reads_tokens() && !matches!(table.lookup, LookupSchema::Index { .. }) {
                return Err(format!(
                    "tokens are rows: table {named:?} needs an index lookup"
                ));
            }
            if let Some(rows) = feature.indices() {
                match table.lookup {
                    LookupSchema::Index { rows: found } if found as usize >= rows => {}
                    _ => {
                        return Err(format!(
                            "table {named:?} should have an index lookup of {rows} rows or more"
                        ));
                    }
                }
            }
        }
        if let Some([least, most]) = feature.range {
            if !feature.has_numbers() {
                return Err("a range is for numbers and times".to_owned());
            }
            if least.is_nan() || most.is_nan() || least > most {
                return Err("range is [least, most], and the least exceeds the most".to_owned());
            }
        }
        let missing = feature.missing != Missing::Error;
        if feature.unreadable == Unreadable::Missing && !missing {
            return Err("unreadable is missing, so missing must be zero or a default".to_owned());
        }
        if let Some((scaling, flag)) = feature.scaling() {
            let (mean, deviation) = (scaling.mean, scaling.deviation);
            if !(mean.is_finite() && deviation.is_finite() && deviation > 0.0) {
                return Err(
                    "mean and deviation must be finite and the deviation above 0".to_owned(),
                );
            }
            if scaling.clip.is_some_and(|[least, most]| least > most) {
                return Err("clip is [least, most], and the least exceeds the most".to_owned());
            }
            if flag && !missing {
                return Err("missing_flag requires that the field may be missing: set missing to zero or a default".to_owned());
            }
        }
        if matches!(feature.missing, Missing::Default(_)) && feature.second_field().is_some() {
            return Err("a feature of two fields cannot have a default".to_owned());
        }
        if let Some(recency) = feature.recency() {
            let right = match recency {
                Recency::Decay(decay) => *decay > 0.0 && *decay <= 1.0,
                Recency::Weights(weights) => {
                    let fits = |w: &f32| w.is_finite() && *w >= 0.0;
                    weights.iter().all(fits) && weights.first().is_some_and(|w| *w > 0.0)
                }
            };
            if !right {
                return Err(
                    "recency is a decay above 0 and at most 1, or weights of 0 or more, the first above 0"
                        .to_owned(),
                );
            }
            if feature.pooling() == Pooling::Max {
                return Err(
                    "max pooling ignores weights: use recency with another pooling".to_owned(),
                );
            }
        }
        self.validate_kind(side, &feature.kind)
    }

    fn validate_kind(&self, side: Side, kind: &FeatureKind) -> Result<(), String> {
        let increasing = |all: &[f64]| all.is_sorted_by(|a, b| a < b);
        let range = |[from, to]: [u32; 2], most: u32| {
            let right = from >= 1 && from <= to && to <= most;
            let what = format!("grams are [from, to] within 1 to {most}");
            right.then_some(()).ok_or(what)
        };
        match kind {
            FeatureKind::Ids { limit: 0, .. }
            | FeatureKind::Items { limit: 0, .. }
            | FeatureKind::Indices { limit: 0, .. }
            | FeatureKind::Text { limit: Some(0), .. } => {
                Err("a limit of 0 reads nothing; use 1 or more".to_owned())
            }
            FeatureKind::Items { .. } if side == Side::Item => Err(
                "an item's vector cannot be made of items' vectors: `items` is for users"
                    .to_owned(),
            ),
            FeatureKind::Text {
                field, also, grams, ..
            } => {
                check_unique(field, also)?;
                match grams {
                    Grams::Trigrams => Ok(()),
                    Grams::Letters(letters) => range(*letters, MAX_LETTERS),
                    Grams::Words(words) => range(*words, MAX_WORDS),
                    Grams::Both { letters, words } => {
                        range(*letters, MAX_LETTERS).and_then(|()| range(*words, MAX_WORDS))
                    }
                }
            }
            FeatureKind::Tokens {
                field,
                also,
                limit,
                table,
                gives,
                ..
            } => {
                check_unique(field, also)?;
                if !(1..=MAX_TOKENS).contains(limit) {
                    return Err(format!(
                        "a limit of {limit} tokens is not 1 to {MAX_TOKENS}"
                    ));
                }
                let mut named = Vec::with_capacity(gives.len());
                let twice = gives.iter().any(|part| {
                    let twice = named.contains(&part);
                    named.push(part);
                    twice
                });
                match (table, gives.len()) {
                    (Some(_), 0) => Ok(()),
                    (Some(_), _) => Err("a table gives embeddings; leave out `gives`".to_owned()),
                    (None, 0) => Err("without a table, `gives` lists ids, mask, types".to_owned()),
                    (None, _) if twice => Err("`gives` names a part twice".to_owned()),
                    (None, _) => Ok(()),
                }
            }
            FeatureKind::Buckets { boundaries, .. } => {
                let right = !boundaries.is_empty()
                    && boundaries.len() < MAX_WIDTH as usize
                    && increasing(boundaries);
                let what = format!("boundaries are 1 to {} increasing numbers", MAX_WIDTH - 1);
                right.then_some(()).ok_or(what)
            }
            FeatureKind::Geo { scales, .. } => {
                let right = !scales.is_empty()
                    && scales.len() <= MAX_PARTS
                    && scales.iter().all(|scale| (1e-6..=360.0).contains(scale));
                let what = format!("scales are 1 to {MAX_PARTS} numbers from 0.000001 to 360");
                right.then_some(()).ok_or(what)
            }
            FeatureKind::Distance {
                to: To::Point(point),
                ..
            } if point.place().is_none() => {
                Err("a point has lat from -90 to 90 and lon from -180 to 180".to_owned())
            }
            FeatureKind::Age {
                until: Until::Seconds(seconds),
                ..
            } if !seconds.is_finite() => Err("until is not a finite number".to_owned()),
            FeatureKind::Hour { utc_offset, .. } | FeatureKind::Weekday { utc_offset, .. }
                if utc_offset.unsigned_abs() > 24 * 60 =>
            {
                Err("utc_offset is in minutes, at most one day (1440)".to_owned())
            }
            FeatureKind::Vector { dimension, .. } if !(1..=MAX_WIDTH).contains(dimension) => {
                Err(format!("dimension is from 1 to {MAX_WIDTH}"))
            }
            _ => Ok(()),
        }
    }

    /// Checks that a feature and its table agree on whether there are embeddings, and that row numbers are
    /// exact.
    fn validate_numbering(
        feature: &FeatureSchema,
        named: &str,
        table: &TableSchema,
    ) -> Result<(), String> {
        let Some(numbering) = feature.numbering() else {
            return match table.dimension {
                Some(_) => Ok(()),
                None => Err(format!(
                    "table {named:?} has no dimension, hence no embeddings"
                )),
            };
        };
        if table.dimension.is_some() {
            return Err(format!(
                "table {named:?} has a dimension, hence embeddings; leave it out where rows are only \
                 numbered"
            ));
        }
        if table.lookup.hashes() > 1 {
            return Err(format!(
                "a string needs one row number, but table {named:?} has several hashes"
            ));
        }
        let rows = table.lookup.rows();
        if rows + u64::from(numbering.first) > u64::from(MAX_NUMBER) {
            return Err(format!(
                "table {named:?} has {rows} rows; they are numbered from {} to at most {MAX_NUMBER}",
                numbering.first
            ));
        }
        match numbering.pad {
            Some(pad) if pad.unsigned_abs() > MAX_NUMBER => {
                Err(format!("pad is from -{MAX_NUMBER} to {MAX_NUMBER}"))
            }
            None if feature.missing == Missing::Zero || table.lookup.skips() => Err(
                "pad is required: the number that replaces a missing field or a skipped string"
                    .to_owned(),
            ),
            _ => Ok(()),
        }
    }
}

impl TableSchema {
    fn validate(&self) -> Result<(), String> {
        if let Some(found) = self.dimension
            && !(1..=MAX_WIDTH).contains(&found)
        {
            return Err(format!(
                "a size of {found} is not between 1 and {MAX_WIDTH}"
            ));
        }
        match &self.lookup {
            LookupSchema::Hash { buckets: 0, .. } => {
                Err("a hash needs at least one bucket".to_owned())
            }
            LookupSchema::Hash {
                function,
                seed,
                hashes,
                ..
            } => {
                let seeded = matches!(function, HashFunction::Xxh3 | HashFunction::Murmur3);
                if !(1..=MAX_HASHES).contains(hashes) || *hashes > 1 && !seeded {
                    return Err(format!(
                        "hashes are 1 to {MAX_HASHES}, and more than 1 for xxh3 and murmur3 alone"
                    ));
                }
                let last = seed.checked_add(u64::from(*hashes) - 1);
                let fits = match function {
                    HashFunction::Xxh3 => last.is_some(),
                    HashFunction::Murmur3 => last.is_some_and(|last| u32::try_from(last).is_ok()),
                    HashFunction::FarmHash | HashFunction::SipHash(_) => *seed == 0,
                };
                fits.then_some(()).ok_or_else(|| {
                    "a seed is for xxh3, and below 2^32 for murmur3; siphash has a key".to_owned()
                })
            }
            LookupSchema::Index { rows: 0 } => Err("an index needs at least one row".to_owned()),
            LookupSchema::Index { .. } | LookupSchema::Vocabulary { .. } => Ok(()),
        }
    }
}

/// Checks the number of fields of a text, and that none is read twice.
fn check_unique(field: &str, also: &[String]) -> Result<(), String> {
    if also.len() >= MAX_PARTS {
        return Err(format!("a text is of {MAX_PARTS} fields at most"));
    }
    let mut read = HashSet::from([field]);
    let twice = also.iter().find(|other| !read.insert(other));
    twice.map_or(Ok(()), |twice| {
        Err(format!(
            "field {twice:?} is read twice; `also` names each further field once"
        ))
    })
}
