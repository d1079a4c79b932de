//! The operator on a real Kubernetes: every sentence that a user may rely on. `cargo xtask test kubernetes` makes what they need.
//!
//! | module | what it shows |
//! |---|---|
//! | `alone` | the API server away, a new kind of object: what disturbs everybody |
//! | `calm` | a settled cluster costs nothing |
//! | `first_cluster` | a manifest becomes a working cluster |
//! | `grid` | three nodes: founded once, and whole through all that happens to them |
//! | `leader` | what can happen to the leader's pod |
//! | `scaling` | nodes come and go, copies are made, a node is replaced, while clients work |
//! | `changes` | a changed spec is carried out, a broken one told and mended |
//! | `volumes` | growth, deletion, adoption |
//! | `hibernation` | pods go, volumes stay |
//! | `drift` | what others change or delete comes back as it was |
//! | `schema` | what the API server refuses, defaults, the scale subresource |
//! | `names` | what belongs to others is left alone |
//! | `rights` | service accounts, namespaces, Pod Security |
//! | `leadership` | two operators, paused ones, killed ones |
//! | `upgrades` | from a release to the next |
//! | `chart` | helm installs, upgrades and uninstalls |
//! | `monitoring` | the operator's health and numbers |

mod alone;
mod calm;
mod changes;
mod chart;
mod drift;
mod first_cluster;
mod grid;
mod hibernation;
mod leader;
mod leadership;
mod monitoring;
mod names;
mod rights;
mod scaling;
mod schema;
mod upgrades;
mod volumes;
