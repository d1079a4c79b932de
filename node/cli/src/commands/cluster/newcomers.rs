//! What the nodes of a new grid say of it.

use std::time::Duration;

use futures_util::future::join_all;
use sutra_protocol::ErrorCode;
use sutra_protocol::founding::{Card, Founded};
use sutra_protocol::http::GridResponse;
use tokio::time::timeout;

use crate::client::{Client, ClientError};

/// Most that a node may take for an answer; others may be faster.
const PATIENCE: Duration = Duration::from_secs(5);

/// The nodes of a new grid.
pub(super) struct Newcomers<'a> {
    founded: &'a Founded,
    /// In the order of `founded.nodes`.
    clients: Vec<Client>,
}

/// How far a new grid is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// A node has answered that everything is there.
    Healthy,
    /// What is still missing, as sentences.
    Missing(Vec<String>),
}

impl<'a> Newcomers<'a> {
    /// The nodes that a founder has named.
    pub(super) fn new(founded: &'a Founded) -> anyhow::Result<Self> {
        let client = |card: &Card| {
            let server = format!("http://{}", card.record.http).parse();
            let server = server.map_err(|reason: String| anyhow::anyhow!("node {} serves at no address: {reason}", card.node))?;
            Client::new(server, Some(PATIENCE))
        };
        let clients = founded.nodes.iter().map(client).collect::<anyhow::Result<_>>()?;
        Ok(Self { founded, clients })
    }

    /// Asks all of them at once, for at most `limit`.
    pub(super) async fn progress(&self, limit: Duration) -> Progress {
        let limit = limit.min(PATIENCE);
        let asked = self.founded.nodes.iter().zip(&self.clients).map(|(card, client)| async move {
            let answer = timeout(limit, async { super::ask(client).await?.read::<GridResponse>() }).await;
            match answer {
                Ok(answer) => answer.map_err(|error| silent(card, &error)),
                Err(_) => Err(format!("node {} does not answer at http://{} in time", card.node, card.record.http)),
            }
        });
        judge(self.founded, join_all(asked).await)
    }
}

/// Why a node does not tell.
fn silent(card: &Card, error: &anyhow::Error) -> String {
    match error.downcast_ref() {
        // The client's own words would blame --server.
        Some(ClientError::Unreachable { server, reason }) => format!("node {} can't be reached at {server}: {reason}", card.node),
        // Until it has joined it refuses everything, and asks for what is under way.
        Some(ClientError::Refused { error, .. }) if error.code == ErrorCode::Unavailable => {
            format!("node {} does not serve yet", card.node)
        }
        Some(ClientError::Refused { error, .. }) => format!("node {}: {}", card.node, error.message),
        _ => format!("node {}: {error:#}", card.node),
    }
}

fn judge(founded: &Founded, answers: Vec<Result<GridResponse, String>>) -> Progress {
    let mut missing: Vec<String> = Vec::new();
    for (card, answer) in founded.nodes.iter().zip(answers) {
        let problems = match answer {
            Ok(grid) if grid.grid_id != founded.grid_id => {
                vec![format!("node {} belongs to the grid {}", card.node, grid.grid_id)]
            }
            Ok(grid) if grid.nodes.len() < founded.nodes.len() => {
                vec![format!("node {} knows only {} of the nodes", card.node, grid.nodes.len())]
            }
            Ok(grid) if grid.healthy && grid.nodes.iter().all(|node| node.reachable) => return Progress::Healthy,
            Ok(grid) => grid.problems,
            Err(reason) => vec![reason],
        };
        for problem in problems {
            if !missing.contains(&problem) {
                missing.push(problem);
            }
        }
    }
    if missing.is_empty() {
        missing.push("no node calls the grid healthy, and none says why".into());
    }
    Progress::Missing(missing)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn founded() -> Founded {
        let card = |at: u16| {
            json!({"node": format!("node-{at}"), "version": "0.1.0",
                "record": {"peer": format!("127.0.0.1:{}", 7000 + at), "http": format!("127.0.0.1:{}", 8000 + at), "tcp": "127.0.0.1:1"}})
        };
        serde_json::from_value(json!({"grid_id": "g-1", "nodes": [card(1), card(2), card(3)]})).unwrap()
    }

    fn seen(grid: &str, healthy: bool, reachable: bool, problems: &[&str]) -> Result<GridResponse, String> {
        let node = |at: u8| json!({"name": format!("node-{at}"), "http": "", "tcp": "", "reachable": at < 3 || reachable});
        let grid = json!({"grid_id": grid, "epoch": 1, "healthy": healthy, "problems": problems,
            "nodes": [node(1), node(2), node(3)], "shards": []});
        Ok(serde_json::from_value(grid).unwrap())
    }

    #[test]
    fn one_node_that_reaches_all_is_enough() {
        let silent = || Err("node node-1 can't be reached".to_owned());
        assert_eq!(judge(&founded(), vec![silent(), silent(), seen("g-1", true, true, &[])]), Progress::Healthy);
    }

    #[test]
    fn what_is_missing_is_told_once() {
        let leaderless = || seen("g-1", false, true, &["shard 1 has no leader"]);
        let answers = vec![leaderless(), leaderless(), Err("node node-3: this node waits for a grid".into())];
        let missing = ["shard 1 has no leader", "node node-3: this node waits for a grid"].map(str::to_owned).to_vec();
        assert_eq!(judge(&founded(), answers), Progress::Missing(missing));
    }

    #[test]
    fn an_answer_of_another_grid_or_without_reasons_is_not_health() {
        let Progress::Missing(missing) = judge(&founded(), vec![seen("g-2", true, true, &[])]) else { panic!() };
        assert_eq!(missing, ["node node-1 belongs to the grid g-2"]);
        let Progress::Missing(missing) = judge(&founded(), vec![seen("g-1", true, false, &[])]) else { panic!() };
        assert_eq!(missing, ["no node calls the grid healthy, and none says why"]);
    }
}
