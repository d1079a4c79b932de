//! Which concept a name stands for.

use sutra_protocol::http::ConceptRef;
use sutra_protocol::{ApiError, ConceptId, ErrorCode, limits};

use crate::tcp::answer::Asked;

/// The concept that a name of 32 hexadecimal digits stands for: the one with that id, and only if there is none the one with that
/// key, because clients of the original protocol made such keys for themselves.
pub(super) async fn locate(asked: &Asked, reference: ConceptRef) -> Result<ConceptRef, ApiError> {
    match reference {
        ConceptRef::Id(id) if resolve(asked, &reference).await?.is_none() => {
            let key = ConceptRef::Key { key: id.to_string() };
            Ok(resolve(asked, &key).await?.map_or(reference, ConceptRef::Id))
        }
        other => Ok(other),
    }
}

/// The id of the concept that a name stands for; `not_found` if there is none.
pub(super) async fn id(asked: &Asked, reference: ConceptRef) -> Result<ConceptId, ApiError> {
    match locate(asked, reference).await? {
        ConceptRef::Id(id) => Ok(id),
        other => resolve(asked, &other).await?.ok_or_else(|| unknown(&other)),
    }
}

async fn resolve(asked: &Asked, reference: &ConceptRef) -> Result<Option<ConceptId>, ApiError> {
    optional(asked.service.resolve(&asked.caller, &asked.read, reference).await)
}

fn unknown(reference: &ConceptRef) -> ApiError {
    ApiError::not_found(match reference {
        ConceptRef::Id(id) => format!("concept {id} does not exist"),
        ConceptRef::Key { key: name } | ConceptRef::Content { content: name } => {
            format!("no concept has the id or key {}", limits::excerpt(name))
        }
    })
}

/// An answer whose absence is an answer too.
pub(super) fn optional<T>(answer: Result<T, ApiError>) -> Result<Option<T>, ApiError> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.code == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
