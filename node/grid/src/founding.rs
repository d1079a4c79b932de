//! How nodes become a grid.
//!
//! ```text
//!   sutra cluster init ─ found ─→ first node ─ describe ─→ every node: name, addresses, nothing else of its own
//!                                     │ map and secret on its disk: from here on it finishes, whatever happens
//!                                     ├─ join ─→ every other node: map and secret on its disk
//!                                     └─→ joins itself, and calls the groups into being
//! ```
//!
//! A node waits for this with an empty data directory, and listens to whoever asks first; where it was started with a secret, to those
//! who know it. Once it belongs to a grid its peer port answers that grid's nodes alone.

use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sutra_disk::Disk;
use sutra_peer::{Answer, CallError, Class, Handler, Identity, Peer, PeerSecret, Refusal, Request};
use sutra_protocol::founding::{Card, DESCRIBE, FOUND, FoundRequest, Founded, NodeRecord, PlanError};
use tokio::sync::{Mutex, watch};

use crate::door::Door;
use crate::map::GridMap;
use crate::messages::{Invitation, JOIN, STATUS};
use crate::meta::{MetaFile, MetaFileError};
use crate::words;

/// How long a node has for a question while a grid is founded.
const QUESTION: Duration = Duration::from_secs(5);
/// How long to wait before a node that did not join is invited again.
const PAUSE: Duration = Duration::from_millis(500);

/// Why nodes did not become a grid.
#[derive(Debug, thiserror::Error)]
pub enum FoundingError {
    /// There can be no such grid.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A node does not answer.
    #[error("node at {address}: {reason}")]
    Node {
        /// Its peer port.
        address: String,
        /// What it says, or why it does not.
        reason: String,
    },
    /// A map that is there already.
    #[error(transparent)]
    Map(#[from] MetaFileError),
    /// The disk's.
    #[error("{step} {file}")]
    Io {
        /// What was tried.
        step: &'static str,
        /// With what.
        file: PathBuf,
        /// Its answer.
        #[source]
        source: io::Error,
    },
}

/// Makes the data directory in `dir` one of a grid's, which is known in full: for the nodes of one process.
///
/// # Errors
/// The disk's.
pub fn found_here(disk: &dyn Disk, dir: &Path, node: &str, map: &GridMap, secret: &PeerSecret) -> Result<(), FoundingError> {
    disk.create_dir_all(dir).map_err(|source| FoundingError::Io { step: "create", file: dir.into(), source })?;
    keep_secret(dir, secret)?;
    Ok(MetaFile::new(node.to_owned(), map.clone()).write(disk, dir)?)
}

/// The secret of the grid that a data directory belongs to.
///
/// # Errors
/// It can't be read.
pub fn secret_of(dir: &Path) -> Result<PeerSecret, FoundingError> {
    let file = dir.join(SECRET);
    PeerSecret::read(&file).map_err(|error| FoundingError::Io { step: "read", file, source: io::Error::other(error) })
}

const SECRET: &str = "peer-secret";
const FOUNDING: &str = "FOUNDING";

/// A grid that is being founded, on the founder's disk.
#[derive(Clone, Serialize, Deserialize)]
struct Begun {
    map: GridMap,
    secret: Vec<u8>,
}

/// A node that waits for a grid. Cheap to clone.
#[derive(Clone)]
pub struct Waiting(Arc<Inner>);

struct Inner {
    card: Card,
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    /// What whoever founds a grid has to know.
    required: Option<PeerSecret>,
    joined: watch::Sender<Option<PeerSecret>>,
    /// Held while something is decided.
    deciding: Mutex<()>,
}

impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Waiting").field("card", &self.0.card).finish_non_exhaustive()
    }
}

impl Waiting {
    /// Waits at `door`, and goes on with a founding that an earlier process began.
    ///
    /// # Errors
    /// What it began can't be read.
    pub fn at(
        door: &Door,
        card: Card,
        disk: Arc<dyn Disk>,
        dir: PathBuf,
        required: Option<PeerSecret>,
    ) -> Result<Self, FoundingError> {
        disk.create_dir_all(&dir).map_err(|source| FoundingError::Io { step: "create", file: dir.clone(), source })?;
        let inner = Inner { card, disk, dir, required, joined: watch::Sender::new(None), deciding: Mutex::default() };
        let waiting = Self(Arc::new(inner));
        if let Some(begun) = waiting.begun()? {
            tokio::spawn(waiting.clone().finish(begun));
        }
        door.open(Arc::new(waiting.clone()));
        Ok(waiting)
    }

    /// Ends when the node belongs to a grid: map and secret are on its disk.
    pub async fn joined(&self) -> PeerSecret {
        let mut joined = self.0.joined.subscribe();
        loop {
            if let Some(secret) = joined.borrow_and_update().clone() {
                return secret;
            }
            if joined.changed().await.is_err() {
                // The sender lives as long as this value: not reached.
                std::future::pending::<()>().await;
            }
        }
    }

    fn begun(&self) -> Result<Option<Begun>, FoundingError> {
        let file = self.0.dir.join(FOUNDING);
        match std::fs::read(&file) {
            Ok(bytes) => {
                let begun = serde_json::from_slice(&bytes);
                begun.map(Some).map_err(|error| FoundingError::Io { step: "read", file, source: error.into() })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(FoundingError::Io { step: "read", file, source }),
        }
    }

    async fn found(&self, request: FoundRequest) -> Result<Founded, FoundingError> {
        let _deciding = self.0.deciding.lock().await;
        let own = &self.0.card;
        let refused = |reason: &str| FoundingError::Node { address: own.record.peer.clone(), reason: reason.into() };
        if self.0.joined.borrow().is_some() || MetaFile::read(&*self.0.disk, &self.0.dir)?.is_some() {
            return Err(refused("this node belongs to a grid already"));
        }
        if self.begun()?.is_some() {
            return Err(refused("this node is founding a grid already"));
        }
        request.plan.check_supported(request.nodes.len())?;
        let mut cards = Vec::with_capacity(request.nodes.len());
        for address in &request.nodes {
            cards.push(self.describe(address).await?);
        }
        if cards.first().is_none_or(|first| first.node != own.node || first.record != own.record) {
            return Err(refused("the first of the nodes has to be the one that is asked"));
        }
        if let Some(other) = cards.iter().find(|card| card.version != own.version) {
            let reason = format!("it is of release {}, and {} of {}", other.version, own.node, own.version);
            return Err(FoundingError::Node { address: other.record.peer.clone(), reason });
        }
        let nodes: Vec<(String, NodeRecord)> = cards.iter().map(|card| (card.node.clone(), card.record.clone())).collect();
        let map = GridMap::found(uuid::Uuid::new_v4().to_string(), &nodes, request.plan)?;
        let secret = match &self.0.required {
            Some(secret) => secret.clone(),
            None => PeerSecret::generate().map_err(|error| refused(&error.to_string()))?,
        };
        let founded = Founded { grid_id: map.grid_id.clone(), nodes: cards };
        let begun = Begun { map, secret: secret.as_bytes().to_vec() };
        let text = serde_json::to_vec_pretty(&begun).map_err(|error| refused(&error.to_string()))?;
        keep_private(&self.0.dir, FOUNDING, &text)?;
        tokio::spawn(self.clone().finish(begun));
        Ok(founded)
    }

    async fn describe(&self, address: &str) -> Result<Card, FoundingError> {
        let failed = |reason: String| FoundingError::Node { address: address.to_owned(), reason };
        let peer = Peer::founding(address, self.0.required.clone());
        let reply = peer.call(Class::Founding, DESCRIBE, 0, Bytes::new(), QUESTION).await;
        words::decode(&reply.map_err(|error| failed(reason(&error)))?).map_err(failed)
    }

    /// Has every other node join, and then this one; tries again for as long as it takes.
    async fn finish(self, begun: Begun) {
        let Begun { map, secret } = begun;
        let (Ok(secret), Ok(identity)) =
            (PeerSecret::new(&secret), Identity::new(map.grid_id.as_str(), self.0.card.node.as_str()))
        else {
            return tracing::error!("what this node has begun to found can't be read; remove the file FOUNDING to begin anew");
        };
        for (name, record) in map.nodes.iter().filter(|(name, _)| **name != self.0.card.node) {
            let invitation = Invitation { node: name.clone(), map: map.clone(), secret: secret.as_bytes().to_vec() };
            while let Err(reason) = self.invite(&record.peer, &invitation, &identity, &secret).await {
                tracing::warn!(node = name, address = record.peer, reason, "a node has not joined the new grid yet");
                tokio::time::sleep(PAUSE).await;
            }
        }
        while let Err(error) = self.join(&self.0.card.node.clone(), &map, &secret).await {
            tracing::error!(error = words::told(&error), "this node can't join the grid that it founds");
            tokio::time::sleep(PAUSE).await;
        }
        let file = self.0.dir.join(FOUNDING);
        if let Err(error) = std::fs::remove_file(&file) {
            tracing::warn!(file = %file.display(), %error, "what is left of the founding could not be removed");
        }
    }

    async fn invite(&self, address: &str, invitation: &Invitation, own: &Identity, secret: &PeerSecret) -> Result<(), String> {
        let payload = Bytes::from(words::encode(invitation)?);
        let peer = Peer::founding(address, self.0.required.clone());
        let refused = match peer.call(Class::Founding, JOIN, 0, payload, QUESTION).await {
            Ok(_) => return Ok(()),
            Err(error) => reason(&error),
        };
        // It may have joined, and the answer was lost: then it lets this grid's nodes in.
        match Peer::new(address, own.clone(), secret.clone()).call(Class::Control, STATUS, 0, Bytes::new(), QUESTION).await {
            Ok(_) | Err(CallError::Refused { .. }) => Ok(()),
            Err(_) => Err(refused),
        }
    }

    /// Keeps map and secret; what is on the disk is never replaced by another grid's.
    async fn join(&self, node: &str, map: &GridMap, secret: &PeerSecret) -> Result<(), FoundingError> {
        let _deciding = self.0.deciding.lock().await;
        if let Some(known) = MetaFile::read(&*self.0.disk, &self.0.dir)? {
            if known.map.grid_id != map.grid_id {
                let reason = format!("it belongs to grid {} already", known.map.grid_id);
                return Err(FoundingError::Node { address: self.0.card.record.peer.clone(), reason });
            }
            // The node may be starting with it, and write there itself.
            if self.0.joined.borrow().is_some() && known.map.epoch >= map.epoch {
                return Ok(());
            }
        }
        found_here(&*self.0.disk, &self.0.dir, node, map, secret)?;
        self.0.joined.send_replace(Some(secret.clone()));
        Ok(())
    }

    async fn accept(&self, invitation: Invitation) -> Result<(), String> {
        // Where it serves clients may have changed since it was asked who it is; it tells the grid that itself.
        let invited = invitation.map.nodes.get(&invitation.node);
        if invited.is_none_or(|record| record.peer != self.0.card.record.peer) {
            return Err("the invitation is for another node".into());
        }
        let secret = PeerSecret::new(&invitation.secret).map_err(|error| error.to_string())?;
        let begun = self.begun().map_err(|error| words::told(&error))?;
        if begun.is_some_and(|begun| begun.map.grid_id != invitation.map.grid_id) {
            return Err("this node is founding a grid of its own".into());
        }
        self.join(&invitation.node, &invitation.map, &secret).await.map_err(|error| words::told(&error))
    }
}

impl Handler for Waiting {
    fn handle(&self, request: Request) -> Answer {
        let waiting = self.clone();
        Box::pin(async move {
            let answer = match request.service {
                DESCRIBE => words::encode(&waiting.0.card),
                FOUND => match words::decode(&request.payload) {
                    Ok(found) => {
                        // It goes on to its end whatever becomes of the connection.
                        let founded = tokio::spawn(async move { waiting.found(found).await }).await;
                        let founded = founded.map_err(|error| error.to_string());
                        founded
                            .and_then(|founded| founded.map_err(|error| words::told(&error)))
                            .and_then(|founded| words::encode(&founded))
                    }
                    Err(reason) => Err(reason),
                },
                JOIN => match words::decode(&request.payload) {
                    Ok(invitation) => waiting.accept(invitation).await.and_then(|()| words::encode(&())),
                    Err(reason) => Err(reason),
                },
                other => Err(format!("a node that waits for a grid has no service {other}")),
            };
            answer.map(Bytes::from).map_err(Refusal::new)
        })
    }
}

fn reason(error: &CallError) -> String {
    match error {
        CallError::Refused { reason, .. } => reason.to_string(),
        other => other.to_string(),
    }
}

fn keep_secret(dir: &Path, secret: &PeerSecret) -> Result<(), FoundingError> {
    keep_private(dir, SECRET, secret.as_bytes())
}

/// Writes a file that only its owner may read, durably.
fn keep_private(dir: &Path, name: &str, content: &[u8]) -> Result<(), FoundingError> {
    let file = dir.join(name);
    let temporary = dir.join(format!("{name}.new"));
    let write = || {
        let mut out = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        out.write_all(content)?;
        out.sync_all()?;
        std::fs::rename(&temporary, &file)?;
        std::fs::File::open(dir)?.sync_all()
    };
    write().map_err(|source| FoundingError::Io { step: "write", file: file.clone(), source })
}
