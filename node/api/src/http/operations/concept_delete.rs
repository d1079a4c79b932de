//! `DELETE /v1/concept/{id}`.

use axum::extract::State;
use axum::http::Method;
use serde_json::json;
use sutra_protocol::http::DeleteResponse;
use sutra_protocol::{ApiError, Namespace};

use crate::http::app::App;
use crate::http::extract::params::{FromParams, Params};
use crate::http::extract::target::Id;
use crate::http::extract::{NoBody, Query, Write};
use crate::http::openapi::{Operation, Tag};
use crate::http::reply::{self, Reply};

/// `namespace` and `mode`.
pub(in crate::http) struct DeleteParams {
    namespace: Option<Namespace>,
}

impl FromParams for DeleteParams {
    fn from_params(params: &mut Params) -> Result<Self, ApiError> {
        match params.one::<String>("mode")?.as_deref() {
            None | Some("retract") => Ok(Self { namespace: params.one("namespace")? }),
            Some("erase") => {
                Err(ApiError::invalid("mode", "mode is erase, which this version does not have; retract is allowed"))
            }
            Some(other) => {
                let other = sutra_protocol::limits::excerpt(other);
                Err(ApiError::invalid("mode", format!("mode is {other}; retract is allowed")))
            }
        }
    }
}

pub(in crate::http) fn describe() -> Operation {
    Operation::new(Method::DELETE, "/v1/concept/{id}", "delete_concept", Tag::Write, "Retract a concept")
        .about(
            "Its associations go with it, and those for which it was the only evidence. With `known_at` before the retraction all \
             of it is still seen.",
        )
        .of_concept()
        .query("mode", json!({ "type": "string", "enum": ["retract"] }), "Default: `retract`.")
        .writes()
        .bounded()
        .answers::<DeleteResponse>("What went.")
        .hands_out_token()
}

pub(in crate::http) async fn retract(
    State(app): State<App>,
    Id(id): Id,
    Query(params): Query<DeleteParams>,
    Write { caller, body: NoBody }: Write<NoBody>,
) -> Reply {
    reply::written(app.service.retract(&caller, &params.namespace.unwrap_or_default(), id).await?)
}
