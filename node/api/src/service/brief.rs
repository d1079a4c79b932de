//! Reads that take no time mostly, and long now and then.

use std::cell::Cell;
use std::sync::Arc;

use sutra_protocol::{Association, AssociationFilter, AssociationKey, Concept, ConceptId, Direction, Knowledge, Step};
use sutra_storage::View;

/// Associations, and concepts without any, that a read may look at where it must not take long. In memory that takes less time than having
/// it done by another thread; on a disk, some milliseconds.
const ASSOCIATIONS: usize = 64;

/// A view with a bound on the associations that are looked at. Beyond it nothing is found, so that what was made of it is of no use.
pub(super) struct Brief<'a> {
    view: &'a View,
    /// `None`: the bound was met.
    left: Cell<Option<usize>>,
}

impl<'a> Brief<'a> {
    pub(super) fn new(view: &'a View) -> Self {
        Self { view, left: Cell::new(Some(ASSOCIATIONS)) }
    }

    /// Whether the bound was met.
    pub(super) fn is_over(&self) -> bool {
        self.left.get().is_none()
    }

    /// Takes a concept's associations from what is left; whether there was enough.
    fn covers(&self, id: ConceptId, direction: Direction) -> bool {
        let left = self.left.get().and_then(|left| {
            // A concept without associations is work too.
            left.checked_sub(1 + self.view.fan_out(id, direction, left))
        });
        self.left.set(left);
        left.is_some()
    }
}

impl Knowledge for Brief<'_> {
    fn concept(&self, id: ConceptId) -> Option<Arc<Concept>> {
        self.view.concept(id)
    }

    fn keyed(&self, key: &str) -> Option<ConceptId> {
        self.view.keyed(key)
    }

    fn named(&self, name: &str) -> Vec<ConceptId> {
        self.view.named(name)
    }

    fn expand(&self, frontier: &[ConceptId], direction: Direction, filter: &AssociationFilter) -> Vec<Vec<Step>> {
        self.expand_towards(frontier, direction, filter, &|_| true)
    }

    fn expand_towards(
        &self,
        frontier: &[ConceptId],
        direction: Direction,
        filter: &AssociationFilter,
        wanted: &dyn Fn(ConceptId) -> bool,
    ) -> Vec<Vec<Step>> {
        if frontier.iter().all(|id| self.covers(*id, direction)) {
            self.view.expand_towards(frontier, direction, filter, wanted)
        } else {
            vec![Vec::new(); frontier.len()]
        }
    }

    fn association(&self, key: &AssociationKey) -> Option<Association> {
        self.view.association(key)
    }
}
