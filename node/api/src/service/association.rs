//! One association between two concepts.

use sutra_grid::View;
use sutra_learning::{Overlay, Planner};
use sutra_protocol::http::ConceptRef;
use sutra_protocol::{ApiError, Association, AssociationFilter, ConceptId, Direction, Knowledge};

use super::{Caller, Read, Service, fault};

impl Service {
    /// The first living association from `source` to `target`, by type and label; `None` if there is none between them.
    ///
    /// # Errors
    /// `not_found` and `conflict` for the two concepts, `deadline_exceeded`.
    pub async fn association(
        &self,
        caller: &Caller,
        read: &Read,
        source: &ConceptRef,
        target: &ConceptRef,
    ) -> Result<Option<Association>, ApiError> {
        let (source, target) = (source.clone(), target.clone());
        self.heavy(caller, read.clone(), move |view| {
            let source = find(view, "source", &source)?;
            let target = find(view, "target", &target)?;
            let steps = view.expand(&[source], Direction::Out, &AssociationFilter::default());
            let first = steps.into_iter().flatten().find(|step| step.key.target == target);
            Ok(first.and_then(|step| view.association(&step.key)))
        })
        .await
    }
}

/// The concept that the `field` of a read names.
pub(super) fn find(view: &View, field: &'static str, reference: &ConceptRef) -> Result<ConceptId, ApiError> {
    let mut nothing_planned = Overlay::default();
    let found = Planner::new(view.namespace(), view, &mut nothing_planned).find(field, reference);
    found.map_err(|refusal| fault::refusal(&refusal, view, &nothing_planned))
}
