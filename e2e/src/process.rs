//! Memory and time of a process on this machine.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// Of `/proc/PID/stat`, in the kernel's interface to programs whatever the machine's own clock is.
const TICKS_PER_SECOND: u64 = 100;

/// A process as this machine numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process(pub u32);

impl Process {
    /// Bytes in memory now.
    ///
    /// # Errors
    /// If it is gone.
    pub fn resident_bytes(self) -> Result<u64> {
        let status = self.read("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS: the process has ended")?;
        let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse().context("VmRSS")?;
        Ok(kilobytes * 1024)
    }

    /// Time that it computed since it began.
    ///
    /// # Errors
    /// If it is gone.
    pub fn cpu_time(self) -> Result<Duration> {
        let stat = self.read("stat")?;
        // The second field is the name, in parentheses; after it the third.
        let (_, rest) = stat.rsplit_once(')').context("/proc/PID/stat without a name")?;
        let field = |number: usize| -> Result<u64> {
            Ok(rest.split_whitespace().nth(number - 3).context("/proc/PID/stat is too short")?.parse()?)
        };
        Ok(Duration::from_millis((field(14)? + field(15)?) * 1000 / TICKS_PER_SECOND))
    }

    fn read(self, file: &str) -> Result<String> {
        let path = format!("/proc/{}/{file}", self.0);
        fs::read_to_string(&path).with_context(|| format!("read {path}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_process_has_memory_and_took_time() {
        let ourselves = Process(std::process::id());
        assert!(ourselves.resident_bytes().unwrap() > 100_000);
        assert!(ourselves.cpu_time().unwrap() < Duration::from_secs(3600));
    }

    #[test]
    fn a_process_that_is_gone_is_an_error() {
        assert!(Process(u32::MAX).resident_bytes().is_err());
    }
}
