//! The planner against a model of Kubernetes.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test that cannot go on ends and says where")]

mod fixture;
mod histories;
mod lagging;
mod random;
mod scaling;
mod scenarios;
mod several;
mod silent;
mod upgrades;
mod world;
