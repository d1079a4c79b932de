//! What a tool found, as an exit status.

use std::process::ExitCode;

/// What a tool found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// All is well.
    Whole,
    /// Something is damaged, which the output tells.
    Damaged,
}

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> Self {
        // 2 says that nothing could be looked at.
        Self::from(match verdict {
            Verdict::Whole => 0,
            Verdict::Damaged => 1,
        })
    }
}

/// Damage that kept a tool from going on: a sentence naming the file.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Damage(pub(super) String);
