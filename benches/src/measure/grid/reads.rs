//! Reads through every node of a grid that knows WordNet: where each node holds a replica of all of it, and where others hold what is read.
//!
//! Point reads are `QueryConcept` by id over TCP, one at a time, through the node that leads and one that does not, in blocks that take turns;
//! and where a node keeps only some shards, through each node in turn. What such a read costs in requests between nodes is counted by the
//! nodes themselves. That a pinned view is let go is told later, for many of them at once, and not counted. Strong reads are asked over
//! HTTP: `GET /v1/concept/ID?consistency=strong`. Paths are those of [`super::paths`].

use rmpv::Value;
use sutra_protocol::founding::Plan;

use super::http::{client, timed};
use super::paths;
use super::plan::Plans;
use crate::frames::{Frames, Request};
use crate::process::Grid;
use crate::report::{Goal, Recorder, Row, Unit};
use crate::setting::Setting;
use crate::statistics::Samples;
use crate::wordnet::{self, Pairs};

/// Grids that are asked beside the first: how many nodes, and what of the shards. Only the last two have nodes that lack some.
const OTHERS: [(usize, Plan); 3] =
    [(3, Plan { shards: 8, replicas: 3 }), (3, Plan { shards: 8, replicas: 1 }), (5, Plan { shards: 5, replicas: 3 })];
/// Requests through one node that follow one another.
const BLOCK: usize = 50;

pub(crate) fn run(setting: &Setting, recorder: &mut Recorder) -> anyhow::Result<()> {
    let synsets = wordnet::read(setting.wordnet()?)?;
    let (mut pairs, plans) = (Pairs::new(&synsets, setting.seed)?, Plans::of(&synsets)?);
    let everywhere = Plan { shards: 1, replicas: 3 };
    let grid = taught(setting, 3, everywhere)?;
    let leader = grid.leader()?;
    let follows = (leader + 1) % grid.size();
    point_reads(setting, recorder, &mut pairs, [&grid.node(leader)?.tcp, &grid.node(follows)?.tcp])?;
    strong_reads(setting, recorder, &mut pairs, [&grid.node(leader)?.http, &grid.node(follows)?.http])?;
    paths::measure(setting, recorder, &mut pairs, &plans, (&grid, everywhere))?;
    drop(grid);
    for (nodes, plan) in OTHERS {
        let grid = taught(setting, nodes, plan)?;
        if plan.replicas == 1 {
            reads_elsewhere(setting, recorder, &mut pairs, &grid)?;
        }
        paths::measure(setting, recorder, &mut pairs, &plans, (&grid, plan))?;
    }
    Ok(())
}

/// A grid that knows WordNet, with every replica caught up.
fn taught(setting: &Setting, nodes: usize, plan: Plan) -> anyhow::Result<Grid> {
    let grid = Grid::placed(setting, nodes, plan)?;
    grid.node(grid.leader()?)?.import(setting.wordnet()?)?;
    grid.whole()?;
    Ok(grid)
}

/// Reads over TCP of concepts that the asked node keeps, and of those that another does, through each node in turn.
fn reads_elsewhere(setting: &Setting, recorder: &mut Recorder, pairs: &mut Pairs, grid: &Grid) -> anyhow::Result<()> {
    let questions = setting.scale.of(500, 5_000);
    let map = grid.seen_by(0)?;
    let connections = (0..grid.size()).map(|at| Frames::connect(&grid.node(at)?.tcp)).collect::<anyhow::Result<Vec<_>>>();
    let mut connections = connections?;
    let mut times = [(); 2].map(|()| Samples::with_capacity(questions));
    let (before, mut lacked) = (grid.questions(), 0);
    for question in 0..questions {
        let (at, id) = (question % connections.len(), pairs.one());
        let request = Request::new("QueryConcept", [("concept_id", Value::from(id.to_string()))])?;
        let time = connections[at].time(&request)?;
        anyhow::ensure!(connections[at].reply("QueryConcept")?["found"] == Value::from(true), "a synset was not found");
        let is_elsewhere = !grid.keeps(&map, at, id);
        lacked += usize::from(is_elsewhere);
        // The first ones warm up.
        if question >= BLOCK {
            times[usize::from(is_elsewhere)].time(time);
        }
    }
    let sent = before.and_then(|before| Ok(grid.questions()?.since(&before).all()));
    let what = "point read through the wrong node, which has no replica: requests to other nodes";
    recorder.row(match sent {
        Err(why) => Row::missing(what, Unit::Count, Goal::AtMost(1.0), format!("{why:#}")),
        Ok(sent) => {
            let how =
                format!("{sent} requests for {lacked} such reads, beside {} of what the asked node keeps", questions - lacked);
            Row::new(what, Unit::Count, Goal::AtMost(1.0), sent as f64 / lacked as f64, how)
        }
    });
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
    let what = "– its time against that of a read through a node with the only replica, p50";
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
    let what = "point read through the wrong node, which does not lead but has a replica, p50";
    recorder.row(Row::new(what, Unit::Ratio, Goal::AtMost(1.3), follows.median() / leads.median(), how));
    recorder.samples("point read, leader", &times[0]);
    recorder.samples("point read, follower", &times[1]);
    Ok(())
}

fn strong_reads(setting: &Setting, recorder: &mut Recorder, pairs: &mut Pairs, nodes: [&str; 2]) -> anyhow::Result<()> {
    let questions = setting.scale.of(200, 2_000);
    let client = client()?;
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
