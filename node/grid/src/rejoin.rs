//! A node whose log is damaged: what it has voted and acknowledged it can't tell any more, so its replicas are removed, deleted, and come
//! again under numbers of their own, as those of a node that lost its disk.
//!
//! ```text
//!   the log can't be read ─→ waits at its peer port, and asks the others to let it take its own place
//!        map: new replicas under the node's name, awaited; refused where a group has no quorum without it ─→ waits on
//!        join, with that map ─→ REJOIN written, durably ─→ log, segments, manifests removed ─→ GRID is the new map ─→ REJOIN removed
//!                            ─→ started as a node that has just come
//! ```
//!
//! Until the others have decided nothing is touched, and what only this node has is never given up. From REJOIN on every start finishes it
//! first, so that no start ever takes an old number without the log that belongs to it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use sutra_disk::Disk;
use sutra_peer::{Answer, Class, Handler, Identity, Peer, PeerSecret, Refusal, Request};
use sutra_protocol::founding::{Card, DESCRIBE, REPLACE, ReplaceRequest};
use sutra_storage::{Directory, OpenError};
use sutra_wal::WalError;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::door::Door;
use crate::grid::{GridError, GridSetup};
use crate::map::{GridMap, ShardId};
use crate::messages::{Invitation, JOIN};
use crate::meta::{MetaFile, MetaFileError};
use crate::words;

/// How long another node has to decide.
const QUESTION: Duration = Duration::from_secs(15);
/// How long to wait before the others are asked again.
const PAUSE: Duration = Duration::from_secs(1);

/// Whether a node can't start because its log is damaged.
pub(crate) fn is_of_its_log(error: &GridError) -> bool {
    matches!(error, GridError::Open(OpenError::Wal(WalError::Damaged { .. } | WalError::Missing { .. })))
}

/// The first group that has no quorum without this node.
fn needed(map: &GridMap, node: &str) -> Option<ShardId> {
    let groups = std::iter::once(ShardId(0)).chain(map.shards.iter().map(|record| record.shard));
    groups.into_iter().find(|group| {
        let replicas = map.replicas(*group);
        let others = replicas.iter().filter(|replica| replica.node != node).count();
        others < replicas.len() && others < replicas.len() / 2 + 1
    })
}

/// Has a node whose log is damaged come to its grid anew; ends when its directory is that of a node which was just invited.
///
/// # Errors
/// `damage`, where some group has no quorum without it: then it can only come back with its directory. Or its directory can't be cleared.
pub(crate) async fn rejoin(setup: &GridSetup, door: &Door, damage: GridError) -> Result<(), GridError> {
    let disk = Arc::clone(&setup.store.disk);
    let file = MetaFile::read(&*disk, &setup.store.dir)?.ok_or(GridError::NoGrid)?;
    if let Some(group) = needed(&file.map, &file.node) {
        tracing::error!(
            group = group.0,
            "the log is damaged, and no quorum of other nodes has what this one keeps of the group: nothing of it is given up"
        );
        return Err(damage);
    }
    tracing::error!(
        error = words::told(&damage),
        node = file.node,
        "the log is damaged: this node comes to its grid anew, with empty hands"
    );
    let card = Card { node: file.node.clone(), record: setup.record.clone(), version: setup.version.into() };
    let lost = file.map.meta_replica(&file.node).map(|replica| replica.0);
    let request = ReplaceRequest { name: file.node.clone(), address: card.record.peer.clone(), lost };
    let identity = Identity::new(file.map.grid_id.as_str(), file.node.as_str());
    let identity = identity.map_err(|error| GridError::System(error.to_string()))?;
    let came = watch::Sender::new(false);
    let mut coming = came.subscribe();
    let dir = setup.store.dir.clone();
    let old = Arc::new(file);
    door.open(Arc::new(Anew { card, old: Arc::clone(&old), disk, dir, came, has_begun: Arc::default() }));
    let asking = ask(&old, &request, &identity, &setup.secret);
    tokio::select! {
        _ = coming.wait_for(|came| *came) => {}
        () = asking => {}
    }
    door.close();
    Ok(())
}

/// Asks the others until this node is invited.
async fn ask(old: &MetaFile, request: &ReplaceRequest, identity: &Identity, secret: &PeerSecret) {
    let mut told = String::new();
    loop {
        for (name, record) in old.map.nodes.iter().filter(|(name, _)| **name != old.node) {
            let peer = Peer::new(record.peer.clone(), identity.clone(), secret.clone());
            let Ok(payload) = words::encode(request) else { continue };
            match peer.call(Class::Control, REPLACE, 0, payload.into(), QUESTION).await {
                Ok(_) => break,
                Err(error) => {
                    let reason = format!("{name}: {error}");
                    if reason != told {
                        tracing::warn!(reason, "the others have not let this node come anew yet");
                        told = reason;
                    }
                }
            }
        }
        sleep(PAUSE).await;
    }
}

/// Answers as a node that waits for its grid.
struct Anew {
    card: Card,
    old: Arc<MetaFile>,
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    came: watch::Sender<bool>,
    /// Whether it was done: an invitation that comes again must not do it again, when the node may have started with what is there since.
    has_begun: Arc<Mutex<bool>>,
}

impl Anew {
    /// What it has to be when it starts, if that is an invitation of its grid which knows that it has nothing.
    fn invited(&self, payload: &[u8]) -> Result<MetaFile, String> {
        let Invitation { node, map, .. } = words::decode(payload)?;
        let is_here = map.nodes.get(&node).is_some_and(|record| record.peer == self.card.record.peer);
        let (old, new) = (self.old.map.meta_replica(&self.old.node), map.meta_replica(&node));
        if node != self.card.node || map.grid_id != self.old.map.grid_id || !is_here {
            return Err("the invitation is for another node, or of another grid".into());
        }
        if new.is_none() || new == old || !map.awaited.contains(&node) {
            return Err("the invitation is of a map that does not know yet what this node has lost".into());
        }
        Ok(MetaFile::new(node, map))
    }
}

impl Handler for Anew {
    fn handle(&self, request: Request) -> Answer {
        let answer = match request.service {
            DESCRIBE => words::encode(&self.card),
            JOIN => match self.invited(&request.payload) {
                Ok(file) => {
                    let (disk, dir, came) = (Arc::clone(&self.disk), self.dir.clone(), self.came.clone());
                    let has_begun = Arc::clone(&self.has_begun);
                    return Box::pin(async move {
                        // It goes on to its end whatever becomes of the connection.
                        let begun = tokio::task::spawn_blocking(move || {
                            let mut has_begun = has_begun.lock().unwrap_or_else(PoisonError::into_inner);
                            if !*has_begun {
                                begin(&disk, &dir, &file)?;
                                *has_begun = true;
                            }
                            Ok::<_, GridError>(())
                        })
                        .await;
                        let begun =
                            begun.map_err(|error| error.to_string()).and_then(|begun| begun.map_err(|error| words::told(&error)));
                        begun.map_err(Refusal::new)?;
                        came.send_replace(true);
                        words::encode(&()).map(Bytes::from).map_err(Refusal::new)
                    });
                }
                Err(reason) => Err(reason),
            },
            other => Err(format!("a node that comes to its grid anew has no service {other}")),
        };
        Box::pin(async move { answer.map(Bytes::from).map_err(Refusal::new) })
    }
}

fn marker(dir: &Path) -> PathBuf {
    dir.join("REJOIN")
}

/// From here on what the directory had counts no more.
fn begin(disk: &Arc<dyn Disk>, dir: &Path, file: &MetaFile) -> Result<(), GridError> {
    let path = marker(dir);
    let io = |source| MetaFileError::Io { step: "write", file: path.clone(), source };
    let text = file.encode().map_err(|error| io(error.into()))?;
    sutra_disk::replace(&**disk, &path, &text).map_err(io)?;
    finish(disk, dir)
}

/// Finishes what an earlier process began, if it did. Blocking.
pub(crate) fn finish(disk: &Arc<dyn Disk>, dir: &Path) -> Result<(), GridError> {
    let path = marker(dir);
    let io = |step: &'static str| {
        let file = path.clone();
        move |source| MetaFileError::Io { step, file, source }
    };
    let text = match disk.read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        text => text.map_err(io("read"))?,
    };
    let file = MetaFile::decode(&path, &text)?;
    Directory::forget_all(disk, dir)?;
    file.write(&**disk, dir)?;
    disk.remove(&path).and_then(|()| disk.sync_dir(dir)).map_err(io("remove"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use sutra_protocol::founding::Plan;

    use super::*;
    use crate::map::tests::node;

    #[test]
    fn what_no_quorum_of_others_has_is_needed() {
        let nodes = [node(1), node(2), node(3)];
        let name = nodes[0].0.clone();
        let map = |replicas| GridMap::found("grid".into(), &nodes, Plan { shards: 3, replicas }).unwrap();
        assert_eq!(needed(&map(3), &name), None);
        assert!(needed(&map(1), &name).is_some(), "it keeps the only replica of one");
    }
}
