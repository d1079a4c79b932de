//! What can be wrong with a log.

use std::io;
use std::path::PathBuf;

use crate::record::GroupId;

/// Why a log can't be opened or read.
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
    #[error("log file {file} is missing: {reason}")]
    Missing {
        /// The file.
        file: PathBuf,
        /// How that is known.
        reason: String,
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
    /// Another release wrote it.
    #[error("log file {file} has format {found}; this release reads only {supported}")]
    Format {
        /// The file.
        file: PathBuf,
        /// Its format.
        found: u32,
        /// The one that is known here.
        supported: u32,
    },
    /// A size in the configuration that a log can't have.
    #[error("file_bytes is {value}; it must be between 1 and {bound}")]
    FileBytes {
        /// The size asked for.
        value: u64,
        /// The largest.
        bound: u64,
    },
    /// The disk refused.
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

/// Why something was not appended, or is not known to be durable.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The records can't follow what is in the log, or are too large; the caller is at fault. Nothing of them is in the log.
    #[error("a record of log group {group} was not taken: {reason}")]
    Invalid {
        /// Of the record.
        group: GroupId,
        /// What is wrong with it, and the bound.
        reason: String,
    },
    /// The disk refused, and nothing of the records is in the log. It may be tried again, such as when there is space.
    #[error("the log could not be written; it is as it was")]
    Refused(#[source] io::Error),
    /// What is in the log, or durable, is not known any more. The process must not acknowledge, or answer, anything further;
    /// every later call answers the same.
    #[error("what the log holds is not known any more")]
    Fatal(#[source] io::Error),
}

impl WalError {
    pub(crate) fn io(step: &'static str, file: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let file = file.into();
        move |source| Self::Io { step, file, source }
    }
}
