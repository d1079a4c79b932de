//! The group of a shard, whose state machine is a store.

use std::sync::Arc;

use sutra_protocol::command::LogIndex;
use sutra_storage::{
    Checkpoint, Committed, Consensus, Cut, Directory, Fate, HeldSegments, Incoming, NotTaken, OpenError, Placement, Progress,
    Proposal, Store, StoreConfig, checkpoint_of,
};
use sutra_wal::{GroupId, LogPoint};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::group::{Group, GroupSetup, Node};
use crate::machine::{Doing, Machine};
use crate::types::{Logged, ReplicaId, Words};

/// A replica of a shard: its store, and the group that it belongs to. Cheap to clone.
#[derive(Clone)]
pub struct Shard {
    group: Group,
    store: Store,
    tasks: Arc<Tasks>,
}

struct Tasks([JoinHandle<()>; 2]);

impl Drop for Tasks {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

/// Why a replica can't be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its files.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Its log, as the consensus reads it.
    #[error("the replica's log can't be used: {0}")]
    Group(String),
}

impl Shard {
    /// Opens and starts a replica of a shard.
    ///
    /// # Errors
    /// A [`StartError`].
    pub async fn start(
        node: &Node,
        directory: &Directory,
        placement: Placement,
        config: StoreConfig,
    ) -> Result<Self, StartError> {
        let setup = GroupSetup { group: GroupId(placement.shard), replica: ReplicaId(placement.replica) };
        let (asks, asked) = mpsc::unbounded_channel();
        let consensus = Arc::new(Asks(asks));
        let directory = directory.clone();
        let opened = tokio::task::spawn_blocking(move || Store::replica(&directory, &placement, config, consensus)).await;
        let store = opened.map_err(|error| StartError::Group(error.to_string()))??;
        let started = Group::start(node, setup, Arc::new(store.clone())).await;
        let group = match started {
            Ok(group) => group,
            Err(reason) => {
                store.close().await;
                return Err(StartError::Group(reason));
            }
        };
        let tasks = [tokio::spawn(do_asked(group.clone(), asked)), tokio::spawn(tell_who_leads(group.clone(), store.clone()))];
        Ok(Self { group, store, tasks: Arc::new(Tasks(tasks)) })
    }

    /// Its group.
    pub fn group(&self) -> &Group {
        &self.group
    }

    /// Its store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Stops the replica and closes its store.
    pub async fn stop(&self) {
        self.store.lead(false);
        // What it has in memory goes into a segment while entries can still be told apart from what is purged.
        self.group.stop().await;
        self.tasks.0.iter().for_each(JoinHandle::abort);
        self.store.close().await;
    }
}

impl std::fmt::Debug for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shard").field("group", &self.group).finish_non_exhaustive()
    }
}

/// What a store asks of its consensus.
enum Asked {
    Propose(Vec<u8>, Proposal),
    Checkpointed(LogIndex),
    Cut(LogIndex, Cut),
}

/// The way from a store's threads to the group's task.
struct Asks(mpsc::UnboundedSender<Asked>);

impl Consensus for Asks {
    fn propose(&self, payload: Vec<u8>, proposal: Proposal) {
        if let Err(mpsc::error::SendError(Asked::Propose(_, proposal))) = self.0.send(Asked::Propose(payload, proposal)) {
            proposal.resolve(Fate::Refused);
        }
    }

    fn checkpointed(&self, upto: LogIndex) {
        // A group that is stopped keeps its log.
        let _ = self.0.send(Asked::Checkpointed(upto));
    }

    fn cut(&self, upto: LogIndex, cut: Cut) {
        // Where the replica is stopped, who waits learns it by its being dropped.
        let _ = self.0.send(Asked::Cut(upto, cut));
    }
}

async fn do_asked(group: Group, mut asked: mpsc::UnboundedReceiver<Asked>) {
    let mut before = None;
    while let Some(ask) = asked.recv().await {
        match ask {
            Asked::Propose(payload, proposal) => propose(&group, payload, proposal).await,
            Asked::Checkpointed(upto) => {
                group.checkpointed().await;
                // What came between the last two checkpoints is kept for followers that are a little behind.
                if let Some(before) = before.replace(upto).filter(|before| *before < upto) {
                    group.purge(before).await;
                }
            }
            Asked::Cut(upto, waiting) => {
                let group = group.clone();
                tokio::spawn(async move { waiting.resolve(group.cut(upto).await) });
            }
        }
    }
}

/// Proposals reach the consensus in the order of their record times.
async fn propose(group: &Group, payload: Vec<u8>, proposal: Proposal) {
    if group.leaves() {
        return proposal.resolve(Fate::Refused);
    }
    let logged = Logged::watched();
    let fate = move |logged: &Logged| if logged.is_set() { Fate::Unknown } else { Fate::Refused };
    match group.raft().client_write_ff(Words { payload, logged: logged.clone() }).await {
        Ok(written) => {
            tokio::spawn(async move {
                proposal.resolve(match written.await {
                    Ok(Ok(_)) => Fate::Applied,
                    Ok(Err(_)) | Err(_) => fate(&logged),
                });
            });
        }
        Err(_) => proposal.resolve(fate(&logged)),
    }
}

/// Commands are taken where the replica leads and knows of everything that was ever acknowledged.
async fn tell_who_leads(group: Group, store: Store) {
    let mut metrics = group.raft().metrics();
    let lease = group.timing().lease();
    let mut term = 0;
    loop {
        let now = metrics.borrow_and_update().current_term;
        if now != std::mem::replace(&mut term, now) {
            // Another may have led in between, and who has waited since then is told.
            store.lead(false);
        }
        store.lead(group.leads() && group.status().leads_fully(lease));
        // They change whenever a leader is looked at for its signs of life, soon after a quorum has come back or gone; where it stalls, they
        // do not.
        let changed = tokio::select! {
            changed = metrics.changed() => changed,
            () = group.stalls() => Ok(()),
        };
        if changed.is_err() {
            store.lead(false);
            return;
        }
    }
}

impl Machine for Store {
    fn progress(&self) -> Progress {
        self.progress()
    }

    fn apply(&self, entries: Vec<Committed>) -> Doing<'_, Vec<Vec<u8>>, NotTaken<Vec<Committed>>> {
        let answers = vec![Vec::new(); entries.len()];
        // Those who wait are answered by the store itself.
        Box::pin(async move { Store::apply(self, entries).await.map(|()| answers).map_err(NotTaken::for_good) })
    }

    fn newest_checkpoint(&self) -> Doing<'_, Option<Checkpoint>> {
        Box::pin(async move { self.newest_checkpoint().await.map_err(|error| error.to_string()) })
    }

    fn point_of(&self, manifest: &[u8]) -> Result<LogPoint, String> {
        checkpoint_of(manifest).map(|(point, _)| point)
    }

    fn checkpoint(&self) -> Doing<'_, ()> {
        Box::pin(async move { self.checkpoint().await.map_err(|error| error.to_string()) })
    }

    fn hold(&self) -> Doing<'_, HeldSegments> {
        Box::pin(async move { self.hold().await.map_err(|error| error.to_string()) })
    }

    fn install(&self, incoming: Incoming) -> Doing<'_, (), NotTaken<Incoming>> {
        Box::pin(self.install(incoming))
    }
}
