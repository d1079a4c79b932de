//! Which synsets go into a corpus.

use std::collections::BTreeSet;

use super::database::Database;
use super::relation::LEXNAMES;
use super::synset::{Pos, SynsetId};

/// The demo's part of WordNet: living things, the body and its states, what is eaten, substances.
const LEXICOGRAPHER_FILES: [&str; 6] = ["noun.animal", "noun.body", "noun.food", "noun.plant", "noun.state", "noun.substance"];
/// "drug: a substance that is used as a medicine or narcotic". WordNet files drugs under `noun.artifact`.
const DRUG: SynsetId = SynsetId { pos: Pos::Noun, offset: 3_247_620 };

/// Everything.
pub(crate) fn whole(database: &Database) -> BTreeSet<SynsetId> {
    database.synsets.keys().copied().collect()
}

/// The demo's part, closed upwards: with each synset come all that it is a kind of, up to "entity".
pub(crate) fn demo(database: &Database) -> BTreeSet<SynsetId> {
    let filed = database.synsets.values().filter(|synset| {
        LEXNAMES.get(synset.lexname).is_some_and(|name| synset.id.pos == Pos::Noun && LEXICOGRAPHER_FILES.contains(name))
    });
    let mut chosen: BTreeSet<SynsetId> = filed.map(|synset| synset.id).collect();
    chosen.extend(closure(database, BTreeSet::from([DRUG]), &["~", "~i"]));
    closure(database, chosen, &["@", "@i"])
}

/// `start` and all that pointers of these symbols lead to from there.
fn closure(database: &Database, start: BTreeSet<SynsetId>, symbols: &[&str]) -> BTreeSet<SynsetId> {
    let mut open: Vec<SynsetId> = start.iter().copied().collect();
    let mut reached = start;
    while let Some(synset) = open.pop().and_then(|id| database.synsets.get(&id)) {
        for pointer in synset.pointers.iter().filter(|pointer| symbols.contains(&pointer.symbol.as_str())) {
            if reached.insert(pointer.target) {
                open.push(pointer.target);
            }
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wordnet::synset::Synset;

    #[test]
    fn ancestors_come_with_what_is_chosen_and_siblings_do_not() {
        let lines = [
            "00000001 03 n 01 entity 0 001 ~ 00000002 n 0000 | g",
            "00000002 03 n 01 organism 0 002 @ 00000001 n 0000 ~ 00000003 n 0000 | g",
            "00000003 05 n 01 dog 0 001 @ 00000002 n 0000 | g",
            "00000004 18 n 01 person 0 001 @ 00000002 n 0000 | g",
            "03247620 06 n 01 drug 0 001 ~ 03247621 n 0000 | g",
            "03247621 06 n 01 aspirin 0 001 @ 03247620 n 0000 | g",
        ];
        let synsets = lines.map(|line| Synset::parse(Pos::Noun, line).unwrap()).map(|synset| (synset.id, synset));
        let database = Database { synsets: synsets.into() };
        let offsets: Vec<u32> = demo(&database).into_iter().map(|id| id.offset).collect();
        assert_eq!(offsets, [1, 2, 3, 3_247_620, 3_247_621]);
        assert_eq!(whole(&database).len(), 6);
    }
}
