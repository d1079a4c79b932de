//! Ids and names in the path.

use std::fmt::Display;
use std::str::FromStr;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use sutra_protocol::{ApiError, ConceptId, Namespace};

use crate::http::problem::Problem;

/// The `{id}` of a concept's path.
pub(in crate::http) struct Id(pub(in crate::http) ConceptId);

/// The `{ns}` of a namespace's path.
pub(in crate::http) struct Name(pub(in crate::http) Namespace);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        segment(parts, state, "id").await.map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        segment(parts, state, "ns").await.map(Self)
    }
}

async fn segment<T, S>(parts: &mut Parts, state: &S, name: &str) -> Result<T, Problem>
where
    T: FromStr<Err: Display>,
    S: Send + Sync,
{
    let Path(text) = Path::<String>::from_request_parts(parts, state)
        .await
        .map_err(|_| ApiError::invalid(name, format!("{name} in the path is not UTF-8")))?;
    Ok(text.parse().map_err(|error: T::Err| ApiError::invalid(name, format!("{name} in the path: {error}")))?)
}
