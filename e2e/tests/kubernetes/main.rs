//! The operator on a real Kubernetes: every sentence that a user may rely on. `cargo xtask test kubernetes` makes what they need.
//!
//! | module | what it shows |
//! |---|---|
//! | `apiserver` | nodes serve on while the API server is away |
//! | `first_cluster` | a manifest becomes a working cluster |
//! | `changes` | a changed spec is carried out, a broken one told and mended |
//! | `volumes` | growth, deletion, adoption |
//! | `hibernation` | pods go, volumes stay |
//! | `drift` | what others change or delete comes back as it was |
//! | `schema` | what the API server refuses, defaults, the scale subresource |
//! | `names` | what belongs to others is left alone |
//! | `rights` | service accounts, namespaces, Pod Security |
//! | `leadership` | two operators, paused ones, killed ones |
//! | `upgrades` | from a release to the next |
//! | `quiet` | a settled cluster costs nothing |
//! | `chart` | helm installs, upgrades and uninstalls |
//! | `monitoring` | `PodMonitor`, where that is known |

mod apiserver;
mod changes;
mod chart;
mod drift;
mod first_cluster;
mod hibernation;
mod leadership;
mod monitoring;
mod names;
mod quiet;
mod rights;
mod schema;
mod upgrades;
mod volumes;
