//! Reads, two hops and paths over TCP, as ratios to a bare echo of the same run.
//!
//! A real `sutra-node serve` holds WordNet. One connection sends one request at a time; the echo, in a process of its own with the
//! node's runtime and framing, gets the bytes of the `QueryConcept` requests and sends them back. Questions and echoes take turns
//! in blocks, so that whatever else the machine does meets both. Every figure, also a p95, is divided by the echo's p50.
//!
//! `QueryConcept` reads a random concept by its id; `GetNeighbors` with `hops: 2` asks for the default page of 100; `FindPath` with
//! its default depth of 6 and no filter goes from a synset to its hypernym, and between random synsets.

use rmpv::Value;
use sutra_protocol::ConceptId;

use crate::frames::{Frames, Request};
use crate::process::{Echo, Node};
use crate::progress;
use crate::report::{Goal, Recorder, Row, Unit};
use crate::setting::Setting;
use crate::statistics::Samples;
use crate::wordnet::{self, Pairs};

/// Requests of one kind that follow one another.
const BLOCK: usize = 50;

/// A kind of request.
struct Kind {
    name: &'static str,
    /// The field of the reply that must be there, and whether it is `true`.
    proof: fn(&Value) -> bool,
    requests: Vec<Request>,
    rows: &'static [(&'static str, Quantile, f64)],
    about: &'static str,
}

#[derive(Clone, Copy, Debug)]
enum Quantile {
    P50,
    P95,
}

pub(crate) fn run(setting: &Setting, recorder: &mut Recorder) -> anyhow::Result<()> {
    let questions = setting.scale.of(500, 5_000);
    let synsets = wordnet::read(setting.wordnet()?)?;
    let mut pairs = Pairs::new(&synsets, setting.seed)?;
    let dir = setting.directory("tcp")?;
    let node = Node::start(setting.node()?, dir.path())?;
    node.import(setting.wordnet()?)?;
    let echo = Echo::start()?;
    let mut echoed = Frames::connect(&echo.address)?;
    let mut asked = Frames::connect(&node.tcp)?;
    let kinds = kinds(&mut pairs, questions)?;
    let bytes = kinds.first().map_or(&[][..], |kind| &kind.requests);
    for kind in &kinds {
        let mut bare = Samples::with_capacity(questions);
        let mut times = Samples::with_capacity(questions);
        // Once before the clock counts, on both sides: connections, threads and pages are new.
        for request in kind.requests.iter().take(2 * BLOCK) {
            asked.time(request)?;
            let reply = asked.reply(kind.name)?;
            anyhow::ensure!((kind.proof)(&reply), "{} was answered with {reply}", kind.name);
        }
        for request in bytes.iter().take(2 * BLOCK) {
            echoed.time(request)?;
        }
        for (block, echoes) in kind.requests.chunks(BLOCK).zip(bytes.chunks(BLOCK)) {
            for request in echoes {
                bare.time(echoed.time(request)?);
            }
            for request in block {
                times.time(asked.time(request)?);
            }
        }
        record(kind, &times, &bare, recorder)?;
    }
    progress::step("stopping the node");
    drop((echoed, asked));
    node.stop()
}

fn record(kind: &Kind, times: &Samples, bare: &Samples, recorder: &mut Recorder) -> anyhow::Result<()> {
    let [ours, echo] = [times.ordered()?, bare.ordered()?];
    for (what, quantile, bound) in kind.rows {
        let value = match quantile {
            Quantile::P50 => ours.median(),
            Quantile::P95 => ours.p95(),
        };
        let write = |time| Unit::Seconds.write(time);
        let how = format!(
            "{}; {} against an echo's p50 of {} (its p95: {}); {} requests",
            kind.about,
            write(value),
            write(echo.median()),
            write(echo.p95()),
            times.len()
        );
        recorder.row(Row::new(*what, Unit::Ratio, Goal::AtMost(*bound), value / echo.median(), how));
    }
    recorder.samples(kind.about, times);
    recorder.samples(format!("{}: echo", kind.about), bare);
    Ok(())
}

fn kinds(pairs: &mut Pairs, questions: usize) -> anyhow::Result<Vec<Kind>> {
    let id = |id: ConceptId| Value::from(id.to_string());
    let path = |[start, end]: [ConceptId; 2]| Request::new("FindPath", [("start_id", id(start)), ("end_id", id(end))]);
    let requests =
        |make: &mut dyn FnMut() -> anyhow::Result<Request>| (0..questions).map(|_| make()).collect::<anyhow::Result<_>>();
    Ok(vec![
        Kind {
            name: "QueryConcept",
            proof: |reply| reply["found"] == Value::from(true),
            requests: requests(&mut || Request::new("QueryConcept", [("concept_id", id(pairs.one()))]))?,
            rows: &[("over TCP: read, p50", Quantile::P50, 1.3)],
            about: "QueryConcept by id",
        },
        Kind {
            name: "GetNeighbors",
            proof: |reply| reply["neighbor_ids"].is_array(),
            requests: requests(&mut || Request::new("GetNeighbors", [("concept_id", id(pairs.one())), ("hops", 2.into())]))?,
            rows: &[("over TCP: 2 hops in one request, p50", Quantile::P50, 1.5)],
            about: "GetNeighbors, hops 2, a page of at most 100",
        },
        Kind {
            name: "FindPath",
            proof: |reply| reply["found"] == Value::from(true),
            requests: requests(&mut || path(pairs.hypernym()))?,
            rows: &[
                ("over TCP: path between hypernym pairs, p50", Quantile::P50, 1.5),
                ("over TCP: path between hypernym pairs, p95", Quantile::P95, 4.0),
            ],
            about: "FindPath, a synset and its hypernym",
        },
        Kind {
            name: "FindPath",
            // Not every pair is connected within six hops.
            proof: |reply| reply["found"].is_bool(),
            requests: requests(&mut || path(pairs.random()))?,
            rows: &[
                ("over TCP: path between random pairs, depth 6, p50", Quantile::P50, 6.0),
                ("over TCP: path between random pairs, depth 6, p95", Quantile::P95, 25.0),
            ],
            about: "FindPath, random synsets",
        },
    ])
}
