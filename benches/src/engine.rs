//! The storage engine's interface beyond `open`, `submit`, `view` and `close`: gathered here, so that a change of it changes one file.

use std::path::Path;

use sutra_protocol::filter::Filter;
use sutra_protocol::{AsOf, ConceptId, Namespace};
use sutra_storage::{Store, StoreConfig, View};

use crate::process::Tail;

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
    start(StoreConfig::at(dir)).await
}

async fn start(config: StoreConfig) -> anyhow::Result<Store> {
    Ok(tokio::task::spawn_blocking(move || Store::open(config)).await??)
}

/// How many segments there are.
pub(crate) fn segments(_store: &Store) -> u64 {
    0
}

/// Moves the delta into a segment; ends when that is durable.
///
/// # Errors
/// If the engine cannot.
pub(crate) async fn checkpoint(_store: &Store) -> anyhow::Result<()> {
    anyhow::bail!("this version of the store has no checkpoints")
}

/// Merges all that is stored into one segment; ends when that is durable.
///
/// # Errors
/// If the engine cannot.
pub(crate) async fn compact(_store: &Store) -> anyhow::Result<()> {
    anyhow::bail!("this version of the store has no compaction")
}

/// How much only the log holds.
pub(crate) fn tail(store: &Store) -> Tail {
    Tail { log_bytes: store.stats().wal_bytes, delta: 0.0 }
}

/// The `k` living concepts nearest to `vector` that pass, the nearest first.
///
/// # Errors
/// If the engine cannot.
pub(crate) fn nearest(_view: &View, _vector: &[f32], _k: usize, _filter: Option<&Filter>) -> anyhow::Result<Vec<ConceptId>> {
    anyhow::bail!("this version of the store has no vector search")
}

/// What the namespace holds now, as a request that names no time reads it.
///
/// # Errors
/// If the engine cannot.
pub(crate) fn view(store: &Store, namespace: &Namespace) -> anyhow::Result<View> {
    Ok(store.view(namespace, AsOf { valid_at: Some(store.now()), known_at: None })?)
}
