//! Which known names resemble an unknown one.

use std::collections::BTreeSet;

use sutra_protocol::ConceptId;
use sutra_protocol::name::normal_name;

/// The least resemblance worth suggesting.
const LEAST: f64 = 0.3;

/// Those of `candidates` (a concept and one of its names) that resemble `name` most, best first, each concept once.
///
/// Resemblance is Dice's coefficient over the names' letter trigrams (L. R. Dice, Ecology 26(3), 1945).
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = (ConceptId, &'a str)>, limit: usize) -> Vec<ConceptId> {
    let wanted = trigrams(name);
    let mut scored: Vec<(f64, ConceptId)> = candidates
        .into_iter()
        .map(|(id, candidate)| (resemblance(&wanted, &trigrams(candidate)), id))
        .filter(|(score, _)| *score >= LEAST)
        .collect();
    scored.sort_by(|(a, a_id), (b, b_id)| b.total_cmp(a).then(a_id.cmp(b_id)));
    let mut seen = BTreeSet::new();
    scored.into_iter().map(|(_, id)| id).filter(|id| seen.insert(*id)).take(limit).collect()
}

fn trigrams(name: &str) -> BTreeSet<[char; 3]> {
    let padded: Vec<char> = std::iter::once(' ').chain(normal_name(name).chars()).chain([' ']).collect();
    padded.windows(3).map(|three| [three[0], three[1], three[2]]).collect()
}

fn resemblance(a: &BTreeSet<[char; 3]>, b: &BTreeSet<[char; 3]>) -> f64 {
    let total = a.len() + b.len();
    if total == 0 { 0.0 } else { 2.0 * a.intersection(b).count() as f64 / total as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_finds_its_neighbours() {
        let id = ConceptId::from_u128;
        let known = [(id(1), "metformin"), (id(2), "metoprolol"), (id(3), "warfarin"), (id(1), "metformin hydrochloride")];
        assert_eq!(nearest("metfromin", known, 5), [id(1)]);
        assert_eq!(nearest("metoprolo", known, 1), [id(2)]);
        assert!(nearest("Basel III", known, 5).is_empty());
    }
}
