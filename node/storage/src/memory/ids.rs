//! A small set of concept ids, as one name has them.

use std::sync::Arc;

use sutra_protocol::ConceptId;

/// Nearly every name has one concept; only then is there nothing on the heap.
#[derive(Clone, Debug)]
pub(crate) enum Ids {
    One(ConceptId),
    /// Ascending.
    Many(Arc<Vec<ConceptId>>),
}

impl Ids {
    pub(crate) fn as_slice(&self) -> &[ConceptId] {
        match self {
            Self::One(id) => std::slice::from_ref(id),
            Self::Many(ids) => ids,
        }
    }

    pub(crate) fn insert(&mut self, id: ConceptId) {
        match self {
            Self::One(only) if *only == id => {}
            Self::One(only) => *self = Self::Many(Arc::new(vec![(*only).min(id), (*only).max(id)])),
            Self::Many(ids) => {
                if let Err(at) = ids.binary_search(&id) {
                    Arc::make_mut(ids).insert(at, id);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_stay_distinct_and_ascending() {
        let id = ConceptId::from_u128;
        let mut ids = Ids::One(id(5));
        for new in [5, 3, 9, 3, 7] {
            ids.insert(id(new));
        }
        assert_eq!(ids.as_slice(), [id(3), id(5), id(7), id(9)]);
    }
}
