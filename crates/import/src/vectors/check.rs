//! What every vector has to be, whatever file it came from.

use super::MAX_DIMENSION;

/// The one dimension that all vectors of a file have.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Shape {
    dimension: Option<usize>,
}

impl Shape {
    /// Checks a vector; the first good one decides how many components all have.
    pub(super) fn check(&mut self, vector: &[f32]) -> Result<(), String> {
        length(vector.len())?;
        if let Some(dimension) = self.dimension
            && dimension != vector.len()
        {
            return Err(format!(
                "a vector of {dimension} components expected, as the first has, found {}",
                vector.len()
            ));
        }
        finite(vector)?;
        self.dimension = Some(vector.len());
        Ok(())
    }
}

/// Checks how many components there are.
pub(super) fn length(components: usize) -> Result<(), String> {
    match components {
        1..=MAX_DIMENSION => Ok(()),
        _ => Err(format!(
            "a vector of 1 to {MAX_DIMENSION} components expected, found {components}"
        )),
    }
}

/// Checks that all components are numbers.
pub(super) fn finite(vector: &[f32]) -> Result<(), String> {
    match vector.iter().position(|x| !x.is_finite()) {
        None => Ok(()),
        Some(at) => Err(not_finite(at, vector.get(at).copied().unwrap_or_default())),
    }
}

/// Rounds a component, counted from 1, to 32 bits. What is no number stays none.
pub(super) fn narrow(component: usize, wide: f64, vector: &mut Vec<f32>) -> Result<(), String> {
    let narrow = wide as f32;
    if wide.is_finite() && !narrow.is_finite() {
        return Err(format!(
            "component {component}: a number of 32 bits expected, up to 3.4e38, found {wide:e}"
        ));
    }
    vector.push(narrow);
    Ok(())
}

fn not_finite(at: usize, x: f32) -> String {
    let found = match x {
        x if x.is_nan() => "NaN",
        x if x > 0.0 => "infinity",
        _ => "minus infinity",
    };
    format!(
        "component {}: a finite number expected, found {found}",
        at + 1
    )
}
