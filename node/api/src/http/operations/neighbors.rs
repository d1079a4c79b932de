//! `GET /v1/concept/{id}/neighbors`.

use axum::extract::State;
use axum::http::Method;
use serde_json::json;
use sutra_protocol::http::NeighborsResponse;
use sutra_protocol::limits::{self, LABEL_BYTES};
use sutra_protocol::{ApiError, AssociationType, Direction};

use crate::http::app::App;
use crate::http::extract::params::{FromParams, Params};
use crate::http::extract::target::Id;
use crate::http::extract::{Query, ReadParams, Reader};
use crate::http::openapi::{Operation, Tag, schema};
use crate::http::reply::{self, Reply};
use crate::service::NeighborsQuery;

/// Which neighbours, and of which graph.
pub(in crate::http) struct NeighborsParams {
    read: ReadParams,
    query: NeighborsQuery,
}

impl FromParams for NeighborsParams {
    fn is_strong(&self) -> bool {
        self.read.is_strong()
    }

    fn is_whole(&self) -> bool {
        self.read.is_whole()
    }

    fn from_params(params: &mut Params) -> Result<Self, ApiError> {
        let labels: Vec<String> = params.many("label")?;
        let types = params.many("type")?;
        limits::at_most("label", labels.len(), limits::FILTER_ITEMS, "values")?;
        limits::at_most("type", types.len(), limits::FILTER_ITEMS, "values")?;
        for label in &labels {
            limits::at_most("label", label.len(), LABEL_BYTES, "bytes")?;
        }
        let small = |number: Option<u64>| number.and_then(|number| u32::try_from(number).ok());
        let query = NeighborsQuery {
            direction: params.one("direction")?,
            types,
            labels,
            hops: small(params.number("hops", 1, limits::NEIGHBOR_HOPS as u64)?),
            limit: small(params.number("limit", 1, limits::K as u64)?),
            cursor: params.one("cursor")?,
        };
        Ok(Self { read: ReadParams::from_params(params)?, query })
    }
}

pub(in crate::http) fn describe() -> Operation {
    let list = |item| json!({ "type": "array", "items": item, "maxItems": limits::FILTER_ITEMS });
    let number = |greatest, default| json!({ "type": "integer", "minimum": 1, "maximum": greatest, "default": default });
    Operation::new(
        Method::GET,
        "/v1/concept/{id}/neighbors",
        "get_neighbors",
        Tag::Read,
        "List what a concept is associated with",
    )
    .of_concept()
    .query("direction", schema::<Direction>(), "Which way associations are followed. Default: `both`.")
    .query("type", list(schema::<AssociationType>()), "The types that may be followed; repeat it for several. Default: all.")
    .query("label", list(json!({ "type": "string" })), "The labels that may be followed; repeat it for several. Default: all.")
    .query("hops", number(limits::NEIGHBOR_HOPS, 1), "Greatest distance.")
    .query("limit", number(limits::K, 100), "Most neighbours of a page.")
    .query("cursor", json!({ "type": "string" }), "From the page before.")
    .reads()
    .bounded()
    .answers::<NeighborsResponse>("A page of neighbours.")
}

pub(in crate::http) async fn neighbors(
    State(app): State<App>,
    Id(id): Id,
    Query(NeighborsParams { read, query }): Query<NeighborsParams>,
    Reader(caller): Reader,
) -> Reply {
    reply::json(app.service.neighbors(&caller, &read.into_read(), id, query).await?)
}
