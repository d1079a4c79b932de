//! Where it was measured.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::statistics::Samples;

/// How many appends the disk is tried with.
const APPENDS: usize = 200;
/// Bytes of each.
const APPEND_BYTES: usize = 4096;

/// The machine and its disk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) memory_bytes: u64,
    pub(crate) kernel: String,
    /// Of the directory that the stores are made in.
    pub(crate) file_system: String,
    /// Time in seconds of appending 4 KiB and `fdatasync`, the disk otherwise left alone.
    pub(crate) fdatasync_p50: f64,
    pub(crate) fdatasync_p99: f64,
}

/// What the source was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Commit {
    pub(crate) id: String,
    /// Whether files had changed since.
    pub(crate) changed: bool,
}

impl Machine {
    /// Looks at the machine, and tries the disk under `scratch`.
    pub(crate) fn look(scratch: &Path) -> anyhow::Result<Self> {
        let read = |path: &str| fs::read_to_string(path).with_context(|| format!("read {path}"));
        let processor = field(&read("/proc/cpuinfo")?, "model name").unwrap_or_else(|| "unknown".into());
        let memory = field(&read("/proc/meminfo")?, "MemTotal").unwrap_or_default();
        let kilobytes: u64 = memory.trim_end_matches(" kB").parse().with_context(|| format!("read MemTotal {memory:?}"))?;
        let sync = try_disk(scratch)?;
        let sync = sync.ordered()?;
        Ok(Self {
            processor,
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: kilobytes * 1024,
            kernel: read("/proc/sys/kernel/osrelease")?.trim().to_owned(),
            file_system: file_system(&read("/proc/self/mounts")?, scratch),
            fdatasync_p50: sync.median(),
            fdatasync_p99: sync.p99(),
        })
    }
}

impl Commit {
    /// Of the working tree `root`; unknown where there is no git.
    pub(crate) fn of(root: &Path) -> Self {
        let git = |arguments: &[&str]| {
            let output = Command::new("git").arg("-C").arg(root).args(arguments).output().ok()?;
            output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        };
        Self {
            id: git(&["rev-parse", "--short=12", "HEAD"]).unwrap_or_else(|| "unknown".into()),
            changed: git(&[
                "status",
                "--porcelain",
                "--untracked-files=no",
                "--",
                "node",
                "benches",
                "Cargo.lock",
                ":!benches/RESULTS.md",
            ])
            .is_none_or(|lines| !lines.is_empty()),
        }
    }
}

/// How much the machine had to do in the last minute: 2 is two cores' worth.
pub(crate) fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(f64::NAN)
}

/// The value of the first line `name : value`.
fn field(text: &str, name: &str) -> Option<String> {
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim().to_owned())
}

/// The type and device of the file system that `path` is on: of the mount points above it, the longest.
fn file_system(mounts: &str, path: &Path) -> String {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mounted = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ');
        let (device, point, kind) = (fields.next()?, fields.next()?, fields.next()?);
        path.starts_with(point).then_some((point.len(), device, kind))
    });
    // Of two on one point the later hides the earlier.
    mounted.max_by_key(|(length, ..)| *length).map_or_else(|| "unknown".into(), |(_, device, kind)| format!("{kind} on {device}"))
}

fn try_disk(scratch: &Path) -> anyhow::Result<Samples> {
    let mut file = tempfile::tempfile_in(scratch).with_context(|| format!("make a file in {}", scratch.display()))?;
    let bytes = vec![0x5a; APPEND_BYTES];
    let mut samples = Samples::with_capacity(APPENDS);
    for _ in 0..APPENDS {
        let started = Instant::now();
        file.write_all(&bytes).and_then(|()| file.sync_data()).context("try the disk")?;
        samples.time(started.elapsed());
    }
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_proc_are_found_by_their_whole_name() {
        let text = "MemTotalHuge:  1 kB\nMemTotal:       24098920 kB\nMemFree: 7 kB\n";
        assert_eq!(field(text, "MemTotal").as_deref(), Some("24098920 kB"));
        assert_eq!(field(text, "Swap"), None);
    }

    #[test]
    fn the_deepest_and_latest_mount_is_the_file_system() {
        let mounts = "/dev/vda / ext4 rw 0 0\nproc /proc proc rw 0 0\ntmpfs / tmpfs rw 0 0\n";
        assert_eq!(file_system(mounts, Path::new("/")), "tmpfs on tmpfs");
        assert_eq!(file_system(mounts, Path::new("/proc")), "proc on proc");
    }

    #[test]
    fn this_machine_can_be_described() {
        let scratch = tempfile::tempdir().unwrap();
        let machine = Machine::look(scratch.path()).unwrap();
        assert!(machine.cores >= 1 && machine.memory_bytes > 1 << 20 && machine.fdatasync_p50 > 0.0);
        assert!(machine.fdatasync_p50 <= machine.fdatasync_p99);
    }
}
