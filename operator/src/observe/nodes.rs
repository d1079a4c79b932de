//! What the nodes answer. One request a node tells all that the operator wants to know.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::StatusCode;
use serde::Deserialize;
use sutra_planner::{Answer, NodeReport, Role, ShardSeen};

use super::pods::SeenPod;
use crate::control::Context;

/// A node that serves answers this within milliseconds.
const PATIENCE: Duration = Duration::from_secs(3);

/// The largest answer that is read: 4,096 shards take less than a megabyte.
const LARGEST_ANSWER: usize = 4 << 20;

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

/// The grid, as the first node that belongs to it says.
pub(super) async fn grid(pods: &[SeenPod], answers: &BTreeMap<String, Answer>, nodes: i32, context: &Context) -> Option<Grid> {
    if nodes == 1 && pods.len() == 1 {
        return None;
    }
    let belongs = |pod: &&SeenPod| matches!(answers.get(&pod.seen.name), Some(Answer::Serving(_)));
    let address = pods.iter().find(belongs)?.address.as_deref()?;
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
    match get(context, address, "/health/detailed").await? {
        (StatusCode::SERVICE_UNAVAILABLE, _) => Ok(None),
        (_, body) => {
            serde_json::from_slice(&body).map(Some).map_err(|error| format!("its answer is not that of a node: {error}"))
        }
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

/// `GET /v1/grid`, as far as the operator reads it.
#[derive(Debug, Deserialize)]
pub(super) struct Grid {
    pub(super) nodes: Vec<serde::de::IgnoredAny>,
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
    range_start: String,
    #[serde(default)]
    range_end: Option<String>,
    concepts: u64,
    bytes: u64,
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
            range: format!("{}-{}", self.range_start, self.range_end.unwrap_or_default()),
            concepts: self.concepts,
            bytes: self.bytes,
        }
    }
}
