//! WordNet through `POST /v1/import`.
//!
//! A real `sutra-node serve` on an empty directory takes the whole import file; the clock runs from the first byte of the request
//! to the last of the answer, which comes when every line is fsynced. There are no vectors. FalkorDB takes the same nodes and edges
//! in the same run, in turns with the node, each time on an empty directory of the same disk, with its append-only file fsynced at
//! every query: [peers/falkordb](../../peers/falkordb/README.md).

use anyhow::Context as _;

use crate::peer::{FalkorDb, Queries};
use crate::process::Node;
use crate::progress;
use crate::report::{Goal, Recorder, Row, Unit};
use crate::setting::Setting;
use crate::statistics::Samples;
use crate::wordnet;

const BOUND: Goal = Goal::Below(4.0);
const FASTER: Goal = Goal::AtLeast(4.0);
const AGAINST: &str = "WordNet: FalkorDB's time in the same run, over ours";

pub(crate) fn run(setting: &Setting, recorder: &mut Recorder) -> anyhow::Result<()> {
    let turns = setting.scale.of(1, 5);
    let file = setting.wordnet()?;
    let synsets = wordnet::read(file)?;
    let edges = synsets.iter().map(|synset| synset.associations.len()).sum::<usize>();
    let queries = Queries::of(&synsets);
    let [mut times, mut peer_times, mut ratios, mut peer_memory] = [(); 4].map(|()| Samples::default());
    let mut without_peer = None;
    for turn in 1..=turns {
        let dir = setting.directory("import")?;
        let node = Node::start(setting.node()?, dir.path())?;
        let (time, report) = node.import(file)?;
        let counted = (report.concepts as usize, report.associations as usize);
        anyhow::ensure!(counted == (synsets.len(), edges), "the import reports {counted:?} of {:?}", (synsets.len(), edges));
        node.stop()?;
        times.time(time);
        let peer = match without_peer {
            None => falkordb(setting, &queries, [synsets.len(), edges]),
            Some(_) => continue,
        };
        match peer {
            Ok(peer) => {
                progress::step(format_args!("turn {turn}: {:.2} s, FalkorDB {:.2} s", time.as_secs_f64(), peer.seconds));
                peer_times.push(peer.seconds);
                peer_memory.push(peer.resident as f64);
                ratios.push(peer.seconds / time.as_secs_f64());
            }
            Err(error) => without_peer = Some(format!("{error:#}")),
        }
    }
    let lines = synsets.len();
    let how = format!("{lines} concepts, {edges} associations; median of {turns} loads by HTTP, {}", spread(&times)?);
    recorder.row(Row::new("WordNet through POST /v1/import, fsynced, no vectors", Unit::Seconds, BOUND, times.median()?, how));
    recorder.samples("import", &times);
    match without_peer {
        Some(why) => recorder.row(Row::missing(AGAINST, Unit::Ratio, FASTER, why)),
        None => {
            let how = format!(
                "FalkorDB {}, {}; appendfsync always; median of {turns} pairs; its resident memory then: {}",
                Unit::Seconds.write(peer_times.median()?),
                spread(&peer_times)?,
                Unit::Bytes.write(peer_memory.median()?),
            );
            recorder.row(Row::new(AGAINST, Unit::Ratio, FASTER, ratios.median()?, how));
            recorder.samples("FalkorDB", &peer_times);
            recorder.samples("FalkorDB: resident bytes", &peer_memory);
        }
    }
    Ok(())
}

struct Peer {
    seconds: f64,
    resident: u64,
}

fn falkordb(setting: &Setting, queries: &Queries, expected: [usize; 2]) -> anyhow::Result<Peer> {
    let dir = setting.directory("f")?;
    let mut peer = FalkorDb::start(&setting.cache, dir.path()).context("FalkorDB does not run here")?;
    let time = peer.load(queries).context("FalkorDB did not take WordNet")?;
    let counts = peer.counts()?;
    anyhow::ensure!(counts == expected.map(|count| count as i64), "FalkorDB holds {counts:?} of {expected:?}");
    Ok(Peer { seconds: time.as_secs_f64(), resident: peer.memory()?.resident })
}

fn spread(times: &Samples) -> anyhow::Result<String> {
    let sorted = times.ordered()?;
    Ok(format!("{} to {}", Unit::Seconds.write(sorted.min()), Unit::Seconds.write(sorted.max())))
}
