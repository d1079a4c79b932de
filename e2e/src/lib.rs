//! Tests of the operator against a real Kubernetes: what they need, so that each of them reads as what a user does and sees.
//!
//! ```text
//!  cargo xtask test kubernetes ──environment──▶ tests/kubernetes ──▶ Case ── a namespace, clusters, operators
//!   makes the lab, pushes images                                      └──── on failure: objects, events, logs are kept
//! ```
//!
//! By hand, while writing a test: `SUTRA_E2E_KEEP=1 SUTRA_E2E_ONLY=volumes cargo xtask test kubernetes` leaves the cluster up, uses it again
//! the next time, and runs only the tests whose names contain the word. `cargo xtask test kubernetes` without these takes it down.
//!
//! | module | responsibility |
//! |---|---|
//! | [`environment`] | what the stage hands over: the cluster, programs, images |
//! | [`world`] | what all tests share: clients, the operator of the whole cluster |
//! | [`case`] | one test: its namespaces, its end, who else may run |
//! | [`cluster`] | a `SutraCluster`: written, looked at, waited for |
//! | [`grid`] | what a user of a grid does: teach and ask |
//! | [`load`] | a client at work, and what it sees of changes and failures |
//! | [`operator`] | a release of the chart |
//! | [`audit`] | what the API server says who wrote |
//! | [`wait`] | until something is so, with what it was instead |
//! | [`program`] | kubectl, helm and lab |
//! | [`process`] | memory and time of a process |
//! | [`wishes`] | what whoever runs the tests may wish for |
//! | [`figures`] | what clients saw, for the measured figures |
//! | [`evidence`] | what is kept of a test that failed |
//! | [`schema`] | every rule of the custom resources, and what breaks it |

pub mod audit;
pub mod case;
pub mod cluster;
pub mod environment;
pub mod evidence;
pub mod figures;
pub mod grid;
pub mod load;
pub mod operator;
pub mod process;
pub mod program;
pub mod schema;
pub mod wait;
pub mod wishes;
pub mod world;
