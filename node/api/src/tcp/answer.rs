//! A request's reply.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::time::Instant;
use tracing::error;

use sutra_protocol::command::RequestKey;
use sutra_protocol::tcp::{Common, Consistency, Incoming, Request, RequestId, encode_error, encode_reply};
use sutra_protocol::{ApiError, ErrorCode};

use super::operations::{association, concept, learn, node, path, search};
use crate::metrics::Metrics;
use crate::service::{Caller, Read, Service, Token};

/// The operation under which frames without a readable request are counted.
const UNREADABLE: &str = "unreadable";

/// The payload of the reply to a request.
pub(super) async fn answer(service: Service, metrics: Metrics, incoming: Incoming) -> Vec<u8> {
    let started = Instant::now();
    let id = incoming.id;
    let (operation, answered) = match incoming.request {
        Err(error) => (UNREADABLE, Err(error)),
        Ok((common, request)) => {
            let name = request.name();
            let answered = match Asked::new(service.clone(), metrics.clone(), common, id) {
                Err(error) => Err(error),
                // A fault in one request is that request's error and not the connection's end; nothing of it outlives its panic.
                Ok(asked) => AssertUnwindSafe(asked.reply(request)).catch_unwind().await.unwrap_or_else(|_| {
                    error!(operation = name, "a request failed: it panicked");
                    Err(internal())
                }),
            };
            (name, answered)
        }
    };
    metrics.observe(operation, answered.as_ref().err().map(|error| error.code), started.elapsed());
    answered.unwrap_or_else(|error| encode_error(&error, id))
}

/// What a client sees of a fault of ours.
pub(super) fn internal() -> ApiError {
    ApiError::new(ErrorCode::Internal, "the node failed on this request; its log says why")
}

/// A request with all that answering it takes.
pub(super) struct Asked {
    pub(super) service: Service,
    pub(super) metrics: Metrics,
    pub(super) caller: Caller,
    pub(super) read: Read,
    id: Option<RequestId>,
    /// Whether the reply has a token.
    has_token: bool,
}

impl Asked {
    fn new(service: Service, metrics: Metrics, common: Common, id: Option<RequestId>) -> Result<Self, ApiError> {
        let Common { namespace, valid_at, known_at, timeout_ms, request_id, digest, token, consistency } = common;
        let has_token = token.is_some();
        let token = token.filter(|token| !token.is_empty()).map(|token| token.parse::<Token>()).transpose();
        let token = token.map_err(|error| ApiError { param: Some("token".into()), ..error })?;
        let caller = Caller {
            request: request_id.map(|key| RequestKey { key, digest }),
            token,
            strong: consistency == Consistency::Strong,
            // Few of the replies could say what is missing.
            partial: false,
            ..Caller::anonymous(Duration::from_millis(timeout_ms))
        };
        Ok(Self { service, metrics, caller, read: Read { namespace, valid_at, known_at }, id, has_token })
    }

    async fn reply(&self, request: Request) -> Result<Vec<u8>, ApiError> {
        let name = request.name();
        Ok(match request {
            Request::LearnConceptV2(learn) => self.encode(name, &learn::concept_v2(self, *learn).await?),
            Request::LearnBatch(batch) => self.encode(name, &learn::batch(self, batch).await?),
            Request::LearnConcept(learn) => self.encode(name, &learn::concept(self, *learn).await?),
            Request::LearnWithEmbedding(learn) => self.encode(name, &learn::with_embedding(self, *learn).await?),
            Request::LearnAssociation(association) => self.encode(name, &association::learn(self, *association).await?),
            Request::QueryConcept(one) => self.encode(name, &concept::query(self, one).await?),
            Request::DeleteConcept(one) => self.encode(name, &concept::delete(self, one).await?),
            Request::GetNeighbors(neighbors) => self.encode(name, &concept::neighbors(self, neighbors).await?),
            Request::GetAssociation(ends) => self.encode(name, &association::get(self, ends).await?),
            Request::FindPath(find) => self.encode(name, &path::find(self, find).await?),
            Request::FindPathSemantic(find) => self.encode(name, &path::find_semantic(self, *find).await?),
            Request::TextSearch(search) => self.encode(name, &search::text(self, search).await?),
            Request::VectorSearch(search) => self.encode(name, &search::vector(self, *search).await?),
            Request::ListRecent(list) => self.encode(name, &concept::recent(self, list).await?),
            Request::GetAllConceptIds(page) => self.encode(name, &concept::ids(self, page).await?),
            Request::Reason(question) => self.encode(name, &search::reason(self, *question).await?),
            Request::GetStats => self.encode(name, &self.service.stats()),
            Request::Flush => self.encode(name, &node::flush(self).await?),
            Request::HealthCheck => self.encode(name, &self.service.health()),
            Request::ClearCollection => self.encode(name, &node::clear(self).await?),
        })
    }

    fn encode<T: serde::Serialize>(&self, name: &str, fields: &T) -> Vec<u8> {
        let seen = || self.caller.token.clone().unwrap_or_default().merge(&self.service.seen()).to_string();
        let token = self.has_token.then(seen);
        encode_reply(name, fields, self.id, token.as_deref())
    }
}
