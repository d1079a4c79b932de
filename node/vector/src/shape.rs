//! How a namespace stores its vectors.

use std::fmt;
use std::str::FromStr;

use half::f16;
use half::slice::HalfFloatSliceExt;
use thiserror::Error;

use crate::codes::round;

/// Most dimensions a vector has.
pub const DIMENSIONS: u32 = 4096;

/// Magnitudes of an `i8` code lie in `0..=127`.
pub(crate) const CODE_MAX: f32 = 127.0;

/// Numbers converted at a time.
const PIECE: usize = 64;

/// How one number of a vector is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scalar {
    /// Four bytes, as given.
    F32,
    /// Two bytes: eleven significant bits.
    #[default]
    F16,
    /// One byte, and one `f32` scale a vector: the largest component is exact to eight bits, the others in proportion.
    I8,
}

/// Dimension and scalar of a namespace's vectors; fixed when its first vector arrives.
///
/// What counts of a vector is its direction: cosine similarity knows no length. A vector whose largest component lies outside what
/// the scalar keeps well is therefore scaled by a power of two before it is rounded; any other keeps its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    dimension: u32,
    scalar: Scalar,
}

/// Why something is no shape, or does not fit one.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShapeError {
    /// No vectors have so many dimensions here.
    #[error("a vector has 1 to {DIMENSIONS} dimensions, not {0}")]
    Dimension(u32),
    /// A vector of another dimension.
    #[error("the vector has {found} dimensions, the namespace's have {expected}")]
    Length {
        /// The namespace's.
        expected: u32,
        /// The vector's.
        found: usize,
    },
    /// Bytes that are no stored vector.
    #[error("a stored vector of this shape has {expected} bytes, not {found}")]
    Bytes {
        /// [`Shape::stride`].
        expected: usize,
        /// What was given.
        found: usize,
    },
    /// A delta with more vectors than ordinals.
    #[error("a delta has less than 2^32 vectors")]
    Count,
    /// A name that is no scalar's.
    #[error("the scalar {0:?} is none of f32, f16 and i8")]
    Scalar(String),
}

impl Shape {
    /// A shape of `dimension` (1 to [`DIMENSIONS`]) numbers.
    ///
    /// # Errors
    /// [`ShapeError::Dimension`].
    pub fn new(dimension: u32, scalar: Scalar) -> Result<Self, ShapeError> {
        match dimension {
            1..=DIMENSIONS => Ok(Self { dimension, scalar }),
            _ => Err(ShapeError::Dimension(dimension)),
        }
    }

    /// Numbers a vector.
    #[must_use]
    pub fn dimension(self) -> u32 {
        self.dimension
    }

    /// How each is stored.
    #[must_use]
    pub fn scalar(self) -> Scalar {
        self.scalar
    }

    /// Bytes a stored vector takes.
    #[must_use]
    pub fn stride(self) -> usize {
        let dimension = self.len();
        match self.scalar {
            Scalar::F32 => 4 * dimension,
            Scalar::F16 => 2 * dimension,
            Scalar::I8 => 4 + dimension,
        }
    }

    /// Numbers a vector, as a length.
    pub(crate) fn len(self) -> usize {
        self.dimension as usize
    }

    /// Whether `vector` has this dimension.
    ///
    /// # Errors
    /// [`ShapeError::Length`].
    pub fn check(self, vector: &[f32]) -> Result<(), ShapeError> {
        if vector.len() == self.len() {
            return Ok(());
        }
        Err(ShapeError::Length { expected: self.dimension, found: vector.len() })
    }

    /// The vector as it reads back once stored. Storing that again changes nothing, and every machine rounds the same way. What is
    /// not finite counts as 0.
    ///
    /// # Errors
    /// [`ShapeError::Length`].
    pub fn stored(self, vector: &[f32]) -> Result<Vec<f32>, ShapeError> {
        let mut bytes = Vec::with_capacity(self.stride());
        self.encode(vector, &mut bytes)?;
        self.decode(&bytes)
    }

    /// Appends the stored form, [`Shape::stride`] bytes, to `out`: little endian; for `i8` the scale as `f32`, then a code a number.
    ///
    /// # Errors
    /// [`ShapeError::Length`]; `out` is as it was.
    pub fn encode(self, vector: &[f32], out: &mut Vec<u8>) -> Result<(), ShapeError> {
        self.check(vector)?;
        let mut brought = vector.to_vec();
        let largest = self.bring(&mut brought);
        match self.scalar {
            Scalar::F32 => out.extend(brought.iter().flat_map(|number| number.to_le_bytes())),
            Scalar::F16 => {
                // In pieces on the stack: the conversion in bulk uses the processor's own, one by one it does not.
                let mut halves = [f16::ZERO; PIECE];
                for numbers in brought.chunks(PIECE) {
                    let halves = &mut halves[..numbers.len()];
                    halves.convert_from_f32_slice(numbers);
                    out.extend(halves.iter().flat_map(|half| half.to_le_bytes()));
                }
            }
            Scalar::I8 => {
                let scale = scale(largest);
                out.extend(scale.to_le_bytes());
                out.extend(brought.iter().map(|number| code(*number, scale).cast_unsigned()));
            }
        }
        Ok(())
    }

    /// The vector of a stored form.
    ///
    /// # Errors
    /// [`ShapeError::Bytes`].
    pub fn decode(self, bytes: &[u8]) -> Result<Vec<f32>, ShapeError> {
        if bytes.len() != self.stride() {
            return Err(ShapeError::Bytes { expected: self.stride(), found: bytes.len() });
        }
        let mut vector = vec![0.0; self.len()];
        self.read(bytes, &mut vector);
        Ok(vector)
    }

    /// Decodes `bytes`, of [`Shape::stride`], into `vector`, of this dimension.
    pub(crate) fn read(self, bytes: &[u8], vector: &mut [f32]) {
        match self.scalar {
            Scalar::F32 => {
                for (number, bytes) in vector.iter_mut().zip(bytes.as_chunks().0) {
                    *number = f32::from_le_bytes(*bytes);
                }
            }
            Scalar::F16 => {
                let mut halves = [f16::ZERO; PIECE];
                for (numbers, bytes) in vector.chunks_mut(PIECE).zip(bytes.chunks(2 * PIECE)) {
                    for (half, bytes) in halves.iter_mut().zip(bytes.as_chunks().0) {
                        *half = f16::from_le_bytes(*bytes);
                    }
                    halves[..numbers.len()].convert_to_f32_slice(numbers);
                }
            }
            Scalar::I8 => {
                let (scale, codes) = split_scale(bytes);
                for (number, code) in vector.iter_mut().zip(codes) {
                    *number = f32::from(code.cast_signed()) * scale;
                }
            }
        }
    }

    /// Makes `vector` one that the scalar keeps: finite, and its largest component, which is returned, inside the scalar's range.
    fn bring(self, vector: &mut [f32]) -> f32 {
        let mut largest = 0.0_f32;
        for number in vector.iter_mut() {
            if !number.is_finite() {
                *number = 0.0;
            }
            largest = largest.max(number.abs());
        }
        // What is compared must be what reads back, or a stored vector might be scaled again.
        let (measure, low, high) = match self.scalar {
            // Squares of these, 4,096 of them summed, are still normal numbers.
            Scalar::F32 => (largest, 2.0_f32.powi(-40), 2.0_f32.powi(40)),
            // Below, components a thousandth as large as the largest lose bits; above is infinity.
            Scalar::F16 => (largest, 2.0_f32.powi(-5), 65_504.0),
            Scalar::I8 => (scale(largest), 2.0_f32.powi(-40), 2.0_f32.powi(40)),
        };
        if largest == 0.0 || (low..=high).contains(&measure) {
            return largest;
        }
        // In f64, where neither the largest f32 nor the smallest is near an edge. The result lies in [1, 2), where rounding leaves it
        // inside the range: once stored it stays.
        let factor = 2.0_f64.powi(-exponent(largest));
        let bring = |number: f32| (f64::from(number) * factor) as f32;
        for number in vector.iter_mut() {
            *number = bring(*number);
        }
        bring(largest)
    }
}

/// The power of two in `number`, which is positive and finite.
fn exponent(number: f32) -> i32 {
    // Every f32 above 0 is a normal f64.
    ((f64::from(number).to_bits() >> 52) & 0x7ff) as i32 - 1023
}

/// The scale of `i8` codes whose largest number is `largest`: never less than `largest / 127`, and of sixteen significant bits, so that
/// 127 of it is exact and a stored vector has the same scale again.
fn scale(largest: f32) -> f32 {
    const DROPPED: u32 = (1 << 8) - 1;
    let exact = largest / CODE_MAX;
    let cut = exact.to_bits() & !DROPPED;
    f32::from_bits(if cut == exact.to_bits() { cut } else { cut + DROPPED + 1 })
}

/// The code of `number`.
fn code(number: f32, scale: f32) -> i8 {
    if scale == 0.0 {
        return 0;
    }
    round(number / scale).clamp(-CODE_MAX, CODE_MAX) as i8
}

/// Scale and codes of a vector stored as `i8`; of no bytes: 0 and no codes.
pub(crate) fn split_scale(bytes: &[u8]) -> (f32, &[u8]) {
    bytes.split_first_chunk().map_or((0.0, &[]), |(scale, codes)| (f32::from_le_bytes(*scale), codes))
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::I8 => "i8",
        })
    }
}

impl FromStr for Scalar {
    type Err = ShapeError;

    fn from_str(name: &str) -> Result<Self, ShapeError> {
        match name {
            "f32" => Ok(Self::F32),
            "f16" => Ok(Self::F16),
            "i8" => Ok(Self::I8),
            _ => Err(ShapeError::Scalar(name.to_owned())),
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} × {}", self.dimension, self.scalar)
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const SCALARS: [Scalar; 3] = [Scalar::F32, Scalar::F16, Scalar::I8];

    fn shape(dimension: usize, scalar: Scalar) -> Shape {
        Shape::new(u32::try_from(dimension).unwrap(), scalar).unwrap()
    }

    /// Cosine similarity, computed in f64.
    fn cosine(left: &[f32], right: &[f32]) -> f64 {
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        dot(left, right) / (dot(left, left).sqrt() * dot(right, right).sqrt())
    }

    proptest! {
        #[test]
        fn storing_what_was_stored_changes_nothing(
            // Every bit pattern: subnormal, huge, infinite and not a number among them.
            bits in vec(any::<u32>(), 1..40),
            which in 0..3_usize,
        ) {
            let vector: Vec<f32> = bits.into_iter().map(f32::from_bits).collect();
            let shape = shape(vector.len(), SCALARS[which]);
            let once = shape.stored(&vector).unwrap();
            prop_assert!(once.iter().all(|number| number.is_finite()));
            let twice = shape.stored(&once).unwrap();
            prop_assert_eq!(once.iter().map(|n| n.to_bits()).collect::<Vec<_>>(), twice.iter().map(|n| n.to_bits()).collect::<Vec<_>>());
            let (mut first, mut second) = (Vec::new(), Vec::new());
            shape.encode(&vector, &mut first).unwrap();
            shape.encode(&once, &mut second).unwrap();
            prop_assert_eq!(&first, &second);
            prop_assert_eq!(first.len(), shape.stride());
        }

        #[test]
        fn the_direction_survives_whatever_the_length(
            numbers in vec(-1.0_f32..1.0, 16..64),
            power in -120..120_i32,
            which in 0..3_usize,
        ) {
            prop_assume!(numbers.iter().any(|n| n.abs() > 0.1));
            let long: Vec<f32> = numbers.iter().map(|n| n * 2.0_f32.powi(power)).collect();
            let stored = shape(long.len(), SCALARS[which]).stored(&long).unwrap();
            prop_assert!(cosine(&numbers, &stored) > 0.9999, "{}", cosine(&numbers, &stored));
        }
    }

    #[test]
    fn ordinary_vectors_keep_their_numbers() {
        let vector = [0.5, -0.25, 0.125, 0.0];
        for scalar in [Scalar::F32, Scalar::F16] {
            assert_eq!(shape(4, scalar).stored(&vector).unwrap(), vector);
        }
        let codes = shape(4, Scalar::I8).stored(&vector).unwrap();
        for (code, number) in codes.iter().zip(vector) {
            assert!((code - number).abs() <= 0.5 / 254.0, "{code} for {number}");
        }
    }

    #[test]
    fn bytes_are_little_endian_and_the_scale_comes_first() {
        let mut bytes = Vec::new();
        shape(2, Scalar::F16).encode(&[1.0, -2.0], &mut bytes).unwrap();
        assert_eq!(bytes, [0x00, 0x3c, 0x00, 0xc0]);
        bytes.clear();
        shape(2, Scalar::I8).encode(&[127.0, -3.0], &mut bytes).unwrap();
        assert_eq!(bytes, [0x00, 0x00, 0x80, 0x3f, 127, 253]);
    }

    #[test]
    fn at_the_edges_of_a_range_too_nothing_changes_twice() {
        for scalar in SCALARS {
            for power in -45..50 {
                for steps in -300..300_i32 {
                    for edge in [2.0_f32.powi(power), 127.0 * 2.0_f32.powi(power), 65_504.0] {
                        let largest = f32::from_bits(edge.to_bits().wrapping_add_signed(steps));
                        let once = shape(2, scalar).stored(&[largest, largest / -3.0]).unwrap();
                        assert_eq!(shape(2, scalar).stored(&once).unwrap(), once, "{scalar} of {largest:e}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_zero_vector_stays_one() {
        for scalar in SCALARS {
            assert_eq!(shape(3, scalar).stored(&[0.0; 3]).unwrap(), [0.0; 3]);
        }
    }

    #[test]
    fn what_has_another_size_is_refused() {
        let shape = shape(3, Scalar::F16);
        assert_eq!(shape.stored(&[1.0; 4]), Err(ShapeError::Length { expected: 3, found: 4 }));
        assert_eq!(shape.decode(&[0; 5]), Err(ShapeError::Bytes { expected: 6, found: 5 }));
        assert_eq!(Shape::new(0, Scalar::F16), Err(ShapeError::Dimension(0)));
        assert_eq!(Shape::new(4097, Scalar::F16), Err(ShapeError::Dimension(4097)));
        assert!(Shape::new(4096, Scalar::F16).is_ok());
    }

    #[test]
    fn scalars_are_called_what_they_parse_from() {
        for scalar in SCALARS {
            assert_eq!(scalar.to_string().parse(), Ok(scalar));
        }
        assert!("f64".parse::<Scalar>().unwrap_err().to_string().contains("f64"));
    }
}
