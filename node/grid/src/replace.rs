//! A node takes the place of one that is lost with its disk.
//!
//! ```text
//!   replace (peer port, with the secret) ─→ any node ─ describe ─→ the new node, which waits for a grid
//!                                              └─ change of the map: new replicas under the old name, awaited
//!   leader of meta ─ join ─→ the new node ─→ it has come ─→ its replicas catch up, get the vote, the lost ones leave
//! ```
//!
//! The new node never gets the numbers of the lost one: a replica that forgot what it voted and stored would break its group's promises.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use sutra_peer::{CallError, Class, Peer, PeerSecret};
use sutra_protocol::founding::{Card, DESCRIBE, ReplaceRequest};
use sutra_replication::{Call, Member, Role, Transport as _};
use tokio::time::Instant;

use crate::asking::Asking;
use crate::change::{Change, ProposedChange};
use crate::map::{GridMap, ReplicaRecord, ShardId};
use crate::messages::{Invitation, JOIN, MAP, NodeStatus, Proposed, STATUS};
use crate::release;
use crate::words;

/// How long a node has for a question.
const QUESTION: Duration = Duration::from_secs(5);
/// How long the other nodes have to elect leaders in the place of one that is to be replaced.
const QUORUM: Duration = Duration::from_secs(5);
/// How often what is awaited is looked after.
const PAUSE: Duration = Duration::from_secs(1);
/// The same of one that was just invited; it is invited again after a longer one.
const INVITED: Duration = Duration::from_millis(50);

/// Has a node that waits at `address` take the place of node `name`.
pub(crate) async fn replace(asking: &Asking, secret: &PeerSecret, request: ReplaceRequest, version: &str) -> Result<(), String> {
    let ReplaceRequest { name, address, lost } = request;
    let map = asking.machine.map().borrow().clone();
    if !map.nodes.contains_key(&name) {
        let names: Vec<&str> = map.nodes.keys().map(String::as_str).collect();
        return Err(format!("the grid has no node {name}; it has {}", names.join(", ")));
    }
    if status_of(asking, &map, &name).await.is_ok() {
        return Err(format!(
            "node {name} answers at {}: stop it first, and never start it again with its old directory",
            map.nodes[&name].peer
        ));
    }
    let card: Card = words::decode(&found(&address, secret, DESCRIBE, Bytes::new()).await?)?;
    if card.node != name {
        return Err(format!(
            "the node at {address} is called {}, and would have to be called {name}: see --node-name",
            card.node
        ));
    }
    if card.record.peer != address {
        return Err(format!("the node at {address} says that others find it at {}: give that address", card.record.peer));
    }
    // While a grid is upgraded its nodes are of two releases, and any of them may be lost then.
    if !release::mix(&card.version, version) {
        return Err(format!(
            "the node at {address} is of release {}, and the one that was asked of {version}: nodes of one grid are at most one minor \
             release apart",
            card.version
        ));
    }
    let is_lost = lost.is_some() && map.meta_replica(&name).map(|replica| replica.0) == lost;
    if is_under_way(&map, &card) && !is_lost {
        return Ok(());
    }
    others_have_it(asking, &map, &name).await?;
    let change = Change::ReplaceNode { name, node: card.record };
    match asking.propose(&ProposedChange { known: map.epoch, change }).await? {
        Proposed::Decided(Ok(_)) => Ok(()),
        Proposed::Decided(Err(refusal)) => Err(refusal.to_string()),
        Proposed::NotLeader => Err("meta has no leader just now; try again".into()),
        Proposed::Unknown => Err("meta's leader changed meanwhile; look at the grid, and try again if need be".into()),
    }
}

/// Ends when of each group that the node belongs to a quorum of others answers, led and with a vote. The map alone does not say so: a
/// replica that it names may be new, and have nothing yet, or be away.
async fn others_have_it(asking: &Asking, map: &Arc<GridMap>, name: &str) -> Result<(), String> {
    let until = Instant::now() + QUORUM;
    loop {
        let asked = map.nodes.keys().filter(|other| *other != name);
        let asked =
            asked.map(|other| async move { status_of(asking, map, other).await.ok().map(|status| (other.as_str(), status)) });
        let statuses: BTreeMap<&str, NodeStatus> = join_all(asked).await.into_iter().flatten().collect();
        let Some(group) = lacking(map, name, &statuses) else { return Ok(()) };
        if Instant::now() >= until {
            let what = if group == ShardId(0) { "the grid's map".into() } else { format!("shard {group}") };
            return Err(format!(
                "{what} has no quorum of other nodes that are there and have caught up: {name} may have what they lack"
            ));
        }
        tokio::time::sleep(PAUSE / 4).await;
    }
}

/// The first group of a node that has no leader and quorum among those that say this of themselves. That the map leaves none in any case is
/// found when it is to be changed.
fn lacking(map: &GridMap, name: &str, statuses: &BTreeMap<&str, NodeStatus>) -> Option<ShardId> {
    let groups = std::iter::once(ShardId(0)).chain(map.shards.iter().map(|shard| shard.shard));
    groups.into_iter().find(|group| {
        let replicas = map.replicas(*group);
        let (own, others): (Vec<_>, Vec<_>) = replicas.iter().partition(|replica| replica.node == name);
        let quorum = replicas.len() / 2 + 1;
        let say = |replica: &&&ReplicaRecord| {
            let status = statuses.get(replica.node.as_str())?;
            status.replicas.iter().find(|one| one.shard == *group && one.replica == replica.replica.0 && !one.damaged)
        };
        let roles: Vec<&str> = others.iter().filter_map(|other| say(&other)).map(|one| one.role.as_str()).collect();
        let votes = roles.iter().filter(|role| [Role::Leader.as_str(), Role::Follower.as_str()].contains(role)).count();
        !own.is_empty() && others.len() >= quorum && (votes < quorum || !roles.contains(&Role::Leader.as_str()))
    })
}

/// Whether this very node is awaited already. Other numbers would make those obsolete with which it may have been invited meanwhile.
pub(crate) fn is_under_way(map: &GridMap, card: &Card) -> bool {
    map.awaited.contains(&card.node) && map.nodes.get(&card.node) == Some(&card.record)
}

/// Asks a node that waits for a grid, whether it was started with the secret or without one.
pub(crate) async fn found(address: &str, secret: &PeerSecret, service: u16, payload: Bytes) -> Result<Bytes, String> {
    let with = Peer::founding(address, Some(secret.clone()));
    match with.call(Class::Founding, service, 0, payload.clone(), QUESTION).await {
        Ok(reply) => Ok(reply),
        Err(CallError::Refused { reason }) => Err(reason),
        Err(_) => {
            let without = Peer::founding(address, None);
            without.call(Class::Founding, service, 0, payload, QUESTION).await.map_err(|error| error.to_string())
        }
    }
}

/// How another node says that it is.
pub(crate) async fn status_of(asking: &Asking, map: &GridMap, name: &str) -> Result<NodeStatus, String> {
    let record = map.nodes.get(name).ok_or("the grid has no such node")?;
    let member = Member { node: name.to_owned(), address: record.peer.clone() };
    let call = Call { class: Class::Control, service: STATUS, group: 0, payload: Bytes::new(), timeout: QUESTION };
    let reply = asking.pool.call(&member, call).await.map_err(|error| error.to_string())?;
    words::decode(&reply)
}

/// Invites the nodes that are awaited, and notes when they have come, as long as this node leads meta.
pub(crate) async fn look_after_awaited(asking: Arc<Asking>, secret: PeerSecret) {
    let lease = asking.meta.timing().lease();
    let mut changes = asking.machine.map();
    let mut invited: BTreeMap<String, Instant> = BTreeMap::new();
    loop {
        tokio::select! {
            () = tokio::time::sleep(if invited.is_empty() { PAUSE } else { INVITED }) => {}
            // The map lives as long as this.
            Ok(()) = changes.changed() => {}
        }
        invited.retain(|_, at| at.elapsed() < PAUSE);
        if !asking.meta.status().leads_fully(lease) {
            continue;
        }
        let map = changes.borrow_and_update().clone();
        invited.retain(|name, _| map.awaited.contains(name));
        for name in &map.awaited {
            match look_after(&asking, &secret, &map, name, invited.contains_key(name)).await {
                Ok(Awaited::Invited) => drop(invited.insert(name.clone(), Instant::now())),
                Ok(Awaited::Noted | Awaited::Comes) => {}
                Err(reason) => {
                    tracing::warn!(node = name, reason, "a node that was added, or takes a lost one's place, has not come yet");
                }
            }
        }
    }
}

/// How far a node that is awaited is.
enum Awaited {
    /// It has come, and meta was told.
    Noted,
    /// It was invited.
    Invited,
    /// It was invited before.
    Comes,
}

async fn look_after(
    asking: &Asking,
    secret: &PeerSecret,
    map: &Arc<GridMap>,
    name: &str,
    invited: bool,
) -> Result<Awaited, String> {
    let record = map.nodes.get(name).ok_or("the map does not know it")?;
    let own: Vec<u64> = map.all_replicas().filter(|one| one.node == name).map(|one| one.replica.0).collect();
    let has_come = |status: &NodeStatus| own.iter().all(|id| status.replicas.iter().any(|replica| replica.replica == *id));
    if status_of(asking, map, name).await.is_ok_and(|status| has_come(&status)) {
        let change = Change::Arrived { name: name.to_owned() };
        asking.propose(&ProposedChange { known: map.epoch, change }).await?;
        return Ok(Awaited::Noted);
    }
    if invited {
        return Ok(Awaited::Comes);
    }
    let invitation = Invitation { node: name.to_owned(), map: GridMap::clone(map), secret: secret.as_bytes().to_vec() };
    found(&record.peer, secret, JOIN, words::encode(&invitation)?.into()).await.map(|_| Awaited::Invited)
}

/// Why a node belongs to its grid no more, as a sentence.
#[derive(Debug)]
pub(crate) enum GivenUp {
    /// It was removed, and kept nothing any more.
    Removed(String),
    /// Another one has its name.
    Replaced(String),
}

/// Ends once another node's map says that this node was replaced or removed: it then has no replica of meta, or another.
pub(crate) async fn notice_replacement(asking: Arc<Asking>, node: String) -> GivenUp {
    let own = asking.meta.replica();
    loop {
        let map = asking.machine.map().borrow().clone();
        for (name, record) in map.nodes.iter().filter(|(name, _)| **name != node) {
            tokio::time::sleep(PAUSE).await;
            let member = Member { node: name.clone(), address: record.peer.clone() };
            let call = Call { class: Class::Control, service: MAP, group: 0, payload: Bytes::new(), timeout: QUESTION };
            let Ok(reply) = asking.pool.call(&member, call).await else { continue };
            let Ok(theirs) = words::decode::<GridMap>(&reply) else { continue };
            if theirs.grid_id != map.grid_id || theirs.epoch < map.epoch || theirs.meta_replica(&node) == Some(own) {
                continue;
            }
            if !theirs.nodes.contains_key(&node) {
                return GivenUp::Removed(format!(
                    "{node} was removed from grid {}: what is in this directory counts no more, and the grid has all that was acknowledged",
                    map.grid_id
                ));
            }
            if theirs.epoch > map.epoch {
                return GivenUp::Replaced(format!(
                    "another node has taken the place of {node} in grid {}: what is in this directory counts no more, and the grid has all \
                     that was acknowledged",
                    map.grid_id
                ));
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use sutra_protocol::command::LogIndex;
    use sutra_protocol::founding::{NodeRecord, Plan};

    use super::*;
    use crate::messages::ReplicaStatus;

    #[test]
    fn a_replica_that_only_listens_or_is_away_is_none_of_a_quorum() {
        let nodes = [1, 2, 3].map(crate::map::tests::node);
        let names: Vec<&str> = nodes.iter().map(|(name, _)| name.as_str()).collect();
        let plan = Plan { shards: 2, replicas: 3 };
        let map = GridMap::found("5d5dd7d0".into(), &nodes, plan).unwrap();
        let say = |node: &str, roles: [&str; 3]| {
            let replica = |(shard, role): (u64, &&str)| ReplicaStatus {
                shard: ShardId(shard),
                replica: map.replicas(ShardId(shard)).iter().find(|one| one.node == node).unwrap().replica.0,
                role: (*role).into(),
                term: 3,
                last: LogIndex(9),
                applied: LogIndex(9),
                settled: None,
                damaged: false,
            };
            let replicas = (0..).zip(&roles).map(replica).collect();
            NodeStatus { node: node.into(), version: "0.1.0".into(), replicas, leaving: false }
        };
        let lacks = |of: &[(usize, [&str; 3])]| {
            let statuses = of.iter().map(|(at, roles)| (names[*at], say(names[*at], *roles))).collect();
            lacking(&map, names[0], &statuses)
        };
        let led = [(1, ["leader", "follower", "leader"]), (2, ["follower", "leader", "follower"])];
        assert_eq!(lacks(&led), None);
        assert_eq!(lacks(&led[..1]), Some(ShardId(0)), "node-3 is away");
        assert_eq!(lacks(&[led[0], (2, ["follower", "leader", "learner"])]), Some(ShardId(2)));
        assert_eq!(lacks(&[led[0], (2, ["follower", "quarantined", "follower"])]), Some(ShardId(1)));
        assert_eq!(lacks(&[(1, ["leader", "follower", "leader"]), (2, ["follower"; 3])]), Some(ShardId(1)), "nobody leads it");
        let only = Plan { replicas: 1, ..plan };
        let map = GridMap::found("5d5dd7d0".into(), &nodes, only).unwrap();
        assert_eq!(lacking(&map, names[0], &BTreeMap::new()), Some(ShardId(0)), "of its shard the map itself leaves none");
    }

    #[test]
    fn a_node_that_is_awaited_already_is_not_given_other_numbers() {
        let of = |name: &str, port: u16| {
            (name.to_owned(), NodeRecord { peer: format!("{name}:{port}"), http: "".into(), tcp: "".into() })
        };
        let nodes = [of("node-1", 7001), of("node-2", 7001), of("node-3", 7001)];
        let mut map = GridMap::found("5d5dd7d0".into(), &nodes, Plan { shards: 1, replicas: 3 }).unwrap();
        let card = |(node, record): (String, NodeRecord)| Card { node, record, version: "0.1.0".into() };
        let new = card(nodes[1].clone());
        assert!(!is_under_way(&map, &new), "it is the lost one that the map knows");
        let change = Change::ReplaceNode { name: new.node.clone(), node: new.record.clone() };
        map.change(ProposedChange { known: map.epoch, change }).unwrap();
        assert!(is_under_way(&map, &new));
        assert!(!is_under_way(&map, &card(of("node-2", 7002))), "another one takes the place of that");
    }
}
