//! Tests of the operator's shell from outside, against an API server in memory.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper of tests fails the test")]

mod api;
mod control;
mod lease;
