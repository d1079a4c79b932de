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
    mode: Mode,
}

/// What becomes of what was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// It stays in the history.
    Retract,
    /// It is gone for ever.
    Erase,
}

impl FromParams for DeleteParams {
    fn from_params(params: &mut Params) -> Result<Self, ApiError> {
        let mode = match params.one::<String>("mode")?.as_deref() {
            None | Some("retract") => Mode::Retract,
            Some("erase") => Mode::Erase,
            Some(other) => {
                let other = sutra_protocol::limits::excerpt(other);
                return Err(ApiError::invalid("mode", format!("mode is {other}; it must be retract or erase")));
            }
        };
        Ok(Self { namespace: params.one("namespace")?, mode })
    }
}

pub(in crate::http) fn describe() -> Operation {
    Operation::new(Method::DELETE, "/v1/concept/{id}", "delete_concept", Tag::Write, "Retract or erase a concept")
        .about(
            "Its associations go with it, and those for which it was the only evidence. `retract` ends what was known: with \
             `known_at` before it all of it is still seen. `erase` removes for ever what the id ever held, also what was retracted \
             before: no answer shows it any more, whatever time is asked about, and the reply comes when log, segments and indices \
             of this node hold none of its bytes. Where that takes longer than `timeout_ms`, the error is `deadline_exceeded` with \
             `outcome: unknown`, and the erasure goes on.",
        )
        .of_concept()
        .query("mode", json!({ "type": "string", "enum": ["retract", "erase"] }), "Default: `retract`.")
        .writes()
        .bounded()
        .answers::<DeleteResponse>("What went.")
        .hands_out_token()
}

pub(in crate::http) async fn delete(
    State(app): State<App>,
    Id(id): Id,
    Query(params): Query<DeleteParams>,
    Write { caller, body: NoBody }: Write<NoBody>,
) -> Reply {
    let namespace = params.namespace.unwrap_or_default();
    match params.mode {
        Mode::Retract => reply::written(app.service.retract(&caller, &namespace, id).await?),
        Mode::Erase => reply::written(app.service.erase(&caller, &namespace, id).await?),
    }
}
