//! What is looked for.

use crate::codes::{Code, inverse, quantise};
use crate::kernel::dot_codes;
use crate::shape::{Shape, ShapeError};

/// A vector to find the nearest of, prepared once for all parts.
#[derive(Clone, Debug)]
pub struct Query {
    /// Of length 1, or zero.
    unit: Vec<f32>,
    /// Of `unit`.
    codes: Vec<i8>,
    /// One over the codes' length, or 0.
    inverse: f32,
}

/// How thoroughly a search looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Effort {
    /// As the part's graph was configured; what has no graph is scanned in `i8` and the best re-scored.
    #[default]
    Usual,
    /// The graph considers at least so many candidates: more are slower and find more of the truly nearest.
    Candidates(u32),
    /// Every vector that passes is compared as it is stored.
    Exact,
}

impl Query {
    /// A query of any length; what is not finite in it counts as 0. A zero vector is equally far from everything.
    ///
    /// # Errors
    /// [`ShapeError::Length`]: it has another dimension than `shape`.
    pub fn new(shape: Shape, vector: &[f32]) -> Result<Self, ShapeError> {
        shape.check(vector)?;
        let finite = |number: &f32| if number.is_finite() { f64::from(*number) } else { 0.0 };
        // In f64 the squares of the largest f32 and of the smallest are numbers.
        let length = vector.iter().map(|number| finite(number).powi(2)).sum::<f64>().sqrt();
        let unit: Vec<f32> =
            vector.iter().map(|number| if length > 0.0 { (finite(number) / length) as f32 } else { 0.0 }).collect();
        let mut codes = Vec::with_capacity(unit.len());
        quantise(&unit, &mut codes);
        let inverse = inverse(&codes);
        Ok(Self { unit, codes, inverse })
    }

    /// Of length 1, or zero.
    pub(crate) fn unit(&self) -> &[f32] {
        &self.unit
    }

    /// Its codes.
    pub(crate) fn codes(&self) -> &[i8] {
        &self.codes
    }

    /// Whether it has no direction.
    pub(crate) fn is_zero(&self) -> bool {
        self.inverse == 0.0
    }

    /// Approximate similarity.
    #[inline]
    pub(crate) fn approximate(&self, code: Code<'_>) -> f32 {
        dot_codes(&self.codes, code.codes) as f32 * code.inverse * self.inverse
    }

    /// Whether it fits `shape`.
    pub(crate) fn check(&self, shape: Shape) -> Result<(), ShapeError> {
        shape.check(&self.unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes::Codes;
    use crate::shape::Scalar;

    #[test]
    fn its_length_does_not_matter() {
        let shape = Shape::new(3, Scalar::F16).unwrap();
        let mut codes = Codes::default();
        codes.push(&[1.0, 2.0, 2.0]);
        for length in [1.0, 1e-38, 1e38] {
            let query = Query::new(shape, &[length, length * 2.0, length * 2.0]).unwrap();
            assert!((query.unit()[2] - 2.0 / 3.0).abs() < 1e-6);
            assert!((query.approximate(codes.get(3, 0)) - 1.0).abs() < 1e-5);
        }
    }

    #[test]
    fn nothing_and_what_is_no_number_have_no_direction() {
        let shape = Shape::new(2, Scalar::F16).unwrap();
        for vector in [[0.0, -0.0], [f32::NAN, f32::INFINITY]] {
            assert!(Query::new(shape, &vector).unwrap().is_zero());
        }
        assert!(Query::new(shape, &[1.0]).is_err());
    }
}
