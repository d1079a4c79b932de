//! Every operation of a node, once, whatever protocol asks for it.
#![allow(clippy::todo, unused_variables)]

mod caller;
mod token;

use std::sync::Arc;

use sutra_protocol::http::*;
use sutra_protocol::{ApiError, Association, AssociationType, ConceptId, Direction, ErrorCode, Namespace, Timestamp};
use sutra_storage::{Store, StoreStats};

pub use caller::{Caller, Found, Read, Written};
pub use token::Token;

/// What a node says about itself.
#[derive(Clone, Debug)]
pub struct ServiceConfig {
    /// Its name.
    pub node: String,
    /// The address that serves HTTP.
    pub http: String,
    /// The address that serves TCP.
    pub tcp: String,
    /// Its release.
    pub version: &'static str,
    /// `none`, or the embedder's identity.
    pub embedder: String,
    /// `none`, or the edition whose limits apply.
    pub edition: String,
}

/// Which neighbours to list.
#[derive(Clone, Debug, Default)]
pub struct NeighborsQuery {
    /// Default: both.
    pub direction: Option<Direction>,
    /// Empty: all.
    pub types: Vec<AssociationType>,
    /// Empty: all.
    pub labels: Vec<String>,
    /// 1 to 3. Default: 1.
    pub hops: Option<u32>,
    /// 1 to 1000. Default: 100.
    pub limit: Option<u32>,
    /// From the page before.
    pub cursor: Option<String>,
}

/// The operations of a node. Cheap to clone.
#[derive(Clone)]
pub struct Service {
    store: Store,
    config: Arc<ServiceConfig>,
}

impl Service {
    /// A service over a store.
    pub fn new(store: Store, config: ServiceConfig) -> Self {
        todo!()
    }
    /// `POST /v1/learn`.
    pub async fn learn(&self, caller: &Caller, request: LearnRequest) -> Result<Written<LearnResponse>, ApiError> {
        todo!()
    }
    /// `POST /v1/learn/batch`.
    pub async fn learn_batch(&self, caller: &Caller, request: LearnBatchRequest) -> Result<Written<LearnBatchResponse>, ApiError> {
        todo!()
    }
    /// `POST /v1/associate`.
    pub async fn associate(&self, caller: &Caller, request: AssociateRequest) -> Result<Written<AssociateResponse>, ApiError> {
        todo!()
    }
    /// `POST /v1/associate/batch`.
    pub async fn associate_batch(
        &self,
        caller: &Caller,
        request: AssociateBatchRequest,
    ) -> Result<Written<AssociateBatchResponse>, ApiError> {
        todo!()
    }
    /// `DELETE /v1/associate`.
    pub async fn dissociate(&self, caller: &Caller, request: DissociateRequest) -> Result<Written<DissociateResponse>, ApiError> {
        todo!()
    }
    /// `GET /v1/concept/{id}`.
    pub async fn concept(&self, caller: &Caller, read: &Read, id: ConceptId) -> Result<Found<ConceptView>, ApiError> {
        todo!()
    }
    /// `PATCH /v1/concept/{id}`.
    pub async fn patch(
        &self,
        caller: &Caller,
        namespace: &Namespace,
        id: ConceptId,
        if_match: Option<Timestamp>,
        request: PatchRequest,
    ) -> Result<Written<ConceptView>, ApiError> {
        todo!()
    }
    /// `DELETE /v1/concept/{id}`.
    pub async fn retract(&self, caller: &Caller, namespace: &Namespace, id: ConceptId) -> Result<Written<DeleteResponse>, ApiError> {
        todo!()
    }
    /// `GET /v1/concept/{id}/neighbors`.
    pub async fn neighbors(
        &self,
        caller: &Caller,
        read: &Read,
        id: ConceptId,
        query: NeighborsQuery,
    ) -> Result<NeighborsResponse, ApiError> {
        todo!()
    }
    /// `POST /v1/search`.
    pub async fn search(&self, caller: &Caller, request: SearchRequest) -> Result<SearchResponse, ApiError> {
        todo!()
    }
    /// `POST /v1/path`.
    pub async fn path(&self, caller: &Caller, request: PathRequest) -> Result<PathResponse, ApiError> {
        todo!()
    }
    /// `POST /v1/reason`.
    pub async fn reason(&self, caller: &Caller, request: ReasonRequest) -> Result<ReasonResponse, ApiError> {
        todo!()
    }
    /// `POST /v1/import`.
    pub fn import(&self, caller: Caller, namespace: Namespace) -> Importer {
        todo!()
    }
    /// `GET /v1/export`.
    pub async fn export(&self, caller: &Caller, read: &Read) -> Result<Exporter, ApiError> {
        todo!()
    }
    /// `GET /v1/namespaces`.
    pub async fn namespaces(&self, caller: &Caller) -> Result<NamespacesResponse, ApiError> {
        todo!()
    }
    /// `GET /v1/namespaces/{ns}`.
    pub async fn namespace(&self, caller: &Caller, namespace: &Namespace) -> Result<NamespaceView, ApiError> {
        todo!()
    }
    /// `PUT /v1/namespaces/{ns}`.
    pub async fn set_namespace(
        &self,
        caller: &Caller,
        namespace: &Namespace,
        settings: NamespaceSettings,
    ) -> Result<Written<NamespaceView>, ApiError> {
        todo!()
    }
    /// `DELETE /v1/namespaces/{ns}`.
    pub async fn drop_namespace(&self, caller: &Caller, namespace: &Namespace) -> Result<Written<NamespaceDropped>, ApiError> {
        todo!()
    }
    /// The most recently recorded concepts, newest first; `limit` is 1 to 1000.
    pub async fn recent(&self, caller: &Caller, read: &Read, limit: usize) -> Result<Vec<ConceptView>, ApiError> {
        todo!()
    }
    /// A page of the ids of all living concepts, and the cursor of the next; `limit` is 1 to 1000.
    pub async fn concept_ids(
        &self,
        caller: &Caller,
        read: &Read,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<ConceptId>, Option<String>), ApiError> {
        todo!()
    }
    /// The first living association from `source` to `target`.
    pub async fn association(
        &self,
        caller: &Caller,
        read: &Read,
        source: &ConceptRef,
        target: &ConceptRef,
    ) -> Result<Option<Association>, ApiError> {
        todo!()
    }
    /// `GET /stats`.
    pub fn stats(&self) -> StatsResponse {
        todo!()
    }
    /// The store's own numbers, for metrics.
    pub fn store_stats(&self) -> StoreStats {
        todo!()
    }
    /// `GET /info`.
    pub fn info(&self) -> InfoResponse {
        todo!()
    }
    /// `GET /health`.
    pub fn health(&self) -> HealthResponse {
        todo!()
    }
    /// `GET /health/detailed`.
    pub fn health_detail(&self) -> HealthDetail {
        todo!()
    }
    /// Ends when everything submitted before it is durable and applied.
    pub async fn flush(&self, caller: &Caller) -> Result<(), ApiError> {
        todo!()
    }
    /// From now on the node says that it is going away (`/readyz` 503); it keeps serving.
    pub fn set_draining(&self) {
        todo!()
    }
    /// Whether new clients should come here: open, healthy and not draining (`/readyz`).
    pub fn is_ready(&self) -> bool {
        todo!()
    }
}

/// A running import. Lines go in one by one; each `push` may wait for the store, which is the back-pressure.
pub struct Importer {}

impl Importer {
    /// Takes the next line, without its line feed. A bad line is an error in the report; `Err` ends the import.
    pub async fn push(&mut self, line: &[u8]) -> Result<(), ApiError> {
        todo!()
    }
    /// Counts the next line as failed unread: one that is longer than a line may be, for instance.
    pub fn refuse(&mut self, code: ErrorCode, message: impl Into<String>) {
        todo!()
    }
    /// What has been done so far (`done: false`).
    pub fn report(&self) -> ImportReport {
        todo!()
    }
    /// Waits for what is in flight, retries the unresolved ends, and ends with the last report (`done: true`).
    pub async fn finish(self) -> Result<(ImportReport, Token), ApiError> {
        todo!()
    }
}

/// A running export from one pinned view. Pages take a moment to make: call it from a blocking thread.
pub struct Exporter {}

impl Exporter {
    /// The next whole NDJSON lines, about 256 KiB of them; `None` at the end.
    pub fn next_page(&mut self) -> Option<Vec<u8>> {
        todo!()
    }
}
