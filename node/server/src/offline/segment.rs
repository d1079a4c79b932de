//! `sutra-node segment`.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use sutra_disk::RealDisk;
use sutra_storage::offline::{self, FileReport, Holds, PartReport, Report};

use super::Verdict;

/// Reads every file of the store to its last byte, and tells file by file what is there and what is wrong with it.
pub(super) fn verify(dir: &Path, out: &mut dyn Write) -> anyhow::Result<Verdict> {
    let report = offline::verify(Arc::new(RealDisk), dir)?;
    tell(&report, out)?;
    Ok(if report.is_whole() { Verdict::Whole } else { Verdict::Damaged })
}

fn tell(report: &Report, out: &mut dyn Write) -> anyhow::Result<()> {
    for FileReport { file, bytes, holds, fault } in &report.files {
        writeln!(out, "{}: {bytes} bytes, {}", file.display(), held(holds))?;
        if let Holds::Segment { parts } = holds {
            for PartReport { namespace, concepts, living, associations, vectors } in parts {
                writeln!(
                    out,
                    "  namespace {namespace}: {concepts} concepts, {living} of them alive; {associations} associations; {vectors} vectors"
                )?;
            }
        }
        if let Some(fault) = fault {
            writeln!(out, "  DAMAGED: {fault}")?;
        }
    }
    for problem in &report.problems {
        writeln!(out, "DAMAGED: {problem}")?;
    }
    for file in &report.unreferenced {
        writeln!(out, "{}: belongs to nothing; the next start removes it", file.display())?;
    }
    if report.is_whole() {
        writeln!(out, "whole")?;
    }
    Ok(())
}

fn held(holds: &Holds) -> String {
    match holds {
        Holds::Identity => "which store it is".into(),
        Holds::Manifest { applied, segments, graphs, namespaces } => {
            format!("names {segments} segments and {graphs} graphs of {namespaces} namespaces, up to entry {}", applied.0)
        }
        Holds::Segment { .. } => "a segment".into(),
        Holds::Graph => "a graph over vectors".into(),
        Holds::Reach => "how far the log must reach".into(),
        Holds::Log { frames, entries, torn } => {
            let end = if *torn { "; its end is torn, was never acknowledged, and is cut at the next start" } else { "" };
            format!("{frames} frames of the log, {entries} of them entries{end}")
        }
        Holds::Unknown => "nothing that could be read".into(),
    }
}
