//! The inner loops: dot products.
//!
//! That of numbers is written so that the compiler makes vector instructions of it on any machine, with sums in a fixed order: the same
//! vectors have the same similarity everywhere.

use numkong::Dot;

use crate::shape::{Scalar, Shape, split_scale};

/// Sums kept side by side.
const LANES: usize = 16;

/// Dot product of two vectors' codes; 0 of different lengths. Sums of integers are the same in any order, so this one may use whatever the
/// processor has. At most 4,096 × 128 × 128: no `i32` overflows.
#[inline]
pub(crate) fn dot_codes(left: &[i8], right: &[i8]) -> i32 {
    i8::dot(left, right).unwrap_or_default()
}

/// Cosine similarity of `unit`, a query of length 1 (or 0), and the vector stored in `bytes`; 0 where one of them is zero.
pub(crate) fn similarity(shape: Shape, unit: &[f32], bytes: &[u8]) -> f32 {
    let (dot, square) = match shape.scalar() {
        Scalar::F32 => products(unit, bytes.as_chunks().0, |bytes| f32::from_le_bytes(*bytes)),
        Scalar::F16 => products(unit, bytes.as_chunks().0, |bytes| widen(u16::from_le_bytes(*bytes))),
        // The scale is a vector's length, and no part of its direction.
        Scalar::I8 => products(unit, split_scale(bytes).1, |code| f32::from(code.cast_signed())),
    };
    let similarity = dot / square.sqrt();
    // Not a number for zero vectors, and for bytes that changed on the disk.
    if similarity.is_finite() { similarity.clamp(-1.0, 1.0) } else { 0.0 }
}

/// Dot product of `unit` and the numbers, and the sum of the numbers' squares.
fn products<T>(unit: &[f32], stored: &[T], number: impl Fn(&T) -> f32) -> (f32, f32) {
    let (mut dots, mut squares) = ([0.0_f32; LANES], [0.0_f32; LANES]);
    let (units, units_rest) = unit.as_chunks::<LANES>();
    let (rows, rows_rest) = stored.as_chunks::<LANES>();
    for (units, row) in units.iter().zip(rows) {
        for lane in 0..LANES {
            let number = number(&row[lane]);
            dots[lane] += units[lane] * number;
            squares[lane] += number * number;
        }
    }
    let (mut dot, mut square) = (dots.iter().sum::<f32>(), squares.iter().sum::<f32>());
    for (unit, stored) in units_rest.iter().zip(rows_rest) {
        let number = number(stored);
        dot += unit * number;
        square += number * number;
    }
    (dot, square)
}

/// The number of a finite half: its exponent is moved to where an `f32` has it, subnormal ones included.
fn widen(half: u16) -> f32 {
    /// 2 to the difference of the two exponents' biases, 127 − 15.
    const REBIAS: f32 = f32::from_bits((127 + 112) << 23);
    let half = u32::from(half);
    let magnitude = f32::from_bits((half & 0x7fff) << 13) * REBIAS;
    f32::from_bits(magnitude.to_bits() | (half & 0x8000) << 16)
}

#[cfg(test)]
mod tests {
    use half::f16;

    use super::*;

    #[test]
    fn every_finite_half_widens_to_itself() {
        for bits in 0..=u16::MAX {
            let half = f16::from_bits(bits);
            if half.is_finite() {
                assert_eq!(widen(bits).to_bits(), half.to_f32().to_bits(), "{half}");
            }
        }
    }

    #[test]
    fn codes_of_every_length_and_sign_are_multiplied_exactly() {
        for length in (1..130).chain([384, 4095, 4096]) {
            for (left, right) in [(127, 127), (-127, 127), (-127, -127), (-128, -128), (127, -128), (3, -1)] {
                let expected = i32::from(left) * i32::from(right) * length;
                assert_eq!(dot_codes(&vec![left; length as usize], &vec![right; length as usize]), expected, "{length}");
            }
        }
        let left: Vec<i8> = (0..384).map(|n| ((n * 37) % 255 - 127) as i8).collect();
        let right: Vec<i8> = (0..384).map(|n| ((n * 91) % 255 - 127) as i8).collect();
        let expected: i32 = left.iter().zip(&right).map(|(l, r)| i32::from(*l) * i32::from(*r)).sum();
        assert_eq!(dot_codes(&left, &right), expected);
        assert_eq!(dot_codes(&left, &right[1..]), 0);
    }

    #[test]
    fn similarity_ignores_length_and_is_0_of_nothing() {
        for scalar in [Scalar::F32, Scalar::F16, Scalar::I8] {
            for dimension in [1, 15, 16, 17, 384] {
                let shape = Shape::new(dimension, scalar).unwrap();
                let length = (dimension as f32).sqrt();
                let unit = vec![1.0 / length; dimension as usize];
                let of = |number: f32| {
                    let mut bytes = Vec::new();
                    shape.encode(&vec![number; dimension as usize], &mut bytes).unwrap();
                    similarity(shape, &unit, &bytes)
                };
                for number in [1.0, 1e-30, 1e30, f32::MAX, f32::from_bits(1)] {
                    assert!((of(number) - 1.0).abs() < 1e-5, "{shape} of {number}: {}", of(number));
                    assert!((of(-number) + 1.0).abs() < 1e-5);
                }
                assert_eq!(of(0.0), 0.0);
                assert_eq!(similarity(shape, &vec![0.0; dimension as usize], &vec![1; shape.stride()]), 0.0);
            }
        }
    }

    #[test]
    fn bytes_that_are_no_number_have_no_similarity() {
        let shape = Shape::new(2, Scalar::F32).unwrap();
        let mut bytes = f32::NAN.to_le_bytes().to_vec();
        bytes.extend(f32::INFINITY.to_le_bytes());
        assert_eq!(similarity(shape, &[0.6, 0.8], &bytes), 0.0);
    }
}
