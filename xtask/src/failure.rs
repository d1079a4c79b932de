//! Why a command failed, in a sentence.

use std::fmt;
use std::process::ExitCode;

/// The result of a command's step.
pub(crate) type Result<T> = std::result::Result<T, Failure>;

/// A failure and the status it ends the program with.
#[derive(Debug)]
pub(crate) struct Failure {
    sentence: String,
    usage: bool,
}

impl Failure {
    /// The work failed: status 1.
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), usage: false }
    }

    /// The command line makes no sense: status 2.
    pub(crate) fn usage(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), usage: true }
    }

    pub(crate) fn is_usage(&self) -> bool {
        self.usage
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(if self.usage { 2 } else { 1 })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl From<String> for Failure {
    fn from(sentence: String) -> Self {
        Self::new(sentence)
    }
}
