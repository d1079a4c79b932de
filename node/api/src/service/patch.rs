//! `PATCH /v1/concept/{id}`.

use sutra_grid::View;
use sutra_protocol::command::{Amend, Edit, Operation, Outcome};
use sutra_protocol::http::{ConceptView, PatchRequest};
use sutra_protocol::{ApiError, ConceptId, Namespace, Timestamp};

use super::submit::unexpected;
use super::{Caller, Service, Written, render};

impl Service {
    /// Changes a concept in place; with `if_match`, only if that is still its newest version.
    ///
    /// # Errors
    /// `invalid_argument`, `not_found`, `precondition_failed`, and what every write may meet.
    pub async fn patch(
        &self,
        caller: &Caller,
        namespace: &Namespace,
        id: ConceptId,
        if_match: Option<Timestamp>,
        request: PatchRequest,
    ) -> Result<Written<ConceptView>, ApiError> {
        request.validate()?;
        let amend = Amend {
            id,
            expected: if_match,
            aliases: request.aliases.map(|aliases| aliases.iter().map(|alias| alias.trim().into()).collect()),
            attributes: request.attributes,
            confidence: request.confidence,
            valid_from: edit(request.valid_from),
            valid_to: edit(request.valid_to),
        };
        let done = self.once(caller, namespace, Operation::Amend(Box::new(amend))).await?;
        let Outcome::Amended(concept) = &done.outcome else { return Err(unexpected(&done.outcome)) };
        // What happened to the concept since is not part of this answer, though a repetition may know of it.
        let show = |view: &View| Ok(ConceptView { retracted_at: None, ..render::concept(concept, view) });
        let body = self.read_then(namespace, caller, &done, show)?;
        Ok(Written { body, token: self.token(caller, &done) })
    }
}

fn edit(field: Option<Option<Timestamp>>) -> Edit<Timestamp> {
    match field {
        None => Edit::Keep,
        Some(None) => Edit::Clear,
        Some(Some(time)) => Edit::Set(time),
    }
}
