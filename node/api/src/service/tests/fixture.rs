//! A service to ask, and the requests that tests have in common.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use sutra_disk::RealDisk;
use sutra_grid::{Door, Grid, GridMap, GridSetup, HostedShard, Router, found_here};
use sutra_peer::{Identity, PeerSecret, Server, ServerIdentity};
use sutra_protocol::command::RequestKey;
use sutra_protocol::founding::{NodeRecord, Plan};
use sutra_protocol::http::{
    AssociateRequest, ConceptRef, ImportReport, LearnAssociation, LearnRequest, LearnResponse, PathRequest,
};
use sutra_protocol::{ApiError, ConceptId, Namespace};
use sutra_replication::Timing;
use sutra_storage::{Store, StoreConfig};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

use super::super::{Caller, Read, Service, ServiceConfig};

/// A service over empty stores; the directories live as long as this.
pub(super) struct Node {
    pub(super) service: Service,
    /// The nodes of its grid, its own first.
    grids: Vec<(Grid, CancellationToken)>,
    _dir: TempDir,
}

impl Node {
    /// Those that it keeps, if it is one of a grid.
    pub(super) fn shards(&self) -> Vec<HostedShard> {
        self.grids.first().map(|(grid, _)| grid.shards().to_vec()).unwrap_or_default()
    }
}

impl Node {
    /// What the nodes of its grid have agreed on.
    pub(super) fn map(&self) -> Arc<GridMap> {
        Arc::clone(&self.grids[0].0.map().borrow())
    }

    /// Has another node of its grid be gone.
    pub(super) fn lose(&mut self, name: &str) {
        let at = self.grids.iter().position(|(grid, _)| grid.node() == name).unwrap();
        let (grid, port) = self.grids.remove(at);
        port.cancel();
        wait_for(async move { grid.stop().await });
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // While its directory is still there.
        let grids = std::mem::take(&mut self.grids);
        if !grids.is_empty() {
            wait_for(async move {
                for (grid, port) in grids {
                    port.cancel();
                    grid.stop().await;
                }
            });
        }
    }
}

impl Node {
    fn over(router: Router, grids: Vec<(Grid, CancellationToken)>, dir: TempDir) -> Self {
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
        Self { service: Service::new(router, config), grids, _dir: dir }
    }
}

/// A node alone.
pub(super) fn alone() -> Node {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(StoreConfig::at(dir.path())).unwrap();
    Node::over(Router::alone(store), Vec::new(), dir)
}

/// What the grids of tests run on, whatever runs the tests.
static GRIDS: LazyLock<Runtime> = LazyLock::new(|| Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap());

/// The one node of a grid that has four shards.
pub(super) fn over_four_shards() -> Node {
    of_grid(1)
}

/// The first of three nodes, over four shards of one replica each: of three of them it keeps none.
pub(super) fn scattered() -> Node {
    of_grid(3)
}

fn of_grid(nodes: usize) -> Node {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_owned();
    let grids = wait_for(start(path, nodes));
    Node::over(Router::of(grids[0].0.clone()), grids, dir)
}

/// A test's own runtime can't wait for another.
fn wait_for<T: Send + 'static>(what: impl Future<Output = T> + Send + 'static) -> T {
    std::thread::spawn(move || GRIDS.block_on(what)).join().unwrap()
}

/// The nodes of a grid of four shards with one replica each, and what closes their peer ports.
async fn start(dir: PathBuf, nodes: usize) -> Vec<(Grid, CancellationToken)> {
    let mut named = Vec::new();
    let mut listeners = Vec::new();
    for at in 0..nodes {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = listener.local_addr().unwrap().to_string();
        named.push((format!("node-{at}"), NodeRecord { peer, http: String::new(), tcp: String::new() }));
        listeners.push(listener);
    }
    let map = GridMap::found("grid-of-the-test".into(), &named, Plan { shards: 4, replicas: 1 }).unwrap();
    let secret = PeerSecret::generate().unwrap();
    let mut grids = Vec::new();
    for ((name, record), listener) in named.into_iter().zip(listeners) {
        let dir = dir.join(&name);
        found_here(&RealDisk, &dir, &name, &map, &secret).unwrap();
        let identity = ServerIdentity::of(Identity::new(map.grid_id.as_str(), name.as_str()).unwrap(), secret.clone());
        let (door, port) = (Door::default(), CancellationToken::new());
        tokio::spawn(Server::new(identity, Arc::new(door.clone())).serve(listener, port.clone()));
        // One that fails must not end all other tests.
        let on_fatal = Arc::new(|_: &str| {});
        let (store, timing) = (StoreConfig { on_fatal, ..StoreConfig::at(&dir) }, Timing::default());
        let setup = GridSetup { store, timing, secret: secret.clone(), record, version: "0.0.0", check_interval: Duration::ZERO };
        grids.push((Grid::start(setup, &door).await.unwrap(), port));
    }
    for (grid, _) in &grids {
        for shard in grid.shards().iter() {
            shard.group().wait_until(Duration::from_secs(30), |status| status.leader.is_some()).await.unwrap();
        }
        while !grid.has_caught_up() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    grids
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

pub(super) fn path(start: ConceptRef, end: ConceptRef) -> PathRequest {
    PathRequest {
        start,
        end,
        max_depth: None,
        max_paths: None,
        direction: None,
        types: None,
        labels: None,
        min_confidence: None,
        strategy: None,
        namespace: None,
        valid_at: None,
        known_at: None,
    }
}

impl Node {
    pub(super) async fn learn(&self, request: LearnRequest) -> LearnResponse {
        self.service.learn(&caller(), request).await.unwrap().body
    }

    /// How many concepts and associations there are, in all namespaces and shards.
    pub(super) async fn counts(&self) -> (u64, u64) {
        let all = self.service.namespaces(&caller()).await.unwrap().namespaces;
        all.iter().fold((0, 0), |(concepts, associations), view| (concepts + view.concepts, associations + view.associations))
    }

    pub(super) async fn refused(&self, request: LearnRequest) -> ApiError {
        self.service.learn(&caller(), request).await.unwrap_err()
    }

    pub(super) async fn import(&self, lines: &str) -> ImportReport {
        self.import_into(Namespace::default(), lines).await
    }

    pub(super) async fn import_into(&self, namespace: Namespace, lines: &str) -> ImportReport {
        let mut importer = self.service.import(caller(), namespace).unwrap();
        let mut lines = lines.lines();
        while let Some(line) = lines.next() {
            if importer.is_unprepared() {
                importer.prepare(std::iter::once(line).chain(lines.clone().take(200)).map(str::as_bytes));
            }
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
