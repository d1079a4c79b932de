//! A real `sutra-node`, killed when it is dropped.

use std::cell::RefCell;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// More than a node takes for anything on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// The node's program, where it is built beside the client's. Whoever tests the client's package alone may have none; then there is
/// nothing to try, and the tests of the whole workspace do.
pub(crate) fn program() -> Option<PathBuf> {
    let program = Path::new(env!("CARGO_BIN_EXE_sutra")).with_file_name("sutra-node");
    if program.exists() {
        return Some(program);
    }
    eprintln!("not tried: there is no {}; cargo build -p sutra-server makes it", program.display());
    None
}

/// A process of `sutra-node`.
pub(crate) struct Process {
    child: Child,
    log: mpsc::Receiver<String>,
    seen: RefCell<Vec<String>>,
}

impl Process {
    /// `sutra-node serve` on free ports, with more flags.
    pub(crate) fn start(program: &Path, data: &Path, flags: &[&str]) -> Self {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SUTRA_") || name == "RUST_LOG") {
            command.env_remove(name);
        }
        command.arg("serve").arg("--data-dir").arg(data).args(["--http", "127.0.0.1:0", "--tcp", "127.0.0.1:0"]).args(flags);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (lines, log) = mpsc::channel();
        std::thread::spawn(move || {
            // The pipe is drained to its end, or the node would stop when it is full.
            for line in stderr.lines().map_while(Result::ok) {
                let _ = lines.send(line);
            }
        });
        Self { child, log, seen: RefCell::default() }
    }

    /// Waits until it waits for a grid; its peer port.
    #[track_caller]
    pub(crate) fn waiting(&self) -> String {
        field(&self.line("waiting for a grid"), "peer")
    }

    /// Waits until it serves; where.
    #[track_caller]
    pub(crate) fn ready(&self) -> String {
        format!("http://{}", field(&self.line("ready http="), "http"))
    }

    /// Waits until it says why it ends; the line.
    #[track_caller]
    pub(crate) fn fatal(&self) -> String {
        self.line("the process ends")
    }

    /// The next line that has `words`.
    #[track_caller]
    fn line(&self, words: &str) -> String {
        loop {
            match self.log.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(words) => return line,
                Ok(line) => self.seen.borrow_mut().push(line),
                Err(error) => panic!("the node did not log {words:?} ({error}): {:#?}", self.seen.borrow()),
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The value of `name=` in a line of the log.
fn field(line: &str, name: &str) -> String {
    let value = line.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    value.unwrap_or_else(|| panic!("{name} is missing in {line}")).to_owned()
}
