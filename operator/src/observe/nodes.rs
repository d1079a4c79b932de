//! What the nodes answer. One request a node tells all that the operator wants to know.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
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

/// Asks every ready node, all at once.
pub(super) async fn ask(pods: &[SeenPod], context: &Context) -> BTreeMap<String, Answer> {
    let ready = pods.iter().filter(|pod| pod.seen.ready && !pod.seen.leaving);
    let asked = ready.filter_map(|pod| Some((pod.seen.name.clone(), pod.address.clone()?))).map(|(name, address)| async move {
        let answer = answer(context, &address).await;
        context.metrics.node_polled(matches!(answer, Answer::Serving(_)));
        (name, answer)
    });
    join_all(asked).await.into_iter().collect()
}

async fn answer(context: &Context, address: &str) -> Answer {
    match health(context, address).await {
        Ok(health) if health.healthy => Answer::Serving(health.report()),
        Ok(health) => Answer::Silent(health.reason.unwrap_or(health.status)),
        Err(error) => Answer::Silent(error),
    }
}

async fn health(context: &Context, address: &str) -> Result<Health, String> {
    let host = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
    let request = context.probe.get(format!("http://{host}:{HTTP_PORT}/health/detailed")).timeout(PATIENCE);
    let mut response = request.send().await.and_then(reqwest::Response::error_for_status).map_err(|error| told(&error))?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| told(&error))? {
        body.extend_from_slice(&chunk);
        if body.len() > LARGEST_ANSWER {
            return Err(format!("its answer is longer than {LARGEST_ANSWER} bytes"));
        }
    }
    serde_json::from_slice(&body).map_err(|error| format!("its answer is not that of a node: {error}"))
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
    grid_id: String,
    version: String,
    shards: Vec<Shard>,
}

#[derive(Debug, Deserialize)]
struct Shard {
    shard: u64,
    role: String,
    caught_up: bool,
    range_start: String,
    #[serde(default)]
    range_end: Option<String>,
    concepts: u64,
    bytes: u64,
}

impl Health {
    fn report(self) -> NodeReport {
        NodeReport { grid: self.grid_id, version: self.version, shards: self.shards.into_iter().map(Shard::seen).collect() }
    }
}

impl Shard {
    fn seen(self) -> ShardSeen {
        ShardSeen {
            shard: self.shard,
            role: match self.role.as_str() {
                "leader" => Role::Leader,
                "follower" => Role::Follower,
                _ => Role::Learner,
            },
            caught_up: self.caught_up,
            range: format!("{}-{}", self.range_start, self.range_end.unwrap_or_default()),
            concepts: self.concepts,
            bytes: self.bytes,
        }
    }
}
