//! Several nodes that keep the same knowledge, as processes on this one machine: they share its cores and its disk.
//!
//! | module | figures |
//! |---|---|
//! | `failover` | how long nobody can write when a leader is lost, leaves, or freezes |
//! | `load` | a client that writes all the time |
//! | `writes` | replicated writes against those of a node alone |
//! | `import` | WordNet through HTTP |
//! | `reads` | reads through every node |
//! | `paths` | paths through every node, and what the nodes ask each other for them |
//! | `plan` | what a search for a path has to ask |
//! | `http` | requests over HTTP, and their times |
//! | `rebuild` | a replica made anew, against a bare copy of its files |
//! | `idle` | processor time and memory of nodes that nobody asks anything |
//! | `kubernetes` | how long a client behind the Service cannot write when a pod is lost |

use super::Measurement;

mod failover;
mod http;
mod idle;
mod import;
mod kubernetes;
mod load;
mod paths;
mod plan;
mod reads;
mod rebuild;
mod writes;

/// The quick ones first.
pub(super) const ALL: &[Measurement] = &[
    Measurement { name: "import", about: "WordNet through POST /v1/import into three replicas", run: import::run },
    Measurement { name: "reads", about: "point reads and paths through every node of three, and of five", run: reads::run },
    Measurement { name: "idle", about: "processor time and memory of three idle nodes", run: idle::run },
    Measurement {
        name: "writes",
        about: "durable writes of 64 callers on three replicas, and on five nodes, against a node alone",
        run: writes::run,
    },
    Measurement { name: "failover", about: "the write gap when the leader is lost, leaves, or freezes", run: failover::run },
    Measurement { name: "rebuild", about: "a replica of a million concepts made anew, against a bare copy", run: rebuild::run },
    Measurement {
        name: "kubernetes",
        about: "the write gap on Kubernetes when the leader's pod is lost; needs root",
        run: kubernetes::run,
    },
];
