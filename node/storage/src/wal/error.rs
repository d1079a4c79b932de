//! What can be wrong with a log.

use std::io;
use std::path::PathBuf;

/// Why a log can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum WalError {
    /// A part that was durable no longer reads as it was written.
    #[error("log file {file} is damaged at offset {offset}: {reason}")]
    Damaged {
        /// The file.
        file: PathBuf,
        /// Where the unreadable part begins, in bytes.
        offset: u64,
        /// What is wrong there.
        reason: String,
    },
    /// A file that there has been is missing.
    #[error("log file {file} is missing: the log has reached beyond it")]
    Missing {
        /// The file.
        file: PathBuf,
    },
    /// The log belongs to another store.
    #[error("log file {file} belongs to store {found}, not to {expected}")]
    Foreign {
        /// The file.
        file: PathBuf,
        /// The store that it names.
        found: String,
        /// The store of the directory.
        expected: String,
    },
    /// A newer release wrote it.
    #[error("log file {file} has format {found}; this release reads up to {supported}")]
    Newer {
        /// The file.
        file: PathBuf,
        /// Its format.
        found: u32,
        /// The newest that is known here.
        supported: u32,
    },
    /// The operating system refused.
    #[error("{step} {file}")]
    Io {
        /// What was tried.
        step: &'static str,
        /// With which file.
        file: PathBuf,
        /// Its answer.
        #[source]
        source: io::Error,
    },
}

impl WalError {
    pub(crate) fn io(step: &'static str, file: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let file = file.into();
        move |source| Self::Io { step, file, source }
    }
}
