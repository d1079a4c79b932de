//! Memory and processor time of a process, from /proc.

use std::fs;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::child::pause;

/// Ticks in a second of /proc/PID/stat: `sysconf(_SC_CLK_TCK)` is 100 on every Linux of the last decades.
const TICKS: f64 = 100.0;
/// How long a process has to be quiet.
const QUIET: Duration = Duration::from_secs(5);

/// What a process holds, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    /// VmRSS.
    pub(crate) resident: u64,
    /// RssAnon: its own.
    pub(crate) anonymous: u64,
    /// RssFile and RssShmem: pages of files, which the kernel may take back.
    pub(crate) file: u64,
    /// VmHWM: the most that was ever resident.
    pub(crate) most: u64,
}

impl Memory {
    pub(crate) fn of(process: u32) -> anyhow::Result<Self> {
        let path = format!("/proc/{process}/status");
        parse(&fs::read_to_string(&path).with_context(|| format!("read {path}"))?).with_context(|| format!("understand {path}"))
    }

    /// Each number's greater one.
    fn max(self, other: Self) -> Self {
        Self {
            resident: self.resident.max(other.resident),
            anonymous: self.anonymous.max(other.anonymous),
            file: self.file.max(other.file),
            most: self.most.max(other.most),
        }
    }

    /// Once the process has settled: the memory after it has changed by less than a hundredth for three seconds, or after `limit`.
    pub(crate) fn settled(process: u32, limit: Duration) -> anyhow::Result<Self> {
        let patience = Instant::now() + limit;
        let (mut before, mut calm) = (Self::of(process)?, 0);
        while calm < 6 && Instant::now() < patience {
            pause(Duration::from_millis(500));
            let now = Self::of(process)?;
            calm = if now.resident.abs_diff(before.resident) * 100 < before.resident { calm + 1 } else { 0 };
            before = now;
        }
        Ok(before)
    }
}

/// Looks ten times a second at what a process holds.
#[derive(Debug)]
pub(crate) struct Watch {
    over: mpsc::Sender<()>,
    watching: JoinHandle<anyhow::Result<Memory>>,
}

impl Watch {
    pub(crate) fn start(process: u32) -> Self {
        let (over, end) = mpsc::channel();
        let watching = std::thread::spawn(move || {
            let mut most = Memory::of(process)?;
            while end.recv_timeout(Duration::from_millis(100)) == Err(RecvTimeoutError::Timeout) {
                most = most.max(Memory::of(process)?);
            }
            Ok(most)
        });
        Self { over, watching }
    }

    /// The most of each kind since the start.
    ///
    /// # Errors
    /// If the process has ended.
    pub(crate) fn stop(self) -> anyhow::Result<Memory> {
        // If it ended early it says why.
        let _ = self.over.send(());
        self.watching.join().unwrap_or_else(|_| anyhow::bail!("the watch over memory panicked"))
    }
}

fn parse(status: &str) -> Option<Memory> {
    let bytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
    };
    Some(Memory {
        resident: bytes("VmRSS")?,
        anonymous: bytes("RssAnon")?,
        file: bytes("RssFile")? + bytes("RssShmem")?,
        most: bytes("VmHWM")?,
    })
}

/// Processor time that a process has used, in user mode and in the kernel, since it began.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ProcessorTime(f64);

impl ProcessorTime {
    pub(crate) fn of(process: u32) -> anyhow::Result<Self> {
        let path = format!("/proc/{process}/stat");
        let text = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
        ticks(&text).map(|ticks| Self(ticks as f64 / TICKS)).with_context(|| format!("understand {path}"))
    }

    /// Seconds between two looks.
    pub(crate) fn since(self, before: Self) -> f64 {
        self.0 - before.0
    }
}

/// Waits until a process has used less than a twentieth of a core for five seconds: what it does in the background is done.
///
/// # Errors
/// If that takes longer than `limit`.
pub(crate) fn quiet(process: u32, limit: Duration) -> anyhow::Result<()> {
    let patience = Instant::now() + limit;
    let mut before = ProcessorTime::of(process)?;
    loop {
        pause(QUIET);
        let now = ProcessorTime::of(process)?;
        if now.since(before) < QUIET.as_secs_f64() / 20.0 {
            return Ok(());
        }
        anyhow::ensure!(Instant::now() < patience, "process {process} was still busy after {limit:?}");
        before = now;
    }
}

fn ticks(stat: &str) -> Option<u64> {
    // The name may hold spaces and brackets; what follows its last bracket is in fields, the first of which is the third.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ').skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn memory_is_read_in_bytes_and_by_kind() {
        let status =
            "Name:\tnode\nVmHWM:\t  300 kB\nVmRSS:\t  200 kB\nRssAnon:\t  120 kB\nRssFile:\t   70 kB\nRssShmem:\t   10 kB\n";
        let expected = Memory { resident: 204_800, anonymous: 122_880, file: 81_920, most: 307_200 };
        assert_eq!(parse(status), Some(expected));
        assert_eq!(parse("VmRSS:\t200 kB\n"), None);
    }

    #[test]
    fn processor_time_is_that_of_user_and_kernel() {
        let stat = "42 (a (b) c) S 1 42 42 0 -1 4194560 100 0 0 0 250 50 7 7 20 0 1 0 100 1000 200";
        assert_eq!(ticks(stat), Some(300));
    }

    #[test]
    fn our_own_process_can_be_looked_at() {
        let memory = Memory::of(std::process::id()).unwrap();
        assert!(memory.resident > 0 && memory.most >= memory.resident && memory.anonymous > 0);
        assert!(ProcessorTime::of(std::process::id()).unwrap().0 >= 0.0);
    }

    #[test]
    fn the_most_is_remembered() {
        // Not our own process: the other tests take and give back memory in it.
        let script = "held=$(head -c 67108864 /dev/zero | tr '\\0' x); echo held; read next; held=; echo empty; read next";
        let mut shell = Command::new("sh").args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let watch = Watch::start(shell.id());
        let mut says = BufReader::new(shell.stdout.take().unwrap()).lines();
        assert_eq!(says.next().unwrap().unwrap(), "held");
        // Ten looks, of which a busy machine may leave out some.
        pause(Duration::from_secs(1));
        let mut next = shell.stdin.take().unwrap();
        writeln!(next).unwrap();
        assert_eq!(says.next().unwrap().unwrap(), "empty");
        let after = Memory::of(shell.id()).unwrap();
        let most = watch.stop().unwrap();
        drop(next);
        shell.wait().unwrap();
        assert!(most.anonymous >= 64 << 20 && after.anonymous < 16 << 20, "{most:?} {after:?}");
    }

    #[test]
    fn a_process_that_has_ended_is_told() {
        assert!(Watch::start(0).stop().is_err());
    }
}
