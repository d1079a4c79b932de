//! The write gap of a client behind the Service of a cluster on Kubernetes, when the leader's pod is lost.
//!
//! `cargo xtask test kubernetes` is run with one of its tests alone: it makes a Kubernetes of three nodes on this machine, and on it a cluster
//! of three nodes and four shards. A client writes one concept after another to the address of the client Service, over a new connection
//! each time, and repeats under the same `Idempotency-Key` what fails. In each turn the pod of the node that leads the first shard is
//! deleted without a grace period, as a drained or lost machine would take it away; in as many turns its process is killed (SIGKILL), and
//! Kubernetes starts it again in the same pod. The gap is the longest time between two acknowledgements until the cluster is whole again.
//! The test hands its gaps over in a file of this run; it also checks that nothing acknowledged is lost.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::process::Command;

use anyhow::Context as _;
use serde::Deserialize;

use crate::report::{Goal, Recorder, Row, Unit};
use crate::setting::Setting;
use crate::statistics::Samples;

/// The test that loses pods.
const TEST: &str = "grid::three_nodes_become_one_grid_that_loses_nothing_when_its_leader_goes";
/// The file that it writes.
const FILE: &str = "write-gaps.json";
/// What happens to the leader, as the test calls it, and how the table does.
const LOSSES: [(&str, &str); 2] = [("deleted by force", "leader's pod deleted by force"), ("killed", "leader's process killed")];
const GOAL: Goal = Goal::Below(3.0);

/// What the client saw of one kind of loss.
#[derive(Debug, Deserialize)]
struct Seen {
    /// Of each turn, in seconds.
    gaps: Vec<f64>,
    /// Requests of all turns that had another answer than they should, or none.
    failed: u64,
}

pub(crate) fn run(setting: &Setting, recorder: &mut Recorder) -> anyhow::Result<()> {
    if fs::metadata("/proc/self").context("look who runs this")?.uid() != 0 {
        for (_, what) in LOSSES {
            recorder.row(Row::missing(label(what), Unit::Seconds, GOAL, "a Kubernetes of our own needs root"));
        }
        return Ok(());
    }
    let turns = setting.scale.of(1, 5);
    let directory = setting.directory("kubernetes")?;
    let mut xtask = Command::new(setting.xtask()?);
    xtask.args(["test", "kubernetes"]).env("SUTRA_E2E_ONLY", TEST);
    xtask.env("SUTRA_E2E_FIGURES", fs::canonicalize(directory.path())?).env("SUTRA_E2E_TURNS", turns.to_string());
    // The table goes to standard output.
    let status = xtask.stdout(std::io::stderr()).status().context("run xtask")?;
    anyhow::ensure!(status.success(), "`cargo xtask test kubernetes` ended with {status}; what it says is above");
    let file = directory.path().join(FILE);
    let text = fs::read_to_string(&file).with_context(|| format!("read what the test was to write, {}", file.display()))?;
    let seen: BTreeMap<String, Seen> = serde_json::from_str(&text).with_context(|| format!("understand {text}"))?;
    for (kind, what) in LOSSES {
        let seen = seen.get(kind).with_context(|| format!("the test has not told of a leader that was {kind}"))?;
        anyhow::ensure!(seen.gaps.len() == turns, "the test has told of {} turns, not of {turns}", seen.gaps.len());
        tell(recorder, what, seen)?;
    }
    Ok(())
}

fn label(what: &str) -> String {
    format!("write gap on Kubernetes, a client behind the Service: {what}")
}

fn tell(recorder: &mut Recorder, what: &str, Seen { gaps, failed }: &Seen) -> anyhow::Result<()> {
    let gaps: Samples = gaps.iter().copied().collect();
    let sorted = gaps.ordered()?;
    let [min, max] = [sorted.min(), sorted.max()].map(|gap| Unit::Seconds.write(gap));
    let turns = gaps.len();
    let how = format!(
        "3 nodes, 4 shards × 3 replicas; {turns} turns, {min} to {max}; {failed} requests failed in all and were repeated"
    );
    recorder.row(Row::new(label(what), Unit::Seconds, GOAL, sorted.median(), how));
    recorder.row(Row::new("– the worst", Unit::Seconds, GOAL, sorted.max(), format!("the longest of {turns}")));
    recorder.samples(format!("Kubernetes: {what}"), &gaps);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_test_writes_is_understood() {
        let text = r#"{"deleted by force":{"gaps":[0.556,1.25],"failed":1},"killed":{"gaps":[1.194],"failed":0}}"#;
        let seen: BTreeMap<String, Seen> = serde_json::from_str(text).unwrap();
        for (kind, _) in LOSSES {
            assert!(seen.contains_key(kind), "{kind}");
        }
        assert_eq!((seen["deleted by force"].gaps.len(), seen["deleted by force"].failed), (2, 1));
        let mut recorder = Recorder::start();
        tell(&mut recorder, "leader's process killed", &seen["killed"]).unwrap();
    }
}
