//! Vectors as bytes, to be compared quickly.

use crate::kernel::dot_codes;
use crate::shape::CODE_MAX;

/// Codes of some vectors: a signed byte a number, the largest of each vector being ±127, and the inverse of the codes' length. A cosine
/// asks for no scale, so none is kept: `dimension + 4` bytes a vector.
#[derive(Clone, Debug, Default)]
pub(crate) struct Codes {
    codes: Vec<i8>,
    inverses: Vec<f32>,
}

/// One vector's codes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Code<'a> {
    pub(crate) codes: &'a [i8],
    /// One over their length; 0 for a zero vector.
    pub(crate) inverse: f32,
}

impl Codes {
    pub(crate) fn with_capacity(dimension: usize, count: usize) -> Self {
        Self { codes: Vec::with_capacity(dimension * count), inverses: Vec::with_capacity(count) }
    }

    pub(crate) fn push(&mut self, vector: &[f32]) {
        let first = self.codes.len();
        quantise(vector, &mut self.codes);
        self.inverses.push(inverse(&self.codes[first..]));
    }

    /// Appends what is coded already.
    pub(crate) fn extend(&mut self, other: &Self) {
        self.codes.extend_from_slice(&other.codes);
        self.inverses.extend_from_slice(&other.inverses);
    }

    /// The vector at `index`; of no codes where there is none.
    #[inline]
    pub(crate) fn get(&self, dimension: usize, index: usize) -> Code<'_> {
        Code {
            codes: self.codes.get(index * dimension..(index + 1) * dimension).unwrap_or_default(),
            inverse: self.inverses.get(index).copied().unwrap_or_default(),
        }
    }

    /// Memory in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.codes.capacity() + size_of::<f32>() * self.inverses.capacity()
    }
}

/// Appends the codes of `vector`.
pub(crate) fn quantise(vector: &[f32], codes: &mut Vec<i8>) {
    let largest = vector.iter().fold(0.0_f32, |largest, number| largest.max(number.abs()));
    if largest == 0.0 {
        codes.resize(codes.len() + vector.len(), 0);
        return;
    }
    // Divided first: the factor of a subnormal number would be infinite. What is not a number becomes 0.
    codes.extend(vector.iter().map(|number| round(number / largest * CODE_MAX) as i8));
}

/// The nearest whole number, the even one of two, where `number` is small or not a number. Unlike `round_ties_even` it is no call into a
/// library on a processor that is only known to be an x86-64.
pub(crate) fn round(number: f32) -> f32 {
    /// From here to twice it, `f32` are the whole numbers.
    const WHOLE: f32 = (1 << 23) as f32 * 1.5;
    (number + WHOLE) - WHOLE
}

/// One over the length of `codes`; 0 where all are 0.
pub(crate) fn inverse(codes: &[i8]) -> f32 {
    match dot_codes(codes, codes) {
        0 => 0.0,
        square => 1.0 / (square as f32).sqrt(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(vector: &[f32]) -> Vec<i8> {
        let mut codes = Vec::new();
        quantise(vector, &mut codes);
        codes
    }

    #[test]
    fn the_largest_number_is_127() {
        assert_eq!(signed(&[0.5, -1.0, 0.25, 0.0]), [64, -127, 32, 0]);
        assert_eq!(signed(&[1e-45, -1e-45]), [127, -127]);
        assert_eq!(signed(&[f32::MAX, f32::MIN]), [127, -127]);
    }

    #[test]
    fn rounding_is_to_the_nearest_and_to_even() {
        for hundredth in -13_000..=13_000_i16 {
            let number = f32::from(hundredth) / 100.0;
            assert_eq!(round(number), number.round_ties_even(), "{number}");
        }
        assert!(round(f32::NAN).is_nan());
    }

    #[test]
    fn what_is_no_number_is_0_and_has_no_length() {
        assert_eq!(signed(&[f32::NAN, f32::INFINITY, 1.0]), [0, 0, 0]);
        let mut codes = Codes::default();
        codes.push(&[f32::NAN; 3]);
        codes.push(&[3.0, 4.0, 0.0]);
        assert_eq!(codes.get(3, 0).inverse, 0.0);
        let length = f32::hypot(95.0, 127.0);
        assert!((codes.get(3, 1).inverse * length - 1.0).abs() < 1e-6);
        assert_eq!(codes.get(3, 2), Code { codes: &[], inverse: 0.0 });
    }
}
