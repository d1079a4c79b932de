//! A process that never outlives us.

use std::process::{self, Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::Context as _;

/// Between two looks whether it has ended.
const TICK: Duration = Duration::from_millis(20);

/// A running process; killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Child {
    process: process::Child,
    name: String,
}

impl Child {
    pub(crate) fn spawn(command: &mut Command) -> anyhow::Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let process = command.spawn().with_context(|| format!("start {name}"))?;
        Ok(Self { process, name })
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn process(&mut self) -> &mut process::Child {
        &mut self.process
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        self.process.try_wait().with_context(|| format!("look after {}", self.name))
    }

    /// Ends it as `kill -9` does: what it had not made durable is lost.
    pub(crate) fn kill(mut self) -> anyhow::Result<()> {
        self.process.kill().and_then(|()| self.process.wait()).map(drop).with_context(|| format!("kill {}", self.name))
    }

    /// Asks it to end and waits until it has.
    ///
    /// # Errors
    /// If it takes longer than `limit`.
    pub(crate) fn terminate(mut self, limit: Duration) -> anyhow::Result<ExitStatus> {
        self.signal("TERM")?;
        self.wait(limit)
    }

    /// Sends it a signal, as `kill -s NAME`.
    pub(crate) fn signal(&self, name: &str) -> anyhow::Result<()> {
        // The shell has the builtin `kill`; a minimal machine has no other.
        let kill = ["-c", r#"kill -s "$1" "$2""#, "sh", name, &self.id().to_string()].map(str::to_owned);
        let status = Command::new("sh").args(kill).status().with_context(|| format!("signal {}", self.name))?;
        anyhow::ensure!(status.success(), "{} could not be sent SIG{name}", self.name);
        Ok(())
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// If it takes longer than `limit`.
    pub(crate) fn wait(&mut self, limit: Duration) -> anyhow::Result<ExitStatus> {
        let patience = Instant::now() + limit;
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            anyhow::ensure!(Instant::now() < patience, "{} had not ended after {limit:?}", self.name);
            pause(TICK);
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended already; nobody is left to hear of another failure.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Lets time pass on a thread that has nothing else to do.
pub(crate) fn pause(time: Duration) {
    let end = Instant::now() + time;
    // A park may end early.
    while let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        std::thread::park_timeout(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_ignores_the_signal_is_reported_and_killed() {
        let mut shell = Command::new("sh");
        shell.args(["-c", "trap '' TERM; while :; do sleep 0.05; done"]);
        let child = Child::spawn(&mut shell).unwrap();
        pause(Duration::from_millis(300));
        let error = child.terminate(Duration::from_millis(300)).unwrap_err();
        assert!(error.to_string().contains("had not ended"), "{error}");
    }

    #[test]
    fn a_pause_is_as_long_as_asked_for() {
        let started = Instant::now();
        std::thread::current().unpark();
        pause(Duration::from_millis(30));
        assert!(started.elapsed() >= Duration::from_millis(30));
    }
}
