//! A replica of a group.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use openraft::error::{ClientWriteError, Fatal, RaftError};
use openraft::{ChangeMembers, ServerState};
use sutra_disk::Disk;
use sutra_protocol::command::LogIndex;
use sutra_wal::{GroupId, Log};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::timeout;

use crate::calm::Calm;
use crate::contact::Contact;
use crate::held::Held;
use crate::log_store::LogStore;
use crate::machine::{Driven, Inbox, Machine};
use crate::network::Network;
use crate::patience::Patience;
use crate::receive::Receiving;
use crate::service::{Groups, Served};
use crate::silence::{Silence, quorum_answered};
use crate::status::{GroupStatus, Reader};
use crate::syncer::Syncer;
use crate::timing::Timing;
use crate::transport::Transport;
use crate::types::{Logged, Member, Members, Raft, ReplicaId, Words};

/// How long cutting the log may take before it is tried again.
const CUT_TIMEOUT: Duration = Duration::from_secs(10);
/// How often it is asked for meanwhile.
const CUT_PAUSE: Duration = Duration::from_millis(20);

/// What all groups of a node share. Cheap to clone.
#[derive(Clone)]
pub struct Node {
    /// The log.
    pub log: Log,
    /// Makes it durable.
    pub syncer: Syncer,
    /// The disk that the node's data directory is on.
    pub disk: Arc<dyn Disk>,
    /// Where snapshots are received: a folder that is the node's alone.
    pub incoming: PathBuf,
    /// Reaches the other nodes.
    pub transport: Arc<dyn Transport>,
    /// Where the other nodes reach the groups.
    pub groups: Groups,
    /// Raft's timers.
    pub timing: Timing,
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node").field("groups", &self.groups).field("timing", &self.timing).finish_non_exhaustive()
    }
}

/// Which replica of which group this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupSetup {
    /// The group.
    pub group: GroupId,
    /// This replica.
    pub replica: ReplicaId,
}

/// Why a proposal has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProposeError {
    /// It is in no log, and never will be.
    #[error("another replica leads the group")]
    NotLeader {
        /// Who leads, as far as is known here.
        leader: Option<(ReplicaId, Member)>,
    },
    /// It may be committed later, or never.
    #[error("the group's leader changed while the proposal was on its way")]
    Unknown,
}

/// Why nobody can say how far a read must wait.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Another replica has to be asked.
    #[error("another replica leads the group")]
    NotLeader {
        /// Who leads, as far as is known here.
        leader: Option<(ReplicaId, Member)>,
    },
    /// Too few replicas answer.
    #[error("too few replicas of the group answer: {reason}")]
    NoQuorum {
        /// What the consensus says.
        reason: String,
    },
}

/// A replica of a group. Cheap to clone; all clones are the same replica.
#[derive(Clone)]
pub struct Group(Arc<Inner>);

struct Inner {
    raft: Raft,
    node: Node,
    setup: GroupSetup,
    closing: Arc<AtomicBool>,
    held: Held,
    patience: Patience,
    contact: Contact,
    reader: Reader,
    stalls: Arc<Notify>,
    snapshots_sent: Arc<AtomicU64>,
    reads: mpsc::UnboundedSender<oneshot::Sender<Result<LogIndex, ReadError>>>,
}

impl std::fmt::Debug for Group {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Group").field(&self.0.setup).finish()
    }
}

impl Group {
    /// Starts a replica: it applies what its log is known to have committed, and takes part in its group. One that never belonged to
    /// a group waits to be told of one.
    ///
    /// # Errors
    /// Its log or its state machine can't be used.
    pub async fn start(node: &Node, setup: GroupSetup, machine: Arc<dyn Machine>) -> Result<Self, String> {
        let inbox = Inbox::open(Arc::clone(&node.disk), node.incoming.join(setup.group.to_string()));
        let inbox = inbox.map_err(|error| format!("clear the folder of received snapshots: {error}"))?;
        let closing = Arc::new(AtomicBool::new(false));
        // A machine that was just opened is as of its newest checkpoint.
        let applied = machine.progress().applied;
        let held = Held::new(applied.map(|applied| applied.index));
        let calm = Calm::default();
        let log = LogStore::new(node.log.clone(), setup, node.syncer.clone(), Arc::clone(&closing), held.clone(), calm.clone());
        log.follow(applied).await.map_err(|error| format!("cut the log behind the checkpoint: {error}"))?;
        let (contact, patience) = (Contact::default(), Patience::new());
        let (snapshots_sent, stalls) = (Arc::new(AtomicU64::new(0)), Arc::new(Notify::new()));
        let itself = Arc::new(OnceLock::new());
        let network = Network {
            group: setup.group.0,
            id: setup.replica.0,
            transport: Arc::clone(&node.transport),
            timing: node.timing,
            silence: Silence::default(),
            contact: contact.clone(),
            patience: patience.clone(),
            calm,
            sent: Arc::clone(&snapshots_sent),
            stalls: Arc::clone(&stalls),
            own: Arc::clone(&itself),
        };
        let config = node.timing.config(setup.group.0).validate().map_err(|error| error.to_string())?;
        let reached = network.clone();
        let driven = Driven::new(Arc::clone(&machine), inbox.clone(), held.clone(), Arc::clone(&closing));
        let raft = Raft::new(setup.replica.0, Arc::new(config), network, log, driven).await;
        let raft = raft.map_err(|error| error.to_string())?;
        let own = setup.replica.0;
        let is_alone = raft.with_raft_state(move |state| state.membership_state.effective().voter_ids().eq([own]));
        if is_alone.await.map_err(|error| error.to_string())? {
            // It need not wait for others.
            raft.trigger().elect().await.map_err(|error| error.to_string())?;
        }
        // It is this one until it is stopped; nobody else sets it.
        let _ = itself.set(raft.clone());
        let receiving = Arc::new(Receiving::new(machine, inbox, patience.clone()));
        node.groups.insert(Served { replica: setup.replica.0, raft: raft.clone(), receiving, network: reached });
        let (reads, asked) = mpsc::unbounded_channel();
        let node = node.clone();
        let watching = patience.clone().watch(raft.clone(), node.timing);
        let reader = Reader::default();
        let inner = Inner { raft, node, setup, closing, held, patience, contact, reader, stalls, snapshots_sent, reads };
        let group = Self(Arc::new(inner));
        tokio::spawn(answer_reads(group.0.raft.clone(), asked));
        tokio::spawn(watching);
        Ok(group)
    }

    /// Founds the group with these members, one of whom is this replica. It may be tried again: a group that exists stays as it is.
    ///
    /// # Errors
    /// The replica has failed.
    pub async fn found(&self, members: Members) -> Result<(), String> {
        let members: BTreeMap<u64, Member> = members.into_iter().map(|(id, member)| (id.0, member)).collect();
        match self.0.raft.initialize(members).await {
            Ok(()) | Err(RaftError::APIError(openraft::error::InitializeError::NotAllowed(_))) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The group.
    pub fn id(&self) -> GroupId {
        self.0.setup.group
    }

    /// This replica.
    pub fn replica(&self) -> ReplicaId {
        self.0.setup.replica
    }

    /// Raft's timers.
    pub fn timing(&self) -> Timing {
        self.0.node.timing
    }

    /// Why it has failed, if it has.
    pub fn failure(&self) -> Option<String> {
        match &self.0.raft.metrics().borrow().running_state {
            Ok(()) | Err(Fatal::Stopped) => None,
            Err(fatal) => Some(fatal.to_string()),
        }
    }

    /// Whether it has failed, or is stopped.
    pub(crate) fn has_ended(&self) -> bool {
        self.0.raft.metrics().borrow().running_state.is_err()
    }

    /// Snapshots that other replicas have taken in from this one, since its start.
    pub fn snapshots_sent(&self) -> u64 {
        self.0.snapshots_sent.load(Ordering::Relaxed)
    }

    /// Ends when it leads, and does not go on: its status tells that no quorum is answered, and does not say so by itself.
    pub(crate) async fn stalls(&self) {
        self.0.stalls.notified().await;
    }

    pub(crate) fn raft(&self) -> &Raft {
        &self.0.raft
    }

    pub(crate) fn patience(&self) -> &Patience {
        &self.0.patience
    }

    pub(crate) fn transport(&self) -> &dyn Transport {
        &*self.0.node.transport
    }

    pub(crate) fn log(&self) -> &Log {
        &self.0.node.log
    }

    /// Whether it leads, for those who need no more: it costs less than the whole status.
    pub fn leads(&self) -> bool {
        self.0.raft.metrics().borrow().state == ServerState::Leader
    }

    /// Whether it leads, and nobody else can: a quorum has taken it for its leader within the lease.
    pub fn holds_lease(&self) -> bool {
        let lease = self.0.node.timing.lease();
        let metrics = self.0.raft.metrics();
        let metrics = metrics.borrow();
        // What is left of the lease is for two clocks that do not go alike.
        let answered = || quorum_answered(&metrics, &self.0.contact).is_some_and(|ago| ago <= lease * 7 / 8);
        metrics.state == ServerState::Leader && !self.patience().let_others_stand(2 * lease) && answered()
    }

    /// How the replica is.
    pub fn status(&self) -> GroupStatus {
        self.0.reader.status(&self.0.raft.metrics().borrow(), &self.0.contact)
    }

    /// Ends when `is_so` holds of the replica's status; `None` if it does not come to that in time, or never.
    pub async fn wait_until(&self, limit: Duration, mut is_so: impl FnMut(&GroupStatus) -> bool) -> Option<GroupStatus> {
        let mut metrics = self.0.raft.metrics();
        let wait = async {
            loop {
                let status = self.0.reader.status(&metrics.borrow_and_update(), &self.0.contact);
                if is_so(&status) {
                    return Some(status);
                }
                metrics.changed().await.ok()?;
            }
        };
        timeout(limit, wait).await.ok().flatten()
    }

    /// Who leads, as far as is known here.
    pub fn leader(&self) -> Option<(ReplicaId, Member)> {
        let status = self.status();
        let leader = status.leader?;
        status.members.get(&leader).map(|member| (leader, member.clone()))
    }

    /// Proposes words to the state machine; ends with what they came to when they are committed and applied here.
    ///
    /// # Errors
    /// A [`ProposeError`].
    pub async fn propose(&self, payload: Vec<u8>) -> Result<(LogIndex, Vec<u8>), ProposeError> {
        if self.leaves() {
            return Err(ProposeError::NotLeader { leader: None });
        }
        let logged = Logged::watched();
        let lost = |leader| if logged.is_set() { ProposeError::Unknown } else { ProposeError::NotLeader { leader } };
        match self.0.raft.client_write(Words { payload, logged: logged.clone() }).await {
            Ok(written) => Ok((LogIndex(written.log_id.index), written.data.0)),
            Err(_) => Err(lost(self.leader())),
        }
    }

    /// The entry that a read has to wait for to see everything that was acknowledged before it was asked. Those who ask while one round
    /// is under way share the next.
    ///
    /// # Errors
    /// A [`ReadError`].
    pub async fn read_index(&self) -> Result<LogIndex, ReadError> {
        let (reply, answer) = oneshot::channel();
        let stopped = || ReadError::NoQuorum { reason: "the replica is stopped".into() };
        self.0.reads.send(reply).map_err(|_| stopped())?;
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// Makes `id` a member without a vote, which gets all entries.
    ///
    /// # Errors
    /// A [`ProposeError`].
    pub async fn add_learner(&self, id: ReplicaId, member: Member) -> Result<(), ProposeError> {
        let added = self.0.raft.add_learner(id.0, member, false).await;
        added.map(|_| ()).map_err(|error| self.unchanged(&error))
    }

    /// Gives the vote to these members; those who lose it stay members if `stay` says so.
    ///
    /// # Errors
    /// A [`ProposeError`].
    pub async fn set_voters(&self, voters: impl IntoIterator<Item = ReplicaId>, stay: bool) -> Result<(), ProposeError> {
        let voters = voters.into_iter().map(|id| id.0).collect();
        let changed = self.0.raft.change_membership(ChangeMembers::ReplaceAllVoters(voters), stay).await;
        changed.map(|_| ()).map_err(|error| self.unchanged(&error))
    }

    /// Takes members without a vote out of the group.
    ///
    /// # Errors
    /// A [`ProposeError`].
    pub async fn remove_learners(&self, learners: impl IntoIterator<Item = ReplicaId>) -> Result<(), ProposeError> {
        let learners = learners.into_iter().map(|id| id.0).collect();
        let changed = self.0.raft.change_membership(ChangeMembers::RemoveNodes(learners), false).await;
        changed.map(|_| ()).map_err(|error| self.unchanged(&error))
    }

    /// Whether `id` belongs to the group, as this replica, which leads it, knows for certain; `None`: it does not. What a change under way
    /// takes out of the group belongs to it until that is committed.
    pub async fn has_member(&self, id: ReplicaId) -> Option<bool> {
        if !self.leads() {
            return None;
        }
        let has = self.0.raft.with_raft_state(move |state| {
            let membership = &state.membership_state;
            [membership.committed(), membership.effective()].iter().any(|known| known.get_node(&id.0).is_some())
        });
        let has = has.await.ok()?;
        // Whoever still leads after this led when that was looked at.
        self.read_index().await.ok().map(|_| has)
    }

    fn unchanged(&self, error: &RaftError<u64, ClientWriteError<u64, Member>>) -> ProposeError {
        match error {
            RaftError::APIError(ClientWriteError::ForwardToLeader(_)) => ProposeError::NotLeader { leader: self.leader() },
            error => {
                tracing::warn!(group = %self.id(), %error, "a change of members was not carried through");
                ProposeError::Unknown
            }
        }
    }

    /// Makes the newest checkpoint known to the consensus: what is in it may be purged.
    pub(crate) async fn checkpointed(&self) {
        // It fails only once the replica has.
        let _ = self.0.raft.trigger().snapshot().await;
    }

    /// Takes entries up to `upto` out of the log, as far as they are in a known checkpoint.
    pub(crate) async fn purge(&self, upto: LogIndex) {
        let _ = self.0.raft.trigger().purge_log(upto.0).await;
    }

    /// Has the log give up its entries up to `upto`, all of which are in the machine's newest checkpoint, and ends when no file of it
    /// holds them any more.
    ///
    /// # Errors
    /// It is not so in time; it may be tried again.
    pub async fn cut(&self, upto: LogIndex) -> Result<(), String> {
        self.checkpointed().await;
        let known = self.wait_until(CUT_TIMEOUT, |status| status.checkpoint >= Some(upto)).await;
        known.ok_or("the consensus does not learn of the checkpoint")?;
        let is_cut = || self.log().group(self.id()).and_then(|log| log.purged).is_some_and(|purged| purged.index >= upto);
        let purge = async {
            // A leader that is about to send such entries puts it off, and looks again only when it is asked.
            while !is_cut() {
                self.purge(upto).await;
                tokio::time::sleep(CUT_PAUSE).await;
            }
        };
        timeout(CUT_TIMEOUT, purge).await.map_err(|_| "the consensus does not purge the log")?;
        // What the purge made unneeded may have been refused by the disk then.
        let log = self.log().clone();
        let dropped = tokio::task::spawn_blocking(move || log.drop_unneeded()).await.map_err(|error| error.to_string())?;
        dropped.map(|_| ()).map_err(|error| error.to_string())
    }

    /// Stops the replica. Its log stays.
    pub async fn stop(&self) {
        self.0.closing.store(true, Ordering::Release);
        self.0.node.groups.remove(self.id().0);
        if let Err(error) = self.0.raft.shutdown().await {
            tracing::error!(group = %self.id(), %error, "a replica had failed when it was stopped");
        }
        // A purge may wait for a checkpoint that nobody puts in place any more.
        self.0.held.fail();
    }
}

/// Answers those who want to read, all who have asked meanwhile with one round.
async fn answer_reads(raft: Raft, mut asked: mpsc::UnboundedReceiver<oneshot::Sender<Result<LogIndex, ReadError>>>) {
    let mut waiting = Vec::new();
    while asked.recv_many(&mut waiting, usize::MAX).await > 0 {
        let answer = match raft.get_read_log_id().await {
            Ok((index, _)) => Ok(index.map_or(LogIndex(0), |id| LogIndex(id.index))),
            Err(RaftError::APIError(openraft::error::CheckIsLeaderError::ForwardToLeader(to))) => {
                let leader = to.leader_id.zip(to.leader_node).map(|(id, member)| (ReplicaId(id), member));
                Err(ReadError::NotLeader { leader })
            }
            Err(error) => Err(ReadError::NoQuorum { reason: error.to_string() }),
        };
        for reply in waiting.drain(..) {
            // Whoever asked may have gone away.
            let _ = reply.send(answer.clone());
        }
    }
}
