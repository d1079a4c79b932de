//! The write-ahead log: one per data directory, shared by all groups, with one writer.
//!
//! ```text
//!  append(records) ─→ writer: one write ─→ current file     sync(position) ─→ group commit: one fsync for all who wrote before
//!                         │  beyond `file_bytes`                                 │
//!                         ▼                                                      ▼
//!                    next file: FileStart with every group's state          durable_to, told by the frames that follow
//!  read(group, range) ─→ index: 8 bytes an entry ─→ files        drop_unneeded() ─→ oldest files, all of whose entries are purged
//! ```
//!
//! It is the storage of Raft groups: entries with index and term, truncation, purge, vote and committed index are frames of it.
//!
//! | module | responsibility |
//! |---|---|
//! | `config` | where a log is and how it is written |
//! | `record` | what is appended, and how it lies in a frame |
//! | `frame` | the unit of writing and checking |
//! | `file` | the files' names and order |
//! | `start` | the first frame of a file: store, format, every group's state |
//! | `window` | reading a file from front to back in bounded memory |
//! | `scan` | the frames of one file |
//! | `replay` | reading all files back: the torn tail is told from damage |
//! | `group` | one group's entries: what may follow, and where they lie |
//! | `index` | all groups, and the files that hold their entries |
//! | `writer` | appending to the last file, and beginning the next |
//! | `group_commit` | who fsyncs for whom |
//! | `entry_reader` | single entries by their place |
//! | `log` | the log as its callers see it |
//! | `floor` | how far the log must reach |
//! | `stats` | what writing has cost |
//! | `offline` | dump and verify, which change nothing |
//! | `error` | what can be wrong |
//! | `sync` | the locks, so that a model checker can put its own in their place |
//!
//! Taken from others: from raft-engine (TiKV), that all groups share one stream of files, an index in memory holds each entry's
//! place, and whoever holds back the oldest file is asked to let go of it; not its rewriting of old entries, since a checkpoint
//! purges them. From RocksDB's recovery notes, that its default, "tolerate a corrupted tail", can't tell a torn write from
//! damage to what was acknowledged: so each frame says how far the file was durable (the `synced bytes` of its WAL tracking),
//! and frames carry their file's number, as its recyclable records do, so that nothing stale is ever read back.
//!
//! # Invariants
//! - Frames are numbered from 1 without a gap over all files; every frame names its file.
//! - A file that has a successor is durable as a whole, and is never written again.
//! - `durable_to` of a frame is at most the frame's own offset, and the bytes below it survive power loss.
//! - A file is removed only when every frame that makes it unneeded is durable, and the floor lies in a later file; files are
//!   removed from the oldest on, each removal durable before the next, so that there is never a gap.
//! - What an opening reads above the last known `durable_to` it writes again before it fsyncs: after a failed fsync the page cache
//!   may hold what the disk does not, and would never write it.
//! - After an error that leaves the files unknown nothing is written any more.
//!
//! # Order of locks
//! writer → handle of the file that is fsynced → index → group commit. The fsync of a group commit holds the handle alone: others
//! append meanwhile. Reading takes the index only to find the places, and then no lock.

mod config;
mod entry_reader;
mod error;
mod file;
mod floor;
mod frame;
mod group;
mod group_commit;
mod index;
mod log;
pub mod offline;
mod record;
mod replay;
mod scan;
mod start;
mod stats;
mod sync;
mod window;
mod writer;

pub use config::{Durability, LogConfig};
pub use error::{AppendError, WalError};
pub use file::{files_dir, is_there, remove};
pub use frame::PAYLOAD_BYTES;
pub use group::{GroupState, LogPoint};
pub use log::{Log, LoggedEntry, Need, Position};
pub use record::{GroupId, Record, VOTE_BYTES};
pub use start::LOG_FORMAT;
pub use stats::LogStats;
