//! Tools for a data directory that no process has open.
//!
//! ```text
//!   verify ─────────→ every file read to its last byte ─→ Report            nothing is changed
//!   repair ─→ plan ─→ what would be lost ─→ Repaired                        nothing is changed, unless the loss is accepted:
//!                └──→ originals kept in damaged-N/, log, segments, then the manifest
//!   open_read_only ─→ Snapshot ─→ View                                      nothing is changed, no thread is started
//! ```
//!
//! All of them hold the directory's lock for as long as they work, and refuse a directory that a process has open.
//!
//! | module | responsibility |
//! |---|---|
//! | `directory` | the directory, locked, and where its files are |
//! | `verify`, `report` | what is there, and what is wrong with it |
//! | `repair` | what can be saved, and putting it in place of what can't |
//! | `change` | what a repair changes, and what it loses |
//! | `salvage` | the rows of a damaged segment that still read |
//! | `damaged_log` | where a log stops making sense, and cutting it there |
//! | `cut_disk` | the disk as it would be after that |
//! | `snapshot` | reading without writing |
//! | `error` | what keeps a tool from working |

mod change;
mod cut_disk;
mod damaged_log;
mod directory;
mod error;
mod repair;
mod report;
mod salvage;
mod snapshot;
mod verify;

pub use change::{Change, Loss, Repaired};
pub use error::OfflineError;
pub use repair::repair;
pub use report::{FileReport, Holds, PartReport, Report};
pub use snapshot::{Snapshot, open_read_only};
pub use verify::verify;
