//! `GET /v1/grid`.

use std::collections::BTreeMap;
use std::sync::Arc;

use sutra_grid::{BEHIND, Grid, GridMap, HostedShard, NodeNumbers, NodeStatus, ReplicaRecord, ShardId, ShardRecord};
use sutra_protocol::KeyRange;
use sutra_protocol::command::LogIndex;
use sutra_protocol::http::{FollowerHealth, GridNode, GridReplica, GridResponse, GridShard, ShardHealth};
use sutra_storage::{Store, StoreStats};

use super::Service;

impl Service {
    /// The nodes and shards, as this node knows them and as they answer it now.
    pub async fn grid(&self) -> GridResponse {
        match self.router.grid() {
            Some(grid) => seen(grid).await,
            None => self.alone(),
        }
    }

    /// What an operator watches of this node; `None` on a node alone.
    pub fn node_numbers(&self) -> Option<NodeNumbers> {
        self.router.grid().map(Grid::numbers)
    }

    /// How each replica of this node is.
    pub(super) fn replicas(&self) -> Vec<ShardHealth> {
        match self.router.grid() {
            Some(grid) => {
                let map = Arc::clone(&grid.map().borrow());
                let wards = grid.quarantined();
                let wards = wards.iter().map(|(shard, ward)| quarantined(&map, *shard, &ward.reason));
                let mut all: Vec<ShardHealth> = grid.shards().iter().map(hosted).chain(wards).collect();
                all.sort_by_key(|health| health.shard);
                all
            }
            None => {
                let leader = || Some(self.config.node.clone());
                let led = |store: &Store| {
                    health(store, Held { role: "leader", leader: leader(), lag: 0, caught_up: true, followers: Vec::new() })
                };
                self.router.stores().iter().map(led).collect()
            }
        }
    }

    fn alone(&self) -> GridResponse {
        let config = &self.config;
        let problems: Vec<String> = self.router.failure().into_iter().collect();
        let shard = |store: &Store| GridShard {
            shard: store.shard(),
            range_start: store.range().start.to_string(),
            range_end: store.range().end.map(|end| end.to_string()),
            leader: Some(config.node.clone()),
            replicas: vec![GridReplica {
                replica: 1,
                node: config.node.clone(),
                role: "leader".into(),
                applied: Some(store.applied()),
                lag: Some(0),
            }],
        };
        GridResponse {
            grid_id: self.router.grid_id(),
            epoch: 0,
            healthy: problems.is_empty(),
            problems,
            replication_factor: 1,
            under_way: Vec::new(),
            nodes: vec![GridNode {
                name: config.node.clone(),
                peer: None,
                http: config.http.clone(),
                tcp: config.tcp.clone(),
                state: "member".into(),
                zone: None,
                reachable: true,
                version: Some(config.version.into()),
            }],
            meta: None,
            shards: self.router.stores().iter().map(shard).collect(),
        }
    }
}

/// What is known of a replica beside what its store says.
struct Held {
    role: &'static str,
    leader: Option<String>,
    lag: u64,
    caught_up: bool,
    followers: Vec<FollowerHealth>,
}

/// How a replica is that belongs to a grid.
fn hosted(shard: &HostedShard) -> ShardHealth {
    let status = shard.group().status();
    let leader = status.leader.and_then(|leader| status.members.get(&leader)).map(|member| member.node.clone());
    let applied = status.applied.map(|at| at.index).unwrap_or_default();
    let lag = status.last.unwrap_or_default().0.saturating_sub(applied.0);
    let followers = shard.followers().into_iter().map(|(node, behind)| FollowerHealth { node, behind }).collect();
    health(shard.store(), Held { role: status.role.as_str(), leader, lag, caught_up: shard.has_caught_up(), followers })
}

/// How a replica is that nobody reads.
fn quarantined(map: &GridMap, shard: u64, reason: &str) -> ShardHealth {
    let range = map.shards.iter().find(|record| record.shard.0 == shard).map_or(KeyRange::WHOLE, ShardRecord::range);
    ShardHealth {
        shard,
        role: "quarantined".into(),
        quarantine: Some(reason.into()),
        leader: None,
        lag: 0,
        caught_up: false,
        followers: Vec::new(),
        range_start: range.start.to_string(),
        range_end: range.end.map(|end| end.to_string()),
        concepts: 0,
        bytes: 0,
        durable: LogIndex(0),
        applied: LogIndex(0),
    }
}

fn health(store: &Store, held: Held) -> ShardHealth {
    let StoreStats { durable, applied, concepts, wal_bytes, segment_bytes, .. } = store.stats();
    let range = store.range();
    ShardHealth {
        shard: store.shard(),
        role: held.role.into(),
        quarantine: None,
        leader: held.leader,
        lag: held.lag,
        caught_up: held.caught_up,
        followers: held.followers,
        range_start: range.start.to_string(),
        range_end: range.end.map(|end| end.to_string()),
        concepts,
        bytes: wal_bytes + segment_bytes,
        durable,
        applied,
    }
}

async fn seen(grid: &Grid) -> GridResponse {
    let map = grid.map().borrow().clone();
    let asked = map.nodes.keys().map(|name| async move { (name.clone(), grid.status_of(name).await) });
    let answers: BTreeMap<String, Result<NodeStatus, String>> = futures_util::future::join_all(asked).await.into_iter().collect();
    let mut problems: Vec<String> = answers
        .iter()
        .filter_map(|(name, answer)| answer.as_ref().err().map(|reason| format!("node {name} does not answer: {reason}")))
        .collect();
    let statuses: BTreeMap<&str, &NodeStatus> =
        answers.iter().filter_map(|(name, answer)| answer.as_ref().ok().map(|status| (name.as_str(), status))).collect();
    let under_way = sutra_grid::under_way(&map, &statuses);
    let nodes = map.nodes.iter().map(|(name, record)| GridNode {
        name: name.clone(),
        peer: Some(record.peer.clone()),
        http: record.http.clone(),
        tcp: record.tcp.clone(),
        state: match (map.leaving.contains(name), map.awaited.contains(name)) {
            (true, _) => "leaving".into(),
            (false, true) => "joining".into(),
            (false, false) => "member".into(),
        },
        zone: map.zones.get(name).cloned(),
        reachable: statuses.contains_key(name.as_str()),
        version: statuses.get(name.as_str()).map(|status| status.version.clone()),
    });
    let nodes = nodes.collect();
    let meta = shard(ShardId(0), KeyRange::WHOLE, &map.meta, &statuses, &mut problems);
    let shards = map.shards.iter().map(|record| shard(record.shard, record.range(), &record.replicas, &statuses, &mut problems));
    let shards = shards.collect();
    let GridMap { grid_id, epoch, .. } = map.as_ref();
    GridResponse {
        grid_id: grid_id.clone(),
        epoch: epoch.0,
        healthy: problems.is_empty(),
        problems,
        replication_factor: u32::try_from(map.factor()).unwrap_or(u32::MAX),
        under_way,
        nodes,
        meta: Some(meta),
        shards,
    }
}

fn shard(
    id: ShardId,
    range: KeyRange,
    replicas: &[ReplicaRecord],
    statuses: &BTreeMap<&str, &NodeStatus>,
    problems: &mut Vec<String>,
) -> GridShard {
    let told = |record: &ReplicaRecord| {
        let status = statuses.get(record.node.as_str())?;
        status.replicas.iter().find(|replica| replica.shard == id && replica.replica == record.replica.0)
    };
    let furthest = replicas.iter().filter_map(told).map(|replica| replica.last).max().unwrap_or_default();
    // A leader that was cut off may not know yet that there is another, of a higher term.
    let leader =
        replicas.iter().filter_map(|record| told(record).filter(|told| told.role == "leader").map(|told| (told.term, record)));
    let leader = leader.max_by_key(|(term, _)| *term).map(|(_, record)| record);
    let leads = leader.and_then(told);
    let leader = leader.map(|record| record.node.clone());
    let log_end = |id: u64| replicas.iter().filter_map(told).find(|told| told.replica == id).map_or(0, |told| told.last.0);
    let name = if id.0 == 0 { "meta".to_owned() } else { format!("shard {id}") };
    if leader.is_none() {
        problems.push(format!("{name} has no leader"));
    }
    let shown = replicas.iter().map(|record| match told(record) {
        Some(told) => GridReplica {
            replica: record.replica.0,
            node: record.node.clone(),
            role: told.role.clone(),
            applied: Some(told.applied),
            lag: Some(furthest.0.saturating_sub(told.applied.0)),
        },
        None => {
            GridReplica { replica: record.replica.0, node: record.node.clone(), role: "unknown".into(), applied: None, lag: None }
        }
    });
    let shown: Vec<GridReplica> = shown.collect();
    problems.extend(shown.iter().filter_map(|replica| match replica.role.as_str() {
        "stopped" => Some(format!("{name} is stopped on node {}", replica.node)),
        "quarantined" => Some(format!("{name} is in quarantine on node {} until it is healed", replica.node)),
        "learner" => Some(format!("{name} is still catching up on node {}", replica.node)),
        // Of what it has in its log, it says itself how much it has not applied.
        "follower" => {
            let behind = leads.map_or(0, |led| led.last.0.saturating_sub(log_end(replica.replica)));
            (behind > BEHIND).then(|| format!("{name} is {behind} entries behind on node {}", replica.node))
        }
        _ => None,
    }));
    let (range_start, range_end) = (range.start.to_string(), range.end.map(|end| end.to_string()));
    GridShard { shard: id.0, range_start, range_end, leader, replicas: shown }
}
