//! `Flush`, `ClearCollection`.

use sutra_protocol::ApiError;
use sutra_protocol::tcp::{ClearCollectionOk, FlushOk};

use super::named;
use crate::tcp::answer::Asked;

pub(in crate::tcp) async fn flush(asked: &Asked) -> Result<FlushOk, ApiError> {
    asked.service.flush(&asked.caller).await?;
    Ok(FlushOk {})
}

/// An unknown namespace is an empty one, so that clearing it is done before it begins.
pub(in crate::tcp) async fn clear(asked: &Asked) -> Result<ClearCollectionOk, ApiError> {
    let namespace = asked.read.namespace.clone();
    let dropped = named::optional(asked.service.drop_namespace(&asked.caller, &namespace).await)?;
    Ok(ClearCollectionOk { namespace, concepts: dropped.map_or(0, |dropped| dropped.body.concepts) })
}
