//! Vectors of the delta.

use std::sync::Arc;

use crate::codes::{Code, Codes};
use crate::filter::Filter;
use crate::neighbour::Neighbour;
use crate::query::{Effort, Query};
use crate::scan::{self, Coded, Stored};
use crate::shape::{Shape, ShapeError};

/// Vectors of a full block.
const BLOCK: usize = 128;

/// Vectors that no segment has yet: appended by one thread, scanned whole, so that a vector is found from the moment it is there.
///
/// Clones share everything and cost two reference counts; a clone does not see what is appended afterwards. A vector takes
/// `stride + dimension + 4` bytes, and about a hundred more until its block of 128 is full.
#[derive(Clone, Debug)]
pub struct Recent {
    shape: Shape,
    /// Blocks of exactly [`BLOCK`] vectors.
    full: Arc<Vec<Arc<Block>>>,
    /// Fewer than [`BLOCK`] vectors, each a block of its own: what appending to a shared delta copies is their pointers.
    tail: Arc<Vec<Arc<Block>>>,
}

/// Consecutive vectors.
#[derive(Debug)]
struct Block {
    stored: Vec<u8>,
    codes: Codes,
}

impl Recent {
    /// None yet, of this shape.
    #[must_use]
    pub fn new(shape: Shape) -> Self {
        Self { shape, full: Arc::default(), tail: Arc::default() }
    }

    /// Appends a vector, and says its ordinal: they count from 0.
    ///
    /// # Errors
    /// [`ShapeError::Length`] or [`ShapeError::Count`]; nothing is appended.
    pub fn push(&mut self, vector: &[f32]) -> Result<u32, ShapeError> {
        let ordinal = u32::try_from(self.full.len() * BLOCK + self.tail.len()).map_err(|_| ShapeError::Count)?;
        if ordinal == u32::MAX {
            return Err(ShapeError::Count);
        }
        let row = Block::of(self.shape, vector)?;
        let tail = Arc::make_mut(&mut self.tail);
        tail.push(Arc::new(row));
        if tail.len() == BLOCK {
            Arc::make_mut(&mut self.full).push(Arc::new(Block::joined(self.shape, tail)));
            // A new one: a clone may still have the old.
            self.tail = Arc::default();
        }
        Ok(ordinal)
    }

    /// Dimension and scalar.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> u32 {
        // `push` keeps it below 2³².
        (self.full.len() * BLOCK + self.tail.len()) as u32
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A vector as it is stored, [`Shape::stride`] bytes: what a segment takes over.
    #[must_use]
    pub fn stored_bytes(&self, ordinal: u32) -> Option<&[u8]> {
        (ordinal < self.len()).then(|| self.stored(ordinal))
    }

    /// A vector as it was stored.
    #[must_use]
    pub fn vector(&self, ordinal: u32) -> Option<Vec<f32>> {
        self.shape.decode(self.stored_bytes(ordinal)?).ok()
    }

    /// Memory in bytes, shared with clones.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let full = self.full.first().map_or(0, |block| block.bytes()) * self.full.len();
        let tail = self.tail.first().map_or(0, |block| block.bytes()) * self.tail.len();
        full + tail + size_of::<Arc<Block>>() * (self.full.capacity() + self.tail.capacity())
    }

    /// The `k` nearest that pass, nearest first, ties by ordinal; fewer only where fewer pass.
    ///
    /// # Errors
    /// [`ShapeError::Length`]: the query has another dimension.
    pub fn search(&self, query: &Query, k: usize, filter: &Filter<'_>, effort: Effort) -> Result<Vec<Neighbour>, ShapeError> {
        query.check(self.shape)?;
        Ok(if query.is_zero() {
            scan::first(self.len(), k, filter)
        } else if scan::is_direct(self.len(), filter, effort) {
            scan::exact(self, query, k, filter)
        } else {
            scan::coded(self, self, query, k, filter)
        })
    }

    /// The block that has `ordinal`, and where in it.
    #[inline]
    fn block(&self, ordinal: u32) -> Option<(&Block, usize)> {
        let ordinal = ordinal as usize;
        match self.full.get(ordinal / BLOCK) {
            Some(block) => Some((block, ordinal % BLOCK)),
            None => self.tail.get(ordinal - self.full.len() * BLOCK).map(|row| (row.as_ref(), 0)),
        }
    }
}

impl Stored for Recent {
    fn shape(&self) -> Shape {
        self.shape
    }

    fn count(&self) -> u32 {
        self.len()
    }

    #[inline]
    fn stored(&self, ordinal: u32) -> &[u8] {
        let stride = self.shape.stride();
        self.block(ordinal).and_then(|(block, index)| block.stored.get(index * stride..(index + 1) * stride)).unwrap_or_default()
    }
}

impl Coded for Recent {
    #[inline]
    fn code(&self, ordinal: u32) -> Code<'_> {
        let dimension = self.shape.len();
        self.block(ordinal).map_or(Code { codes: &[], inverse: 0.0 }, |(block, index)| block.codes.get(dimension, index))
    }
}

impl Block {
    /// A block of one.
    fn of(shape: Shape, vector: &[f32]) -> Result<Self, ShapeError> {
        let mut stored = Vec::with_capacity(shape.stride());
        shape.encode(vector, &mut stored)?;
        let mut codes = Codes::with_capacity(shape.len(), 1);
        codes.push(&shape.decode(&stored)?);
        Ok(Self { stored, codes })
    }

    fn joined(shape: Shape, rows: &[Arc<Self>]) -> Self {
        let mut stored = Vec::with_capacity(shape.stride() * rows.len());
        let mut codes = Codes::with_capacity(shape.len(), rows.len());
        for row in rows {
            stored.extend_from_slice(&row.stored);
            codes.extend(&row.codes);
        }
        Self { stored, codes }
    }

    fn bytes(&self) -> usize {
        // With the two reference counts.
        size_of::<Self>() + 2 * size_of::<usize>() + self.stored.capacity() + self.codes.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::Scalar;

    fn recent(count: u32) -> Recent {
        let mut recent = Recent::new(Shape::new(3, Scalar::F32).unwrap());
        for number in 0..count {
            assert_eq!(recent.push(&[number as f32, 1.0, 0.0]), Ok(number));
        }
        recent
    }

    #[test]
    fn every_vector_reads_back_across_blocks() {
        for count in [0, 1, 127, 128, 129, 1000] {
            let recent = recent(count);
            assert_eq!(recent.len(), count);
            for ordinal in 0..count {
                assert_eq!(recent.vector(ordinal), Some(vec![ordinal as f32, 1.0, 0.0]));
                assert_eq!(recent.code(ordinal).codes.len(), 3);
            }
            assert_eq!(recent.vector(count), None);
            assert_eq!(recent.vector(u32::MAX), None);
        }
    }

    #[test]
    fn a_clone_does_not_see_what_comes_later() {
        for count in [0, 1, 127, 128, 300] {
            let mut recent = recent(count);
            let before = recent.clone();
            for _ in 0..200 {
                recent.push(&[0.0, 0.0, 1.0]).unwrap();
                let still = recent.clone();
                assert_eq!((before.len(), before.vector(count)), (count, None));
                drop(still);
            }
            assert_eq!(recent.len(), count + 200);
            let query = Query::new(recent.shape(), &[0.0, 0.0, 1.0]).unwrap();
            let found = before.search(&query, 5, &Filter::All, Effort::Usual).unwrap();
            assert!(found.iter().all(|neighbour| neighbour.similarity == 0.0));
            let found = recent.search(&query, 1, &Filter::All, Effort::Usual).unwrap();
            assert_eq!(found, [Neighbour { ordinal: count, similarity: 1.0 }]);
        }
    }

    #[test]
    fn a_refused_vector_leaves_nothing() {
        let mut recent = recent(2);
        assert_eq!(recent.push(&[1.0]), Err(ShapeError::Length { expected: 3, found: 1 }));
        assert_eq!((recent.len(), recent.push(&[1.0; 3])), (2, Ok(2)));
    }

    #[test]
    fn its_memory_is_what_a_vector_takes_and_little_more() {
        let shape = Shape::new(384, Scalar::F16).unwrap();
        let mut recent = Recent::new(shape);
        for _ in 0..1280 {
            recent.push(&[0.1; 384]).unwrap();
        }
        let a_vector = shape.stride() + 384 + 4;
        assert!((1280 * a_vector..1290 * a_vector).contains(&recent.bytes()), "{}", recent.bytes());
    }
}
