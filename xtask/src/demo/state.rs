//! What a node says of its grid.

use serde_json::Value;

use super::client::Client;
use crate::failure::{Failure, Result};

/// The reply to `GET /v1/grid`, as far as the demo looks at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct State {
    /// By name.
    pub(crate) nodes: Vec<Place>,
    /// The node that leads each shard, if one does.
    leaders: Vec<Option<String>>,
    /// What is wrong, as sentences.
    pub(crate) problems: Vec<String>,
    health: Health,
}

/// A node and where it serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) name: String,
    /// `HOST:PORT`.
    pub(crate) http: String,
}

/// How far the grid is from having everything everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    /// Every node answers and has applied all there is.
    Whole,
    /// Every node answers; one has yet to apply so many entries.
    Behind(u64),
    /// Something does not answer or is not led.
    Broken,
}

impl State {
    /// Asks a node for it.
    pub(crate) fn ask(client: &Client) -> Result<Self> {
        let reply = client.reply(&["cluster", "status"])?;
        Self::read(&reply).ok_or_else(|| Failure::new(format!("`sutra cluster status` describes no grid:\n{reply:#}")))
    }

    /// Whether every node answers, is led and has applied all there is.
    pub(crate) fn is_whole(&self) -> bool {
        self.health == Health::Whole
    }

    /// The node that leads most shards, and how many.
    pub(crate) fn leads_most(&self) -> Option<(&str, usize)> {
        let led = |name: &str| self.leaders.iter().flatten().filter(|leader| *leader == name).count();
        let all = self.nodes.iter().map(|node| (node.name.as_str(), led(&node.name)));
        all.rev().max_by_key(|(_, shards)| *shards).filter(|(_, shards)| *shards > 0)
    }

    /// What is amiss, in a sentence.
    pub(crate) fn told(&self) -> String {
        match self.health {
            Health::Whole => "every node has everything".into(),
            Health::Behind(entries) => format!("a node is {entries} entries behind"),
            Health::Broken => self.problems.join("; "),
        }
    }

    fn read(reply: &Value) -> Option<Self> {
        let place = |node: &Value| Some(Place { name: word(&node["name"])?, http: word(&node["http"])? });
        let shards = reply["shards"].as_array()?;
        let replicas = || shards.iter().chain(reply.get("meta")).filter_map(|shard| shard["replicas"].as_array()).flatten();
        // A replica whose lag nobody knows is none that has everything.
        let lag = replicas().map(|replica| replica["lag"].as_u64()).try_fold(0, |most, lag| Some(lag?.max(most)));
        Some(Self {
            nodes: reply["nodes"].as_array()?.iter().map(place).collect::<Option<_>>()?,
            leaders: shards.iter().map(|shard| word(&shard["leader"])).collect(),
            problems: reply["problems"].as_array()?.iter().filter_map(word).collect(),
            health: match (reply["healthy"].as_bool()?, lag) {
                (true, Some(0)) => Health::Whole,
                (true, Some(entries)) => Health::Behind(entries),
                (false, _) | (_, None) => Health::Broken,
            },
        })
    }
}

fn word(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reply(healthy: bool, lags: [Option<u64>; 2]) -> Value {
        let replicas: Vec<Value> = lags.iter().map(|lag| json!({"node": "node-1", "lag": lag})).collect();
        let problems = if healthy { json!([]) } else { json!(["node node-2 does not answer"]) };
        let nodes = json!([{"name": "node-1", "http": "127.0.0.1:8000"}]);
        json!({"healthy": healthy, "problems": problems, "nodes": nodes, "meta": {"shard": 0, "replicas": []},
            "shards": [{"shard": 1, "leader": "node-1", "replicas": replicas}]})
    }

    #[test]
    fn a_grid_is_whole_when_no_replica_is_behind() {
        let told = |healthy, lags| State::read(&reply(healthy, lags)).map(|state| (state.is_whole(), state.told())).unwrap();
        assert_eq!(told(true, [Some(0), Some(0)]), (true, "every node has everything".into()));
        assert_eq!(told(true, [Some(0), Some(7)]), (false, "a node is 7 entries behind".into()));
        assert_eq!(told(false, [Some(0), None]), (false, "node node-2 does not answer".into()));
        assert!(!told(true, [Some(0), None]).0);
    }

    #[test]
    fn the_leaders_and_the_addresses_are_read() {
        let state = State::read(&reply(true, [Some(0), Some(0)])).unwrap();
        assert_eq!(state.leads_most(), Some(("node-1", 1)));
        assert_eq!(state.nodes, [Place { name: "node-1".into(), http: "127.0.0.1:8000".into() }]);
        assert_eq!(State::read(&json!({"error": {"code": "unavailable"}})), None);
    }

    #[test]
    fn who_leads_most_shards_is_found() {
        let place = |name: &str| Place { name: name.into(), http: String::new() };
        let leaders = |of: [Option<&str>; 4]| {
            let state = State::read(&reply(true, [Some(0), Some(0)])).unwrap();
            State {
                nodes: ["node-1", "node-2", "node-3"].map(place).into(),
                leaders: of.map(|name| name.map(str::to_owned)).into(),
                ..state
            }
        };
        let most = |of| leaders(of).leads_most().map(|(name, shards)| (name.to_owned(), shards));
        assert_eq!(most([Some("node-2"), Some("node-1"), Some("node-3"), Some("node-2")]), Some(("node-2".into(), 2)));
        assert_eq!(most([Some("node-3"), None, Some("node-1"), None]), Some(("node-1".into(), 1)));
        assert_eq!(most([None; 4]), None);
    }
}
