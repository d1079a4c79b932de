//! `QueryConcept`, `DeleteConcept`, `GetNeighbors`, `ListRecent`, `GetAllConceptIds`.

use sutra_protocol::http::ConceptRef;
use sutra_protocol::tcp::{
    DeleteConceptOk, GetAllConceptIds, GetAllConceptIdsOk, GetNeighbors, GetNeighborsOk, ListRecent, ListRecentOk, Named,
    OneConcept, QueryConceptOk,
};
use sutra_protocol::{ApiError, ConceptId, limits};

use super::named;
use crate::service::NeighborsQuery;
use crate::tcp::answer::Asked;

/// How many concepts `ListRecent` lists without a limit.
const RECENT: u32 = 10;

pub(in crate::tcp) async fn query(asked: &Asked, one: OneConcept) -> Result<QueryConceptOk, ApiError> {
    let name = one.named()?;
    let reference = ConceptRef::from(name.clone());
    let stored = async |id| asked.service.stored(&asked.caller, &asked.read, id).await;
    let mut found = match reference {
        ConceptRef::Id(id) => stored(id).await?,
        _ => None,
    };
    if found.is_none()
        && let Some(id) = named::optional(named::id(asked, reference).await)?
    {
        found = stored(id).await?;
    }
    Ok(match found {
        Some(concept) => concept.as_ref().into(),
        None => QueryConceptOk { concept_id: name.to_string(), ..QueryConceptOk::default() },
    })
}

pub(in crate::tcp) async fn delete(asked: &Asked, one: OneConcept) -> Result<DeleteConceptOk, ApiError> {
    let id = named::id(asked, one.named()?.into()).await?;
    let deleted = asked.service.retract(&asked.caller, &asked.read.namespace, id).await?.body;
    Ok(DeleteConceptOk { id, retracted: deleted.retracted })
}

pub(in crate::tcp) async fn neighbors(asked: &Asked, fields: GetNeighbors) -> Result<GetNeighborsOk, ApiError> {
    let GetNeighbors { concept_id, direction, types, hops, limit, cursor } = fields;
    let id = named::id(asked, Named::required(concept_id, "concept_id")?.into()).await?;
    let types = types.into_iter().map(|kind| kind.0).collect();
    let query = NeighborsQuery { direction, types, labels: Vec::new(), hops, limit, cursor };
    let page = asked.service.neighbors(&asked.caller, &asked.read, id, query).await?;
    Ok(GetNeighborsOk {
        neighbor_ids: once(page.neighbors.iter().map(|to| to.id)),
        neighbors: page.neighbors,
        cursor: page.cursor,
    })
}

/// Each id once, where it first stands: several associations may lead to one neighbour.
fn once(ids: impl Iterator<Item = ConceptId>) -> Vec<ConceptId> {
    let mut seen = std::collections::HashSet::new();
    ids.filter(|id| seen.insert(*id)).collect()
}

pub(in crate::tcp) async fn recent(asked: &Asked, list: ListRecent) -> Result<ListRecentOk, ApiError> {
    let limit = page(list.limit, RECENT)?;
    Ok(ListRecentOk { items: asked.service.recent(&asked.caller, &asked.read, limit).await? })
}

pub(in crate::tcp) async fn ids(asked: &Asked, fields: GetAllConceptIds) -> Result<GetAllConceptIdsOk, ApiError> {
    let limit = page(fields.limit, limits::K as u32)?;
    let page = asked.service.concept_ids(&asked.caller, &asked.read, fields.cursor.as_deref(), limit).await?;
    Ok(GetAllConceptIdsOk { concept_ids: page.0, cursor: page.1 })
}

fn page(limit: Option<u32>, default: u32) -> Result<usize, ApiError> {
    let limit = limit.unwrap_or(default);
    limits::in_range("limit", limit.into(), 1, limits::K as u64)?;
    Ok(limit as usize)
}
