//! How openraft reaches the other replicas of a group.

use std::collections::VecDeque;
use std::io;
use std::iter::repeat;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use openraft::error::{Fatal, NetworkError, RPCError, RaftError, ReplicationClosed, StreamingError, Timeout, Unreachable};
use openraft::network::{Backoff, RPCOption, RPCTypes, RaftNetwork, RaftNetworkFactory};
use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, VoteRequest, VoteResponse};
use openraft::storage::Snapshot;
use openraft::{AnyError, CommittedLeaderId, OptionalSend};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sutra_disk::DiskFile;
use sutra_peer::{CallError, Class};
use sutra_storage::{ManifestHead, REPLICA_ENTRY_BYTES};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::calm::Calm;
use crate::contact::Contact;
use crate::files::SnapshotFiles;
use crate::patience::Patience;
use crate::receive::{End, Offer, OfferedFile, Piece, Wanted};
use crate::service::{APPEND, SNAPSHOT_END, SNAPSHOT_OFFER, SNAPSHOT_PIECE, VOTE};
use crate::silence::Silence;
use crate::timing::Timing;
use crate::transport::{Call, Transport};
use crate::types::{LogId, Member, Raft, TypeConfig, Vote};
use crate::words::{decode, request};

/// How many heartbeats entries may be on their way before they are sent again. Openraft stops waiting earlier; a disk that syncs may
/// take longer, and sending the same again would only add to what it has to do.
const APPEND_HEARTBEATS: u32 = 16;
/// Bytes that a message with one entry has beside that: less than this.
const ENVELOPE_BYTES: usize = 16 << 10;
// An entry that does not fit into a message would never come to another replica, and nothing behind it either.
const _: () = assert!(REPLICA_ENTRY_BYTES + ENVELOPE_BYTES <= sutra_peer::PAYLOAD_BYTES);
/// How many heartbeats a reply to a message of a snapshot's transfer is waited for before it is sent again, and how often it is sent.
const PIECE_HEARTBEATS: u32 = 12;
const PIECE_TRIES: u32 = 10;
/// How often a peer is asked whether it has checked and installed all of it.
const END_TRIES: u32 = 200;
/// Bytes of a piece of a file or of the manifest, and how many are on their way at once.
const PIECE_BYTES: usize = 1 << 20;
const PIECES_IN_FLIGHT: usize = 4;
/// How long to wait before a peer that can't be reached is tried again.
const UNREACHABLE_PAUSE: Duration = Duration::from_millis(200);

type RpcError = RPCError<u64, Member, RaftError<u64>>;

/// Makes the links of a group.
#[derive(Clone)]
pub(crate) struct Network {
    pub(crate) group: u64,
    pub(crate) id: u64,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) timing: Timing,
    pub(crate) silence: Silence,
    pub(crate) contact: Contact,
    pub(crate) patience: Patience,
    pub(crate) calm: Calm,
    /// Snapshots that another replica has taken in.
    pub(crate) sent: Arc<AtomicU64>,
    /// Told while it does not come to look at itself as a leader: nothing else would say so.
    pub(crate) stalls: Arc<Notify>,
    /// This replica, once it runs.
    pub(crate) own: Arc<OnceLock<Raft>>,
}

/// The way to one replica.
pub(crate) struct Link {
    network: Network,
    target: u64,
    to: Member,
    in_flight: Option<InFlight>,
}

/// Entries that are on their way, whether openraft still waits for them or not.
struct InFlight {
    vote: Vote,
    before: Option<LogId>,
    last: Option<LogId>,
    asked: Instant,
    reply: JoinHandle<Result<Bytes, CallError>>,
}

impl Network {
    /// Has this replica follow a higher vote before openraft's stream to the target hears of it. The stream ends at that, and a leader that
    /// did not know yet why would fail for good on having a snapshot sent by it: openraft 0.9.25 takes that for a fault of the storage.
    pub(crate) async fn yield_to(&self, higher: Vote) {
        let Some(raft) = self.own.get() else { return };
        if higher.leader_id.voted_for == Some(self.id) {
            // It is an office of its own that it has entered since.
            return;
        }
        // No log reaches that far: it is refused for that, once the vote is followed, and changes nothing else.
        let before = LogId::new(CommittedLeaderId::new(higher.leader_id.term, 0), u64::MAX / 2);
        let nothing = AppendEntriesRequest { vote: higher, prev_log_id: Some(before), entries: Vec::new(), leader_commit: None };
        // It fails once the replica has, or is stopped.
        let _ = raft.append_entries(nothing).await;
    }
}

impl RaftNetworkFactory<TypeConfig> for Network {
    type Network = Link;

    async fn new_client(&mut self, target: u64, node: &Member) -> Link {
        Link { network: self.clone(), target, to: node.clone(), in_flight: None }
    }
}

impl Link {
    fn call(&self, class: Class, service: u16, payload: Vec<u8>, timeout: Duration) -> crate::transport::Reply {
        let call = Call { class, service, group: self.network.group, payload: payload.into(), timeout };
        self.network.transport.call(&self.to, call)
    }

    fn failed(&self, error: CallError, action: RPCTypes) -> RpcError {
        match error {
            CallError::TimedOut { limit, .. } => {
                RPCError::Timeout(Timeout { action, id: self.network.id, target: self.target, timeout: limit })
            }
            // After any other error openraft would send the same again at once, thousands of times a second: a node that starts or
            // stops refuses everything.
            error => RPCError::Unreachable(Unreachable::new(&error)),
        }
    }

    async fn append(&mut self, rpc: AppendEntriesRequest<TypeConfig>) -> Result<AppendEntriesResponse<u64>, RpcError> {
        let lost = |reason: String| RPCError::Network(NetworkError::new(&AnyError::error(reason)));
        if self.network.silence.is_kept() {
            return Err(RPCError::Unreachable(Unreachable::new(&AnyError::error(
                "no quorum answers, and others may elect a leader",
            ))));
        }
        let (contact, target) = (self.network.contact.clone(), self.target);
        let answered = |response: &AppendEntriesResponse<u64>, asked: Instant| {
            if !matches!(response, AppendEntriesResponse::HigherVote(_)) {
                contact.answered(target, asked);
            }
        };
        if rpc.entries.is_empty() {
            // It says what is committed, as signs of life do. It leaves alone what is on its way, and entries wait no longer for its reply.
            let asked = contact.asked(target);
            let payload = request(target, &rpc).map_err(lost)?;
            let reply = self.call(Class::Append, APPEND, payload, self.network.timing.heartbeat).await;
            let reply = reply.map_err(|error| self.failed(error, RPCTypes::AppendEntries))?;
            return decode(&reply).map_err(lost).inspect(|response| answered(response, asked));
        }
        let last = rpc.entries.last().map(|entry| entry.log_id);
        let is_it = |sent: &InFlight| sent.vote == rpc.vote && sent.before == rpc.prev_log_id && sent.last <= last;
        if !self.in_flight.as_ref().is_some_and(is_it) {
            let payload = request(self.target, &rpc).map_err(lost)?;
            let reply =
                tokio::spawn(self.call(Class::Append, APPEND, payload, self.network.timing.heartbeat * APPEND_HEARTBEATS));
            let asked = contact.asked(target);
            self.in_flight = Some(InFlight { vote: rpc.vote, before: rpc.prev_log_id, last, asked, reply });
        }
        let Some(sent) = &mut self.in_flight else { return Err(lost("nothing was sent".into())) };
        // If openraft stops waiting here, the next identical request goes on.
        let reply = (&mut sent.reply).await;
        let (covered, asked) = (sent.last, sent.asked);
        self.in_flight = None;
        let reply = reply.map_err(|error| lost(error.to_string()))?;
        let reply = reply.map_err(|error| self.failed(error, RPCTypes::AppendEntries))?;
        match decode(&reply).map_err(lost).inspect(|response| answered(response, asked))? {
            AppendEntriesResponse::Success if covered < last => Ok(AppendEntriesResponse::PartialSuccess(covered)),
            response => Ok(response),
        }
    }

    async fn ask<T: DeserializeOwned>(&self, service: u16, value: &impl Serialize, tries: u32) -> Result<T, String> {
        let payload = request(self.target, value)?;
        let reply = repeated(self.network.clone(), self.to.clone(), service, payload.into(), tries).await?;
        decode(&reply)
    }

    async fn send_files(&self, vote: Vote, snapshot: Snapshot<TypeConfig>) -> Result<SnapshotResponse<u64>, String> {
        let SnapshotFiles::Outgoing(checkpoint) = *snapshot.snapshot else {
            return Err("the snapshot is not this replica's".into());
        };
        let files = checkpoint.files.iter();
        let files = files.map(|file| OfferedFile { bytes: file.bytes, signature: file.signature.into() }).collect();
        let manifest: Arc<[u8]> = checkpoint.manifest.into();
        let offer = Offer { vote, meta: snapshot.meta, manifest: ManifestHead::of(&manifest), files };
        let Wanted { transfer, files } = self.ask(SNAPSHOT_OFFER, &offer, PIECE_TRIES).await?;
        let mut sources = vec![(None, manifest.len() as u64, Source::Manifest(manifest))];
        for at in files {
            let file = checkpoint.files.get(at).ok_or("a file was asked for that is not offered")?;
            sources.push((Some(at), file.bytes, Source::File(Arc::clone(&file.content))));
        }
        let offsets = |bytes: u64| (0..bytes).step_by(PIECE_BYTES);
        let pieces =
            sources.iter().flat_map(|(file, end, source)| offsets(*end).map(move |offset| (*file, source, offset, *end)));
        let mut on_their_way = VecDeque::new();
        for (file, source, offset, end) in pieces {
            if on_their_way.len() == PIECES_IN_FLIGHT {
                arrived(on_their_way.pop_front()).await?;
            }
            let bytes = usize::try_from(end - offset).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
            let source = source.clone();
            let read = tokio::task::spawn_blocking(move || source.read(offset, bytes)).await;
            let content = read.map_err(|error| error.to_string())?.map_err(|error| format!("read a segment: {error}"))?;
            let content = content.ok_or("a segment is shorter than it was")?;
            let piece = request(self.target, &Piece { transfer, file, offset, content })?;
            let sent = repeated(self.network.clone(), self.to.clone(), SNAPSHOT_PIECE, piece.into(), PIECE_TRIES);
            on_their_way.push_back(tokio::spawn(sent));
        }
        for piece in on_their_way {
            arrived(Some(piece)).await?;
        }
        let taken = self.ask(SNAPSHOT_END, &End { transfer }, END_TRIES).await?;
        self.network.sent.fetch_add(1, Ordering::Relaxed);
        Ok(taken)
    }
}

/// What pieces are of.
#[derive(Clone)]
enum Source {
    Manifest(Arc<[u8]>),
    File(Arc<dyn DiskFile>),
}

impl Source {
    /// So many bytes from here on; `None`: it is shorter.
    fn read(&self, offset: u64, bytes: usize) -> io::Result<Option<Vec<u8>>> {
        match self {
            Self::Manifest(manifest) => {
                let from = usize::try_from(offset).unwrap_or(usize::MAX);
                Ok(manifest.get(from..from.saturating_add(bytes)).map(<[u8]>::to_vec))
            }
            Self::File(file) => {
                let mut content = vec![0; bytes];
                file.read_at(offset, &mut content).map(|read| (read == bytes).then_some(content))
            }
        }
    }
}

/// Ends when a piece of a snapshot has come to where it was sent.
async fn arrived(piece: Option<JoinHandle<Result<Bytes, String>>>) -> Result<(), String> {
    let Some(piece) = piece else { return Ok(()) };
    decode(&piece.await.map_err(|error| error.to_string())??)
}

/// Sends a message of a snapshot's transfer until there is a reply: each can be done twice.
async fn repeated(network: Network, to: Member, service: u16, payload: Bytes, tries: u32) -> Result<Bytes, String> {
    let timeout = network.timing.heartbeat * PIECE_HEARTBEATS;
    let mut last = String::new();
    for _ in 0..tries {
        let call = Call { class: Class::Bulk, service, group: network.group, payload: payload.clone(), timeout };
        match network.transport.call(&to, call).await {
            Ok(reply) => return Ok(reply),
            Err(error @ CallError::TimedOut { .. }) => last = error.to_string(),
            Err(error) => return Err(error.to_string()),
        }
    }
    Err(last)
}

impl RaftNetwork<TypeConfig> for Link {
    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<TypeConfig>,
        _: RPCOption,
    ) -> Result<AppendEntriesResponse<u64>, RpcError> {
        let response = self.append(rpc).await?;
        if let AppendEntriesResponse::HigherVote(higher) = response {
            self.network.yield_to(higher).await;
        }
        Ok(response)
    }

    async fn vote(&mut self, rpc: VoteRequest<u64>, option: RPCOption) -> Result<VoteResponse<u64>, RpcError> {
        let lost = |reason: String| RPCError::Network(NetworkError::new(&AnyError::error(reason)));
        let payload = request(self.target, &rpc).map_err(lost)?;
        let reply = self.call(Class::Control, VOTE, payload, option.hard_ttl()).await;
        let reply = reply.map_err(|error| self.failed(error, RPCTypes::Vote))?;
        let response: VoteResponse<u64> = decode(&reply).map_err(lost)?;
        if !response.vote_granted && response.last_log_id > rpc.last_log_id {
            self.network.patience.lacks();
        }
        Ok(response)
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot<TypeConfig>,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _: RPCOption,
    ) -> Result<SnapshotResponse<u64>, StreamingError<TypeConfig, Fatal<u64>>> {
        let contact = self.network.contact.clone();
        let taken = tokio::select! {
            sent = self.send_files(vote, snapshot) => sent.map_err(|reason| {
                tracing::warn!(group = self.network.group, to = %self.to, reason, "a snapshot could not be sent; it is tried again");
                StreamingError::Unreachable(Unreachable::new(&AnyError::error(reason)))
            })?,
            // The rest of it would be sent in vain, and openraft would not learn before that the office is over.
            higher = contact.outvoted(self.target, vote) => SnapshotResponse::new(higher),
            closed = cancel => return Err(closed.into()),
        };
        if taken.vote > vote {
            self.network.yield_to(taken.vote).await;
        }
        Ok(taken)
    }

    fn backoff(&self) -> Backoff {
        Backoff::new(repeat(UNREACHABLE_PAUSE))
    }
}
