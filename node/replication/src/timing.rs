//! When a leader is given up, and what goes with it.

use std::time::Duration;

use openraft::{Config, SnapshotPolicy};

/// Raft's timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// How often a leader gives a sign of life. Default: 250 ms.
    pub heartbeat: Duration,
    /// The consensus's election time-outs; the second is the lease: no replica votes for another within it after its leader's last sign.
    /// A replica stands for election one to two leases after that sign; in vain, again within one. Default: 500 and 750 ms.
    pub election: [Duration; 2],
}

impl Default for Timing {
    fn default() -> Self {
        Self { heartbeat: Duration::from_millis(250), election: [500, 750].map(Duration::from_millis) }
    }
}

/// Most entries that one message to a follower carries; their bytes are bounded where they are read.
const MESSAGE_ENTRIES: u64 = 256;
/// Above every count of entries.
const NEVER: u64 = 1 << 62;

impl Timing {
    /// How long after its last sign of life a leader is surely none any more.
    pub fn lease(&self) -> Duration {
        self.election[1]
    }

    pub(crate) fn config(&self, group: u64) -> Config {
        let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        Config {
            cluster_name: format!("group {group}"),
            // For openraft it is how long entries may be on their way, and two thirds of its tick. See `network`, and `signs`.
            heartbeat_interval: millis(self.election[0]).saturating_sub(1),
            election_timeout_min: millis(self.election[0]),
            election_timeout_max: millis(self.election[1]),
            max_payload_entries: MESSAGE_ENTRIES,
            // See `patience`, and `signs`.
            enable_elect: false,
            enable_heartbeat: false,
            // The store makes checkpoints when memory asks for them, and says itself when the log may be cut behind one.
            snapshot_policy: SnapshotPolicy::Never,
            max_in_snapshot_log_to_keep: NEVER,
            replication_lag_threshold: NEVER,
            ..Config::default()
        }
    }
}
