//! Extends an earlier schema: new strings are added to vocabularies, everything else stays the same.

use super::overrides::{Overrides, Rule};
use crate::error::TrainError;
use crate::nn::checked;
use std::collections::HashSet;
use twinspire_towers::internals::Side;
use twinspire_towers::internals::schema::{
    FeatureKind, FeatureSchema, LookupSchema, Missing, OtherFields, Schema, TowerSchema,
    Unreadable, Until,
};

/// Extends the schema `before` by what is new in `now`, the schema derived from new data.
///
/// - A field that was read is read as before, with the same parameters, even if the new data lacks it.
/// - Vocabularies keep their strings in order; new ones are appended.
/// - Overrides, and fields that the recipe reads itself (`own`), are taken from `now`.
///
/// Whether the weights still fit is checked by the warm start.
pub(super) fn extend(
    mut now: Schema,
    before: &Schema,
    overrides: &Overrides,
    own: &[&str],
) -> Result<Schema, TrainError> {
    for side in [Side::User, Side::Item] {
        let (now, before) = match side {
            Side::User => (&mut now.user, &before.user),
            Side::Item => (&mut now.item, &before.item),
        };
        if let (Some(now), Some(before)) = (now, before) {
            features(side, now, before, overrides, own)?;
        }
    }
    for (name, earlier) in &before.tables {
        let towers = now.towers().flat_map(|(_, tower)| &tower.features);
        let read = towers.filter_map(|feature| feature.table());
        if !read.into_iter().any(|table| table == name) {
            continue;
        }
        let Some(table) = now.tables.get_mut(name) else {
            now.tables.insert(name.clone(), earlier.clone());
            continue;
        };
        if let (
            LookupSchema::Vocabulary { ids: new, .. },
            LookupSchema::Vocabulary { ids: known, .. },
        ) = (&mut table.lookup, &earlier.lookup)
        {
            let there: HashSet<&String> = known.iter().collect();
            let mut ids = known.clone();
            ids.extend(new.drain(..).filter(|id| !there.contains(id)));
            *new = ids;
        }
    }
    let used: HashSet<String> = now
        .towers()
        .flat_map(|(_, tower)| tower.features.iter().filter_map(|f| f.table()))
        .map(str::to_owned)
        .collect();
    now.tables.retain(|name, _| used.contains(name));
    checked(now)
}

/// The earlier feature, with a range that holds the new data too.
fn widened(earlier: &FeatureSchema, now: Option<&FeatureSchema>) -> FeatureSchema {
    let mut feature = earlier.clone();
    let Some(now) = now else { return feature };
    let shift = match (&earlier.kind, &now.kind) {
        (FeatureKind::Number { .. }, FeatureKind::Number { .. }) => 0.0,
        (
            FeatureKind::Age {
                until: Until::Seconds(then),
                ..
            },
            FeatureKind::Age {
                until: Until::Seconds(now),
                ..
            },
        ) => (then - now) / 86_400.0,
        _ => return feature,
    };
    if let (Some([least, most]), Some(new)) = (&mut feature.range, now.range) {
        *least = least.min(new[0] + shift);
        *most = most.max(new[1] + shift);
    }
    if feature.missing != Missing::Error && now.unreadable == Unreadable::Missing {
        feature.unreadable = Unreadable::Missing;
    }
    feature
}

/// Orders the features of a tower: those of the recipe, then the earlier ones, then the new ones.
fn features(
    side: Side,
    now: &mut TowerSchema,
    before: &TowerSchema,
    overrides: &Overrides,
    own: &[&str],
) -> Result<(), TrainError> {
    let is_own = |feature: &FeatureSchema| own.contains(&feature.field());
    let derived = std::mem::take(&mut now.features);
    let (mut features, derived): (Vec<_>, Vec<_>) = derived.into_iter().partition(is_own);
    for earlier in before.features.iter().filter(|feature| !is_own(feature)) {
        match overrides.of(side).rule(side, earlier.field())? {
            Rule::Keep => {
                let now = derived.iter().find(|f| f.field() == earlier.field());
                features.push(widened(earlier, now));
            }
            Rule::Drop => {}
            Rule::Change(..) => {
                let changed = derived.iter().filter(|f| f.field() == earlier.field());
                features.extend(changed.cloned());
            }
        }
    }
    let known: HashSet<&str> = before.features.iter().map(FeatureSchema::field).collect();
    features.extend(
        derived
            .iter()
            .filter(|f| !known.contains(f.field()))
            .cloned(),
    );
    if let Some(OtherFields::Allow(unread)) = &mut now.other_fields {
        let read: HashSet<&str> = features.iter().flat_map(FeatureSchema::fields).collect();
        unread.retain(|field| !read.contains(field.as_str()));
    }
    now.features = features;
    Ok(())
}
