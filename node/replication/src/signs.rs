//! Leaders' signs of life: those of all groups that a node leads at the same moment, and in one message to each other node.
//!
//! Openraft's own are a message a group, each at a time of its own: where hundreds of groups idle they are most of what a node does. And it
//! gives none to a follower that it sends a snapshot, nor while it waits before it tries again; whoever hears nothing stands for election, and
//! the office of the leader would end, and with it the transfer, again and again. So its own are switched off, and these take their place.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse};
use openraft::{RaftMetrics, ServerState};
use serde::{Deserialize, Serialize};
use sutra_peer::Class;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::calm::{Calm, Look, is_answered};
use crate::network::Network;
use crate::service::{Groups, SIGNS, WeakGroups};
use crate::timing::Timing;
use crate::transport::{Call, Transport};
use crate::types::{LogId, Member, TypeConfig, Vote};
use crate::words::{decode, encode};

/// The part of a heartbeat that a message waits for groups that are busy: theirs come with the next.
const TOGETHER: u32 = 8;
/// The part of a heartbeat that an answer waits for groups that are busy.
const ANSWERED: u32 = 2;
/// Most signs of a message.
const MESSAGE_SIGNS: usize = 4_096;

/// A leader's sign of life to a replica.
#[derive(Debug, Serialize, Deserialize)]
struct Sign {
    group: u64,
    to: u64,
    vote: Vote,
    /// See [`Said::matched`].
    matched: Option<LogId>,
    /// See [`Said::committed`].
    committed: Option<LogId>,
}

/// What a leader says with it.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) vote: Vote,
    /// Last entry that the replica is known to have.
    pub(crate) matched: Option<LogId>,
    /// Last entry that is committed: the message that said so may have been lost.
    pub(crate) committed: Option<LogId>,
}

/// What came of the signs of a message, in their order; `None`: nothing in time, or the replica is not here.
type Answers = Vec<Option<AppendEntriesResponse<u64>>>;

/// A sign that is on its way.
struct Given {
    by: Network,
    at: Instant,
    sign: Sign,
}

/// Signs of life for one node.
type OfNode = (Member, Vec<Given>);

/// Gives signs of life for all groups of a node, as long as there are some.
pub(crate) async fn give(groups: WeakGroups, transport: Arc<dyn Transport>, timing: Timing) {
    let mut looking = FuturesUnordered::new();
    let mut looked_at: BTreeSet<u64> = BTreeSet::new();
    let mut looks: BTreeMap<u64, Look> = BTreeMap::new();
    while let Some(all) = groups.all() {
        let beat = Instant::now();
        let mut given: BTreeMap<String, OfNode> = BTreeMap::new();
        looks.retain(|_, look| look.at.elapsed() < Calm::longest(timing.lease()));
        for served in all {
            let (network, metrics) = (&served.network, served.raft.metrics());
            network.silence.look(&metrics.borrow(), &network.contact, timing.lease());
            served.raft.runtime_config().tick(needs_ticks(&metrics.borrow()));
            let untold = untold(network, &metrics.borrow());
            if untold.is_empty() {
                continue;
            }
            let counts = |look: &&Look| network.calm.counts(look, &metrics.borrow(), &network.contact, timing.lease());
            if let Some(look) = looks.get(&network.group).filter(counts) {
                add(&mut given, network, untold, look.committed);
            } else if looked_at.insert(network.group) {
                looks.remove(&network.group);
                let (at, asked) = (Instant::now(), network.calm.asks());
                let was_answered = is_answered(&metrics.borrow(), &network.contact, timing.lease());
                looking.push(async move {
                    // A leader that can't go on, because its disk is full or hangs, has to make way: it answers nothing here either.
                    let looked = served.raft.with_raft_state(|state| (state.vote_ref().to_owned(), state.committed)).await;
                    let look = looked.map(|(vote, committed)| Look { at, vote, committed, was_answered });
                    (served, asked, look)
                });
            } else {
                network.stalls.notify_waiters();
            }
        }
        while let Ok(Some((served, asked, look))) = timeout_at(beat + timing.heartbeat / TOGETHER, looking.next()).await {
            let (network, metrics) = (&served.network, served.raft.metrics());
            looked_at.remove(&network.group);
            let Ok(look) = look else { continue };
            network.calm.answered(asked);
            let mut untold = untold(network, &metrics.borrow());
            untold.retain(|untold| untold.vote == look.vote);
            add(&mut given, network, untold, look.committed);
            looks.insert(network.group, look);
        }
        for (member, mut signs) in given.into_values() {
            while !signs.is_empty() {
                let later = signs.split_off(signs.len().min(MESSAGE_SIGNS));
                tokio::spawn(send(Arc::clone(&transport), member.clone(), signs, timing));
                signs = later;
            }
        }
        sleep_until(beat + timing.heartbeat).await;
    }
}

/// Adds a group's signs to what is given, unless it is silent.
fn add(given: &mut BTreeMap<String, OfNode>, by: &Network, untold: Vec<Untold>, committed: Option<LogId>) {
    if by.silence.is_kept() {
        return;
    }
    for Untold { to, member, vote, matched } in untold {
        let at = by.contact.asked(to);
        let sign = Sign { group: by.group, to, vote, matched, committed };
        let (_, of_node) = given.entry(member.address.clone()).or_insert_with(|| (member, Vec::new()));
        of_node.push(Given { by: by.clone(), at, sign });
    }
}

/// Whether openraft's ticks have something to do, which each group would wake up for: elections and signs of life are given without them, but
/// a leader that the members have removed steps down at one.
fn needs_ticks(now: &RaftMetrics<u64, Member>) -> bool {
    now.state == ServerState::Leader && now.membership_config.voter_ids().all(|id| id != now.id)
}

/// A replica to which its leader has said nothing for a while.
struct Untold {
    to: u64,
    member: Member,
    vote: Vote,
    matched: Option<LogId>,
}

/// To whom a sign of life is due; nobody, unless this replica leads. One that is silent gives none, but is looked at all the same: its status
/// tells then what has become of it.
fn untold(network: &Network, now: &RaftMetrics<u64, Member>) -> Vec<Untold> {
    let leads = now.running_state.is_ok() && now.state == ServerState::Leader && now.vote.committed;
    if !leads {
        return Vec::new();
    }
    // The last sign was given a heartbeat ago, or a little less.
    let enough = network.timing.heartbeat * 3 / 4;
    let is_told = |id: u64| network.contact.asked_last(id).is_some_and(|asked| asked.elapsed() < enough);
    let others = now.membership_config.nodes().filter(|(id, _)| **id != now.id && !is_told(**id));
    let matched = |id: &u64| now.replication.as_ref()?.get(id).copied().flatten();
    others.map(|(id, member)| Untold { to: *id, member: member.clone(), vote: now.vote, matched: matched(id) }).collect()
}

async fn send(transport: Arc<dyn Transport>, to: Member, given: Vec<Given>, timing: Timing) {
    let signs: Vec<&Sign> = given.iter().map(|given| &given.sign).collect();
    let Ok(payload) = encode(&signs) else { return };
    let call = Call { class: Class::Append, service: SIGNS, group: 0, payload: payload.into(), timeout: timing.lease() };
    // What is lost is said again.
    let Ok(reply) = transport.call(&to, call).await else { return };
    let answers = match decode::<Answers>(&reply) {
        Ok(answers) => answers,
        Err(reason) => return tracing::warn!(%to, reason, "what a node answers to signs of life was not understood"),
    };
    for (Given { by, at, sign }, answer) in given.into_iter().zip(answers) {
        match answer {
            Some(AppendEntriesResponse::HigherVote(higher)) => {
                by.contact.refused(sign.to, higher);
                // It may take its disk long, and is the matter of no other group.
                tokio::spawn(async move { by.yield_to(higher).await });
            }
            Some(_) => by.contact.answered(sign.to, at),
            None => {}
        }
    }
}

/// Has the replicas of this node take signs of life, and answers them: those that are busy for so long that the others would be thought dead
/// take theirs afterwards, unanswered.
///
/// # Errors
/// They are not understood.
pub(crate) async fn take(groups: &Groups, payload: &Bytes) -> Result<Bytes, String> {
    let signs: Vec<Sign> = decode(payload)?;
    let mut answers: Answers = (0..signs.len()).map(|_| None).collect();
    let mut taking = FuturesUnordered::new();
    let mut until = Instant::now();
    for (at, Sign { group, to, vote, matched, committed }) in signs.into_iter().enumerate() {
        let Ok(served) = groups.served(group, to) else { continue };
        if served.takes_by_itself(&Said { vote, matched, committed }) {
            answers[at] = Some(AppendEntriesResponse::Success);
            continue;
        }
        until = until.max(Instant::now() + served.network.timing.heartbeat / ANSWERED);
        let sign =
            AppendEntriesRequest::<TypeConfig> { vote, prev_log_id: matched, entries: Vec::new(), leader_commit: committed };
        taking.push(async move { (at, served.append(sign).await) });
    }
    while let Ok(Some((at, answer))) = timeout_at(until, taking.next()).await {
        answers[at] = answer.ok();
    }
    if !taking.is_empty() {
        tokio::spawn(async move { while taking.next().await.is_some() {} });
    }
    encode(&answers).map(Bytes::from)
}
