//! Tools for a data directory that no node serves.
//!
//! ```text
//!   sutra-node wal dump|verify DIR     ─┐
//!   sutra-node segment verify DIR       │
//!   sutra-node repair DIR               │
//!   sutra-node export DIR               ├─→ directory (there? locked?) ─→ verdict ─→ status 0, 1 or 2
//!                                      ─┘
//! ```
//!
//! | module | responsibility |
//! |---|---|
//! | [`arguments`] | the commands' flags |
//! | [`directory`] | a data directory, locked, and which store it is |
//! | [`verdict`] | what a tool found, as an exit status |
//! | [`wal`] | the log, frame by frame |
//! | [`segment`] | the segments, row by row, and what makes a store of them |
//! | [`repair`] | dropping what is damaged, so that the store opens again |
//! | [`export`] | a namespace as lines that import takes back |

pub(crate) mod arguments;
mod directory;
mod export;
mod repair;
mod segment;
mod verdict;
mod wal;

use std::io::{self, Write};

pub(crate) use arguments::Offline;
pub(crate) use verdict::{Damage, Verdict};

/// Runs a tool; what it has to tell goes to `out`.
///
/// # Errors
/// What kept it from looking: no data directory there, one in use, a disk that refuses; [`Damage`] that it could not get past.
pub(crate) fn run(tool: Offline, out: &mut dyn Write) -> anyhow::Result<Verdict> {
    let done = match tool {
        Offline::Wal(arguments::Wal::Dump { dir }) => wal::dump(&dir, out),
        Offline::Wal(arguments::Wal::Verify { dir }) => wal::verify(&dir, out),
        Offline::Segment(arguments::Segment::Verify { dir }) => segment::verify(&dir, out),
        Offline::Repair(repair) => repair::repair(&repair, out),
        Offline::Export(export) => export::export(&export, out),
    };
    match done {
        // Whoever read the output has seen enough (`sutra-node wal dump DIR | head`).
        Err(error) if is_broken_pipe(&error) => Ok(Verdict::Whole),
        done => done,
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe))
}
