//! What writing has cost.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Numbers about a log since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogStats {
    /// How many fsyncs there were.
    pub syncs: u64,
    /// Time of all of them, in nanoseconds.
    pub sync_nanos: u64,
    /// Bytes written.
    pub bytes_written: u64,
    /// Frames written.
    pub frames: u64,
}

/// The same, as it is counted.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    syncs: AtomicU64,
    sync_nanos: AtomicU64,
    bytes_written: AtomicU64,
    frames: AtomicU64,
}

impl Counters {
    pub(crate) fn synced(&self, took: Duration) {
        self.syncs.fetch_add(1, Ordering::Relaxed);
        self.sync_nanos.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(crate) fn wrote(&self, frames: u64, bytes: u64) {
        self.frames.fetch_add(frames, Ordering::Relaxed);
        self.bytes_written.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> LogStats {
        LogStats {
            syncs: self.syncs.load(Ordering::Relaxed),
            sync_nanos: self.sync_nanos.load(Ordering::Relaxed),
            bytes_written: self.bytes_written.load(Ordering::Relaxed),
            frames: self.frames.load(Ordering::Relaxed),
        }
    }
}
