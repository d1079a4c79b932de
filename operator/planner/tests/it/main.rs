//! The planner against a model of Kubernetes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod fixture;
mod histories;
mod random;
mod scenarios;
mod world;
