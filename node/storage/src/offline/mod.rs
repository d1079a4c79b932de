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
//! | `snapshot` | reading without writing |
//! | `error` | what keeps a tool from working |

mod directory;
mod error;
mod report;
mod snapshot;
mod verify;

pub use error::OfflineError;
pub use report::{FileReport, Holds, PartReport, Report};
pub use snapshot::{Snapshot, open_read_only};
pub use verify::verify;
