//! A row of a file of vectors, and what every vector must be.

/// Maximum number of components of a vector.
pub(crate) const MAX_DIMENSION: usize = 65_536;

/// An id and its vector.
pub(crate) type Row = (String, Vec<f32>);

/// The dimension that all vectors of a file share.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Shape {
    dimension: Option<usize>,
}

impl Shape {
    /// Checks a vector. The first good one sets the dimension of the file.
    pub(crate) fn check(&mut self, vector: &[f32]) -> Result<(), String> {
        check_length(vector.len())?;
        if let Some(dimension) = self.dimension
            && dimension != vector.len()
        {
            return Err(format!(
                "a vector of {dimension} components expected, as the first has, found {}",
                vector.len()
            ));
        }
        check_finite(vector)?;
        self.dimension = Some(vector.len());
        Ok(())
    }
}

/// Checks the number of components.
pub(crate) fn check_length(components: usize) -> Result<(), String> {
    match components {
        1..=MAX_DIMENSION => Ok(()),
        _ => Err(format!(
            "a vector of 1 to {MAX_DIMENSION} components expected, found {components}"
        )),
    }
}

/// Checks that all components are finite.
pub(crate) fn check_finite(vector: &[f32]) -> Result<(), String> {
    match vector.iter().position(|x| !x.is_finite()) {
        None => Ok(()),
        Some(at) => Err(not_finite(at, vector.get(at).copied().unwrap_or_default())),
    }
}

/// Appends a component rounded to 32 bits; `component` is its number from 1. NaN and infinities are kept.
pub(crate) fn narrow(component: usize, wide: f64, vector: &mut Vec<f32>) -> Result<(), String> {
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
