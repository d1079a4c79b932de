//! The one way in which a node's storage touches files.
//!
//! ```text
//!   wal, manifest, segments, graphs ─→ trait Disk ─┬─ RealDisk       the operating system's
//!                                                  └─ SimulatedDisk  in memory: loses, tears and refuses by a seed
//! ```
//!
//! | module | responsibility |
//! |---|---|
//! | `disk` | the traits `Disk` and `DiskFile`, and what they promise |
//! | `bytes` | the content of an immutable file, mapped or owned |
//! | `crashsafe` | small files that a crash leaves old or new |
//! | `real` | the operating system's files |
//! | `simulated` | a disk in memory for tests: crashes, faults, capacity, damage |
//! | `mapped` | maps of files, and what a bus error on one says; the only `unsafe` of this crate |

mod bytes;
mod crashsafe;
mod disk;
mod mapped;
mod real;
mod simulated;

pub use bytes::Bytes;
pub use crashsafe::{create_whole, is_full, replace};
pub use disk::{Disk, DiskFile, DiskLock, Open};
pub use mapped::{BUS_ERROR_STATUS, name_bus_errors};
pub use real::RealDisk;
pub use simulated::{DiskCall, Failure, Fault, Held, PoweredOff, Random, SimulatedDisk, Snapshot, When};
