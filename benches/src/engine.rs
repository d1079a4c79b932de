//! The storage engine's interface beyond `open`, `submit`, `view` and `close`: gathered here, so that a change of it changes one file.

use sutra_protocol::filter::Filter;
use sutra_protocol::{AsOf, ConceptId, Namespace};
use sutra_storage::{Store, View};

use crate::process::Tail;

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
