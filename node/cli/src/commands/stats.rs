//! `sutra stats`.

use std::time::Duration;

use sutra_protocol::http::StatsResponse;

use super::Session;
use crate::exit::Outcome;
use crate::output::number::{bytes, count, duration};
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
        ("log", bytes(stats.wal_bytes)),
        ("durability", text::line(&stats.durability)),
        ("uptime", duration(uptime)),
    ];
    rows.iter().map(|(name, value)| format!("{name:<14}{value}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_in_units() {
        let stats = StatsResponse {
            concepts: 117_659,
            wal_bytes: 3 << 20,
            durability: "fsync".into(),
            uptime_seconds: 65.2,
            ..StatsResponse::default()
        };
        let told = render(&stats);
        for line in ["concepts      117,659\n", "log           3.0 MiB\n", "durability    fsync\n", "uptime        1 min 5 s\n"] {
            assert!(told.contains(line), "{told}");
        }
    }
}
