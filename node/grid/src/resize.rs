//! Nodes come and go, and shards get more replicas or fewer, while the grid serves.
//!
//! ```text
//!   request (peer port, with the secret) ─→ any node ─→ change of the map: added and awaited, leaving, another factor
//!   leader of meta ─ how are you? ─→ every node ─→ the next step, once the last is through ─→ change of the map
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use sutra_peer::PeerSecret;
use sutra_protocol::founding::{Card, DESCRIBE, ResizeRequest, Resized};
use sutra_replication::Role;
use tokio::time::timeout;

use crate::answers::Own;
use crate::asking::Asking;
use crate::balance::{self, Observed};
use crate::change::{Change, ProposedChange};
use crate::map::{Epoch, GridMap, ShardId};
use crate::messages::{NodeStatus, Proposed, ReplicaStatus};
use crate::release;
use crate::replace::{found, is_under_way, status_of};
use crate::words;

/// How long a node has to say of which release it is.
const QUESTION: Duration = Duration::from_secs(2);
/// How often it is looked whether a step is to be made.
const PAUSE: Duration = Duration::from_millis(500);

/// Decides about a request.
pub(crate) async fn resize(
    asking: &Asking,
    secret: &PeerSecret,
    request: ResizeRequest,
    version: &str,
) -> Result<Resized, String> {
    match &request {
        // What stays as it is, is a step of no release.
        ResizeRequest::KeepNode { .. } => {}
        // A dead node is in the way of an upgrade, too, as long as it belongs to the grid.
        ResizeRequest::RemoveNode { name } if is_away(asking, name).await => {
            expect_releases(asking, version, release::mix).await?
        }
        _ => expect_releases(asking, version, |one, other| one == other).await?,
    }
    let change = match request {
        ResizeRequest::AddNode { address, zone } => return add(asking, secret, (&address, zone), version).await,
        ResizeRequest::SetZone { name, zone } => {
            let epoch = set_zone(asking, name, zone).await?;
            return Ok(Resized { name: None, epoch: epoch.0 });
        }
        ResizeRequest::RemoveNode { name } => Change::RemoveNode { name },
        ResizeRequest::KeepNode { name } => Change::KeepNode { name },
        ResizeRequest::SetReplicas { count } => Change::SetReplicas { count },
    };
    let epoch = asking.decide(change).await?;
    Ok(Resized { name: None, epoch: epoch.0 })
}

/// Whether a node of the grid does not answer.
async fn is_away(asking: &Asking, name: &str) -> bool {
    let map = asking.machine.map().borrow().clone();
    map.nodes.contains_key(name) && !matches!(timeout(QUESTION, status_of(asking, &map, name)).await, Ok(Ok(_)))
}

/// A node of another release may not know a step of what follows, and would end at it. Who does not answer can't be asked; a dead node may have to be removed.
async fn expect_releases(asking: &Asking, version: &str, suit: impl Fn(&str, &str) -> bool) -> Result<(), String> {
    let map = asking.machine.map().borrow().clone();
    let asked = map.nodes.keys().map(|name| timeout(QUESTION, status_of(asking, &map, name)));
    let answers = join_all(asked).await;
    answers.into_iter().flatten().flatten().try_for_each(|status| expect_release(&status, version, &suit))
}

fn expect_release(status: &NodeStatus, version: &str, suits: impl Fn(&str, &str) -> bool) -> Result<(), String> {
    if suits(&status.version, version) {
        return Ok(());
    }
    Err(format!(
        "node {} is of release {}, and the one that was asked of {version}: a grid is resized once all its nodes are of one release",
        status.node, status.version
    ))
}

/// A node that waits at `address` belongs to the grid from now on.
async fn add(
    asking: &Asking,
    secret: &PeerSecret,
    (address, zone): (&str, Option<String>),
    version: &str,
) -> Result<Resized, String> {
    let known = asking.machine.map().borrow().clone();
    let described = match found(address, secret, DESCRIBE, Bytes::new()).await {
        Ok(described) => described,
        Err(reason) => {
            // Whoever did not hear that it was added asks again, and it does not wait for anything any more.
            let there = known.nodes.iter().find(|(_, record)| record.peer == address).map(|(name, _)| name);
            return match there {
                Some(name) if !known.leaving.contains(name) && status_of(asking, &known, name).await.is_ok() => {
                    let epoch = if zone.is_some() { set_zone(asking, name.clone(), zone).await? } else { known.epoch };
                    Ok(Resized { name: Some(name.clone()), epoch: epoch.0 })
                }
                _ => Err(format!("the node at {address} does not wait for a grid that has this one's secret: {reason}")),
            };
        }
    };
    let card: Card = words::decode(&described)?;
    if card.record.peer != address {
        return Err(format!("the node at {address} says that others find it at {}: give that address", card.record.peer));
    }
    if card.version != version {
        return Err(format!("the node at {address} is of release {}, and the grid of {version}", card.version));
    }
    let name = Some(card.node.clone());
    if is_under_way(&known, &card) {
        let epoch = if zone.is_some() { set_zone(asking, card.node, zone).await? } else { known.epoch };
        return Ok(Resized { name, epoch: epoch.0 });
    }
    let epoch = asking.decide(Change::AddNode { name: card.node, node: card.record, zone }).await?;
    Ok(Resized { name, epoch: epoch.0 })
}

/// That a node is in this zone, or nobody knows in which.
async fn set_zone(asking: &Asking, name: String, zone: Option<String>) -> Result<Epoch, String> {
    let known = asking.machine.map().borrow().clone();
    if known.nodes.contains_key(&name) && known.zones.get(&name) == zone.as_ref() {
        return Ok(known.epoch);
    }
    asking.decide(Change::SetZone { name, zone }).await
}

/// Makes one step after the other as long as this node leads meta, until the grid is what it should be.
pub(crate) async fn keep_balanced(asking: Arc<Asking>, own: Own) {
    let lease = asking.meta.timing().lease();
    let mut told = None;
    loop {
        tokio::time::sleep(PAUSE).await;
        if !asking.meta.status().leads_fully(lease) {
            continue;
        }
        let map = asking.machine.map().borrow().clone();
        // Nobody is asked where nothing is to be done.
        if balance::next(&map, &Observed::ideal(&map)).is_none() {
            continue;
        }
        let observed = observe(&asking, &own, &map).await;
        let Some(change) = balance::next(&map, &observed) else { continue };
        tracing::info!(?change, "the next step to what the grid should be");
        match asking.propose(&ProposedChange { known: map.epoch, change }).await {
            Ok(Proposed::Decided(Err(refusal))) => tell(&mut told, refusal.to_string()),
            Ok(Proposed::Decided(Ok(_)) | Proposed::NotLeader | Proposed::Unknown) => told = None,
            Err(reason) => tell(&mut told, reason),
        }
    }
}

/// Says it, unless it was said before.
fn tell(told: &mut Option<String>, reason: String) {
    if told.as_ref() != Some(&reason) {
        tracing::warn!(reason, "a step to what the grid should be was not made; it is tried again");
        *told = Some(reason);
    }
}

async fn observe(asking: &Asking, own: &Own, map: &Arc<GridMap>) -> Observed {
    let asked = map.nodes.keys().map(|name| async move {
        let status = if *name == *own.node { Ok(own.status()) } else { status_of(asking, map, name).await };
        status.ok().map(|status| (name.clone(), status))
    });
    Observed::of(map, join_all(asked).await.into_iter().flatten().collect())
}

impl Observed {
    /// What these nodes say of themselves.
    fn of(map: &GridMap, statuses: BTreeMap<String, NodeStatus>) -> Self {
        let mut leaders: BTreeMap<ShardId, (u64, &String, bool)> = BTreeMap::new();
        for (name, status) in &statuses {
            for replica in status.replicas.iter().filter(|replica| replica.role == Role::Leader.as_str()) {
                let settled = replica.settled >= Some(map.epoch);
                // A leader that was cut off may not know yet that there is another, of a higher term.
                if leaders.get(&replica.shard).is_none_or(|(term, ..)| *term < replica.term) {
                    leaders.insert(replica.shard, (replica.term, name, settled));
                }
            }
        }
        let is_swept = |status: &NodeStatus| status.replicas.iter().all(|replica| replica.shard == ShardId(0));
        Self {
            settled: leaders.iter().filter(|(_, (_, _, settled))| *settled).map(|(shard, _)| *shard).collect(),
            leaders: leaders.iter().map(|(shard, (_, name, _))| (*shard, (*name).clone())).collect(),
            reachable: statuses.iter().filter(|(_, status)| !status.leaving).map(|(name, _)| name.clone()).collect(),
            swept: statuses.iter().filter(|(_, status)| is_swept(status)).map(|(name, _)| name.clone()).collect(),
        }
    }
}

/// What is being done to a grid whose nodes say this of themselves, as sentences.
pub fn under_way(map: &GridMap, statuses: &BTreeMap<&str, &NodeStatus>) -> Vec<String> {
    let mut told: Vec<String> = map.awaited.iter().map(|name| format!("node {name} has not come yet")).collect();
    for name in &map.leaving {
        let of_shards = map.shards.iter().flat_map(|shard| &shard.replicas);
        let given = map.meta.iter().chain(of_shards).filter(|replica| replica.node == *name).count();
        // What it has still to close it keeps, too.
        let open = statuses
            .get(name.as_str())
            .map_or(0, |status| status.replicas.iter().filter(|replica| replica.shard != ShardId(0)).count());
        told.push(format!("node {name} is being removed: it keeps {} yet", counted(given.max(open))));
    }
    let leads = |replica: &&ReplicaStatus| replica.role == Role::Leader.as_str();
    for shard in &map.shards {
        let (has, factor) = (shard.replicas.len(), map.factor());
        if has != factor {
            told.push(format!("shard {} has {} of {factor}", shard.shard, counted(has)));
        }
        let replicas = statuses.values().flat_map(|status| &status.replicas).filter(|replica| replica.shard == shard.shard);
        let leader = replicas.filter(leads).max_by_key(|replica| replica.term);
        if leader.is_some_and(|leader| leader.settled < Some(map.epoch)) {
            told.push(format!("shard {} changes its replicas, or waits for one of them", shard.shard));
        }
    }
    if told.is_empty() && balance::next(map, &Observed::ideal(map)).is_some() {
        told.push("replicas, or who leads, are being evened out, or spread over zones".into());
    }
    told
}

fn counted(replicas: usize) -> String {
    if replicas == 1 { "1 replica".into() } else { format!("{replicas} replicas") }
}

#[cfg(test)]
mod tests {
    use sutra_protocol::command::LogIndex;

    use super::*;
    use crate::map::tests::node;
    use crate::messages::ReplicaStatus;

    fn says(name: &str, replicas: &[(u64, &str, u64, Option<u64>)], leaving: bool) -> (String, NodeStatus) {
        let replica = |(shard, role, term, settled): &(u64, &str, u64, Option<u64>)| ReplicaStatus {
            shard: ShardId(*shard),
            replica: 1,
            role: (*role).into(),
            term: *term,
            last: LogIndex(9),
            applied: LogIndex(9),
            settled: settled.map(Epoch),
            damaged: false,
        };
        let replicas = replicas.iter().map(replica).collect();
        (name.into(), NodeStatus { node: name.into(), version: "0.1.0".into(), replicas, leaving })
    }

    #[test]
    fn a_grid_of_two_releases_is_not_resized() {
        let (_, status) = says("node-2", &[], false);
        let same = |one: &str, other: &str| one == other;
        expect_release(&status, "0.1.0", same).unwrap();
        let refusal = expect_release(&status, "0.2.0", same).unwrap_err();
        assert_eq!(
            refusal,
            "node node-2 is of release 0.1.0, and the one that was asked of 0.2.0: a grid is resized once all its nodes are of one release"
        );
        // But for a node that is away in the middle of an upgrade.
        expect_release(&status, "0.2.0", release::mix).unwrap();
        expect_release(&status, "0.3.0", release::mix).unwrap_err();
    }

    #[test]
    fn what_is_under_way_is_told() {
        let plan = sutra_protocol::founding::Plan { shards: 2, replicas: 3 };
        let mut map = GridMap::found("5d5dd7d0".into(), &[node(1), node(2), node(3)], plan).unwrap();
        let (_, status) =
            says("node-1", &[(0, "leader", 3, Some(1)), (1, "leader", 3, Some(1)), (2, "leader", 3, Some(1))], false);
        let told = |map: &GridMap| under_way(map, &[("node-1", &status)].into());
        assert_eq!(told(&map), Vec::<String>::new());
        map.replication_factor = 1;
        map.leaving.insert("node-2".into());
        map.awaited.insert("node-3".into());
        map.shards[1].replicas.truncate(1);
        let words = [
            "node node-3 has not come yet",
            "node node-2 is being removed: it keeps 3 replicas yet",
            "shard 1 has 3 replicas of 1",
        ];
        assert_eq!(told(&map)[..2], words[..2]);
        assert!(told(&map).contains(&words[2].to_owned()), "{:?}", told(&map));
        map.epoch = Epoch(2);
        assert!(told(&map).contains(&"shard 2 changes its replicas, or waits for one of them".to_owned()), "{:?}", told(&map));
    }

    #[test]
    fn only_the_newest_leader_s_word_about_this_map_counts() {
        let nodes = [node(1), node(2), node(3)];
        let plan = sutra_protocol::founding::Plan { shards: 2, replicas: 3 };
        let mut map = GridMap::found("5d5dd7d0".into(), &nodes, plan).unwrap();
        map.epoch = Epoch(7);
        let one = says("node-1", &[(0, "leader", 3, Some(7)), (1, "leader", 3, Some(7)), (2, "leader", 3, Some(6))], false);
        let two = says("node-2", &[(0, "follower", 3, None), (1, "leader", 4, None)], true);
        let seen = Observed::of(&map, [one, two, says("node-3", &[(0, "learner", 3, None)], false)].into());
        assert_eq!(seen.settled, [ShardId(0)].into());
        assert_eq!(seen.leaders[&ShardId(1)], "node-2");
        assert_eq!(seen.reachable, ["node-1", "node-3"].map(String::from).into());
        assert_eq!(seen.swept, ["node-3"].map(String::from).into());
    }
}
