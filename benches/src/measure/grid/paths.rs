//! Paths on WordNet over HTTP, through every node in turn, and what the nodes ask each other for them.
//!
//! A question is `POST /v1/path` between a synset and one that stands two to five hypernyms above it, along hierarchical associations. What
//! is counted is what the nodes tell of themselves before the first question and after the last: a node sends requests to read a shard that
//! it keeps no replica of, and counts each attempt. Those that expand a frontier, with those for the rest of a long answer, are divided by
//! how often a hop had to ask such a shard, which [`Plans`] says. Less than one request for that is not possible. Shards that the asked node
//! keeps are asked without a request. Those for the ends of a path before it, and for what is shown of it after it, are told beside it.

use serde_json::json;
use sutra_protocol::founding::Plan;
use sutra_protocol::{AssociationType, ConceptId};

use super::http::{client, timed};
use super::plan::Plans;
use crate::process::{Grid, Questions};
use crate::report::{Goal, Recorder, Row, Unit};
use crate::setting::Setting;
use crate::statistics::Samples;
use crate::wordnet::Pairs;

/// Along which a path may lead.
const KIND: AssociationType = AssociationType::Hierarchical;
/// Kinds of requests that expand a frontier.
const EXPANDS: [&str; 2] = ["expand", "rest"];

/// A path that is looked for, and the node that is asked for it.
struct Question {
    ends: [ConceptId; 2],
    at: usize,
}

pub(super) fn measure(
    setting: &Setting,
    recorder: &mut Recorder,
    pairs: &mut Pairs,
    plans: &Plans,
    (grid, plan): (&Grid, Plan),
) -> anyhow::Result<()> {
    let count = setting.scale.of(300, 3_000);
    let questions: Vec<Question> =
        (0..count).map(|number| Question { ends: pairs.ancestor(2 + number % 4), at: number % grid.size() }).collect();
    let before = grid.questions();
    let times = ask(grid, &questions)?;
    let sent = before.and_then(|before| Ok(grid.questions()?.since(&before)));
    let sorted = times.ordered()?;
    let how = format!(
        "typed, 2 to 5 hypernyms apart, through each node in turn; p95 {}, p99 {}; {count} questions",
        Unit::Seconds.write(sorted.p95()),
        Unit::Seconds.write(sorted.p99()),
    );
    let layout = layout(grid.size(), plan);
    let what = format!("path on WordNet over HTTP, {layout}, p50");
    recorder.row(Row::new(what, Unit::Seconds, Goal::AtMost(0.005), sorted.median(), how));
    recorder.samples(format!("path, HTTP, {layout}"), &times);
    let needed = needed(grid, plans, &questions)?;
    if needed > 0 {
        recorder.row(requests(plan, count, needed, sent));
    }
    Ok(())
}

fn ask(grid: &Grid, questions: &[Question]) -> anyhow::Result<Samples> {
    let (client, mut times) = (client()?, Samples::with_capacity(questions.len()));
    for Question { ends: [start, end], at } in questions {
        let body = json!({"start": start, "end": end, "types": [KIND]});
        let (time, reply) = timed(client.post(format!("http://{}/v1/path", grid.node(*at)?.http)).json(&body))?;
        anyhow::ensure!(reply.contains("\"paths\":[{"), "a synset has no path to its hypernym: {reply}");
        times.time(time);
    }
    Ok(times)
}

/// How often a hop has something to ask of a shard that the asked node keeps no replica of, summed over shards, hops and questions.
fn needed(grid: &Grid, plans: &Plans, questions: &[Question]) -> anyhow::Result<u64> {
    let map = grid.seen_by(0)?;
    let mut needed = 0;
    for Question { ends, at } in questions {
        let hops = plans.hops(*ends, KIND)?;
        needed += hops.iter().map(|frontier| grid.elsewhere(&map, *at, frontier).len() as u64).sum::<u64>();
    }
    Ok(needed)
}

fn requests(plan: Plan, questions: usize, needed: u64, sent: anyhow::Result<Questions>) -> Row {
    let what = "– requests a shard and hop, of shards without a replica on the asked node";
    // Where there are several replicas a second one is asked when the first takes long, and both requests count.
    let goal = if plan.replicas == 1 { Goal::AtMost(1.0) } else { Goal::None };
    match sent {
        Err(why) => Row::missing(what, Unit::Count, goal, format!("{why:#}")),
        Ok(sent) => {
            let expands = sent.of(&EXPANDS);
            let how = format!(
                "{expands} requests to expand a frontier, {needed} needed by the plans of {questions} paths; with the ends looked up \
                 before and what is shown of a path after it {:.1} requests a path",
                sent.all() as f64 / questions as f64
            );
            Row::new(what, Unit::Count, goal, expands as f64 / needed as f64, how)
        }
    }
}

/// `8 shards × 1 replica on 3 nodes`.
fn layout(nodes: usize, Plan { shards, replicas }: Plan) -> String {
    let several = |count: u32, what: &str| if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") };
    format!("{} × {} on {nodes} nodes", several(shards, "shard"), several(replicas, "replica"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layout_is_told_in_words() {
        assert_eq!(layout(3, Plan { shards: 8, replicas: 1 }), "8 shards × 1 replica on 3 nodes");
        assert_eq!(layout(5, Plan { shards: 1, replicas: 3 }), "1 shard × 3 replicas on 5 nodes");
    }

    #[test]
    fn one_request_a_shard_and_hop_reaches_the_goal_and_one_more_does_not() {
        let plan = Plan { shards: 8, replicas: 1 };
        let row = |expands: u64| requests(plan, 2, 4, Ok(Questions::told([("expand", expands), ("concepts", 6)])));
        let [goal, measured, how, reached] = row(4).cells();
        assert_eq!([&*goal, &measured, &reached], ["≤ 1", "1", "yes"]);
        assert!(how.contains("5.0 requests a path"), "{how}");
        assert_eq!(row(5).reached(), Some(false));
        assert_eq!(requests(plan, 2, 4, Err(anyhow::anyhow!("not counted"))).reached(), None);
    }
}
