//! `sutra stats`.

use std::time::Duration;

use sutra_protocol::http::{StatsResponse, WriteLogStats};

use super::Session;
use crate::exit::Outcome;
use crate::output::number::{bytes, count, counted, duration, milliseconds};
use crate::output::text;

pub(super) async fn run(session: &Session) -> anyhow::Result<Outcome> {
    let reply = session.client.get("/stats", []).await?;
    session.screen.show(&reply, render)?;
    Ok(Outcome::Done)
}

fn render(stats: &StatsResponse) -> String {
    let uptime = Duration::try_from_secs_f64(stats.uptime_seconds).unwrap_or_default();
    let rows = [
        ("concepts", count(stats.concepts)),
        ("associations", count(stats.edges)),
        ("vectors", count(stats.vectors)),
        ("namespaces", count(stats.namespaces)),
        ("written", count(stats.written)),
        ("dropped", count(stats.dropped)),
        ("pending", format!("{} ({})", count(stats.pending), bytes(stats.pending_bytes))),
        ("log entries", count(stats.reconciliations)),
        ("log", format!("{} in {}", bytes(stats.wal_bytes), counted(stats.log_files, "file"))),
        ("segments", format!("{} in {}", bytes(stats.segment_bytes), counted(stats.segments, "file"))),
        ("delta", format!("{} of {}", bytes(stats.delta_bytes), bytes(stats.delta_budget_bytes))),
        ("checkpoints", checkpoints(stats)),
        ("compactions", count(stats.compactions)),
        ("write log", write_log(&stats.write_log)),
        ("durability", text::line(&stats.durability)),
        ("uptime", duration(uptime)),
    ];
    rows.iter().map(|(name, value)| format!("{name:<14}{value}\n")).collect()
}

fn checkpoints(stats: &StatsResponse) -> String {
    match stats.checkpoints {
        0 => "0".into(),
        made => format!("{}, the last in {}", count(made), milliseconds(stats.last_checkpoint_seconds * 1e3)),
    }
}

fn write_log(log: &WriteLogStats) -> String {
    let numbers =
        format!("health {:.2}, {:.0} % full, {:.0} writes/s", log.health_score, log.utilisation * 100.0, log.rate_per_second);
    if log.recommendation.is_empty() { numbers } else { format!("{numbers}; {}", text::line(&log.recommendation)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_in_units() {
        let stats = StatsResponse {
            concepts: 117_659,
            wal_bytes: 3 << 20,
            log_files: 1,
            checkpoints: 2,
            last_checkpoint_seconds: 0.25,
            write_log: WriteLogStats {
                health_score: 0.5,
                utilisation: 0.75,
                recommendation: "add a node".into(),
                ..WriteLogStats::default()
            },
            durability: "fsync".into(),
            uptime_seconds: 65.2,
            ..StatsResponse::default()
        };
        let told = render(&stats);
        for line in [
            "concepts      117,659\n",
            "log           3.0 MiB in 1 file\n",
            "checkpoints   2, the last in 250 ms\n",
            "write log     health 0.50, 75 % full, 0 writes/s; add a node\n",
            "durability    fsync\n",
            "uptime        1 min 5 s\n",
        ] {
            assert!(told.contains(line), "{told}");
        }
    }
}
