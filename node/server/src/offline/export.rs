//! `sutra-node export`.

use std::io::{self, BufWriter, Write};
use std::sync::Arc;

use anyhow::bail;
use sutra_api::service::Exporter;
use sutra_disk::RealDisk;
use sutra_protocol::{ApiError, AsOf};
use sutra_storage::offline::open_read_only;
use sutra_storage::{OpenError, WalError};

use super::arguments::Export;
use super::{Damage, Verdict, directory};

/// Bytes that are gathered before they are written.
const BUFFER: usize = 256 << 10;

/// Writes the lines of a namespace.
pub(super) fn export(export: &Export, out: &mut dyn Write) -> anyhow::Result<Verdict> {
    directory::check(&export.dir)?;
    // It locks the directory itself.
    let store = open_read_only(Arc::new(RealDisk), &export.dir).map_err(unopened)?;
    if !store.namespaces().iter().any(|held| held.name == export.namespace) {
        let held: Vec<_> = store.namespaces().iter().map(|held| held.name.to_string()).collect();
        let held = if held.is_empty() { "it has none".into() } else { format!("it has {}", held.join(", ")) };
        bail!("data directory {} has no namespace {}; {held}", export.dir.display(), export.namespace);
    }
    // All that is recorded, whenever it holds.
    let view = store.view(&export.namespace, AsOf { valid_at: None, known_at: None })?;
    let mut out = BufWriter::with_capacity(BUFFER, out);
    Exporter::of(view).write(&mut out).map_err(unwritten)?;
    out.flush()?;
    Ok(Verdict::Whole)
}

/// Whatever is wrong with the store itself is damage; the rest kept us from looking.
fn unopened(error: OpenError) -> anyhow::Error {
    match error {
        error @ (OpenError::InUse { .. }
        | OpenError::Newer { .. }
        | OpenError::Io { .. }
        | OpenError::Wal(WalError::Io { .. })) => error.into(),
        damage => Damage(format!("{:#}", anyhow::Error::from(damage))).into(),
    }
}

/// The export has met damage, or nobody takes its lines.
fn unwritten(error: io::Error) -> anyhow::Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<ApiError>()) {
        Some(damage) => Damage(damage.message.clone()).into(),
        None => error.into(),
    }
}
