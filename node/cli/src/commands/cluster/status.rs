//! `sutra cluster status`.

use sutra_protocol::http::{GridResponse, GridShard};

use crate::commands::Session;
use crate::exit::Outcome;
use crate::output::number::count;
use crate::output::table::Rows;
use crate::output::text;

/// What is shown where there is nothing to show: columns stay columns for programs that read them.
const NOTHING: &str = "-";
/// Digits of a placement key that tell shards apart, unless it has more.
const KEY_DIGITS: usize = 8;

pub(super) async fn run(session: &Session) -> anyhow::Result<Outcome> {
    let reply = super::ask(&session.client).await?;
    session.screen.show(&reply, |grid| render(grid, session.screen.width))?;
    Ok(Outcome::Done)
}

/// The first line about a grid.
pub(super) fn headline(grid_id: &str, healthy: bool) -> String {
    format!("grid {}: {}\n", text::line(grid_id), if healthy { "healthy" } else { "not healthy" })
}

/// What is wrong, a line each.
pub(super) fn problems(grid: &GridResponse) -> String {
    match grid.problems.is_empty() && !grid.healthy {
        true => "the grid is not healthy, and the node that was asked does not say why\n".into(),
        false => grid.problems.iter().map(|problem| text::line(problem) + "\n").collect(),
    }
}

fn render(grid: &GridResponse, width: usize) -> String {
    let (headline, problems) = (headline(&grid.grid_id, grid.healthy), problems(grid));
    let gap = if problems.is_empty() { "" } else { "\n" };
    let under_way: String = grid.under_way.iter().map(|told| text::line(told) + "\n").collect();
    let further = if under_way.is_empty() { "" } else { "\nunder way:\n" };
    format!("{headline}\n{}\n{}{gap}{problems}{further}{under_way}", nodes(grid, width), shards(grid, width))
}

fn nodes(grid: &GridResponse, width: usize) -> String {
    let headings = ["NAME", "REACHABLE", "VERSION", "HTTP", "PEER", "ZONE"];
    let mut rows = Rows::new(width, headings, &["NAME", "REACHABLE", "VERSION"]);
    for node in &grid.nodes {
        let reachable = if node.reachable { "yes" } else { "no" };
        rows.push([
            node.name.clone(),
            reachable.into(),
            or_nothing(node.version.as_deref()),
            node.http.clone(),
            or_nothing(node.peer.as_deref()),
            or_nothing(node.zone.as_deref()),
        ]);
    }
    rows.render()
}

fn shards(grid: &GridResponse, width: usize) -> String {
    let headings = ["SHARD", "RANGE", "LEADER", "REPLICA", "NODE", "ROLE", "APPLIED", "LAG"];
    let mut rows = Rows::new(width, headings, &["SHARD", "RANGE", "REPLICA", "ROLE", "APPLIED", "LAG"]);
    let meta = grid.meta.iter().map(|meta| (meta, "meta".to_owned(), NOTHING.to_owned()));
    let shards = grid.shards.iter().map(|shard| (shard, shard.shard.to_string(), range(shard)));
    for (shard, name, range) in meta.chain(shards) {
        for replica in &shard.replicas {
            rows.push([
                name.clone(),
                range.clone(),
                or_nothing(shard.leader.as_deref()),
                replica.replica.to_string(),
                replica.node.clone(),
                replica.role.clone(),
                or_nothing(replica.applied.map(|applied| count(applied.0)).as_deref()),
                or_nothing(replica.lag.map(count).as_deref()),
            ]);
        }
    }
    rows.render()
}

/// `all`, or the first key and the one behind the last, in as many digits as they need.
fn range(shard: &GridShard) -> String {
    let start = shard.range_start.trim_end_matches('0');
    match &shard.range_end {
        None if start.is_empty() => "all".into(),
        None => format!("{}..", key(&shard.range_start)),
        Some(end) => format!("{}..{}", key(&shard.range_start), key(end)),
    }
}

fn key(key: &str) -> &str {
    let digits = key.trim_end_matches('0').len().max(KEY_DIGITS);
    key.get(..digits).unwrap_or(key)
}

fn or_nothing(text: Option<&str>) -> String {
    text.unwrap_or(NOTHING).into()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn replica(replica: u64, role: &str, applied: Option<u64>) -> Value {
        json!({"replica": replica, "node": format!("node-{replica}"), "role": role, "applied": applied, "lag": applied.map(|at| 12_345 - at)})
    }

    fn node(at: u16, reachable: bool) -> Value {
        json!({"name": format!("node-{at}"), "peer": format!("127.0.0.1:{}", 7000 + at), "http": format!("127.0.0.1:{}", 8000 + at),
            "tcp": "127.0.0.1:1", "zone": reachable.then(|| format!("rack-{at}")), "reachable": reachable, "version": reachable.then_some("0.1.0")})
    }

    fn read(grid: Value) -> GridResponse {
        serde_json::from_value(grid).unwrap()
    }

    #[test]
    fn nodes_shards_and_problems_are_told() {
        let replicas =
            json!([replica(1, "leader", Some(12_345)), replica(2, "follower", Some(12_340)), replica(3, "unknown", None)]);
        let problems = ["node node-3 does not answer: connection refused", "replica 3 of shard 1 does not answer"];
        let grid = read(json!({"grid_id": "g-1", "epoch": 3, "healthy": false, "problems": problems,
            "nodes": [node(1, true), node(2, true), node(3, false)],
            "meta": {"shard": 0, "range_start": "0".repeat(32), "replicas": [replica(1, "candidate", Some(12_345))]},
            "shards": [{"shard": 1, "range_start": "0".repeat(32), "leader": "node-1", "replicas": replicas}]}));
        let expected = "grid g-1: not healthy

NAME    REACHABLE  VERSION  HTTP            PEER            ZONE
node-1  yes        0.1.0    127.0.0.1:8001  127.0.0.1:7001  rack-1
node-2  yes        0.1.0    127.0.0.1:8002  127.0.0.1:7002  rack-2
node-3  no         -        127.0.0.1:8003  127.0.0.1:7003  -

SHARD  RANGE  LEADER  REPLICA  NODE    ROLE       APPLIED  LAG
meta   -      -       1        node-1  candidate  12,345   0
1      all    node-1  1        node-1  leader     12,345   0
1      all    node-1  2        node-2  follower   12,340   5
1      all    node-1  3        node-3  unknown    -        -

node node-3 does not answer: connection refused
replica 3 of shard 1 does not answer
";
        assert_eq!(render(&grid, 100), expected);
    }

    #[test]
    fn what_is_under_way_is_told_behind_what_is_wrong() {
        let grid = read(
            json!({"grid_id": "g-1", "epoch": 3, "healthy": false, "problems": ["shard 1 is still catching up on node node-2"],
            "under_way": ["node node-3 has not come yet", "shard 1 has 2 replicas of 3"], "nodes": [], "shards": []}),
        );
        let told = render(&grid, 100);
        let expected = "\nshard 1 is still catching up on node node-2\n\nunder way:\nnode node-3 has not come yet\nshard 1 has 2 replicas of 3\n";
        assert!(told.ends_with(expected), "{told}");
    }

    #[test]
    fn a_node_alone_is_a_healthy_grid_without_problems() {
        let node =
            json!({"name": "node-1", "http": "127.0.0.1:8000", "tcp": "127.0.0.1:50051", "reachable": true, "version": "0.1.0"});
        let grid = read(json!({"grid_id": "g-1", "epoch": 0, "healthy": true, "problems": [], "nodes": [node],
            "shards": [{"shard": 1, "range_start": "0".repeat(32), "leader": "node-1", "replicas": [replica(1, "leader", Some(12_345))]}]}));
        let told = render(&grid, 100);
        assert!(told.starts_with("grid g-1: healthy\n\nNAME ") && told.ends_with("leader  12,345   0\n"), "{told}");
        assert_eq!(problems(&grid), "");
    }

    #[test]
    fn ranges_are_as_short_as_they_can_be() {
        let told = |start: &str, end: Option<&str>| {
            let padded = |digits: &str| format!("{digits:0<32}");
            range(&GridShard {
                shard: 1,
                range_start: padded(start),
                range_end: end.map(padded),
                leader: None,
                replicas: Vec::new(),
            })
        };
        assert_eq!(told("", None), "all");
        assert_eq!(told("", Some("8")), "00000000..80000000");
        assert_eq!(told("8000000001", None), "8000000001..");
    }
}
