//! A service to ask, and the requests that tests have in common.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use sutra_disk::RealDisk;
use sutra_grid::{Door, Grid, GridMap, GridSetup, HostedShard, Router, found_here};
use sutra_peer::PeerSecret;
use sutra_protocol::command::RequestKey;
use sutra_protocol::founding::{NodeRecord, Plan};
use sutra_protocol::http::{AssociateRequest, ConceptRef, ImportReport, LearnAssociation, LearnRequest, LearnResponse};
use sutra_protocol::{ApiError, ConceptId, Namespace};
use sutra_replication::Timing;
use sutra_storage::{Store, StoreConfig};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use super::super::{Caller, Read, Service, ServiceConfig};

/// A service over empty stores; the directory lives as long as this.
pub(super) struct Node {
    pub(super) service: Service,
    grid: Option<Grid>,
    _dir: TempDir,
}

impl Node {
    /// Those that it keeps, if it is one of a grid.
    pub(super) fn shards(&self) -> &[HostedShard] {
        self.grid.as_ref().map_or(&[], Grid::shards)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // While its directory is still there.
        if let Some(grid) = self.grid.take() {
            wait_for(async move { grid.stop().await });
        }
    }
}

impl Node {
    fn over(router: Router, dir: TempDir) -> Self {
        let config = ServiceConfig {
            node: "node-0".into(),
            http: "127.0.0.1:8000".into(),
            tcp: "127.0.0.1:50051".into(),
            peer: None,
            advertise: None,
            version: "0.0.0",
            embedder: "none".into(),
            edition: "none".into(),
        };
        Self { grid: router.grid().cloned(), service: Service::new(router, config), _dir: dir }
    }
}

/// A node alone.
pub(super) fn alone() -> Node {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(StoreConfig::at(dir.path())).unwrap();
    Node::over(Router::alone(store), dir)
}

/// What the grids of tests run on, whatever runs the tests.
static GRIDS: LazyLock<Runtime> = LazyLock::new(|| Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap());

/// The one node of a grid that has four shards.
pub(super) fn over_four_shards() -> Node {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_owned();
    Node::over(wait_for(four_shards(path)), dir)
}

/// A test's own runtime can't wait for another.
fn wait_for<T: Send + 'static>(what: impl Future<Output = T> + Send + 'static) -> T {
    std::thread::spawn(move || GRIDS.block_on(what)).join().unwrap()
}

async fn four_shards(dir: PathBuf) -> Router {
    let record = NodeRecord { peer: "127.0.0.1:7001".into(), http: String::new(), tcp: String::new() };
    let nodes = [("node-0".to_owned(), record.clone())];
    let map = GridMap::found("grid-of-the-test".into(), &nodes, Plan { shards: 4, replicas: 1 }).unwrap();
    let secret = PeerSecret::generate().unwrap();
    found_here(&RealDisk, &dir, "node-0", &map, &secret).unwrap();
    // One that fails must not end all other tests.
    let on_fatal = Arc::new(|_: &str| {});
    let (store, timing) = (StoreConfig { on_fatal, ..StoreConfig::at(&dir) }, Timing::default());
    let setup = GridSetup { store, timing, secret, record, version: "0.0.0" };
    let grid = Grid::start(setup, &Door::default()).await.unwrap();
    for shard in grid.shards() {
        shard.group().wait_until(Duration::from_secs(30), |status| status.leader.is_some()).await.unwrap();
    }
    while !grid.has_caught_up() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Router::of(grid).unwrap()
}

pub(super) fn caller() -> Caller {
    Caller::anonymous(Duration::from_secs(30))
}

/// A caller who may repeat a request.
pub(super) fn repeating(key: &str, digest: u128) -> Caller {
    Caller { request: Some(RequestKey { key: key.into(), digest }), ..caller() }
}

pub(super) fn id(content: &str, key: Option<&str>) -> ConceptId {
    ConceptId::derive(&Namespace::default(), content, key)
}

pub(super) fn teach(content: &str) -> LearnRequest {
    LearnRequest { content: content.into(), ..LearnRequest::default() }
}

/// An association to a concept with this content, created if need be.
pub(super) fn to(content: &str, label: &str) -> LearnAssociation {
    LearnAssociation { target_content: Some(content.into()), label: Some(label.into()), ..LearnAssociation::default() }
}

pub(super) fn to_key(key: &str, label: &str) -> LearnAssociation {
    LearnAssociation { target_key: Some(key.into()), label: Some(label.into()), ..LearnAssociation::default() }
}

pub(super) fn called(content: &str) -> ConceptRef {
    ConceptRef::Content { content: content.into() }
}

pub(super) fn associate(source: ConceptRef, target: ConceptRef, label: &str) -> AssociateRequest {
    AssociateRequest {
        source,
        target,
        kind: None,
        label: Some(label.into()),
        confidence: None,
        strength: None,
        valid_from: None,
        valid_to: None,
        evidence: Vec::new(),
        namespace: None,
    }
}

impl Node {
    pub(super) async fn learn(&self, request: LearnRequest) -> LearnResponse {
        self.service.learn(&caller(), request).await.unwrap().body
    }

    pub(super) async fn refused(&self, request: LearnRequest) -> ApiError {
        self.service.learn(&caller(), request).await.unwrap_err()
    }

    pub(super) async fn import(&self, lines: &str) -> ImportReport {
        self.import_into(Namespace::default(), lines).await
    }

    pub(super) async fn import_into(&self, namespace: Namespace, lines: &str) -> ImportReport {
        let mut importer = self.service.import(caller(), namespace).unwrap();
        for line in lines.lines() {
            importer.push(line.as_bytes()).await.unwrap();
        }
        importer.finish().await.unwrap().0
    }

    pub(super) async fn export(&self) -> String {
        self.export_from(Namespace::default()).await
    }

    pub(super) async fn export_from(&self, namespace: Namespace) -> String {
        let exporter = self.service.export(&caller(), &Read { namespace, ..Read::default() }).await.unwrap();
        let mut lines = Vec::new();
        exporter.write(&mut lines).unwrap();
        String::from_utf8(lines).unwrap()
    }
}
