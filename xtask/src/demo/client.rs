//! `sutra`, run as a user would, echoed and checked.

use std::io::Read;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::console;
use crate::failure::{Failure, Result};
use crate::group::{self, Group, Reach};

/// How long one command may take: the import of all of WordNet on a slow machine.
const LIMIT: Duration = Duration::from_secs(600);

/// The client and the node that it talks to.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    program: PathBuf,
    server: String,
    spoken: Spoken,
}

/// How a command is echoed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spoken {
    /// Without its server, as after `alias sutra='sutra --server …'`.
    Briefly,
    /// With its server, which is another than the reader expects.
    InFull,
}

/// How a command has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect<'a> {
    /// Done or answered, and this stands in the output.
    Answer(&'a str),
    /// Refused with this code.
    Refusal(&'a str),
}

impl Client {
    pub(crate) fn new(program: PathBuf, server: String, spoken: Spoken) -> Self {
        Self { program, server, spoken }
    }

    /// The URL of the node.
    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    /// How to call it from a shell.
    pub(crate) fn hint(&self) -> String {
        format!("{} --server {}", self.program.display(), self.server)
    }

    /// Echoes the command, runs it, shows and yields what it prints, and fails if it ends in another way than expected.
    pub(crate) fn run(&self, arguments: &[&str], expect: Expect<'_>) -> Result<String> {
        let line = self.line(arguments);
        println!("\n{}", console::bold(&format!("$ {line}")));
        let Ended { text, status, time } = self.end(arguments)?;
        print!("{text}");
        println!("{}", console::dim(&format!("({} ms)", time.as_millis())));

        let (code, needed) = match expect {
            Expect::Answer(needed) => (0, needed),
            Expect::Refusal(needed) => (3, needed),
        };
        if status.code() != Some(code) {
            return Err(Failure::new(format!("`{line}` ended with {status}; {code} was expected")));
        }
        if !text.contains(needed) {
            return Err(Failure::new(format!("`{line}` did not say {needed:?}")));
        }
        Ok(text)
    }

    /// The node's own reply to a command; nothing is shown.
    pub(crate) fn reply(&self, arguments: &[&str]) -> Result<Value> {
        let arguments = [arguments, &["--output", "json"]].concat();
        let line = self.line(&arguments);
        let Ended { text, status, .. } = self.end(&arguments)?;
        if !status.success() {
            return Err(Failure::new(format!("`{line}` ended with {status}: {text}")));
        }
        serde_json::from_str(&text).map_err(|error| Failure::new(format!("what `{line}` prints is no JSON: {error}")))
    }

    fn line(&self, arguments: &[&str]) -> String {
        let program = match self.spoken {
            Spoken::Briefly => "sutra".to_owned(),
            Spoken::InFull => format!("sutra --server {}", self.server),
        };
        arguments.iter().fold(program, |line, word| format!("{line} {}", shell_word(word)))
    }

    fn end(&self, arguments: &[&str]) -> Result<Ended> {
        let line = self.line(arguments);
        let cannot = |error: std::io::Error| Failure::new(format!("cannot run {line}: {error}"));
        let started = Instant::now();
        let mut command = group::command(Reach::Everyone, &self.program);
        command.args(arguments).env("SUTRA_SERVER", &self.server).stdout(Stdio::piped());
        let (mut group, pipes) = Group::spawn(&mut command).map_err(cannot)?;
        let reader = pipes.stdout.map(|mut stdout| {
            thread::spawn(move || {
                let mut text = Vec::new();
                stdout.read_to_end(&mut text).map(|_| String::from_utf8_lossy(&text).into_owned())
            })
        });
        let status = group.wait(LIMIT).map_err(cannot)?;
        let time = started.elapsed();
        let Some(status) = status else { return Err(Failure::new(format!("`{line}` took longer than {LIMIT:?}"))) };
        let text = match reader.map(thread::JoinHandle::join) {
            Some(Ok(text)) => text.map_err(cannot)?,
            _ => return Err(Failure::new(format!("the output of `{line}` is lost"))),
        };
        Ok(Ended { text, status, time })
    }
}

/// What came of a command.
struct Ended {
    text: String,
    status: ExitStatus,
    time: Duration,
}

/// The first concept id in a text.
pub(crate) fn id_in(text: &str) -> Option<&str> {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .find(|word| word.len() == 32 && word.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')))
}

/// A word as it is typed.
fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.into() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echoed_command_can_be_pasted() {
        assert_eq!(shell_word("--evidence"), "--evidence");
        assert_eq!(shell_word("What's a dog?"), r"'What'\''s a dog?'");
        assert_eq!(shell_word(""), "''");
    }

    #[test]
    fn a_server_is_named_where_it_is_not_the_one_that_the_reader_expects() {
        let line = |spoken| Client::new("sutra".into(), "http://127.0.0.1:8001".into(), spoken).line(&["ask", "What is a dog?"]);
        assert_eq!(line(Spoken::Briefly), "sutra ask 'What is a dog?'");
        assert_eq!(line(Spoken::InFull), "sutra --server http://127.0.0.1:8001 ask 'What is a dog?'");
    }

    #[test]
    fn an_id_is_32_lowercase_hexadecimal_digits() {
        let id = "0123456789abcdef0123456789abcdef";
        assert_eq!(id_in(&format!("│ heart │ {id} │")), Some(id));
        assert_eq!(id_in(&format!("{id}0")), None);
    }
}
