//! The storage engine and a node alone.
//!
//! | module | figures |
//! |---|---|
//! | `durable_writes` | single writes against a bare log |
//! | `import` | WordNet through HTTP, and into FalkorDB |
//! | `resident` | memory of a node that holds WordNet |
//! | `point_read` | one concept by its id, from the delta and from a segment |
//! | `walk` | neighbourhoods and paths in process |
//! | `tcp` | the same through a node, against a bare echo |
//! | `vectors` | nearest neighbours: recall and time, at rest and under load |
//! | `start` | from the start of a process to ready |
//! | `footprint` | memory and disk of the great store |
//! | `interference` | what checkpoints and compaction do to writes and reads |
//! | `idle` | the processor time of a node that nobody asks anything |

use super::Measurement;

mod durable_writes;
mod footprint;
mod idle;
mod import;
mod interference;
mod point_read;
mod resident;
mod start;
mod tcp;
mod vectors;
mod walk;

/// The quick ones first, and those that share a store one after another.
pub(super) const ALL: &[Measurement] = &[
    Measurement {
        name: "durable_writes",
        about: "durable single writes, 64 callers and one, against a bare log",
        run: durable_writes::run,
    },
    Measurement { name: "import", about: "WordNet through POST /v1/import, and into FalkorDB", run: import::run },
    Measurement { name: "resident", about: "resident memory of a node after loading WordNet", run: resident::run },
    Measurement { name: "point_read", about: "one concept by its id, in process, from delta and segment", run: point_read::run },
    Measurement { name: "walk", about: "two hops and typed paths in WordNet, in process", run: walk::run },
    Measurement { name: "tcp", about: "reads, two hops and paths over TCP, against a bare echo", run: tcp::run },
    Measurement { name: "vectors", about: "vector search, 200,000 × 384: recall and time", run: vectors::run },
    Measurement { name: "interference", about: "writes and reads while checkpoints and compaction run", run: interference::run },
    Measurement { name: "start", about: "start to ready, 100,000 and a million concepts", run: start::run },
    Measurement { name: "footprint", about: "memory and disk of a million concepts", run: footprint::run },
    Measurement { name: "idle", about: "processor time of an idle node with a million concepts", run: idle::run },
];
