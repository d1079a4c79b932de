//! `sutra-node repair`.

use std::io::Write;
use std::sync::Arc;

use sutra_disk::RealDisk;
use sutra_storage::offline;

use super::Verdict;
use super::arguments::Repair;

/// Tells what is damaged and what repairing it loses; does it where that is accepted.
pub(super) fn repair(repair: &Repair, out: &mut dyn Write) -> anyhow::Result<Verdict> {
    let repaired = offline::repair(Arc::new(RealDisk), &repair.dir, repair.accept_data_loss)?;
    for change in &repaired.changes {
        writeln!(out, "{change}")?;
    }
    if repaired.changes.is_empty() {
        writeln!(out, "whole: there is nothing to repair")?;
        return Ok(Verdict::Whole);
    }
    if let Some(kept) = &repaired.kept {
        writeln!(out, "the originals are in {}", kept.display())?;
    }
    if repaired.done {
        writeln!(out, "repaired")?;
        return Ok(Verdict::Whole);
    }
    let loss = if repaired.loses() { "what is lost is told above" } else { "nothing is lost by it" };
    writeln!(out, "nothing was changed; give --accept-data-loss to have it done ({loss})")?;
    Ok(Verdict::Damaged)
}
