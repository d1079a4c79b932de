//! Reads through every node of three, all of which hold a replica of WordNet, and where each holds a third of it.
//!
//! Point reads are `QueryConcept` by id over TCP, one at a time, through the node that leads and one that does not, in blocks that take turns.
//! Strong reads and paths are asked over HTTP: `GET /v1/concept/ID?consistency=strong`, and `POST /v1/path` between a synset and one that
//! stands two to five hypernyms above it, through each node in turn.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use reqwest::blocking::{Client, RequestBuilder};
use rmpv::Value;
use serde_json::json;
use sutra_protocol::ConceptId;
use sutra_protocol::founding::Plan;

use crate::frames::{Frames, Request};
use crate::process::Grid;
use crate::report::{Goal, Recorder, Row, Unit};
use crate::setting::Setting;
use crate::statistics::Samples;
use crate::wordnet::{self, Pairs};

/// Shards of the second grid, which is asked for paths only, and of the third.
const SHARDS: u32 = 8;
/// Requests through one node that follow one another.
const BLOCK: usize = 50;
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn run(setting: &Setting, recorder: &mut Recorder) -> anyhow::Result<()> {
    let synsets = wordnet::read(setting.wordnet()?)?;
    let mut pairs = Pairs::new(&synsets, setting.seed)?;
    let grid = Grid::start(setting, 3)?;
    let leader = grid.leader()?;
    grid.node(leader)?.import(setting.wordnet()?)?;
    grid.whole()?;
    let follows = (leader + 1) % grid.size();
    point_reads(setting, recorder, &mut pairs, [&grid.node(leader)?.tcp, &grid.node(follows)?.tcp])?;
    strong_reads(setting, recorder, &mut pairs, [&grid.node(leader)?.http, &grid.node(follows)?.http])?;
    let every = (0..grid.size()).map(|at| Ok(grid.node(at)?.http.clone())).collect::<anyhow::Result<Vec<_>>>()?;
    paths(setting, recorder, &mut pairs, &every, Plan { shards: 1, replicas: 3 })?;
    drop(grid);
    for replicas in [3, 1] {
        let plan = Plan { shards: SHARDS, replicas };
        let grid = Grid::placed(setting, 3, plan)?;
        grid.node(grid.leader()?)?.import(setting.wordnet()?)?;
        grid.whole()?;
        let every = (0..grid.size()).map(|at| Ok(grid.node(at)?.http.clone())).collect::<anyhow::Result<Vec<_>>>()?;
        paths(setting, recorder, &mut pairs, &every, plan)?;
        if replicas == 1 {
            reads_elsewhere(setting, recorder, &mut pairs, &grid)?;
        }
    }
    Ok(())
}

/// Reads over TCP of concepts that the asked node keeps, and of those that another does, through each node in turn.
fn reads_elsewhere(setting: &Setting, recorder: &mut Recorder, pairs: &mut Pairs, grid: &Grid) -> anyhow::Result<()> {
    let questions = setting.scale.of(500, 5_000);
    let map = grid.seen_by(0)?;
    let connections = (0..grid.size()).map(|at| Frames::connect(&grid.node(at)?.tcp)).collect::<anyhow::Result<Vec<_>>>();
    let mut connections = connections?;
    let mut times = [(); 2].map(|()| Samples::with_capacity(questions));
    for question in 0..questions {
        let (at, id) = (question % connections.len(), pairs.one());
        let request = Request::new("QueryConcept", [("concept_id", Value::from(id.to_string()))])?;
        let time = connections[at].time(&request)?;
        anyhow::ensure!(connections[at].reply("QueryConcept")?["found"] == Value::from(true), "a synset was not found");
        // The first ones warm up.
        if question >= BLOCK {
            times[usize::from(!grid.keeps(&map, at, id))].time(time);
        }
    }
    let [kept, elsewhere] = [times[0].ordered()?, times[1].ordered()?];
    let how = format!(
        "{} against {} of what the node keeps; p99 {} and {}; {} and {} reads over TCP",
        Unit::Seconds.write(elsewhere.median()),
        Unit::Seconds.write(kept.median()),
        Unit::Seconds.write(elsewhere.p99()),
        Unit::Seconds.write(kept.p99()),
        times[1].len(),
        times[0].len(),
    );
    let what = "point read through a node without a replica, p50";
    recorder.row(Row::new(what, Unit::Ratio, Goal::None, elsewhere.median() / kept.median(), how));
    recorder.samples("point read, a node with a replica", &times[0]);
    recorder.samples("point read, a node without", &times[1]);
    Ok(())
}

fn point_reads(setting: &Setting, recorder: &mut Recorder, pairs: &mut Pairs, nodes: [&str; 2]) -> anyhow::Result<()> {
    let questions = setting.scale.of(500, 5_000);
    let requests = (0..questions).map(|_| Request::new("QueryConcept", [("concept_id", Value::from(pairs.one().to_string()))]));
    let requests = requests.collect::<anyhow::Result<Vec<_>>>()?;
    let mut connections = [Frames::connect(nodes[0])?, Frames::connect(nodes[1])?];
    let mut times = [(); 2].map(|()| Samples::with_capacity(questions));
    // The first block warms up.
    for (block, requests) in requests.chunks(BLOCK).enumerate() {
        for (frames, times) in connections.iter_mut().zip(&mut times) {
            for request in requests {
                let time = frames.time(request)?;
                anyhow::ensure!(frames.reply("QueryConcept")?["found"] == Value::from(true), "a synset was not found");
                if block > 0 {
                    times.time(time);
                }
            }
        }
    }
    let [leads, follows] = [times[0].ordered()?, times[1].ordered()?];
    let how = format!(
        "{} against {} through the leader; p99 {} and {}; {} reads over TCP each; whatever node is asked answers itself",
        Unit::Seconds.write(follows.median()),
        Unit::Seconds.write(leads.median()),
        Unit::Seconds.write(follows.p99()),
        Unit::Seconds.write(leads.p99()),
        times[0].len(),
    );
    let what = "point read through a node that does not lead but holds a replica, p50";
    recorder.row(Row::new(what, Unit::Ratio, Goal::AtMost(1.3), follows.median() / leads.median(), how));
    recorder.samples("point read, leader", &times[0]);
    recorder.samples("point read, follower", &times[1]);
    Ok(())
}

fn strong_reads(setting: &Setting, recorder: &mut Recorder, pairs: &mut Pairs, nodes: [&str; 2]) -> anyhow::Result<()> {
    let questions = setting.scale.of(200, 2_000);
    let client = Client::builder().no_proxy().timeout(PATIENCE).build().context("make an HTTP client")?;
    let mut times = [(); 3].map(|()| Samples::with_capacity(questions));
    for _ in 0..questions {
        let id = pairs.one();
        let url = |node: &str, query: &str| format!("http://{node}/v1/concept/{id}{query}");
        times[0].time(timed(client.get(url(nodes[1], "")))?.0);
        times[1].time(timed(client.get(url(nodes[0], "?consistency=strong")))?.0);
        times[2].time(timed(client.get(url(nodes[1], "?consistency=strong")))?.0);
    }
    let [session, leads, follows] = [times[0].median()?, times[1].median()?, times[2].median()?];
    for (through, time) in [("through the leader", leads), ("through another node", follows)] {
        let how = format!(
            "{} against {} of a session read over HTTP; {questions} of each",
            Unit::Seconds.write(time),
            Unit::Seconds.write(session)
        );
        recorder.row(Row::new(format!("– strong read {through}, p50"), Unit::Ratio, Goal::None, time / session, how));
    }
    for (name, times) in ["session read, HTTP", "strong read, leader", "strong read, follower"].iter().zip(&times) {
        recorder.samples(*name, times);
    }
    Ok(())
}

fn paths(setting: &Setting, recorder: &mut Recorder, pairs: &mut Pairs, nodes: &[String], plan: Plan) -> anyhow::Result<()> {
    let questions = setting.scale.of(300, 3_000);
    let client = Client::builder().no_proxy().timeout(PATIENCE).build().context("make an HTTP client")?;
    let mut times = Samples::with_capacity(questions);
    for question in 0..questions {
        let [start, end]: [ConceptId; 2] = pairs.ancestor(2 + question % 4);
        let body = json!({"start": start, "end": end, "types": ["hierarchical"]});
        let node = &nodes[question % nodes.len()];
        let (time, reply) = timed(client.post(format!("http://{node}/v1/path")).json(&body))?;
        anyhow::ensure!(reply.contains("\"paths\":[{"), "a synset has no path to its hypernym: {reply}");
        times.time(time);
    }
    let sorted = times.ordered()?;
    let how = format!(
        "typed, 2 to 5 hypernyms apart, through each node in turn; p95 {}, p99 {}; {questions} questions",
        Unit::Seconds.write(sorted.p95()),
        Unit::Seconds.write(sorted.p99()),
    );
    let goal = Goal::AtMost(0.005);
    let Plan { shards, replicas } = plan;
    let (of, copies) = (if shards == 1 { "shard" } else { "shards" }, if replicas == 1 { "replica" } else { "replicas" });
    let what = format!("path on WordNet over HTTP, {shards} {of} × {replicas} {copies} on 3 nodes, p50");
    recorder.row(Row::new(what, Unit::Seconds, goal, sorted.median(), how));
    recorder.samples(format!("path, HTTP, {shards} shards × {replicas}"), &times);
    Ok(())
}

/// The time of a request and its whole answer, which must be a good one.
fn timed(request: RequestBuilder) -> anyhow::Result<(Duration, String)> {
    let started = Instant::now();
    let reply = request.send()?;
    let status = reply.status();
    let text = reply.text()?;
    let time = started.elapsed();
    anyhow::ensure!(status.is_success(), "a read was answered {status}: {text}");
    Ok((time, text))
}
