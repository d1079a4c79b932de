//! The vectors at the least angles to one.

use std::cmp::Ordering;

use sutra_protocol::ApiError;
use sutra_protocol::command::Rejection;
use sutra_protocol::filter::Filter;
use sutra_storage::{Hit, View};

use super::fault;

/// Concepts that are taken from the view at once.
const ROWS: usize = 1024;

/// The at most `k` living concepts that pass the filter and whose vectors have the greatest cosine similarity to `vector`, which is
/// not all zeros: best first, then by id.
///
/// # Errors
/// `invalid_argument` if the namespace's vectors have another dimension.
pub(super) fn nearest(view: &View, vector: &[f32], k: usize, filter: Option<&Filter>) -> Result<Vec<Hit>, ApiError> {
    let mut best: Vec<Hit> = Vec::new();
    let mut after = None;
    loop {
        let rows = view.concepts(after, ROWS);
        let Some(last) = rows.last() else { break };
        after = Some(last.id);
        for concept in rows {
            let Some(stored) = &concept.vector else { continue };
            if stored.len() != vector.len() {
                let (expected, found) = (stored.len() as u32, vector.len() as u32);
                return Err(fault::rejection(&Rejection::Dimension { expected, found }));
            }
            if filter.is_none_or(|filter| filter.passes(&concept)) {
                let score = cosine(vector, stored);
                best.push(Hit { concept, score });
            }
        }
        best.sort_unstable_by(order);
        best.truncate(k);
    }
    Ok(best)
}

fn order(left: &Hit, right: &Hit) -> Ordering {
    right.score.total_cmp(&left.score).then(left.concept.id.cmp(&right.concept.id))
}

/// The cosine of the angle between two vectors of one dimension; 0 where one of them has no direction.
fn cosine(left: &[f32], right: &[f32]) -> f64 {
    let (mut product, mut squares) = (0.0, [0.0, 0.0]);
    for (left, right) in left.iter().zip(right) {
        let (left, right) = (f64::from(*left), f64::from(*right));
        product += left * right;
        squares[0] += left * left;
        squares[1] += right * right;
    }
    let lengths = squares[0].sqrt() * squares[1].sqrt();
    if lengths > 0.0 { (product / lengths).clamp(-1.0, 1.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similarity_is_that_of_directions() {
        assert_eq!(cosine(&[3.0, 4.0], &[3.0, 4.0]), 1.0);
        assert_eq!(cosine(&[3.0, 4.0], &[-4.0, 3.0]), 0.0);
        assert_eq!(cosine(&[1.0, 0.0], &[-1e30, 0.0]), -1.0);
        assert!((cosine(&[1.0, 0.0], &[1.0, 1.0]) - 0.5_f64.sqrt()).abs() < 1e-12);
        assert_eq!(cosine(&[1.0, 0.0], &[0.0, 0.0]), 0.0);
    }
}
