//! The names of segments and graphs, and what is left over.

use std::path::{Path, PathBuf};

use sutra_disk::Disk;

use crate::manifest::Manifest;

/// Where a segment is, in the folder of segments.
pub(crate) fn segment_path(dir: &Path, id: u64) -> PathBuf {
    dir.join(format!("{id:016}.sutradat"))
}

/// Where the graph over the vectors of a segment's part is.
pub(crate) fn graph_path(dir: &Path, segment: u64, part: u32) -> PathBuf {
    dir.join(format!("{segment:016}-{part}.graph"))
}

/// Removes what the last end left unfinished: files that the manifest does not name. The folder is ours alone.
pub(crate) fn sweep(disk: &dyn Disk, dir: &Path, manifest: &Manifest) -> std::io::Result<()> {
    let segments = manifest.files.iter().map(|file| segment_path(dir, file.id));
    let graphs = manifest.graphs.iter().map(|graph| graph_path(dir, graph.segment, graph.part));
    let kept: Vec<PathBuf> = segments.chain(graphs).collect();
    remove(disk, dir, |file| !kept.iter().any(|kept| kept == file))
}

/// Removes segments and their graphs.
pub(super) fn remove_segments(disk: &dyn Disk, dir: &Path, ids: &[u64]) -> std::io::Result<()> {
    let names: Vec<String> = ids.iter().map(|id| format!("{id:016}")).collect();
    remove(disk, dir, |file| {
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        names.iter().any(|id| name.starts_with(id.as_str()))
    })
}

fn remove(disk: &dyn Disk, dir: &Path, is_meant: impl Fn(&Path) -> bool) -> std::io::Result<()> {
    let files = disk.list(dir)?.into_iter().map(|name| dir.join(name));
    files.filter(|file| is_meant(file)).try_for_each(|file| disk.remove(&file))
}
