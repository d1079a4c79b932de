//! A file system in memory that is as unkind as a real one may be.
//!
//! ```text
//!   write_at ─→ the file now ── sync ──────→ the durable file ─┐
//!   rename   ─→ the directory now ─ sync_dir ─→ the durable one ─┼─ crash(seed) ─→ the next SimulatedDisk
//!               what was not synced: any part, in any order ─────┘
//! ```
//!
//! | module | responsibility |
//! |---|---|
//! | `disk` | [`SimulatedDisk`]: `Disk`, power, capacity, copies, damage |
//! | `file` | its open files and locks |
//! | `faults` | which call fails how |
//! | `tree` | directories, now and durable, and the changes between them |
//! | `inode` | a file, now and durable, and the versions of its pages between them |
//! | `crash` | what of the unsynced a crash keeps |
//! | `pages` | sparse content in pages of 4 KiB |
//! | `random` | a seeded generator |

mod crash;
mod disk;
mod faults;
mod file;
mod inode;
mod pages;
mod random;
mod tree;

pub use disk::{Held, SimulatedDisk, Snapshot};
pub use faults::{DiskCall, Failure, Fault, PoweredOff, When};
pub use random::Random;
