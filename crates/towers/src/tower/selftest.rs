//! `selftest.json`: records with the vectors that the model gave where it was trained.
//!
//! Towers from another framework are evaluated by code that was never tested with it. The self-test shows, before
//! anything is published, whether the two agree.

#![warn(clippy::indexing_slicing)]

use super::embedded::EmbeddedFeature;
use super::encode::Reading;
use super::error::{TowerError, TowerFault};
use super::files::{self, NamedBlob, SELF_TEST};
use super::model::Model;
use super::side::Side;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use twinspire_core::kernel::Row;

/// The largest difference of a component, relative to the largest component of its vector or to 1.
const TOLERANCE: f32 = 1e-4;

/// The content of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    user: Vec<Case>,
    #[serde(default)]
    item: Vec<Case>,
    /// The vectors of items, for features that read them.
    #[serde(default)]
    items: HashMap<String, Vec<f32>>,
}

/// A record and its expected vector.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    record: Value,
    vector: Vec<f32>,
    /// What features give to the first layer, by the first field that each reads. Compared before the
    /// vector, so that a difference names the feature.
    #[serde(default)]
    features: BTreeMap<String, Vec<f32>>,
}

/// Compares what features give with what they should.
fn compare_features(
    found: &[EmbeddedFeature],
    expected: &BTreeMap<String, Vec<f32>>,
) -> Result<(), TowerFault> {
    for (field, expected) in expected {
        let feature = found
            .iter()
            .find(|feature| feature.fields.first() == Some(field));
        let found = feature.map_or(&[][..], |feature| &feature.numbers);
        if found.len() != expected.len() {
            return Err(TowerFault::SelfTestWidth {
                feature: field.clone(),
                found: found.len(),
                expected: expected.len(),
            });
        }
        for (component, (found, expected)) in found.iter().zip(expected).enumerate() {
            let difference = (found - expected).abs() / expected.abs().max(1.0);
            // NaN fails too.
            if difference.is_nan() || difference > TOLERANCE {
                return Err(TowerFault::SelfTestFeature {
                    feature: field.clone(),
                    component,
                    found: *found,
                    expected: *expected,
                });
            }
        }
    }
    Ok(())
}

/// The result of a passed self-test.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct SelfTest {
    /// Number of records.
    pub cases: usize,
    /// The largest difference of a component, relative to the largest component of its vector or to 1.
    pub difference: f32,
}

impl Model {
    /// Runs the self-test among the files of a towers directory, if there is one.
    pub fn self_test(&self, parts: &[NamedBlob]) -> Result<Option<SelfTest>, TowerError> {
        let Some(json) = files::find(parts, SELF_TEST) else {
            return Ok(None);
        };
        let test: File =
            serde_json::from_slice(json).map_err(|error| TowerError::json(SELF_TEST, error))?;
        let expected = self.schema.dimension as usize;
        let check_dimension = |vector: &[f32]| match vector.len() {
            found if found == expected => Ok(()),
            found => Err(TowerFault::Dimension { found, expected }),
        };
        for (id, vector) in &test.items {
            check_dimension(vector)
                .map_err(|fault| TowerError::new(SELF_TEST, format!("items {id:?}"), fault))?;
        }
        let items = |ids: &[&str], read: &mut dyn FnMut(usize, Row<'_>)| {
            for (at, id) in ids.iter().enumerate() {
                if let Some(vector) = test.items.get(*id) {
                    read(at, Row::Full(vector));
                }
            }
        };
        let reading = Reading {
            items: Some(&items),
            ..Reading::default()
        };
        let mut passed = SelfTest::default();
        for (side, cases) in [(Side::User, &test.user), (Side::Item, &test.item)] {
            let mut all = Vec::new();
            for (at, case) in cases.iter().enumerate() {
                let wrong = |fault| TowerError::new(SELF_TEST, format!("{side} case {at}"), fault);
                check_dimension(&case.vector).map_err(wrong)?;
                let shown = self.embed_shown(side, &case.record, reading);
                let shown = shown.map_err(|error| wrong(error.into()))?;
                compare_features(&shown.features, &case.features).map_err(wrong)?;
                let vector = shown.vector;
                let largest = case.vector.iter().fold(1.0f32, |most, x| most.max(x.abs()));
                for (component, (found, expected)) in vector.iter().zip(&case.vector).enumerate() {
                    let difference = (found - expected).abs() / largest;
                    // NaN fails too.
                    if difference.is_nan() || difference > TOLERANCE {
                        return Err(wrong(TowerFault::SelfTest {
                            component,
                            found: *found,
                            expected: *expected,
                        }));
                    }
                    passed.difference = passed.difference.max(difference);
                }
                passed.cases += 1;
                all.extend(vector);
            }
            self.check_batch(side, cases, &all, reading)?;
        }
        Ok(Some(passed))
    }

    /// Checks that records give the same vectors in one batch: an ONNX model may not.
    fn check_batch(
        &self,
        side: Side,
        cases: &[Case],
        alone: &[f32],
        reading: Reading<'_>,
    ) -> Result<(), TowerError> {
        if self.tower(side).onnx().is_none() {
            return Ok(());
        }
        let records: Vec<_> = cases.iter().map(|case| &case.record).collect();
        let wrong = |at: usize, fault: TowerFault| {
            TowerError::new(
                SELF_TEST,
                format!("{side} case {at}, with the others"),
                fault,
            )
        };
        let all = self.embed_many(side, &records, reading);
        let all = all.map_err(|(at, error)| wrong(at, error.into()))?;
        let near = |(a, b): (&f32, &f32)| (a - b).abs() <= TOLERANCE * a.abs().max(1.0);
        let found = all.iter().zip(alone).position(|both| !near(both));
        found.map_or(Ok(()), |at| {
            let case = at / (self.schema.dimension as usize).max(1);
            Err(wrong(case, TowerFault::Batch))
        })
    }
}
