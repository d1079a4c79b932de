//! `sutra`, run as a user would, echoed and checked.

use std::io::Read;
use std::path::PathBuf;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use crate::console;
use crate::failure::{Failure, Result};
use crate::group::{self, Group, Reach};

/// How long one command may take: the import of all of WordNet on a slow machine.
const LIMIT: Duration = Duration::from_secs(600);

/// The client and the node that it talks to.
#[derive(Debug)]
pub(crate) struct Client {
    program: PathBuf,
    server: String,
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
    pub(crate) fn new(program: PathBuf, server: String) -> Self {
        Self { program, server }
    }

    /// How to call it from a shell.
    pub(crate) fn hint(&self) -> String {
        format!("{} --server {}", self.program.display(), self.server)
    }

    /// Echoes the command, runs it, shows and yields what it prints, and fails if it ends in another way than expected.
    pub(crate) fn run(&self, arguments: &[&str], expect: Expect<'_>) -> Result<String> {
        let line = arguments.iter().fold("sutra".to_owned(), |line, word| format!("{line} {}", shell_word(word)));
        println!("\n{}", console::bold(&format!("$ {line}")));
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
    fn an_id_is_32_lowercase_hexadecimal_digits() {
        let id = "0123456789abcdef0123456789abcdef";
        assert_eq!(id_in(&format!("│ heart │ {id} │")), Some(id));
        assert_eq!(id_in(&format!("{id}0")), None);
    }
}
