//! The commands of one stage: its time box, its log, its counts.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::counts::{self, Counts};
use crate::cache;
use crate::console;
use crate::failure::{Failure, Result};
use crate::group::{self, Group, Reach};
use crate::workspace;

/// Between two looks at the clock.
const TICK: Duration = Duration::from_secs(1);
/// Of a failed stage's output, this many last lines are shown; the log has all.
const SHOWN_LINES: usize = 500;

/// A stage while it runs.
#[derive(Debug)]
pub(crate) struct Run {
    stage: &'static str,
    started: Instant,
    /// Beyond it, what runs is killed.
    deadline: Instant,
    log: File,
    log_path: PathBuf,
    counts: Counts,
}

impl Run {
    /// With an empty log.
    pub(crate) fn new(stage: &'static str, log_path: &Path, deadline: Instant) -> Result<Self> {
        let log = File::create(log_path).map_err(|error| unwritable(log_path, &error))?;
        let now = Instant::now();
        Ok(Self { stage, started: now, deadline, log, log_path: log_path.into(), counts: Counts::default() })
    }

    /// What was counted so far.
    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// Counts one test.
    pub(crate) fn count(&mut self, passed: bool) {
        self.counts += Counts { passed: passed.into(), failed: (!passed).into() };
    }

    /// Runs a command that is one test as a whole.
    pub(crate) fn check<A: AsRef<OsStr>>(
        &mut self,
        program: impl AsRef<OsStr>,
        arguments: impl IntoIterator<Item = A>,
        environment: &[(&str, OsString)],
    ) -> Result<()> {
        let ended = self.run(program, arguments, environment);
        self.count(ended.is_ok());
        ended
    }

    /// Runs `cargo test`, which counts its tests itself.
    pub(crate) fn tests<A: AsRef<OsStr>>(
        &mut self,
        program: impl AsRef<OsStr>,
        arguments: impl IntoIterator<Item = A>,
        environment: &[(&str, OsString)],
    ) -> Result<()> {
        let before = self.output().len();
        let ended = self.run(program, arguments, environment);
        self.counts += counts::of_cargo_test(self.output().get(before..).unwrap_or_default());
        ended
    }

    /// Runs a command that only prepares something. Its output goes to the log.
    pub(crate) fn run<A: AsRef<OsStr>>(
        &mut self,
        program: impl AsRef<OsStr>,
        arguments: impl IntoIterator<Item = A>,
        environment: &[(&str, OsString)],
    ) -> Result<()> {
        let program = program.as_ref();
        let mut command = group::command(Reach::Everyone, program);
        command.args(arguments).current_dir(workspace::root());
        // Written to a file, so no program sees a terminal, whatever colours it thinks of.
        command.env("CARGO_TERM_COLOR", "never");
        if let Some(target) = kept_target()? {
            command.env("CARGO_TARGET_DIR", target);
            // What it would keep for the next compilation belongs to this clone's path, and takes more room and time than the rest.
            command.env("CARGO_INCREMENTAL", "0");
        }
        // Last, so that a stage may say otherwise.
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        let line = words(&command);
        writeln!(self.log, "$ {line}").map_err(|error| unwritable(&self.log_path, &error))?;
        command.stdout(self.output_file()?).stderr(self.output_file()?);
        let (mut group, _) = Group::spawn(&mut command).map_err(|error| Failure::new(format!("cannot run {line}: {error}")))?;
        match self.wait(&mut group, &line)? {
            status if status.success() => Ok(()),
            status => Err(Failure::new(format!("{line}: {status}"))),
        }
    }

    /// How much of the time box is left.
    pub(crate) fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// The log, for another program's output.
    pub(crate) fn output_file(&self) -> Result<Stdio> {
        self.log.try_clone().map(Stdio::from).map_err(|error| unwritable(&self.log_path, &error))
    }

    /// Prints the end of the log.
    pub(crate) fn show(&self) {
        console::status("");
        let output = self.output();
        let lines: Vec<&str> = output.lines().collect();
        let skipped = lines.len().saturating_sub(SHOWN_LINES);
        if skipped > 0 {
            println!("… {skipped} lines more in {}", self.log_path.display());
        }
        for line in lines.iter().skip(skipped) {
            println!("{line}");
        }
    }

    /// What was written to the log so far.
    pub(crate) fn output(&self) -> String {
        fs::read(&self.log_path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    fn wait(&self, group: &mut Group, line: &str) -> Result<ExitStatus> {
        let lost = |error| Failure::new(format!("{line}: {error}"));
        loop {
            if let Some(status) = group.wait(TICK.min(self.left())).map_err(lost)? {
                return Ok(status);
            }
            if self.left().is_zero() {
                group.stop().map_err(lost)?;
                let limit = self.deadline.saturating_duration_since(self.started);
                return Err(Failure::new(format!("{line}: stopped, the stage may take {} at most", console::seconds(limit))));
            }
            console::status(&format!("{:<12} … {}", self.stage, console::seconds(self.started.elapsed())));
        }
    }
}

/// Where cargo puts what it builds for a stage.
pub(crate) fn target_directory() -> Result<PathBuf> {
    kept_target()?.map_or_else(workspace::target_directory, Ok)
}

/// Unattended runs start from a fresh clone, so what they build is kept beside it.
fn kept_target() -> Result<Option<PathBuf>> {
    if console::unattended() && std::env::var_os("CARGO_TARGET_DIR").is_none() {
        return cache::directory("target").map(Some);
    }
    Ok(None)
}

/// The command as typed, without the shell that guards it.
fn words(command: &std::process::Command) -> String {
    let words: Vec<_> = command.get_args().skip(3).map(|word| word.to_string_lossy().into_owned()).collect();
    words.join(" ")
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("cannot write {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(limit: Duration, name: &str) -> Run {
        let path = std::env::temp_dir().join(format!("xtask-{}-{name}.log", std::process::id()));
        Run::new("test", &path, Instant::now() + limit).unwrap()
    }

    #[test]
    fn a_command_beyond_the_time_box_is_stopped_with_its_children() {
        let mut run = run(Duration::from_millis(50), "box");
        let failure = run.check("sh", ["-c", "sleep 1000 & sleep 1000; true"], &[]).unwrap_err();
        assert!(failure.to_string().contains("stopped"), "{failure}");
        assert_eq!(run.counts(), Counts { passed: 0, failed: 1 });
        fs::remove_file(&run.log_path).unwrap();
    }

    #[test]
    fn tests_are_counted_from_this_commands_output_only() {
        let mut run = run(Duration::from_secs(60), "counts");
        let result = "echo 'test result: ok. 2 passed; 0 failed; 0 ignored'";
        run.tests("sh", ["-c", result], &[]).unwrap();
        run.tests("sh", ["-c", result], &[]).unwrap();
        assert_eq!(run.counts(), Counts { passed: 4, failed: 0 });
        fs::remove_file(&run.log_path).unwrap();
    }
}
