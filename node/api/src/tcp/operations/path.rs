//! `FindPath`, `FindPathSemantic`.

use sutra_protocol::ApiError;
use sutra_protocol::http::{PathRequest, PathResponse};
use sutra_protocol::tcp::{FindPath, FindPathOk, FindPathSemantic, FindPathSemanticOk};

use super::named;
use crate::tcp::answer::Asked;

pub(in crate::tcp) async fn find(asked: &Asked, find: FindPath) -> Result<FindPathOk, ApiError> {
    let found = paths(asked, find.into_http()?).await?;
    let path = found.paths.first().map(|path| path.concepts.iter().map(|concept| concept.id).collect());
    Ok(FindPathOk { found: path.is_some(), path: path.unwrap_or_default() })
}

pub(in crate::tcp) async fn find_semantic(asked: &Asked, find: FindPathSemantic) -> Result<FindPathSemanticOk, ApiError> {
    Ok(FindPathSemanticOk { paths: paths(asked, find.into_http()?).await?.paths })
}

async fn paths(asked: &Asked, mut request: PathRequest) -> Result<PathResponse, ApiError> {
    request.start = named::locate(asked, request.start).await?;
    request.end = named::locate(asked, request.end).await?;
    request.namespace = Some(asked.read.namespace.clone());
    request.valid_at = asked.read.valid_at;
    request.known_at = asked.read.known_at;
    asked.service.path(&asked.caller, request).await
}
