//! Ranking by expected revenue (Fan et al., KDD 2019, section 3).

use crate::ensemble::{BusinessWeight, WeightedSum};

/// The ensemble that ranks by expected revenue: the score in a space times a numeric field of the items,
/// such as a bid. The search itself uses the product; nothing is re-ranked afterwards.
///
/// For other weights of score and field, see [`BusinessWeight::exponents`].
///
/// ```no_run
/// # fn main() -> Result<(), twinspire::Error> {
/// use twinspire::{Database, train::expected_revenue};
///
/// let db = Database::open("movies.twin")?;
/// db.ensembles().define("ads", expected_revenue("movies", "bid"))?;
/// # Ok(())
/// # }
/// ```
#[must_use]
pub fn expected_revenue(space: impl Into<String>, field: impl Into<String>) -> WeightedSum {
    let score = WeightedSum::new().space(space, 1.0);
    score.business_weight(BusinessWeight::new(field))
}
