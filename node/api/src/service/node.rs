//! `/stats`, `/info`, `/health`, and the life of a node.

use std::sync::atomic::Ordering;

use tokio::time::timeout_at;

use sutra_protocol::ApiError;
use sutra_protocol::http::{HealthDetail, HealthResponse, InfoResponse, StatsResponse, WriteLogStats};
use sutra_storage::{Durability, StoreStats, WriteLogHealth};

use super::fault::{self, Fate};
use super::{Caller, Service};

impl Service {
    /// Numbers about the node.
    pub fn stats(&self) -> StatsResponse {
        let stats = self.router.stats();
        StatsResponse {
            concepts: stats.concepts,
            edges: stats.associations,
            vectors: stats.vectors,
            namespaces: stats.namespaces,
            written: stats.commands_written,
            dropped: 0,
            pending: stats.commands_pending,
            pending_bytes: stats.bytes_pending,
            reconciliations: stats.entries,
            index: stats.applied,
            wal_bytes: stats.wal_bytes,
            log_files: stats.wal_files,
            durability: durability(stats.durability).into(),
            segments: stats.segments,
            segment_bytes: stats.segment_bytes,
            delta_bytes: stats.delta_bytes,
            delta_budget_bytes: stats.delta_budget_bytes,
            checkpoints: stats.checkpoints,
            last_checkpoint_seconds: stats.last_checkpoint_seconds,
            compactions: stats.compactions,
            scrubs_pending: stats.scrubs_pending,
            trouble: stats.trouble,
            write_log: write_log(stats.write_log),
            uptime_seconds: self.uptime_seconds(),
        }
    }

    /// The stores' own numbers, for metrics.
    pub fn store_stats(&self) -> StoreStats {
        self.router.stats()
    }

    /// What the node is.
    pub fn info(&self) -> InfoResponse {
        let config = &self.config;
        InfoResponse {
            version: config.version.into(),
            node: config.node.clone(),
            grid_id: self.router.grid_id(),
            shards: self.router.grid().map_or(1, |grid| u32::try_from(grid.map().borrow().shards.len()).unwrap_or(u32::MAX)),
            embedder: config.embedder.clone(),
            edition: config.edition.clone(),
            http: config.http.clone(),
            tcp: config.tcp.clone(),
            peer: config.peer.clone(),
            advertise: config.advertise.clone(),
        }
    }

    /// How the node is. A store that is open serves; opening it comes before the service, so nobody sees `starting`.
    pub fn health(&self) -> HealthResponse {
        let reason = self.router.failure();
        let status = match (&reason, self.draining.load(Ordering::Relaxed)) {
            (Some(_), _) => "failed",
            (None, true) => "draining",
            (None, false) => "serving",
        };
        HealthResponse { healthy: reason.is_none(), status: status.into(), uptime_seconds: self.uptime_seconds(), reason }
    }

    /// How the node is, shard by shard.
    pub fn health_detail(&self) -> HealthDetail {
        HealthDetail {
            health: self.health(),
            node: self.config.node.clone(),
            grid_id: self.router.grid_id(),
            version: self.config.version.into(),
            shards: self.replicas(),
        }
    }

    /// Ends when everything submitted before it is durable, applied, and in segments: a checkpoint, now.
    ///
    /// # Errors
    /// `unavailable`, `deadline_exceeded`.
    pub async fn flush(&self, caller: &Caller) -> Result<(), ApiError> {
        let flush = async {
            self.router.flush().await.map_err(|error| fault::submit(&error))?;
            for store in self.router.stores() {
                store.checkpoint().await.map_err(|error| fault::keep(&error))?;
            }
            Ok(())
        };
        timeout_at(caller.deadline, flush).await.unwrap_or_else(|_| Err(fault::deadline(Fate::None)))
    }

    /// From now on the node says that it is going away (`/readyz` 503); it keeps serving.
    pub fn set_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether new clients should come here: open, healthy and not draining (`/readyz`).
    pub fn is_ready(&self) -> bool {
        let in_place = self.router.grid().is_none_or(sutra_grid::Grid::has_caught_up);
        !self.draining.load(Ordering::Relaxed) && self.router.failure().is_none() && in_place
    }

    fn uptime_seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }
}

const fn durability(durability: Durability) -> &'static str {
    match durability {
        Durability::Fsync => "fsync",
        Durability::Buffered => "buffered",
    }
}

fn write_log(health: WriteLogHealth) -> WriteLogStats {
    WriteLogStats {
        depth: health.depth,
        utilisation: health.utilisation,
        predicted_depth: health.predicted_depth,
        window_ms: health.window_seconds * 1e3,
        rate_per_second: health.rate_per_second,
        lag_seconds: health.lag_seconds,
        health_score: health.score,
        recommendation: health.recommendation,
    }
}
