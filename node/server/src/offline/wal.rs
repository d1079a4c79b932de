//! `sutra-node wal`.

use std::io::Write;
use std::path::Path;

use sutra_disk::RealDisk;
use sutra_wal::offline::{self, FileEnd, FileReport, Report};
use sutra_wal::{GroupState, WalError};

use super::Verdict;
use super::directory::Directory;

/// Prints every frame.
pub(super) fn dump(dir: &Path, out: &mut dyn Write) -> anyhow::Result<Verdict> {
    let dir = Directory::lock(dir)?;
    match offline::dump(&RealDisk, &dir.path, dir.store_id.as_deref(), out) {
        Ok(()) => Ok(Verdict::Whole),
        Err(error @ WalError::Io { .. }) => Err(error.into()),
        Err(error) => {
            writeln!(out, "{error}")?;
            Ok(Verdict::Damaged)
        }
    }
}

/// Tells, file by file, what is there, and then whether it is whole.
pub(super) fn verify(dir: &Path, out: &mut dyn Write) -> anyhow::Result<Verdict> {
    let dir = Directory::lock(dir)?;
    let report = offline::verify(&RealDisk, &dir.path, dir.store_id.as_deref())?;
    tell(&report, out)?;
    if dir.store_id.is_none() {
        writeln!(out, "the file IDENTITY can't be read: whose log it is was not checked")?;
    }
    Ok(if report.is_whole() && dir.store_id.is_some() { Verdict::Whole } else { Verdict::Damaged })
}

fn tell(report: &Report, out: &mut dyn Write) -> anyhow::Result<()> {
    for FileReport { file, bytes, frames, entries, end } in &report.files {
        write!(out, "{}: {bytes} bytes, {frames} frames, {entries} of them entries", file.display())?;
        match end {
            FileEnd::Clean { offset } => writeln!(out, "; ends cleanly at {offset}")?,
            FileEnd::Torn { offset, reason } => {
                writeln!(out, "; torn at {offset} ({reason}): never acknowledged, and cut at the next start")?;
            }
            FileEnd::Damaged { offset, reason } => writeln!(out, "; DAMAGED at {offset}: {reason}")?,
        }
    }
    for GroupState { group, first, last, purged, committed, .. } in &report.groups {
        write!(out, "group {}:", group.0)?;
        match (first, last) {
            (Some(first), Some(last)) => write!(out, " entries {} to {}", first.index.0, last.index.0)?,
            _ => write!(out, " no entries")?,
        }
        if let Some(purged) = purged {
            write!(out, ", purged up to {}", purged.index.0)?;
        }
        if let Some(committed) = committed {
            write!(out, ", committed up to {}", committed.0)?;
        }
        writeln!(out)?;
    }
    match &report.problem {
        None => writeln!(out, "whole")?,
        Some(problem) => writeln!(out, "{problem}")?,
    }
    Ok(())
}
