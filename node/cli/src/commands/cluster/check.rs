//! `sutra cluster check`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use sutra_protocol::founding::{CHECK, CheckReport, CheckRequest};

use super::peer::Way;
use crate::commands::Session;
use crate::exit::Outcome;
use crate::output::text;

/// How long the replicas of a shard may take to be compared.
const PATIENCE: Duration = Duration::from_secs(600);

/// Flags of `sutra cluster check`.
#[derive(Debug, Args)]
#[command(after_help = "\
Every replica of a shard says what it knows as one number, as of one entry of the log, and reads its files to the last byte; so it takes \
as long as there is to read. Whoever differs from most of them, or has a damaged file, is not read any more until it was made anew from \
the others: `/health/detailed` of its node says so meanwhile. The grid does the same by itself, every --check-interval of its nodes.

The secret is in the file peer-secret of every node's data directory, unless the nodes were started with another.

Exit codes: 0 all equal, 1 not all are known to be, 2 wrong usage.")]
pub(crate) struct Check {
    /// Only this shard; all, if it is left out
    #[arg(long, value_name = "N")]
    shard: Option<u64>,
    /// The file of the grid's secret
    #[arg(long, value_name = "FILE")]
    peer_secret_file: PathBuf,
}

impl Check {
    pub(crate) async fn run(self, session: &Session) -> anyhow::Result<Outcome> {
        let way = Way::find(session, &self.peer_secret_file, None).await?;
        let shards: Vec<u64> = match self.shard {
            Some(shard) => vec![shard],
            None => way.grid.shards.iter().map(|shard| shard.shard).collect(),
        };
        let mut reports = Vec::with_capacity(shards.len());
        for shard in shards {
            let reply = way.ask_of(shard, CHECK, &CheckRequest::default(), PATIENCE).await?;
            let report: CheckReport = rmp_serde::from_slice(&reply).context("the node's answer can't be read")?;
            reports.push(report);
        }
        session.screen.show_own(&reports, |reports| reports.iter().map(told).collect())?;
        if let Some(other) = reports.iter().find(|report| report.outcome != "equal") {
            anyhow::bail!("shard {}: {}", other.shard, other.outcome);
        }
        Ok(Outcome::Done)
    }
}

fn told(report: &CheckReport) -> String {
    let mut told = text::line(&format!("shard {}: {}", report.shard, report.outcome)) + "\n";
    for replica in &report.replicas {
        let wrong = if replica.wrong { "; it is healed" } else { "" };
        told.push_str("  ");
        told += &text::line(&format!("replica {} on {}: {}{wrong}", replica.replica, replica.node, replica.said));
        told.push('\n');
    }
    told
}

#[cfg(test)]
mod tests {
    use sutra_protocol::founding::CheckedReplica;

    use super::*;

    #[test]
    fn what_each_replica_said_is_shown_and_who_is_healed() {
        let replica =
            |replica, wrong| CheckedReplica { replica, node: format!("node-{replica}"), said: "ab over 3 rows".into(), wrong };
        let report = CheckReport { shard: 4, outcome: "diverged".into(), replicas: vec![replica(1, false), replica(2, true)] };
        let lines =
            "shard 4: diverged\n  replica 1 on node-1: ab over 3 rows\n  replica 2 on node-2: ab over 3 rows; it is healed\n";
        assert_eq!(told(&report), lines);
    }
}
