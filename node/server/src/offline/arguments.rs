//! The flags of the offline tools.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use sutra_protocol::Namespace;

/// A tool for a data directory that no node serves.
#[derive(Debug, Subcommand)]
pub(crate) enum Offline {
    /// Look at the write-ahead log of a data directory; changes nothing
    ///
    /// No node may serve the directory meanwhile. Exit status: 0 if the log is whole, 1 if it is damaged, 2 if it can't be looked at.
    #[command(subcommand)]
    Wal(Wal),
    /// Look at the segments of a data directory, and at what makes a store of them; changes nothing
    ///
    /// No node may serve the directory meanwhile. Exit status: 0 if all is whole, 1 if something is damaged, 2 if it can't be
    /// looked at.
    #[command(subcommand)]
    Segment(Segment),
    /// Tell what is damaged in a data directory, and drop it, so that a node can serve the rest
    ///
    /// Without --accept-data-loss nothing is changed: what would be dropped is told, a line each. The originals of all that is changed
    /// are kept in DIR/damaged-N. No node may serve the directory meanwhile. Exit status: 0 if all is whole now, 1 if there is
    /// something to repair, 2 if it can't be repaired.
    Repair(Repair),
    /// Write everything that a namespace knows to stdout, as GET /v1/export does
    ///
    /// The lines (NDJSON) are those that `sutra import` takes back. No node may serve the directory meanwhile, of which no byte is
    /// changed. Exit status: 0, 1 if the store is damaged (nothing is written of what can't be read), 2 if it can't be looked at.
    Export(Export),
}

/// What to do with the log.
#[derive(Debug, Subcommand)]
pub(crate) enum Wal {
    /// Print every frame: file, offset, kind, group, index, term, length, durable_to
    Dump {
        /// The data directory
        dir: PathBuf,
    },
    /// Read every frame and tell, file by file, whether a start would find all that was ever durable
    Verify {
        /// The data directory
        dir: PathBuf,
    },
}

/// What to do with the segments.
#[derive(Debug, Subcommand)]
pub(crate) enum Segment {
    /// Read every file to its last byte, and tell file by file what is there and what is wrong with it
    Verify {
        /// The data directory
        dir: PathBuf,
    },
}

/// Flags of `sutra-node repair`.
#[derive(Debug, Args)]
pub(crate) struct Repair {
    /// The data directory
    pub(super) dir: PathBuf,
    /// Yes, drop what is damaged
    #[arg(long)]
    pub(super) accept_data_loss: bool,
}

/// Flags of `sutra-node export`.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The data directory
    pub(super) dir: PathBuf,
    /// The namespace
    #[arg(short, long, value_name = "NAME", default_value = Namespace::DEFAULT)]
    pub(super) namespace: Namespace,
}
