//! The status of a `SutraShard`.

use jiff::Timestamp;
use sutra_crds::SutraShardStatus;
use sutra_crds::shard::ShardReplica;
use sutra_planner::ShardReport;

/// The status that says what is reported.
#[must_use]
pub fn shard_status(report: &ShardReport, now: Timestamp) -> SutraShardStatus {
    let caught_up = report.replicas.iter().filter(|replica| replica.caught_up).count();
    SutraShardStatus {
        phase: Some(report.phase.clone()),
        range: Some(report.range.clone()),
        leader: report.leader.clone(),
        replicas: report
            .replicas
            .iter()
            .map(|replica| ShardReplica {
                node: replica.node.clone(),
                role: replica.role.word().to_owned(),
                caught_up: replica.caught_up,
            })
            .collect(),
        replica_summary: Some(format!("{caught_up}/{}", report.replicas.len())),
        concepts: Some(i64::try_from(report.concepts).unwrap_or(i64::MAX)),
        size: Some(binary(report.bytes)),
        size_bytes: Some(i64::try_from(report.bytes).unwrap_or(i64::MAX)),
        observed_at: Some(now.to_string()),
    }
}

/// Bytes as Kubernetes writes them, rounded to the unit below.
fn binary(bytes: u64) -> String {
    let units = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    let unit = (1..=units.len()).take_while(|power| bytes >> (10 * power) > 0).last();
    match unit {
        Some(power) => format!("{}{}", bytes >> (10 * power), units[power - 1]),
        None => bytes.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::binary;

    #[test]
    fn sizes_are_short() {
        assert_eq!([0, 1023, 1024, 111_000_000, u64::MAX].map(binary), ["0", "1023", "1Ki", "105Mi", "15Ei"]);
    }
}
