//! Measures Sutra Grid against the goals of its design. `cargo xtask bench storage` and `cargo xtask bench grid` build and run it;
//! `benches/README.md` tells how to read what it says.
//!
//! ```text
//!   suite ─→ measure/… ─→ process/ (sutra-node, grids, engine, echo)  peer/ (FalkorDB)   disk/ (bare log)
//!     │          │  └──→ generator/ (the great store), wordnet/ (the corpus)
//!     │          └─────→ statistics ─→ report/ ─→ target/bench/SUITE/NAME-SCALE.json, benches/RESULTS.md
//!     └─ scale, setting
//! ```
//!
//! | module | responsibility |
//! |---|---|
//! | `measure` | the measurements, a file each |
//! | `suite` | a run of them |
//! | `report` | figures, goals, records, the table |
//! | `statistics`, `neighbours` | medians and quantiles; recall against an exact search |
//! | `generator`, `random` | a seeded store of any size |
//! | `great` | the one of a million concepts |
//! | `wordnet` | WordNet in the measurements |
//! | `process` | the processes that are measured |
//! | `peer` | rival engines |
//! | `disk` | the disk without an engine |
//! | `frames` | a client over TCP |
//! | `engine` | the store's interface beyond reads and writes |
//! | `arguments`, `scale`, `setting`, `progress` | the command line, what it means, and what a person sees |

mod arguments;
mod disk;
mod engine;
mod frames;
mod generator;
mod great;
mod measure;
mod neighbours;
mod peer;
mod process;
mod progress;
mod random;
mod report;
mod scale;
mod setting;
mod statistics;
mod suite;
mod wordnet;

use clap::Parser as _;

use crate::arguments::{Arguments, Command};

/// As in the node.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Storage(arguments) => suite::run(measure::STORAGE, *arguments),
        Command::Grid(arguments) => suite::run(measure::GRID, *arguments),
        Command::Echo => tokio::runtime::Runtime::new()?.block_on(process::serve_echo()),
        Command::Engine { data, seed } => tokio::runtime::Runtime::new()?.block_on(process::serve_engine(&data, seed)),
    }
}
