//! What the nodes answer. One request a node tells all that the operator wants to know.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::StatusCode;
use serde::Deserialize;
use sutra_planner::{Answer, Membership, NodeReport, Role, ShardSeen};
use sutra_protocol::error::ErrorBody;

use super::pods::SeenPod;
use crate::control::Context;

/// A node that serves answers this within milliseconds.
const PATIENCE: Duration = Duration::from_secs(3);

/// The largest answer that is read: 4,096 shards take less than a megabyte.
const LARGEST_ANSWER: usize = 4 << 20;

/// With these words a node says that its data directory is empty (node/api/src/http/waiting.rs).
const WAITS: &str = "the node waits for a grid";

/// Port of the nodes' HTTP service.
const HTTP_PORT: u16 = 8000;

/// Asks every ready node, all at once; of a grid of several those too that are not ready: they may wait for a grid, or belong to one.
pub(super) async fn ask(pods: &[SeenPod], nodes: i32, context: &Context) -> BTreeMap<String, Answer> {
    let several = nodes > 1 || pods.len() > 1;
    let asked = pods.iter().filter(|pod| (pod.seen.ready || pod.seen.ran && several) && !pod.seen.leaving);
    let asked = asked.filter_map(|pod| Some((pod.seen.name.clone(), pod.address.clone()?))).map(|(name, address)| async move {
        let answer = answer(context, &address).await;
        context.metrics.node_polled(matches!(answer, Answer::Serving(_)));
        (name, answer)
    });
    join_all(asked).await.into_iter().collect()
}

/// The grid, as the first node that belongs to it says; unless the cluster is `settled` and that one finds it so, as all of them say: each
/// of them asks all others, and where nothing is to change one is enough.
pub(super) async fn grid(
    pods: &[SeenPod],
    answers: &BTreeMap<String, Answer>,
    nodes: i32,
    settled: bool,
    context: &Context,
) -> Option<Told> {
    if nodes == 1 && pods.len() == 1 {
        return None;
    }
    let belongs = |pod: &&SeenPod| matches!(answers.get(&pod.seen.name), Some(Answer::Serving(_)));
    let mut serving = pods.iter().filter(belongs).filter_map(|pod| Some((pod.seen.name.as_str(), pod.address.as_deref()?)));
    let (first, address) = serving.next()?;
    let mut told: Vec<(&str, Grid)> = ask_grid(context, address).await.map(|grid| (first, grid)).into_iter().collect();
    let is_whole = |grid: &Grid| {
        grid.nodes.iter().all(|node| node.state == MEMBER) && usize::try_from(nodes).is_ok_and(|nodes| nodes == grid.nodes.len())
    };
    if !settled || !told.iter().any(|(_, grid)| is_whole(grid)) {
        let others = serving.map(|(name, address)| async move { Some((name, ask_grid(context, address).await?)) });
        told.extend(join_all(others).await.into_iter().flatten());
    }
    Told::of(told)
}

async fn ask_grid(context: &Context, address: &str) -> Option<Grid> {
    let (_, body) = get(context, address, "/v1/grid").await.ok()?;
    serde_json::from_slice(&body).ok()
}

async fn answer(context: &Context, address: &str) -> Answer {
    match health(context, address).await {
        Ok(Some(health)) if health.healthy => Answer::Serving(health.report()),
        Ok(Some(health)) => Answer::Silent(health.reason.unwrap_or(health.status)),
        Ok(None) => Answer::Waiting,
        Err(error) => Answer::Silent(error),
    }
}

/// How a node is; nothing of one that waits for a grid, which has no answer to this question yet.
async fn health(context: &Context, address: &str) -> Result<Option<Health>, String> {
    let (status, body) = get(context, address, "/health/detailed").await?;
    heard(status, &body)
}

/// Of a node that waits its own words say so: whatever else stands in its way answers with the same status, and its volume may be full.
fn heard(status: StatusCode, body: &[u8]) -> Result<Option<Health>, String> {
    if status != StatusCode::SERVICE_UNAVAILABLE {
        return serde_json::from_slice(body).map(Some).map_err(|error| format!("its answer is not that of a node: {error}"));
    }
    match serde_json::from_slice::<ErrorBody>(body) {
        Ok(ErrorBody { error }) if error.message.starts_with(WAITS) => Ok(None),
        Ok(ErrorBody { error }) => Err(error.message),
        Err(_) => Err(format!("it answers with status {} and not as a node does", status.as_u16())),
    }
}

async fn get(context: &Context, address: &str, path: &str) -> Result<(StatusCode, Vec<u8>), String> {
    let host = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
    let request = context.probe.get(format!("http://{host}:{HTTP_PORT}{path}")).timeout(PATIENCE);
    let mut response = request.send().await.map_err(|error| told(&error))?;
    let status = response.status();
    if status != StatusCode::SERVICE_UNAVAILABLE {
        response = response.error_for_status().map_err(|error| told(&error))?;
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| told(&error))? {
        body.extend_from_slice(&chunk);
        if body.len() > LARGEST_ANSWER {
            return Err(format!("its answer is longer than {LARGEST_ANSWER} bytes"));
        }
    }
    Ok((status, body))
}

/// The innermost cause: what a person can do something about.
fn told(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    if error.is_timeout() { format!("no answer within {} s", PATIENCE.as_secs()) } else { cause.to_string() }
}

/// `GET /health/detailed`, as far as the operator reads it.
#[derive(Debug, Deserialize)]
struct Health {
    healthy: bool,
    status: String,
    #[serde(default)]
    reason: Option<String>,
    node: String,
    grid_id: String,
    version: String,
    shards: Vec<Shard>,
}

/// What nodes told of their grid.
#[derive(Debug)]
pub(super) struct Told {
    /// The newest state of it that somebody knows.
    pub(super) newest: Grid,
    /// Whether each node that it names told the same, and is one that has come.
    pub(super) agreed: bool,
}

impl Told {
    fn of(told: Vec<(&str, Grid)>) -> Option<Self> {
        let epochs: BTreeMap<&str, u64> = told.iter().map(|(name, grid)| (*name, grid.epoch)).collect();
        let (_, newest) = told.into_iter().max_by_key(|(_, grid)| grid.epoch)?;
        let agrees = |node: &GridNode| node.state != JOINING && epochs.get(node.name.as_str()) == Some(&newest.epoch);
        let agreed = newest.epoch > 0 && newest.nodes.iter().all(agrees);
        Some(Self { newest, agreed })
    }

    /// Its nodes, by name.
    pub(super) fn members(&self) -> BTreeMap<String, Membership> {
        let of = |node: &GridNode| match node.state.as_str() {
            JOINING => Membership::Joining,
            LEAVING => Membership::Leaving,
            _ => Membership::Member,
        };
        self.newest.nodes.iter().map(|node| (node.name.clone(), of(node))).collect()
    }

    /// In which zone its nodes are, as far as it was told; `None`: its release knows no zones.
    pub(super) fn zones(&self) -> Option<BTreeMap<String, String>> {
        let told = |node: &GridNode| node.zone.clone().map(|zone| (node.name.clone(), zone));
        let told: Vec<(String, Option<String>)> = self.newest.nodes.iter().filter_map(told).collect();
        (!told.is_empty()).then(|| told.into_iter().filter_map(|(name, zone)| Some((name, zone?))).collect())
    }

    /// Who decides about it.
    pub(super) fn voters(&self) -> Vec<String> {
        let replicas = self.newest.meta.iter().flat_map(|meta| &meta.replicas);
        replicas.map(|replica| replica.node.clone()).collect()
    }

    /// Where its shards are, by the nodes' names.
    pub(super) fn placement(&self) -> BTreeMap<u64, Vec<String>> {
        let nodes = |shard: &GridShard| shard.replicas.iter().map(|replica| replica.node.clone()).collect();
        self.newest.shards.iter().map(|shard| (shard.shard, nodes(shard))).collect()
    }
}

/// What `GET /v1/grid` says of nodes.
const MEMBER: &str = "member";
const JOINING: &str = "joining";
const LEAVING: &str = "leaving";

#[derive(Debug, Deserialize)]
struct GridShard {
    shard: u64,
    replicas: Vec<GridReplica>,
}

#[derive(Debug, Deserialize)]
struct GridMeta {
    replicas: Vec<GridReplica>,
}

#[derive(Debug, Deserialize)]
struct GridReplica {
    node: String,
}

#[derive(Debug, Deserialize)]
struct GridNode {
    name: String,
    /// An earlier release does not say it.
    #[serde(default = "member")]
    state: String,
    /// Nor this; where it is said, `null` is a zone that nobody knows.
    #[serde(default, deserialize_with = "said")]
    zone: Option<Option<String>>,
}

fn said<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

fn member() -> String {
    MEMBER.to_owned()
}

/// `GET /v1/grid`, as far as the operator reads it.
#[derive(Debug, Deserialize)]
pub(super) struct Grid {
    pub(super) epoch: u64,
    nodes: Vec<GridNode>,
    #[serde(default)]
    meta: Option<GridMeta>,
    #[serde(default)]
    shards: Vec<GridShard>,
    /// An earlier release does not say it.
    #[serde(default)]
    pub(super) replication_factor: Option<u32>,
    #[serde(default)]
    pub(super) under_way: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Shard {
    shard: u64,
    role: String,
    #[serde(default)]
    leader: Option<String>,
    caught_up: bool,
    /// Only a leader tells, and none of an earlier release.
    #[serde(default)]
    followers: Option<Vec<Follower>>,
    range_start: String,
    #[serde(default)]
    range_end: Option<String>,
    concepts: u64,
    bytes: u64,
}

/// Another replica, as its leader knows it.
#[derive(Debug, Deserialize)]
struct Follower {
    node: String,
    #[serde(default)]
    behind: Option<u64>,
}

impl Health {
    fn report(self) -> NodeReport {
        NodeReport {
            grid: self.grid_id,
            version: self.version,
            shards: self.shards.into_iter().map(|shard| shard.seen(&self.node)).collect(),
        }
    }
}

impl Shard {
    fn seen(self, node: &str) -> ShardSeen {
        ShardSeen {
            shard: self.shard,
            role: match self.role.as_str() {
                "leader" => Role::Leader,
                "follower" | "candidate" => Role::Follower,
                _ => Role::Learner,
            },
            // A node alone of the first release does not say that it leads itself.
            leader: self.leader.or_else(|| (self.role == "leader").then(|| node.to_owned())),
            caught_up: self.caught_up,
            followers: self.followers.map(|all| all.into_iter().map(|one| (one.node, one.behind)).collect()),
            range: format!("{}-{}", self.range_start, self.range_end.unwrap_or_default()),
            concepts: self.concepts,
            bytes: self.bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sutra_protocol::{ApiError, ErrorCode};

    use super::*;

    fn grid(epoch: u64, nodes: &[(&str, &str)]) -> Grid {
        let nodes: Vec<_> = nodes.iter().map(|(name, state)| json!({"name": name, "state": state})).collect();
        serde_json::from_value(json!({"epoch": epoch, "nodes": nodes})).unwrap()
    }

    #[test]
    fn nodes_agree_when_each_that_the_newest_map_names_tells_of_that_map() {
        let three = [("a", MEMBER), ("b", MEMBER), ("c", LEAVING)];
        let agreed = |told: Vec<(&str, Grid)>| Told::of(told).unwrap().agreed;
        assert!(agreed(vec![("a", grid(7, &three)), ("b", grid(7, &three)), ("c", grid(7, &three))]));
        assert!(!agreed(vec![("a", grid(7, &three)), ("b", grid(7, &three))]), "one is silent");
        assert!(!agreed(vec![("a", grid(7, &three)), ("b", grid(7, &three)), ("c", grid(6, &three))]), "one is behind");
        let old = grid(6, &three);
        assert!(agreed(vec![("a", grid(7, &three[..2])), ("b", grid(7, &three[..2])), ("c", old)]), "it was removed");
        let coming = [("a", MEMBER), ("b", JOINING)];
        assert!(!agreed(vec![("a", grid(3, &coming)), ("b", grid(3, &coming))]));
    }

    #[test]
    fn only_a_node_that_says_so_waits_for_a_grid() {
        let told = |status: StatusCode, body: &str| heard(status, body.as_bytes()).map(|health| health.is_some());
        let unavailable = StatusCode::SERVICE_UNAVAILABLE;
        let error =
            |message: &str| serde_json::to_string(&ErrorBody { error: ApiError::new(ErrorCode::Unavailable, message) }).unwrap();
        assert_eq!(told(unavailable, &error("the node waits for a grid: make one with sutra cluster init")), Ok(false));
        assert_eq!(told(unavailable, &error("the node is stopping")), Err("the node is stopping".into()));
        for other in ["", "upstream connect error", "{}", "{\"status\": \"starting\"}"] {
            assert!(told(unavailable, other).unwrap_err().contains("503"), "{other}");
        }
        let health = json!({"healthy": true, "status": "ok", "node": "a", "grid_id": "g", "version": "0.1.0", "shards": []});
        assert_eq!(told(StatusCode::OK, &health.to_string()), Ok(true));
    }

    #[test]
    fn how_far_others_are_is_what_a_leader_says() {
        let shard = |more: serde_json::Value| {
            let mut whole =
                json!({"shard": 1, "role": "leader", "caught_up": true, "range_start": "00", "concepts": 0, "bytes": 0});
            whole.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            serde_json::from_value::<Shard>(whole).unwrap().seen("a").followers
        };
        let followers = json!({"followers": [{"node": "b", "behind": 12}, {"node": "c"}, {"node": "d", "behind": null}]});
        let expected = [("b".to_owned(), Some(12)), ("c".to_owned(), None), ("d".to_owned(), None)];
        assert_eq!(shard(followers), Some(expected.into()));
        assert_eq!(shard(json!({})), None, "an earlier release does not tell");
    }

    #[test]
    fn a_grid_tells_zones_or_is_of_a_release_that_knows_none() {
        let zones = |nodes: serde_json::Value| {
            let grid = serde_json::from_value(json!({"epoch": 1, "nodes": nodes})).unwrap();
            Told::of(vec![("a", grid)]).unwrap().zones()
        };
        let told = json!([{"name": "a", "zone": "eu-central-1a"}, {"name": "b", "zone": null}]);
        assert_eq!(zones(told), Some([("a".to_owned(), "eu-central-1a".to_owned())].into()));
        assert_eq!(zones(json!([{"name": "a", "zone": null}])), Some(BTreeMap::new()));
        assert_eq!(zones(json!([{"name": "a"}, {"name": "b"}])), None);
    }

    #[test]
    fn the_newest_map_counts() {
        let told = Told::of(vec![("a", grid(2, &[("a", MEMBER)])), ("b", grid(3, &[("a", MEMBER), ("b", JOINING)]))]).unwrap();
        let expected = [("a".to_owned(), Membership::Member), ("b".to_owned(), Membership::Joining)];
        assert_eq!(told.members(), expected.into());
    }
}
