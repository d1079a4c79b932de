//! The storage of a node: nothing acknowledged is lost, and whoever wrote can read.
//!
//! ```text
//!   submit ─→ WriteLog ──→ Reconciler ──→ log entry ─ fsync ─→ apply ─→ snapshot ─→ answer
//!             (bounded)    packs what      wal/                memory/   arc-swap
//!                          waits                                            └─→ View: Knowledge
//! ```
//!
//! | module | responsibility |
//! |---|---|
//! | `store` | the facade: open, submit, view, close |
//! | `write_log` | admission: bounded, the only place that turns a write away |
//! | `reconciler` | the one thread that packs, writes, applies and answers |
//! | `entry` | the log entry's bytes |
//! | `wal` | frames, files, replay: torn tails are cut, damage is named |
//! | `memory` | rows with history, the state machine, pinned views |
//! | `keyword` | words to concepts |
//! | `datadir` | the directory's lock and identity |
//! | `crashsafe` | small files that a crash leaves old or new |
//! | `clock` | record time |
//! | `error` | what can go wrong |

mod clock;
mod crashsafe;
mod datadir;
mod entry;
mod error;
#[cfg(test)]
mod fixture;
mod keyword;
mod memory;
mod reconciler;
mod store;
mod wal;
mod write_log;

pub use error::{OpenError, SubmitError, ViewError};
pub use memory::{Hit, View};
pub use store::{COMMAND_BYTES, SHARD, Store, StoreConfig, StoreStats};
pub use wal::WalError;
