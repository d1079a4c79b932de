//! The grid of a cluster of several nodes: founded, and a lost node's place taken in it.

use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::api::Api;
use kube::{Client, Error, ResourceExt as _};
use serde::Serialize;
use sutra_crds::{SutraCluster, names};
use sutra_peer::{CallError, Class, Identity, Peer, PeerSecret};
use sutra_protocol::founding::{FOUND, FoundRequest, Founded, Plan, REPLACE, RESIZE, ReplaceRequest, ResizeRequest};
use tracing::info;

use super::outcome::Outcome;
use crate::fence;
use crate::lease::Leadership;
use crate::render;

/// The asked node asks all others first, each within five seconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// With these words a node says that there is nothing left to do: it goes on by itself.
const ALREADY: [&str; 2] = ["this node belongs to a grid already", "this node is founding a grid already"];

/// Why no grid was founded, or no node replaced; the next attempt may succeed.
#[derive(Debug, thiserror::Error)]
pub enum FoundingError {
    /// The secret that the nodes share can't be used.
    #[error("the Secret {name} has no peer-secret that nodes could share")]
    Secret {
        /// Its name.
        name: String,
    },
    /// The first node does not do it.
    #[error("{node} founds no grid")]
    Node {
        /// Its name.
        node: String,
        /// What it says, or why it does not.
        #[source]
        source: CallError,
    },
    /// A node of the grid does not do it.
    #[error("{node} does not let {replaced} take the lost node's place")]
    Replacement {
        /// Its name.
        node: String,
        /// The node that waits.
        replaced: String,
        /// What it says, or why it does not.
        #[source]
        source: CallError,
    },
    /// A node of the grid does not do it.
    #[error("{node} does not have the grid {change}")]
    Resize {
        /// Its name.
        node: String,
        /// What it was asked for.
        change: String,
        /// What it says, or why it does not.
        #[source]
        source: CallError,
    },
    /// The question or the answer makes no sense.
    #[error("what is said to {node} or by it can't be read: {reason}")]
    Words {
        /// Its name.
        node: String,
        /// Why.
        reason: String,
    },
}

/// The nodes of a cluster, asked by the operator that holds the lease.
pub struct Nodes<'a> {
    /// Behind the fence.
    pub client: &'a Client,
    /// What the fence asks: these questions don't go through that client, and change as much.
    pub leadership: &'a Leadership,
    /// Whose nodes they are.
    pub cluster: &'a SutraCluster,
    /// The domain of the Kubernetes cluster's names.
    pub cluster_domain: &'a str,
}

impl Nodes<'_> {
    /// Asks the first node, at `address`, to found the grid of the first `nodes` nodes. What it has begun it ends by itself, so that it makes
    /// no difference if nobody here gets to know its answer.
    ///
    /// # Errors
    /// If the answer may be another later.
    pub async fn found_grid(&self, address: &str, (nodes, replicas): (u32, u32)) -> Result<Outcome, Error> {
        let name = self.cluster.name_any();
        let secret = self.shared_secret().await?;
        let node = names::pod(&name, 0);
        let words = |reason: String| failed(FoundingError::Words { node: node.clone(), reason });
        let question = request(self.cluster, self.cluster_domain, nodes, replicas);
        let question = rmp_serde::to_vec_named(&question).map_err(|error| words(error.to_string()))?;
        let peer = Peer::founding(render::peer_address(address), Some(secret));
        match self.send(&peer, &node, (Class::Founding, FOUND), question).await? {
            Ok(answer) => {
                let founded: Founded = rmp_serde::from_slice(&answer).map_err(|error| words(error.to_string()))?;
                info!(cluster = %name, grid = founded.grid_id, nodes = founded.nodes.len(), "a grid is being founded");
                Ok(Outcome::Done)
            }
            Err(CallError::Refused { reason }) if ALREADY.iter().any(|already| reason.contains(already)) => Ok(Outcome::Done),
            Err(source) => Err(failed(FoundingError::Node { node, source })),
        }
    }

    /// Asks a node of the grid, at `address`, to let the node of `pod` have new replicas in the place of those that were lost with its
    /// volume. Asked twice it does no more than once.
    ///
    /// # Errors
    /// If the answer may be another later.
    pub async fn replace_node(&self, grid: &str, (asked, address): (&str, &str), pod: &str) -> Result<Outcome, Error> {
        let request = ReplaceRequest { name: pod.to_owned(), address: self.address_of(pod), lost: None };
        let answer = self.ask(grid, (asked, address), REPLACE, &request).await?;
        let refused = |source| failed(FoundingError::Replacement { node: asked.to_owned(), replaced: pod.to_owned(), source });
        answer.map(|()| Outcome::Done).map_err(refused)
    }

    /// Asks a node of the grid, at `address`, to take in the node of `pod`, which waits, in a zone. Asked twice it does no more than once.
    ///
    /// # Errors
    /// If the answer may be another later.
    pub async fn add_node(&self, grid: &str, asked: (&str, &str), (pod, zone): (&str, Option<String>)) -> Result<Outcome, Error> {
        self.resize(grid, asked, &ResizeRequest::AddNode { address: self.address_of(pod), zone }).await
    }

    /// Asks a node of the grid, at `address`, for other nodes, or another number of replicas.
    ///
    /// # Errors
    /// If the answer may be another later.
    pub async fn resize(&self, grid: &str, (asked, address): (&str, &str), request: &ResizeRequest) -> Result<Outcome, Error> {
        let answer = self.ask(grid, (asked, address), RESIZE, request).await?;
        let refused = |source| failed(FoundingError::Resize { node: asked.to_owned(), change: change(request), source });
        answer.map(|()| Outcome::Done).map_err(refused)
    }

    /// Where other nodes find the node of a pod.
    fn address_of(&self, pod: &str) -> String {
        render::peer_address(&render::node_host(self.cluster, pod, self.cluster_domain))
    }

    /// Asks a node as one of its grid; what it answers is nothing, or why not.
    async fn ask(
        &self,
        grid: &str,
        (asked, address): (&str, &str),
        service: u16,
        request: &impl Serialize,
    ) -> Result<Result<(), CallError>, Error> {
        let secret = self.shared_secret().await?;
        let words = |reason: String| failed(FoundingError::Words { node: asked.to_owned(), reason });
        let question = rmp_serde::to_vec_named(request).map_err(|error| words(error.to_string()))?;
        let identity = Identity::new(grid, names::FIELD_MANAGER).map_err(|error| words(error.to_string()))?;
        let peer = Peer::new(render::peer_address(address), identity, secret);
        Ok(self.send(&peer, asked, (Class::Control, service), question).await?.map(drop))
    }

    /// Sends a question, if the lease is held at that moment.
    async fn send(
        &self,
        peer: &Peer,
        asked: &str,
        (class, service): (Class, u16),
        question: Vec<u8>,
    ) -> Result<Result<Vec<u8>, CallError>, Error> {
        fence::pass(self.leadership, || format!("a question to node {asked}"))?;
        Ok(peer.call(class, service, 0, question.into(), PATIENCE).await.map(Vec::from))
    }

    /// With which the nodes know each other.
    async fn shared_secret(&self) -> Result<PeerSecret, Error> {
        let name = names::peer_secret(&self.cluster.name_any());
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), &self.cluster.namespace().unwrap_or_default());
        let secret = secrets.get(&name).await?;
        peer_secret(&secret).ok_or_else(|| failed(FoundingError::Secret { name }))
    }
}

/// What is asked for, as the end of a sentence.
fn change(request: &ResizeRequest) -> String {
    match request {
        ResizeRequest::AddNode { address, .. } => format!("take in the node at {address}"),
        ResizeRequest::SetZone { name, zone: Some(zone) } => format!("know {name} in zone {zone}"),
        ResizeRequest::SetZone { name, zone: None } => format!("know {name} in no zone"),
        ResizeRequest::RemoveNode { name } => format!("let {name} leave"),
        ResizeRequest::KeepNode { name } => format!("keep {name}"),
        ResizeRequest::SetReplicas { count } => format!("keep {count} replicas of each shard"),
    }
}

/// The nodes by the names under which they find each other, the asked one first.
fn request(cluster: &SutraCluster, cluster_domain: &str, nodes: u32, replicas: u32) -> FoundRequest {
    let nodes = (0..nodes).map(|ordinal| {
        let host = render::node_host(cluster, &names::pod(&cluster.name_any(), ordinal.cast_signed()), cluster_domain);
        render::peer_address(&host)
    });
    let shards = cluster.spec.initial_shards.unwrap_or(1).unsigned_abs();
    FoundRequest { nodes: nodes.collect(), plan: Plan { shards, replicas } }
}

/// A node that reads the file takes no line ends for a part of it.
fn peer_secret(secret: &Secret) -> Option<PeerSecret> {
    let bytes = &secret.data.as_ref()?.get(render::PEER_SECRET_KEY)?.0;
    let end = bytes.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r')).map_or(0, |last| last + 1);
    PeerSecret::new(&bytes[..end]).ok()
}

fn failed(error: FoundingError) -> Error {
    Error::Service(Box::new(error))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use k8s_openapi::ByteString;
    use kube::client::Body;
    use serde_json::json;
    use tokio::net::TcpListener;
    use tokio::time::timeout;

    use super::*;

    #[test]
    fn nodes_are_asked_for_by_the_names_that_they_call_themselves() {
        let mut cluster = crate::render::fixture::minimal();
        cluster.spec.nodes = 3;
        let asked = request(&cluster, "cluster.local", 3, 3);
        assert_eq!(asked.nodes[0], "demo-0.demo-nodes.knowledge.svc.cluster.local:7001");
        assert_eq!((asked.nodes.len(), asked.plan), (3, Plan { shards: 1, replicas: 3 }));
        assert_eq!(asked.plan.check_supported(3), Ok(()));
        cluster.spec.initial_shards = Some(8);
        assert_eq!(request(&cluster, "cluster.local", 3, 3).plan, Plan { shards: 8, replicas: 3 });
    }

    #[tokio::test]
    async fn no_node_is_asked_without_the_lease() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = Peer::founding(listener.local_addr().unwrap().to_string(), None);
        let service = tower::service_fn(|_: http::Request<Body>| async { Err::<http::Response<Body>, _>("nobody is asked") });
        let (announcer, leadership) = Leadership::new();
        let cluster = crate::render::fixture::minimal();
        let client = Client::new(service, "default");
        let nodes = Nodes { client: &client, leadership: &leadership, cluster: &cluster, cluster_domain: "cluster.local" };
        let ask = || nodes.send(&peer, "demo-1", (Class::Founding, FOUND), Vec::new());

        let refused = ask().await.unwrap_err();
        assert!(fence::is_not_held(&refused) && refused.to_string().contains("node demo-1"), "{refused}");
        announcer.announce(Some(Instant::now()));
        assert!(fence::is_not_held(&ask().await.unwrap_err()), "its time is over");
        assert!(timeout(Duration::from_millis(200), listener.accept()).await.is_err(), "somebody was asked");

        announcer.announce(Some(Instant::now() + Duration::from_secs(60)));
        let asked = async { drop(timeout(Duration::from_secs(10), listener.accept()).await.unwrap().unwrap()) };
        tokio::select! {
            answer = ask() => panic!("{answer:?} before anybody listened"),
            () = asked => {}
        }
    }

    #[test]
    fn a_secret_is_read_as_the_nodes_read_its_file() {
        let secret = |bytes: &[u8]| {
            let data = [(render::PEER_SECRET_KEY.to_owned(), ByteString(bytes.to_vec()))].into();
            peer_secret(&Secret { data: Some(data), ..Secret::default() })
        };
        assert_eq!(secret(b"swordfish\r\n").unwrap().as_bytes(), b"swordfish");
        assert!(secret(b"\n").is_none() && secret(b"").is_none());
        assert!(peer_secret(&serde_json::from_value(json!({})).unwrap()).is_none());
    }
}
