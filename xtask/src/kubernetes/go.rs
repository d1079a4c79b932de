//! Go, which Kubernetes is written in.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::source::Source;
use crate::failure::{Failure, Result};

/// Where the archive from go.dev unpacks to, which is on nobody's PATH by itself.
const USUAL: &str = "/usr/local/go/bin/go";

/// A Go that can build the module.
#[derive(Debug)]
pub(crate) struct Go {
    program: PathBuf,
    /// What it says of itself: version, system and processor.
    pub(crate) version: String,
}

impl Go {
    /// Finds it, or says what to install.
    pub(crate) fn find(source: &Source) -> Result<Self> {
        let wanted = source.go()?;
        let mut too_old = None;
        for program in [Path::new("go"), Path::new(USUAL)] {
            let Ok(ended) = Command::new(program).arg("version").current_dir(&source.directory).output() else { continue };
            let version = String::from_utf8_lossy(&ended.stdout).trim().to_owned();
            match number(&version) {
                Some(found) if ended.status.success() && found >= numbers(wanted) => {
                    return Ok(Self { program: program.to_owned(), version });
                }
                _ => too_old = Some(version),
            }
        }
        let found = too_old.map_or_else(|| "there is none".into(), |version| format!("{version:?} is too old"));
        Err(Failure::new(format!(
            "Kubernetes is built with Go {wanted} or newer, and {found}: unpack one from https://go.dev/dl into /usr/local"
        )))
    }

    /// A command of Go on the module.
    pub(crate) fn path(&self) -> &Path {
        &self.program
    }
}

/// `go version go1.24.3 linux/amd64`
fn number(version: &str) -> Option<Vec<u32>> {
    version.split_whitespace().find_map(|word| word.strip_prefix("go1")).map(|rest| numbers(&format!("1{rest}")))
}

/// Release candidates count as their release.
fn numbers(version: &str) -> Vec<u32> {
    let mut numbers: Vec<u32> = version
        .split('.')
        .map(|part| part.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap_or(0))
        .collect();
    numbers.resize(3, 0);
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        let found = |text: &str| number(text).unwrap();
        assert!(found("go version go1.24.0 linux/amd64") >= numbers("1.24.0"));
        assert!(found("go version go1.26rc1 linux/amd64") >= numbers("1.24.0"));
        assert!(found("go version go1.9.7 linux/amd64") < numbers("1.24.0"));
        assert!(found("go version go1.19.8 linux/amd64") < numbers("1.24"));
        assert_eq!(number("no Go at all"), None);
    }
}
