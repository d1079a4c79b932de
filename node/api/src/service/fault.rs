//! From what went wrong inside to the error that a caller sees.

use serde_json::json;
use sutra_grid::{Missing, RouteError, View};
use sutra_learning::{Overlay, Refusal};
use sutra_protocol::command::Rejection;
use sutra_protocol::{ApiError, ConceptId, ErrorCode, Knowledge};
use sutra_storage::{KeepFailure, NearestError, SubmitError, ViewError};

/// Whether a request that failed on time may have been stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nothing was stored.
    None,
    /// It may be stored now or soon; the same `Idempotency-Key` finds out.
    Unknown,
}

impl Fate {
    const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Unknown => "unknown",
        }
    }
}

/// The caller's time is over.
pub(super) fn deadline(fate: Fate) -> ApiError {
    let message = match fate {
        Fate::None => "the request's time was over before it was done",
        Fate::Unknown => "the request's time was over before its write was confirmed; repeat it with the same Idempotency-Key",
    };
    ApiError::new(ErrorCode::DeadlineExceeded, message).with_details(json!({ "outcome": fate.as_str() }))
}

/// The caller's time is over, and the node has not come to what its token names.
pub(super) fn not_reached() -> ApiError {
    let message = "the request's time was over before the node had come to what its Sutra-Token names";
    ApiError::new(ErrorCode::DeadlineExceeded, message).with_details(json!({ "outcome": Fate::None.as_str() }))
}

/// A fault of ours.
pub(super) fn internal(what: &str) -> ApiError {
    ApiError::new(ErrorCode::Internal, what)
}

/// The store did not take a command.
pub(super) fn submit(error: &SubmitError) -> ApiError {
    let message = error.to_string();
    match error {
        SubmitError::Overloaded { retry_after, .. } => ApiError::new(ErrorCode::Overloaded, message)
            .with_details(json!({ "retry_after_ms": retry_after.as_millis() as u64 })),
        SubmitError::TooLarge { .. } => ApiError::new(ErrorCode::TooLarge, message),
        SubmitError::Unknown => {
            let message = format!("{message}; repeat the request with the same Idempotency-Key");
            ApiError::new(ErrorCode::Unavailable, message).with_details(json!({ "outcome": Fate::Unknown.as_str() }))
        }
        SubmitError::Closed | SubmitError::NotLeader | SubmitError::Refused { .. } => {
            ApiError::new(ErrorCode::Unavailable, message).with_details(json!({ "outcome": Fate::None.as_str() }))
        }
    }
}

/// A request did not come to the replica that could do it.
pub(super) fn route(error: &RouteError) -> ApiError {
    match error {
        RouteError::Submit(error) => submit(error),
        RouteError::Late => deadline(Fate::Unknown),
        RouteError::Pending => {
            ApiError::new(ErrorCode::DeadlineExceeded, error.to_string()).with_details(json!({ "outcome": "pending" }))
        }
        RouteError::NoLeader { .. } | RouteError::Unreachable { .. } => {
            ApiError::new(ErrorCode::Unavailable, error.to_string()).with_details(json!({ "outcome": Fate::None.as_str() }))
        }
    }
}

/// The store can't show that time.
pub(super) fn view(error: &ViewError) -> ApiError {
    let message = error.to_string();
    match error {
        ViewError::BeforeHistory { horizon, .. } => {
            ApiError::invalid("known_at", message).with_details(json!({ "horizon": horizon }))
        }
    }
}

/// A part of what was to be read is missing.
pub(super) fn missing(missing: &Missing) -> ApiError {
    match missing {
        Missing::Unreachable { shard, reason } | Missing::Lost { shard, reason } => {
            let message = format!("shard {shard} does not answer: {reason}");
            ApiError::new(ErrorCode::Unavailable, message).with_details(json!({ "outcome": Fate::None.as_str(), "shard": shard }))
        }
        Missing::NoView(error) => view(error),
        Missing::Damaged(damage) => internal(damage),
    }
}

/// What was asked for is stored, and only its answer could not be made.
pub(super) fn stored(error: ApiError) -> ApiError {
    let message = format!(
        "the write is stored, but its answer could not be made: {}; repeat it with the same Idempotency-Key",
        error.message
    );
    ApiError::new(error.code, message).with_details(json!({ "outcome": Fate::Unknown.as_str() }))
}

/// A vector can't be compared with the namespace's.
pub(super) fn nearest(error: &NearestError) -> ApiError {
    match error {
        NearestError::Dimension { expected, found } => rejection(&Rejection::Dimension { expected: *expected, found: *found }),
    }
}

/// A checkpoint failed; what was to be moved is still in memory and in the log.
pub(super) fn keep(error: &KeepFailure) -> ApiError {
    ApiError::new(ErrorCode::Unavailable, error.to_string()).with_details(json!({ "outcome": Fate::None.as_str() }))
}

/// The caller's time is over, and what it erased may still be in a file.
pub(super) fn not_scrubbed() -> ApiError {
    let message = "the request's time was over before what was erased had left every file; no answer shows it any more, and it goes \
                   as soon as it can: repeat the request with the same Idempotency-Key to wait for that";
    ApiError::new(ErrorCode::DeadlineExceeded, message).with_details(json!({ "outcome": Fate::Unknown.as_str() }))
}

/// A concept that is not there.
pub(super) fn no_concept(id: ConceptId) -> ApiError {
    ApiError::not_found(format!("concept {id} does not exist")).with_details(json!({ "id": id }))
}

/// An operation changed nothing.
pub(super) fn rejection(rejection: &Rejection) -> ApiError {
    let message = rejection.to_string();
    match rejection {
        Rejection::KeyTaken { key, holder } => {
            ApiError::conflict(message).with_param("key").with_details(json!({ "key": key, "id": holder }))
        }
        Rejection::Exists { id } | Rejection::SourceDiffers { id } => {
            ApiError::conflict(message).with_details(json!({ "id": id }))
        }
        Rejection::NoConcept { role: "concept", id } => no_concept(*id),
        Rejection::NoConcept { role, id } => ApiError::not_found(message).with_param(*role).with_details(json!({ "id": id })),
        Rejection::Dimension { expected, found } => {
            ApiError::invalid("vector", message).with_details(json!({ "expected": expected, "found": found }))
        }
        Rejection::VectorsFixed { setting, .. } => ApiError::conflict(message).with_param(*setting),
        Rejection::TooMany { field, .. } => ApiError::invalid(*field, message),
        Rejection::EmptyValidity { .. } => ApiError::invalid("valid_to", message),
        Rejection::Changed { id } => {
            ApiError::new(ErrorCode::PreconditionFailed, message).with_param("If-Match").with_details(json!({ "id": id }))
        }
        Rejection::KeyReused => ApiError::conflict(message).with_param("Idempotency-Key"),
        Rejection::NoNamespace { .. } => ApiError::not_found(message).with_param("namespace"),
        Rejection::Refused(error) => ApiError::clone(error),
        // Tried again as long as there was time.
        Rejection::KeyBusy { .. } | Rejection::NotHere | Rejection::NoDimension | Rejection::Gap { .. } => {
            ApiError::new(ErrorCode::Unavailable, message).with_details(json!({ "outcome": Fate::None.as_str() }))
        }
    }
}

/// A request could not become an operation. An ambiguous name comes with what it may stand for.
pub(super) fn refusal(refusal: &Refusal, known: &View, overlay: &Overlay) -> ApiError {
    let message = refusal.to_string();
    let error = match refusal {
        Refusal::NotFound { .. } => ApiError::not_found(message),
        Refusal::Ambiguous { candidates, .. } => {
            let candidates: Vec<_> = candidates.iter().map(|id| candidate(*id, known, overlay)).collect();
            ApiError::conflict(message).with_details(json!({ "candidates": candidates }))
        }
        Refusal::GivesWay { id, .. } => ApiError::conflict(message).with_details(json!({ "id": id })),
        Refusal::Blank { .. } | Refusal::NoStage(_) => ApiError::new(ErrorCode::InvalidArgument, message),
    };
    error.with_param(refusal.field())
}

fn candidate(id: ConceptId, known: &View, overlay: &Overlay) -> serde_json::Value {
    match known.concept(id) {
        Some(concept) => match &concept.key {
            Some(key) => json!({ "id": id, "content": concept.content, "key": key }),
            None => json!({ "id": id, "content": concept.content }),
        },
        None => json!({ "id": id, "content": overlay.content(id) }),
    }
}
