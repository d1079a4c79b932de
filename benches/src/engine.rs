//! The storage engine's interface beyond `open`, `submit`, `view` and `close`: gathered here, so that a change of it changes one file.

use std::path::Path;

use sutra_protocol::filter::Filter;
use sutra_protocol::{AsOf, ConceptId, Namespace};
use sutra_storage::{Store, StoreConfig, View};

use crate::process::Tail;

/// More than any store of a measurement needs.
const UNHURRIED_BYTES: usize = 8 << 30;

/// A store in this directory, as a node opens it. Blocking parts run aside.
///
/// # Errors
/// If it cannot be opened.
pub(crate) async fn open(dir: &Path) -> anyhow::Result<Store> {
    start(StoreConfig::at(dir)).await
}

/// The same, but that it checkpoints only when it is told to, whatever memory that takes.
///
/// # Errors
/// If it cannot be opened.
pub(crate) async fn open_unhurried(dir: &Path) -> anyhow::Result<Store> {
    start(StoreConfig { delta_bytes: UNHURRIED_BYTES, ..StoreConfig::at(dir) }).await
}

async fn start(config: StoreConfig) -> anyhow::Result<Store> {
    Ok(tokio::task::spawn_blocking(move || Store::open(config)).await??)
}

/// How many segments there are.
pub(crate) fn segments(store: &Store) -> u64 {
    store.stats().segments
}

/// Moves the delta into a segment; ends when that is durable.
///
/// # Errors
/// If the engine cannot.
pub(crate) async fn checkpoint(store: &Store) -> anyhow::Result<()> {
    Ok(store.checkpoint().await?)
}

/// Merges all that is stored into one segment; ends when that is durable.
///
/// # Errors
/// If the engine cannot.
pub(crate) async fn compact(store: &Store) -> anyhow::Result<()> {
    Ok(store.compact().await?)
}

/// How much only the log holds.
pub(crate) fn tail(store: &Store) -> Tail {
    let stats = store.stats();
    Tail { log_bytes: stats.wal_bytes, delta: stats.delta_bytes as f64 / stats.delta_budget_bytes.max(1) as f64 }
}

/// The `k` living concepts nearest to `vector` that pass, the nearest first.
///
/// # Errors
/// If the engine cannot.
pub(crate) fn nearest(view: &View, vector: &[f32], k: usize, filter: Option<&Filter>) -> anyhow::Result<Vec<ConceptId>> {
    Ok(view.nearest(vector, k, filter)?.into_iter().map(|hit| hit.concept.id).collect())
}

/// What the namespace holds now, as a request that names no time reads it.
///
/// # Errors
/// If the engine cannot.
pub(crate) fn view(store: &Store, namespace: &Namespace) -> anyhow::Result<View> {
    Ok(store.view(namespace, AsOf { valid_at: Some(store.now()), known_at: None })?)
}
