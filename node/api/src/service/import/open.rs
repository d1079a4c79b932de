//! Associations whose ends, or statements, have not come yet.

use std::collections::{BTreeMap, HashMap};

use sutra_learning::{Draft, Reference};

/// Most associations that wait.
const ASSOCIATIONS: usize = 1_000_000;
/// Most memory that they may take, in bytes.
const BYTES: usize = 256 << 20;

/// An association on its way.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Loose {
    /// The line that it comes from.
    pub(super) line: u64,
    /// What is known of it.
    pub(super) draft: Draft,
    /// How often the store found an end gone that had been there.
    pub(super) setbacks: u8,
}

/// Associations that wait, each for the one concept that it lacks; found by that concept's id or key the moment it comes.
#[derive(Debug, Default)]
pub(super) struct Open {
    next: u64,
    bytes: usize,
    waiting: BTreeMap<u64, (Reference, Loose)>,
    by_name: HashMap<Reference, Vec<u64>>,
}

impl Open {
    /// Lets an association wait for `missing`.
    pub(super) fn wait(&mut self, missing: Reference, loose: Loose) {
        self.bytes += loose.draft.size();
        self.by_name.entry(missing.clone()).or_default().push(self.next);
        self.waiting.insert(self.next, (missing, loose));
        self.next += 1;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether more wait than there is room for.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() > ASSOCIATIONS || self.bytes > BYTES
    }

    /// Those that waited for this name, in the order in which they came.
    pub(super) fn wake(&mut self, name: &Reference) -> Vec<Loose> {
        let ids = self.by_name.remove(name).unwrap_or_default();
        let woken: Vec<Loose> = ids.iter().filter_map(|id| self.waiting.remove(id)).map(|(_, loose)| loose).collect();
        self.bytes -= woken.iter().map(|loose| loose.draft.size()).sum::<usize>();
        woken
    }

    /// The one that has waited longest.
    pub(super) fn oldest(&mut self) -> Option<Loose> {
        let (id, (name, loose)) = self.waiting.pop_first()?;
        if let Some(ids) = self.by_name.get_mut(&name) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.by_name.remove(&name);
            }
        }
        self.bytes -= loose.draft.size();
        Some(loose)
    }

    /// All of them, in the order in which they came.
    pub(super) fn take(&mut self) -> Vec<Loose> {
        self.by_name.clear();
        self.bytes = 0;
        std::mem::take(&mut self.waiting).into_values().map(|(_, loose)| loose).collect()
    }
}

#[cfg(test)]
mod tests {
    use sutra_protocol::http::{AssociateRequest, ConceptRef};

    use super::*;

    fn loose(line: u64) -> Loose {
        let end = |key: &str| ConceptRef::Key { key: key.into() };
        let request = AssociateRequest {
            source: end("a"),
            target: end("b"),
            kind: None,
            label: None,
            confidence: None,
            strength: None,
            valid_from: None,
            valid_to: None,
            evidence: Vec::new(),
            namespace: None,
        };
        Loose { line, draft: Draft::from(&request), setbacks: 0 }
    }

    #[test]
    fn each_is_found_by_what_it_lacks_or_by_age() {
        let (a, b) = (Reference::Key("a".into()), Reference::Key("b".into()));
        let mut open = Open::default();
        open.wait(b.clone(), loose(1));
        open.wait(a.clone(), loose(2));
        open.wait(b.clone(), loose(3));
        open.wait(a, loose(4));
        assert_eq!(open.oldest().map(|loose| loose.line), Some(1));
        let woken: Vec<_> = open.wake(&b).iter().map(|loose| loose.line).collect();
        assert_eq!(woken, [3]);
        assert!(open.wake(&b).is_empty());
        let rest: Vec<_> = open.take().iter().map(|loose| loose.line).collect();
        assert_eq!((rest, open.bytes, open.is_empty()), (vec![2, 4], 0, true));
    }
}
