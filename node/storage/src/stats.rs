//! Numbers about a store.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sutra_protocol::Timestamp;
use sutra_protocol::command::LogIndex;
use sutra_wal::Durability;

use crate::load::WriteLogHealth;
use crate::manifest::Manifest;
use crate::store::Store;

/// Numbers since the start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) commands: AtomicU64,
    pub(crate) entries: AtomicU64,
    pub(crate) apply_nanos: AtomicU64,
    pub(crate) installs: AtomicU64,
    pub(crate) durable: AtomicU64,
    pub(crate) segments: AtomicU64,
    pub(crate) segment_bytes: AtomicU64,
    pub(crate) checkpoints: AtomicU64,
    pub(crate) checkpoint_nanos: AtomicU64,
    pub(crate) last_checkpoint_nanos: AtomicU64,
    pub(crate) compactions: AtomicU64,
    pub(crate) compacted_bytes: AtomicU64,
    pub(crate) graph_inserts: Arc<AtomicU64>,
    /// Effects that the manifest holds.
    pub(crate) stored_effects: AtomicU64,
}

impl Counters {
    /// This manifest is on the disk.
    pub(crate) fn stored(&self, manifest: &Manifest) {
        self.segments.store(manifest.files.len() as u64, Ordering::Relaxed);
        let graphs = manifest.graphs.iter().map(|graph| graph.bytes);
        let bytes: u64 = manifest.files.iter().map(|file| file.bytes).chain(graphs).sum();
        self.segment_bytes.store(bytes, Ordering::Relaxed);
        self.stored_effects.store(manifest.dealings.pending() as u64, Ordering::Release);
    }

    /// So many entries with so many commands are applied and published; it began at `since`.
    pub(crate) fn applied(&self, entries: usize, commands: usize, since: Instant) {
        let nanos = u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.entries.fetch_add(entries as u64, Ordering::Relaxed);
        self.commands.fetch_add(commands as u64, Ordering::Relaxed);
        self.apply_nanos.fetch_add(nanos, Ordering::Relaxed);
    }
}

/// Numbers about a store; those that count events since it was opened.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoreStats {
    /// Living concepts.
    pub concepts: u64,
    /// Living associations.
    pub associations: u64,
    /// Living concepts with a vector.
    pub vectors: u64,
    /// Namespaces.
    pub namespaces: u64,
    /// Commands made durable and applied.
    pub commands_written: u64,
    /// Commands that wait.
    pub commands_pending: u64,
    /// Their size in bytes.
    pub bytes_pending: u64,
    /// Log entries; each packs the commands that waited together.
    pub entries: u64,
    /// How long it took to apply and publish them, in seconds.
    pub apply_seconds_total: f64,
    /// Snapshots of other replicas that took the place of what was here.
    pub installs: u64,
    /// Last entry that is applied.
    pub applied: LogIndex,
    /// Last entry that is durable.
    pub durable: LogIndex,
    /// What an acknowledgement stands for.
    pub durability: Durability,
    /// Size of the log.
    pub wal_bytes: u64,
    /// Its files.
    pub wal_files: u64,
    /// How many fsyncs there were.
    pub syncs: u64,
    /// Time of all of them, in seconds.
    pub sync_seconds_total: f64,
    /// Segments.
    pub segments: u64,
    /// Their size, with the graphs over their vectors.
    pub segment_bytes: u64,
    /// Estimate of the memory of what is in no segment yet.
    pub delta_bytes: u64,
    /// What that may take before it is written into one.
    pub delta_budget_bytes: u64,
    /// Checkpoints that moved it into one.
    pub checkpoints: u64,
    /// Time of all of them, in seconds.
    pub checkpoint_seconds_total: f64,
    /// How long the last one took, in seconds.
    pub last_checkpoint_seconds: f64,
    /// Merges of segments.
    pub compactions: u64,
    /// Bytes that they wrote.
    pub compacted_bytes: u64,
    /// Vectors put into graphs, also into those that were given up: a vector costs one each time that its segment is merged.
    pub graph_inserts: u64,
    /// Erasures whose content may still be on the disk.
    pub scrubs_pending: u64,
    /// Commands whose effects some other shard has still to take.
    pub effects_pending: u64,
    /// When the oldest of them was recorded.
    pub effects_oldest: Option<Timestamp>,
    /// Why the last checkpoint or compaction failed, until one succeeds.
    pub trouble: Option<String>,
    /// How the write path is.
    pub write_log: WriteLogHealth,
}

impl StoreStats {
    /// Those of all stores of one directory together; none: nothing. Of the log, which they share, it is told once; of what can't be
    /// added up, the worst, and the first store's positions.
    pub fn of_all(stores: impl IntoIterator<Item = Self>) -> Self {
        stores.into_iter().reduce(Self::and).unwrap_or_default()
    }

    fn and(self, other: Self) -> Self {
        Self {
            concepts: self.concepts + other.concepts,
            associations: self.associations + other.associations,
            vectors: self.vectors + other.vectors,
            // Each has those that anything of it is in.
            namespaces: self.namespaces.max(other.namespaces),
            commands_written: self.commands_written + other.commands_written,
            commands_pending: self.commands_pending + other.commands_pending,
            bytes_pending: self.bytes_pending + other.bytes_pending,
            entries: self.entries + other.entries,
            apply_seconds_total: self.apply_seconds_total + other.apply_seconds_total,
            installs: self.installs + other.installs,
            segments: self.segments + other.segments,
            segment_bytes: self.segment_bytes + other.segment_bytes,
            delta_bytes: self.delta_bytes + other.delta_bytes,
            delta_budget_bytes: self.delta_budget_bytes + other.delta_budget_bytes,
            checkpoints: self.checkpoints + other.checkpoints,
            checkpoint_seconds_total: self.checkpoint_seconds_total + other.checkpoint_seconds_total,
            last_checkpoint_seconds: self.last_checkpoint_seconds.max(other.last_checkpoint_seconds),
            compactions: self.compactions + other.compactions,
            compacted_bytes: self.compacted_bytes + other.compacted_bytes,
            graph_inserts: self.graph_inserts + other.graph_inserts,
            scrubs_pending: self.scrubs_pending + other.scrubs_pending,
            effects_pending: self.effects_pending + other.effects_pending,
            effects_oldest: match (self.effects_oldest, other.effects_oldest) {
                (Some(one), Some(another)) => Some(one.min(another)),
                (one, another) => one.or(another),
            },
            trouble: self.trouble.or(other.trouble),
            write_log: self.write_log.and(other.write_log),
            ..self
        }
    }
}

impl Store {
    /// Numbers about the store.
    pub fn stats(&self) -> StoreStats {
        let shared = self.shared();
        let (state, depth, counters) = (shared.state.load(), shared.write_log.depth(), &shared.counters);
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (log, bounds) = (shared.log.stats(), shared.write_log.bounds());
        let seconds = |counter: &AtomicU64| Duration::from_nanos(read(counter)).as_secs_f64();
        let stalled = shared.stalled.load(Ordering::Relaxed);
        let load = shared.load.load();
        let trouble = shared.trouble.load_full().or_else(|| shared.merge_trouble.load_full());
        let mut stats = StoreStats {
            namespaces: state.namespaces.len() as u64,
            commands_written: read(&counters.commands),
            commands_pending: depth.commands as u64,
            bytes_pending: depth.bytes as u64,
            entries: read(&counters.entries),
            apply_seconds_total: seconds(&counters.apply_nanos),
            installs: read(&counters.installs),
            applied: state.applied,
            durable: LogIndex(read(&counters.durable)),
            durability: shared.config.durability,
            wal_bytes: shared.log.bytes(),
            wal_files: shared.log.file_count() as u64,
            syncs: log.syncs,
            sync_seconds_total: Duration::from_nanos(log.sync_nanos).as_secs_f64(),
            segments: read(&counters.segments),
            segment_bytes: read(&counters.segment_bytes),
            delta_bytes: state.delta_bytes() as u64,
            delta_budget_bytes: shared.config.delta_bytes as u64,
            checkpoints: read(&counters.checkpoints),
            checkpoint_seconds_total: seconds(&counters.checkpoint_nanos),
            last_checkpoint_seconds: seconds(&counters.last_checkpoint_nanos),
            compactions: read(&counters.compactions),
            compacted_bytes: read(&counters.compacted_bytes),
            graph_inserts: read(&counters.graph_inserts),
            scrubs_pending: state.scrubs.len() as u64,
            effects_pending: state.outbox.len() as u64,
            effects_oldest: state.outbox.oldest().map(|effects| effects.recorded_at),
            trouble: trouble.map(|told| told.as_ref().clone()),
            write_log: load.health(depth.commands, bounds.commands, depth.bytes, bounds.bytes, stalled),
            ..StoreStats::default()
        };
        for graph in state.namespaces.values() {
            stats.concepts += graph.counts.concepts;
            stats.associations += graph.counts.associations;
            stats.vectors += graph.counts.vectors;
        }
        stats
    }
}
